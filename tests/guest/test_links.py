"""Bridges of the guest machine's kernel do what those of a CI machine may not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

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
    """Two namespaces with a wire between them."""
    left, right = "g-left", "g-right"
    for name in (left, right):
        ip("netns", "add", name)
    ip("-n", left, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", right)
    for name in (left, right):
        ip("-n", name, "link", "set", "wire", "up")
    yield left, right
    for name in (left, right):
        ip("netns", "del", name)


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


def test_connections_within_a_bridge_can_be_tracked() -> None:
    subprocess.run(["modprobe", "nf_conntrack_bridge"], check=True, timeout=120)
    assert Path("/sys/module/nf_conntrack_bridge").is_dir()
