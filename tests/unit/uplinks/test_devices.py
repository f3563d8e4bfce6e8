"""Devices of an entry on the interfaces of a machine."""

from datetime import UTC, datetime
from pathlib import Path

from support.ports import adapter, config, nic

from eaves.evapi.config.devmodel import VlanAdapter
from eaves.node.host.inventory import Sysfs
from eaves.node.host.uplink_state import Routing, SeenLink
from eaves.node.uplinks.devices import interfaces, is_handed_over, nics_of
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.identify import Found, Missing

T0 = datetime(2026, 5, 1, tzinfo=UTC)
OWN, BORNE = "02:00:00:00:00:01", "02:00:00:00:00:99"


def link(name: str, index: int, kind: str = "", mac: str = OWN, own_mac: str = "") -> SeenLink:
    below = "eth0" if kind else ""
    return SeenLink(name, index, kind, "", below, 0, 1500, True, True, mac, "", (), own_mac=own_mac)


def machine(*links: SeenLink) -> Routing:
    return Routing(links, (), ())


def plugged(root: Path, name: str, place: str) -> Sysfs:
    (root / "sys/devices" / place).mkdir(parents=True, exist_ok=True)
    (root / "sys/class/net" / name).mkdir(parents=True, exist_ok=True)
    device = root / "sys/class/net" / name / "device"
    device.unlink(missing_ok=True)
    device.symlink_to(root / "sys/devices" / place)
    return Sysfs(root)


def test_an_adapter_keeps_the_mac_of_its_hardware_in_a_bond_and_below_a_vlan(
    tmp_path: Path,
) -> None:
    in_a_bond = link("eth1", 3, mac=BORNE, own_mac=OWN)
    routing = machine(in_a_bond, link("pair", 4, "bond", BORNE), link("office", 5, "vlan", OWN))
    assert [(n.ifname, n.mac) for n in nics_of(routing, Sysfs(tmp_path))] == [("eth1", OWN)]
    entry = controller_entry(
        config(adapter("lan"), nics=[nic("lan", Ifname="eth1", MacAddr=OWN)]), T0
    )
    assert interfaces(entry, routing, Sysfs(tmp_path), {}) == {"lan": Found("eth1")}


def test_a_bare_name_stays_at_the_place_where_it_was_seen_first(tmp_path: Path) -> None:
    entry, pinned = controller_entry(config(adapter("eth0")), T0), dict[str, str]()
    sysfs = plugged(tmp_path, "eth0", "pci0/3")
    assert interfaces(entry, machine(link("eth0", 2)), sysfs, pinned) == {"eth0": Found("eth0")}
    assert list(pinned) == ["eth0/eth0"]
    plugged(tmp_path, "eth1", "pci0/3")  # counted anew
    plugged(tmp_path, "eth0", "pci0/2")
    both = machine(link("eth0", 2), link("eth1", 3))
    assert interfaces(entry, both, sysfs, pinned) == {"eth0": Found("eth1")}
    alone = interfaces(entry, machine(link("eth0", 2)), sysfs, pinned)
    assert isinstance(alone["eth0"], Missing)


def test_a_vlan_is_handed_over_with_the_adapter_below_it(tmp_path: Path) -> None:
    vlan = VlanAdapter(
        logicallabel="office", interface_name="office", lower_layer_name="eth0", vlan_id=5
    )
    given = config(adapter("office"), nics=[nic("eth0"), nic("eth1")], vlans=[vlan])
    entry = controller_entry(given, T0)
    names = interfaces(entry, machine(link("eth0", 2)), Sysfs(tmp_path), {})
    assert names["office"] == Missing("interface office is not there")
    assert is_handed_over("office", entry, names, {"eth0"}, owned=False)
    assert not is_handed_over("office", entry, names, {"eth1"}, owned=False)
    assert not is_handed_over("nothing", entry, names, {"eth0"}, owned=True)
