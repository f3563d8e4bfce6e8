"""What the kernel of the guest machine has and that of a CI machine may not: a proof of each."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.guest


def ip(*words: str) -> str:
    return subprocess.run(
        ["ip", *words], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def pings(namespace: str, address: str) -> bool:
    words = ["ip", "netns", "exec", namespace, "busybox", "ping", "-c1", "-W5", address]
    return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0


def reaches(namespace: str, address: str) -> bool:
    """Sooner or later: a link takes its time to be up, the more so in an emulated machine."""
    return any(pings(namespace, address) for _ in range(10))


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """Two namespaces with a wire between their `wire`s; another one between their `more`s."""
    left, right = "g-left", "g-right"
    for name in (left, right):
        ip("netns", "add", name)
    for wire in ("wire", "more"):
        ip("-n", left, "link", "add", wire, "type", "veth", "peer", "name", wire, "netns", right)
    for name in (left, right):
        ip("-n", name, "link", "set", "wire", "up")
    yield left, right
    for name in (left, right):
        ip("netns", "del", name)


def link(namespace: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(
        ip("-n", namespace, "-j", "-d", "link", "show", "dev", name)
    )
    return found[0]


def test_a_vlan_carries_its_own_frames_only(pair: tuple[str, str]) -> None:
    left, right = pair
    for name, number in ((left, 1), (right, 2)):
        for vlan in (10, 20) if name == left else (10,):
            ip(
                "-n",
                name,
                "link",
                "add",
                "link",
                "wire",
                "name",
                f"v{vlan}",
                "type",
                "vlan",
                "id",
                str(vlan),
            )
            ip("-n", name, "addr", "add", f"10.0.{vlan}.{number}/24", "dev", f"v{vlan}")
            ip("-n", name, "link", "set", f"v{vlan}", "up")
    ip("-n", right, "addr", "add", "10.0.20.2/24", "dev", "wire")
    assert reaches(left, "10.0.10.2")
    assert not pings(left, "10.0.20.2")
    assert link(left, "v10")["linkinfo"]["info_data"]["id"] == 10


def test_a_bond_goes_on_over_the_other_wire(pair: tuple[str, str]) -> None:
    left, right = pair
    for name, number in ((left, 1), (right, 2)):
        ip(
            "-n",
            name,
            "link",
            "add",
            "bond0",
            "type",
            "bond",
            "mode",
            "active-backup",
            "miimon",
            "100",
        )
        for wire in ("wire", "more"):
            ip("-n", name, "link", "set", wire, "down")
            ip("-n", name, "link", "set", wire, "master", "bond0")
        ip("-n", name, "link", "set", "bond0", "up")
        ip("-n", name, "addr", "add", f"10.1.0.{number}/24", "dev", "bond0")
    assert reaches(left, "10.1.0.2")
    active = link(left, "bond0")["linkinfo"]["info_data"]["active_slave"]
    ip("-n", left, "link", "set", active, "down")
    assert reaches(left, "10.1.0.2")
    assert link(left, "bond0")["linkinfo"]["info_data"]["active_slave"] != active


def test_a_bridge_keeps_vlans_of_its_ports_apart(pair: tuple[str, str]) -> None:
    left, right = pair
    ip("-n", left, "link", "add", "br0", "type", "bridge", "vlan_filtering", "1")
    ip("-n", left, "link", "set", "br0", "up")
    ip("-n", left, "link", "set", "wire", "master", "br0")
    ip("-n", left, "addr", "add", "10.2.0.1/24", "dev", "br0")
    ip("-n", right, "addr", "add", "10.2.0.2/24", "dev", "wire")
    assert reaches(left, "10.2.0.2")
    for words in (("del", "vid", "1"), ("add", "vid", "30", "pvid", "untagged")):
        subprocess.run(
            ["bridge", "-n", left, "vlan", words[0], "dev", "wire", *words[1:]],
            check=True,
            timeout=60,
        )
    assert not pings(left, "10.2.0.2")


def test_netem_delays_what_it_is_put_before(pair: tuple[str, str]) -> None:
    left, right = pair
    ip("-n", left, "addr", "add", "10.3.0.1/24", "dev", "wire")
    ip("-n", right, "addr", "add", "10.3.0.2/24", "dev", "wire")
    assert reaches(left, "10.3.0.2")
    tc = ["tc", "-n", left, "qdisc", "add", "dev", "wire", "root", "netem"]
    subprocess.run([*tc, "loss", "100%"], check=True, timeout=60)
    assert not pings(left, "10.3.0.2")


def test_radios_of_software_appear() -> None:
    subprocess.run(["modprobe", "mac80211_hwsim", "radios=2"], check=True, timeout=120)
    try:
        assert len([*Path("/sys/class/ieee80211").iterdir()]) == 2
    finally:
        subprocess.run(["modprobe", "-r", "mac80211_hwsim"], check=True, timeout=120)


@pytest.mark.parametrize("module", ["nf_conntrack_bridge", "vcan", "vfio-pci", "dummy_hcd"])
def test_a_module_loads(module: str) -> None:
    subprocess.run(["modprobe", module], check=True, timeout=120)
    assert Path("/sys/module", module.replace("-", "_")).is_dir()


def test_devices_stand_in_groups_of_an_iommu() -> None:
    assert [*Path("/sys/kernel/iommu_groups").iterdir()]
