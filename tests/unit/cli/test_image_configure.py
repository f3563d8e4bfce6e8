"""`eaves image configure`: files go into the CONFIG partition of an image, and nowhere else."""

import os
import re
import struct
import subprocess
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner

from eaves.cli.image_configure import configure
from eaves.disk_image import NoImage, install_conf, partition
from eaves.node.installer.layout import medium_layout, size_of

ROOT_BYTES = 5 << 20
HEAD = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "onboarding"
    folder.mkdir()
    (folder / "server").write_text("controller.example:8443")
    (folder / "root-certificate.pem").write_text("root")
    (folder / "onboard.key.pem").write_text("key")
    (folder / "unrelated").write_text("no")
    return folder


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A partition table as `sfdisk` writes it, and an empty CONFIG."""
    layout = medium_layout(ROOT_BYTES)
    path = tmp_path / "installer.raw"
    with path.open("wb") as file:
        file.truncate(size_of(layout))
        file.seek(512)
        file.write(HEAD.pack(b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 0, 0, bytes(16), 2, 128, 128, 0))
        for number, one in enumerate(layout):
            file.seek(1024 + 128 * number)
            first, last = one.start // 512, (one.start + one.size) // 512 - 1
            name = one.name.encode("utf-16-le").ljust(72, b"\0")
            file.write(ENTRY.pack(uuid.uuid4().bytes, uuid.uuid4().bytes, first, last, 0, name))
    place = partition(path, "CONFIG")
    subprocess.run(
        ["mformat", "-i", f"{path}@@{place.start}", "-T", str(place.size // 512), "::"],
        check=True,
        capture_output=True,
    )
    return path


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(configure, [*words])
    return done.exit_code, done.output


def read(path: Path, name: str) -> bytes:
    at = partition(path, "CONFIG").start
    return subprocess.run(
        ["mtype", "-i", f"{path}@@{at}", f"::{name}"], check=True, capture_output=True
    ).stdout


def names(path: Path) -> set[str]:
    at = partition(path, "CONFIG").start
    told = subprocess.run(
        ["mdir", "-b", "-i", f"{path}@@{at}", "::"], check=True, capture_output=True, text=True
    ).stdout
    return {line.removeprefix("::/") for line in told.splitlines()}


def test_the_partition_is_found_by_its_name(medium: Path) -> None:
    (config,) = [one for one in medium_layout(ROOT_BYTES) if one.name == "CONFIG"]
    assert partition(medium, "CONFIG") == (config.start, config.size)
    with pytest.raises(NoImage, match="no partition P3"):
        partition(medium, "P3")


def test_what_a_node_starts_from_is_put_in_and_nothing_else(medium: Path, folder: Path) -> None:
    code, said = run(str(medium), "--from", str(folder), "--wipe", "--after", "poweroff")
    assert code == 0, said
    assert read(medium, "server") == b"controller.example:8443"
    conf = read(medium, "install.conf").decode()
    assert re.fullmatch(r"wipe=yes\nstamp=[0-9a-f-]{36}\nafter=poweroff\n", conf)
    assert "unrelated" not in said


def test_it_can_be_done_again_for_another_controller(medium: Path, folder: Path) -> None:
    bootstrap = folder / "first.pb"
    bootstrap.write_bytes(b"ports of the first")
    run(str(medium), "--from", str(folder), "--wipe", "--bootstrap", str(bootstrap))
    assert "bootstrap-config.pb" in names(medium)
    (folder / "server").write_text("other.example")
    (folder / "onboard.key.pem").unlink()
    code, said = run(str(medium), "--from", str(folder))
    assert code == 0, said
    assert read(medium, "server") == b"other.example"
    gone = {"install.conf", "bootstrap-config.pb", "onboard.key.pem"}
    assert not gone & names(medium), "nothing that the first said holds for the second"


def test_one_that_is_cut_off_names_no_controller(
    medium: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(str(medium), "--from", str(folder))
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "mcopy").write_text("#!/bin/sh\necho the stick is full >&2; exit 1\n")
    (broken / "mcopy").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}:{os.environ['PATH']}")
    code, said = run(str(medium), "--from", str(folder))
    assert code == 1
    assert "half written" in said
    assert "the stick is full" in said
    assert "server" not in names(medium)


def test_a_folder_without_a_root_is_refused(medium: Path, folder: Path) -> None:
    (folder / "root-certificate.pem").unlink()
    code, said = run(str(medium), "--from", str(folder))
    assert code == 1
    assert "holds no root-certificate.pem" in said


@pytest.mark.parametrize(
    ("data", "said"), [(b"QFI\xfb" + bytes(2000), "qcow2"), (bytes(2000), "no partition table")]
)
def test_what_is_no_image_is_refused(tmp_path: Path, folder: Path, data: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    code, told = run(str(path), "--from", str(folder))
    assert code == 1
    assert said in told


def test_nothing_said_leaves_the_installer_its_rules() -> None:
    assert install_conf(None, None, wipe=False) == ""
    assert install_conf("serial:X", None, wipe=False) == "disk=serial:X\n"
