"""Which disk an installation takes: never one with data unless told, never a guess."""

import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.errors import Rejected
from eaves.node.baseos.bundle import TRAILER
from eaves.node.installer.found import BEGUN, Names, read_disks
from eaves.node.installer.layout import (
    LEAST_DISK,
    MIB,
    DiskTooSmall,
    medium_layout,
    partition_layout,
    sfdisk_script,
    size_of,
)
from eaves.node.installer.rules import Disk, NoDisk, Wishes, choose, read_wishes
from eaves.node.installer.run import partition_path

GIB = 1024 * MIB
EMPTY = Disk("/dev/vda", 32 * GIB)
USED = Disk("/dev/vdb", 32 * GIB, holds="ext4")
STICK = Disk("/dev/sda", 16 * GIB, removable=True)
MEDIUM = Disk("/dev/sdb", 16 * GIB, removable=True, booted_from=True, holds="gpt with 3 partitions")


def test_the_one_empty_disk_is_taken() -> None:
    assert choose((MEDIUM, STICK, USED, EMPTY), Wishes()) == EMPTY


def test_a_disk_with_data_is_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(NoDisk, match=r"holds data \(ext4\); write wipe=yes"):
        choose((USED,), Wishes())
    assert choose((USED,), Wishes(wipe=True)) == USED


def test_the_medium_is_never_taken() -> None:
    for wishes in (Wishes(wipe=True), Wishes("/dev/sdb", wipe=True)):
        with pytest.raises(NoDisk, match="the installer runs from it"):
            choose((MEDIUM,), wishes)


def test_the_smallest_is_taken_and_of_equals_none() -> None:
    large = Disk("/dev/vdc", 512 * GIB)
    assert choose((large, EMPTY), Wishes()) == EMPTY
    with pytest.raises(NoDisk, match="several disks are alike"):
        choose((EMPTY, Disk("/dev/vdd", 32 * GIB)), Wishes())


@pytest.mark.parametrize("name", ["/dev/sdq", "/dev/disk/by-id/nvme-X", "serial:S3R1AL"])
def test_a_named_disk_is_taken_by_each_of_its_names(name: str) -> None:
    disk = Disk("/dev/sdq", 9 * GIB, ("/dev/disk/by-id/nvme-X",), "S3R1AL", removable=True)
    assert choose((EMPTY, disk), Wishes(name)) == disk


def test_a_named_disk_that_is_not_there_lists_what_is() -> None:
    with pytest.raises(NoDisk, match="there is no disk /dev/sdz; this machine has /dev/vda"):
        choose((EMPTY,), Wishes("/dev/sdz"))


def test_a_serial_that_several_disks_have_names_none_of_them() -> None:
    """Namespaces of one drive, or adapters that all tell the same."""
    twins = (Disk("/dev/nvme0n1", 9 * GIB, serial="S1"), Disk("/dev/nvme0n2", 9 * GIB, serial="S1"))
    with pytest.raises(NoDisk, match="several disks have serial S1: /dev/nvme0n1, /dev/nvme0n2"):
        choose(twins, Wishes("serial:S1", wipe=True))
    assert choose(twins, Wishes("/dev/nvme0n2")) == twins[1]


def test_no_disk_at_all() -> None:
    with pytest.raises(NoDisk, match="this machine has none"):
        choose((), Wishes())


@given(
    st.lists(
        st.builds(
            Disk,
            path=st.sampled_from([f"/dev/sd{c}" for c in "abcdefgh"]),
            size=st.integers(0, 64).map(lambda n: n * GIB),
            removable=st.booleans(),
            read_only=st.booleans(),
            booted_from=st.booleans(),
            holds=st.sampled_from(["", "ext4"]),
        ),
        unique_by=lambda disk: disk.path,
    )
)
def test_no_rule_takes_what_may_not_be_written(disks: list[Disk]) -> None:
    try:
        taken = choose(disks, Wishes())
    except NoDisk:
        return
    assert not (taken.removable)
    assert not (taken.read_only)
    assert not (taken.booted_from)
    assert not taken.holds
    assert taken.size >= LEAST_DISK


