"""Another version of a system, made without building it: whole, signed, and of its own name."""

import json
import subprocess
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.image_builds import script

from eaves.node.baseos.bundle import FORMAT, Manifest, check_parts, read_bundle

STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
SAYS = b'PRETTY_NAME="Eaves OS 1.0-test"\nIMAGE_VERSION=1.0-test\n'

pytestmark = pytest.mark.skipif(not STUB.exists(), reason=f"{STUB} is missing: systemd-boot-efi")


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """As image/build.py writes one, but small."""
    folder = tmp_path / "first"
    folder.mkdir()
    image = folder / "root.img"
    image.write_bytes(SAYS.rjust(8 * 4096, b"\0").ljust(16 * 4096, b"\1"))
    root_hash, offset = script("verity").add_tree(image, uuid.uuid4())
    words = f"quiet eaves.root={root_hash} eaves.hash_offset={offset}"
    held = {".osrel": SAYS, ".cmdline": words.encode(), ".initrd": b"initrd"}
    parts = {".linux": STUB}  # a kernel is a program of UEFI, too
    for name, data in held.items():
        parts[name] = tmp_path / name
        parts[name].write_bytes(data)
    script("uki").make_uki(STUB, parts, folder / "uki.efi")
    said = {
        "format": FORMAT, "version": "1.0-test", "arch": "x86_64", "flavour": "standard",
        "epoch": 1, "root_hash": root_hash, "hash_offset": offset,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(said))
    return folder


def admitted(update: Path, key: ec.EllipticCurvePrivateKey) -> Manifest:
    with update.open("rb") as file:
        bundle = read_bundle(file, update.stat().st_size, [key.public_key()])
        check_parts(file, bundle)
    return bundle.manifest


def test_a_renamed_system_says_its_version_below_a_root_that_is_verified(
    system: Path, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    made = script("variant").renamed(system, "2.0-test", key, tmp_path / "second", "more=words")
    manifest = admitted(made / "system.eos", key)
    assert manifest.version == "2.0-test"
    image = made / "root.img"
    assert SAYS.replace(b"1.0-test", b"2.0-test") in image.read_bytes()
    verify = ["veritysetup", "verify", image, image, manifest.root_hash]
    subprocess.run([*verify, f"--hash-offset={manifest.hash_offset}"], check=True)
    kernel = (made / "uki.efi").read_bytes()
    assert f"eaves.root={manifest.root_hash} ".encode() in kernel
    assert f"eaves.hash_offset={manifest.hash_offset} more=words".encode() in kernel
    assert b"IMAGE_VERSION=2.0-test" in kernel


def test_a_version_of_another_length_is_refused(
    system: Path, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="another length"):
        script("variant").renamed(system, "10.0-test", key, tmp_path / "second")


def test_a_variant_has_its_words_and_where_it_is_not_run_no_root(
    system: Path, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    target = tmp_path / "bad.eos"
    script("variant").make(system, "3.0-test", "rdinit=/none", key, target, rootless=True, epoch=0)
    manifest = admitted(target, key)
    assert (manifest.version, manifest.epoch, manifest.root.size) == ("3.0-test", 0, 4096)
    assert b" rdinit=/none" in target.read_bytes()
