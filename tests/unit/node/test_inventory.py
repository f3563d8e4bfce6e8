"""The inventory of a machine, from a tree like /sys and from the real one."""

from pathlib import Path

from eaves.evapi.info import ZInfoMsg, decode_z_info_msg, encode_z_info_msg
from eaves.evapi.info.hardware import PCIAddress
from eaves.node.host.inventory import Sysfs
from eaves.node.host.machine import Host
from eaves.node.runtime.hardware import hardware_info


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_parts_are_read_from_the_tree(tmp_path: Path) -> None:
    nic = "sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.0"
    _write(
        tmp_path,
        {
            f"{nic}/vendor": "0x8086",
            f"{nic}/device": "0x1533",
            f"{nic}/class": "0x020000",
            f"{nic}/revision": "0x03",
            "sys/class/net/eth0/address": "02:00:00:00:00:01",
            "sys/class/net/eth0/speed": "1000",
            "sys/class/net/br0/address": "02:00:00:00:00:02",
            "sys/bus/usb/devices/1-2.1/idVendor": "046d",
            "sys/bus/usb/devices/1-2.1/idProduct": "c31c",
            "sys/block/sda/size": "2048",
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\ncpu MHz\t\t: 1900.1",
            "proc/cmdline": "quiet",
        },
    )
    (tmp_path / "sys/bus/pci/devices").mkdir(parents=True)
    (tmp_path / "sys/bus/pci/devices/0000:02:00.0").symlink_to(tmp_path / nic)
    (tmp_path / "sys/class/net/eth0/device").symlink_to(tmp_path / nic)
    (tmp_path / "sys/block/sda/device").mkdir()
    parts = Sysfs(tmp_path).parts()
    assert [p.address for p in parts.pci] == [(0, 2, 0, 0)]
    assert parts.pci[0].parent == (0, 0, 0x1C, 0)
    assert [(n.ifname, n.speed_mbps, n.pci) for n in parts.nics] == [("eth0", 1000, (0, 2, 0, 0))]
    assert [(u.bus, u.port, u.vendor, u.product) for u in parts.usb] == [(1, "2.1", 0x46D, 0xC31C)]
    assert (parts.disk_bytes, parts.kernel_cmdline) == (2048 * 512, "quiet")
    assert [(c.model, c.mhz) for c in parts.cpus] == [("Some CPU", 1900)]
    told = hardware_info(Host(tmp_path).machine(), parts).inventory
    assert told is not None
    assert told.pci_devices[0].address == PCIAddress(bus=2)
    assert (told.pci_devices[0].class_id, told.pci_devices[0].subclass_id) == (2, 0)


def test_can_interfaces_are_told_and_are_no_network_adapters(tmp_path: Path) -> None:
    card = "sys/devices/pci0000:00/0000:03:00.0"
    _write(
        tmp_path,
        {
            f"{card}/vendor": "0x10b5",
            "sys/class/net/can0/type": "280",
            "sys/class/net/vcan0/type": "280",
            "sys/class/net/eth0/type": "1",
        },
    )
    for name in ("can0", "eth0"):
        (tmp_path / f"sys/class/net/{name}/device").symlink_to(tmp_path / card)
    parts = Sysfs(tmp_path).parts()
    assert [n.ifname for n in parts.nics] == ["eth0"]
    told = hardware_info(Host(tmp_path).machine(), parts).inventory
    assert told is not None
    assert [(c.ifname, c.parent is not None) for c in told.can_devices] == [
        ("can0", True),
        ("vcan0", False),
    ]


def test_an_empty_tree_is_a_machine_without_parts(tmp_path: Path) -> None:
    parts = Sysfs(tmp_path).parts()
    assert (parts.pci, parts.usb, parts.nics, parts.cpus) == ((), (), (), ())


def test_the_inventory_of_this_machine_is_a_message() -> None:
    message = ZInfoMsg(hwinfo=hardware_info(Host().machine(), Sysfs().parts()))
    told = decode_z_info_msg(encode_z_info_msg(message)).hwinfo
    assert told is not None
    assert told.inventory is not None
    assert told.inventory.total_memory_bytes > 0