def test_the_words_of_install_conf() -> None:
    assert read_wishes("") == Wishes()
    told = "# all\ndisk=/dev/vdb # this\nwipe=yes\nstamp=one\nafter=poweroff\n"
    assert read_wishes(told) == Wishes("/dev/vdb", wipe=True, after="poweroff", stamp="one")
    for line in ("wipe=maybe", "after=never", "disc=/dev/sda", "wipe"):
        with pytest.raises(Rejected, match=r"install\.conf"):
            read_wishes(line)


@given(st.integers(LEAST_DISK, 1 << 44))
def test_partitions_follow_each_other_and_end_before_the_second_table(disk: int) -> None:
    layout = partition_layout(disk)
    at = MIB
    for one in layout:
        assert one.start == at
        assert one.size > 0
        assert one.start % MIB == one.size % MIB == 0
        at += one.size
    assert at + 33 * 512 <= disk
    assert [one.name for one in layout] == ["EFI System", "IMGA", "IMGB", "CONFIG", "STATE", "P3"]


def test_a_small_disk_is_refused() -> None:
    with pytest.raises(DiskTooSmall):
        partition_layout(LEAST_DISK - 1)


def test_the_same_seed_gives_the_same_table() -> None:
    seed = uuid.UUID(int=7)
    layout = medium_layout(263 * MIB)
    script = sfdisk_script(layout, seed)
    assert script == sfdisk_script(layout, seed)
    assert script != sfdisk_script(layout, uuid.UUID(int=8))
    assert 'name="EFI System"' in script
    assert size_of(layout) % MIB == 0


@given(st.integers(1, 512 * MIB))
def test_a_medium_has_room_behind_its_root_for_what_says_what_it_is(root: int) -> None:
    (system,) = [one for one in medium_layout(root) if one.name == "IMGA"]
    assert root + TRAILER <= system.size < root + TRAILER + 2 * MIB


def test_partitions_of_disks_whose_name_ends_in_a_digit() -> None:
    assert partition_path("/dev/vda", 2) == Path("/dev/vda2")
    assert partition_path("/dev/nvme0n1", 2) == Path("/dev/nvme0n1p2")


def test_what_lsblk_says(tmp_path: Path) -> None:
    told = b"""{"blockdevices": [
      {"path":"/dev/vda","type":"disk","size":34359738368,"rm":false,"ro":false,"serial":"A1",
       "model":"QEMU HARDDISK ","pttype":"gpt","fstype":null,
       "children":[{"path":"/dev/vda1","type":"part","size":1048576,"rm":false,"ro":false}]},
      {"path":"/dev/sr0","type":"rom","size":1073741312,"rm":true,"ro":false},
      {"path":"/dev/vdb","type":"disk","size":0,"rm":false,"ro":true}]}"""
    found = read_disks(told, "/dev/vdb", Names(tmp_path))
    assert [one.path for one in found] == ["/dev/vda", "/dev/vdb"]
    assert (found[0].serial, found[0].model, found[0].holds) == (
        "A1",
        "QEMU HARDDISK",
        "gpt with 1 partitions",
    )
    assert found[1].booted_from


@pytest.mark.parametrize(
    ("start", "holds"), [(BEGUN, ""), (b"LUKS\xba\xbe", "gpt with 6 partitions")]
)
def test_an_installation_that_was_cut_is_nobodys_data(
    tmp_path: Path, start: bytes, holds: str
) -> None:
    last = tmp_path / "vda6"
    last.write_bytes(start.ljust(4096, b"\0"))
    parts = [{"path": f"/dev/vda{n}", "type": "part", "size": 1} for n in range(1, 6)]
    parts.append({"path": str(last), "type": "part", "size": 1, "partlabel": "P3"})
    row = {"path": "/dev/vda", "type": "disk", "size": 1, "pttype": "gpt", "children": parts}
    told = json.dumps({"blockdevices": [row]}).encode()
    assert read_disks(told, "", Names(tmp_path))[0].holds == holds
