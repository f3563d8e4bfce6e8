"""Secure Boot with own keys, as far as nothing is booted: keys, signatures, what enrols them."""

import hashlib
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from support.image_builds import ROOT, script

STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
NEEDED = (STUB, Path("/usr/bin/sbsign"), Path("/usr/bin/objcopy"))
NAMES = ("PK", "KEK", "db")
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
IMAGES = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
ATTRIBUTES = 0x27  # of the variables: kept, seen at boot and by the system, written by who signs
TIME = 16  # bytes, of which what enrols a key begins

pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in NEEDED), reason="needs systemd-boot-efi, sbsigntool, binutils"
)


def make_keys(folder: Path) -> dict[str, bytes]:
    subprocess.run([ROOT / "image/secureboot-keys", folder], check=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "secureboot"
    make_keys(folder)
    return folder


@pytest.fixture
def signed(keys: Path, tmp_path: Path) -> Path:
    target = tmp_path / "signed.efi"
    own = ["--key", str(keys / "db.key"), "--cert", str(keys / "db.crt")]
    subprocess.run(["sbsign", *own, "--output", str(target), str(STUB)], check=True)
    return target


def test_keys_are_made_once(keys: Path) -> None:
    assert make_keys(keys) == make_keys(keys)


def test_nobody_else_reads_the_keys(keys: Path) -> None:
    assert keys.stat().st_mode & 0o777 == 0o700


def test_keys_that_were_made_before_stay(keys: Path, tmp_path: Path) -> None:
    """By a version that made nothing which enrols them."""
    folder = tmp_path / "secureboot"
    folder.mkdir()
    kept = [f"{name}.{kind}" for name in NAMES for kind in ("key", "crt")]
    for name in kept:
        shutil.copy(keys / name, folder)
    made = make_keys(folder)
    assert {name: made[name] for name in kept} == {n: (keys / n).read_bytes() for n in kept}
    assert {f"{name}.auth" for name in NAMES} < made.keys()


def test_what_enrols_a_key_holds_its_certificate(keys: Path) -> None:
    for name in NAMES:
        listed = (keys / f"{name}.esl").read_bytes()
        assert (keys / f"{name}.cer").read_bytes() in listed
        assert (keys / f"{name}.auth").read_bytes().endswith(listed)


@pytest.mark.parametrize("name", NAMES)
def test_what_enrols_a_key_is_signed_for_the_variable_of_its_name(keys: Path, name: str) -> None:
    """The signature holds a digest of what UEFI says it is of; firmware refuses another."""
    update, listed = ((keys / f"{name}.{kind}").read_bytes() for kind in ("auth", "esl"))
    variable = name.encode("utf-16-le") + (IMAGES if name == "db" else GLOBAL).bytes_le
    signed = variable + ATTRIBUTES.to_bytes(4, "little") + update[:TIME] + listed
    assert hashlib.sha256(signed).digest() in update


def test_what_a_signature_is_of_is_what_is_measured(keys: Path, signed: Path) -> None:
    data = signed.read_bytes()
    signature = data[STUB.stat().st_size :]
    assert bytes.fromhex(script("pe").authenticode(data)) in signature
    subprocess.run(["sbverify", "--cert", keys / "db.crt", signed], check=True)


def test_the_kernel_in_a_signed_image_is_measured_by_nobody(tmp_path: Path) -> None:
    uki, target, line = script("uki"), tmp_path / "uki.efi", tmp_path / "cmdline"
    line.write_text("quiet")
    uki.make_uki(STUB, {".cmdline": line, ".linux": STUB}, target)
    both = STUB.read_bytes(), target.read_bytes()
    linux = script("pe").read_program(both[1]).content(".linux")
    secure = bytes.fromhex(uki.pcr_4(*both, secure_boot=True))
    measured = bytes.fromhex(script("pe").authenticode(linux))
    assert hashlib.sha256(secure + measured).hexdigest() == uki.pcr_4(*both)


@pytest.mark.parametrize("given", [True, False], ids=["signed", "unsigned"])
def test_media_carry_what_enrols_the_keys(keys: Path, tmp_path: Path, *, given: bool) -> None:
    media = script("media")
    made = media.Made(tmp_path, "amd64", "1.0", b"", b"", b"", keys if given else None)
    files = media.boot_files(made)
    carried = {name: files[name] for name in files if name.startswith("loader/keys/auto/")}
    wanted = {f"loader/keys/auto/{n}.auth": (keys / f"{n}.auth").read_bytes() for n in NAMES}
    assert carried == (wanted if given else {})
