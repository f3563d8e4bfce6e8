"""Which installer images may be asked for, and what CONFIG of one holds."""

from pathlib import Path

import pytest
from support.generic_image import SIZE, START, generic_image

from eaves.controller.domain.contract.installer_images import (
    DeviceGenerateImageType,
    SingleUseImageReq,
)
from eaves.controller.domain.installer_images import admit_image, config_files
from eaves.controller.northbound.generic_images import fault_of, look_at, pieces, tags_in
from eaves.node.installer.rules import read_wishes

TAGS = ("0.1.0-amd64", "0.2.0-amd64")
INSTALLER, LIVE = DeviceGenerateImageType.INSTALLER, DeviceGenerateImageType.LIVE


def refused(**asked: str) -> list[tuple[str, str]]:
    sent = SingleUseImageReq.from_json({"imageTag": TAGS[0], "imageType": "Installer", **asked})
    return [(one.member, one.details) for one in admit_image(sent, TAGS)]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"imageType": "Live"},
        {"archVariant": "Generic"},
        {"installDisk": "auto"},
        {"installDisk": "serial:S3R1AL"},
        {"installDisk": "/dev/disk/by-id/nvme-eui.0025", "persistDisk": ""},
        {"installDisk": "/dev/sda", "persistDisk": "/dev/sda"},
    ],
)
def test_what_a_generic_image_can_be_made_to_is_taken(asked: dict[str, str]) -> None:
    assert refused(**asked) == []


@pytest.mark.parametrize(
    ("asked", "member", "said"),
    [
        ({"imageTag": "../etc"}, "imageTag", "0.1.0-amd64, 0.2.0-amd64"),
        ({"imageTag": ""}, "imageTag", "no image has the tag ''"),
        ({"imageType": "Floppy"}, "imageType", "'Floppy'"),
        ({"archVariant": "Jetson"}, "archVariant", "'Jetson'"),
        ({"installDisk": "/dev/sda\nwipe=yes"}, "installDisk", "serial:SERIAL"),
        ({"installDisk": "/dev/sda#"}, "installDisk", "serial:SERIAL"),
        ({"installDisk": "/dev/sda", "imageType": "Live"}, "installDisk", "installs nothing"),
        ({"installDisk": "/dev/sda", "persistDisk": "/dev/sdb"}, "persistDisk", "'/dev/sdb'"),
    ],
)
def test_what_it_cannot_is_refused_by_name(asked: dict[str, str], member: str, said: str) -> None:
    ((where, why),) = refused(**asked)
    assert where == member
    assert said in why


def test_config_says_all_that_differs_from_device_to_device() -> None:
    files = config_files(
        server="controller.example:8443",
        root=b"root",
        certificate=b"certificate",
        key=b"key",
        serial="S1",
        disk="serial:X",
    )
    assert files == {
        "server": b"controller.example:8443\n",
        "root-certificate.pem": b"root",
        "onboard.cert.pem": b"certificate",
        "onboard.key.pem": b"key",
        "soft_serial": b"S1\n",
        "install.conf": b"disk=serial:X\n",
    }
    assert read_wishes(files["install.conf"].decode()).disk == "serial:X"


@pytest.mark.parametrize("serial", ["", "To be filled", "a\nb"])
def test_a_serial_that_no_device_may_tell_as_a_soft_one_is_left_out(serial: str) -> None:
    files = config_files(server="s", root=b"", certificate=b"", key=b"", serial=serial, disk="")
    assert {"soft_serial", "install.conf"}.isdisjoint(files)


def test_a_generic_image_is_sent_with_another_config_and_nothing_else_changed(
    tmp_path: Path,
) -> None:
    generic = generic_image(tmp_path / TAGS[0] / "disk.raw")
    source = look_at(tmp_path, TAGS[0], LIVE)
    config = bytes(range(256)) * (SIZE // 256)
    assert b"".join(pieces(source, config)) == (generic[:START] + config + generic[START + SIZE :])
    assert source.size == len(generic)


def test_what_cannot_be_sent_says_why_without_a_path_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / TAGS[0]
    generic_image(folder / "disk.raw", "OTHER")
    (folder / "installer.raw").write_bytes(b"no image" * 1000)
    told = {kind: fault_of(tmp_path, TAGS[0], kind) for kind in (INSTALLER, LIVE)}
    assert "no partition table" in told[INSTALLER]
    assert "no partition CONFIG" in told[LIVE]
    (folder / "disk.raw").write_bytes(generic_image(folder / "installer.raw")[: START + 5])
    assert "ends before" in fault_of(tmp_path, TAGS[0], LIVE)
    assert "put it there" in fault_of(tmp_path, TAGS[1], LIVE)
    assert "EAVES_INSTALLER_IMAGES" in fault_of(None, TAGS[0], LIVE)
    assert str(tmp_path) not in "".join(told.values())


def test_tags_are_the_folders_that_are_there(tmp_path: Path) -> None:
    for name in (*TAGS, ".hidden", "with space"):
        (tmp_path / name).mkdir()
    assert tags_in(tmp_path) == frozenset(TAGS)
    assert tags_in(tmp_path / "none") == tags_in(None) == frozenset()
