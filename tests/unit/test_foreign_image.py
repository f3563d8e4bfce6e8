"""An image for another architecture: its packages and libraries, as far as nothing is built."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements/node.lock").read_text()


def script(name: str) -> ModuleType:
    """A module of image/."""
    spec = importlib.util.spec_from_file_location(f"image_{name}", ROOT / f"image/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def foreign() -> ModuleType:
    return script("foreign")


def test_the_library_that_is_compiled_is_taken_out_of_the_lock(foreign: ModuleType) -> None:
    others, one = foreign.divide(LOCK, foreign.COMPILED)
    assert [line.split("==")[0] for line in one.splitlines() if "==" in line] == ["tpm2-pytss"]
    assert foreign.COMPILED not in others
    assert sorted((others + one).splitlines()) == sorted(LOCK.splitlines())


def test_a_lock_without_it_stays_whole(foreign: ModuleType) -> None:
    assert foreign.divide("aiohttp==3 \\\n    --hash=sha256:00\n", "cffi") == (
        "aiohttp==3 \\\n    --hash=sha256:00\n",
        "",
    )


def test_wheels_for_older_systems_are_taken_too_but_for_no_newer_one(foreign: ModuleType) -> None:
    names = foreign.platforms("arm64")
    assert names[0] == "manylinux_2_36_aarch64"  # Debian 12
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(names)
    assert "manylinux_2_37_aarch64" not in names


def test_kernels_are_told_of_programs_by_twenty_bytes(foreign: ModuleType) -> None:
    for number in foreign._NUMBERS.values():
        head = (foreign._PROGRAM + number).encode().decode("unicode_escape").encode("latin-1")
        mask = foreign._ALIKE.encode().decode("unicode_escape").encode("latin-1")
        assert len(head) == len(mask) == 20
        assert head.startswith(b"\x7fELF")


@pytest.mark.parametrize("compression", ["xz", "gzip"])
def test_a_package_without_compression_is_the_same_package(
    tmp_path: Path, compression: str
) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: odd\nVersion: 1:2-3\nArchitecture: arm64\nMaintainer: nobody <a@b.c>\n"
        "Description: of odd size\n"
    )
    (tree / "usr").mkdir()
    (tree / "usr/file").write_bytes(b"x" * 4321)
    packed, plain = tmp_path / "packed.deb", tmp_path / "plain.deb"
    pack = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(tree), str(packed)]
    subprocess.run(pack, check=True, capture_output=True)

    script("plain").write_plain(packed, plain)
    for word in ("--field", "--contents", "--fsys-tarfile", "--ctrl-tarfile"):
        of = [
            subprocess.run(["dpkg-deb", word, str(one)], check=True, capture_output=True).stdout
            for one in (packed, plain)
        ]
        assert of[0] == of[1]
    listed = subprocess.run(["ar", "t", str(plain)], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == ["debian-binary", "control.tar", "data.tar"]
