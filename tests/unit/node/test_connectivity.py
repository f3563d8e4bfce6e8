"""Ports that are asked for before the node is put together."""

from dataclasses import replace

import pytest
from support.ports import entry

from eaves.evapi.config.netconfig import CellularConfig, WifiConfig
from eaves.node.connectivity import asked_first
from eaves.node.uplinks.ledger import decode, encode
from eaves.node.uplinks.ledger_file import LedgerFile
from eaves.node.uplinks.model import Entry, Kept, PortPlan, Source


class Disk:
    def save(self, name: str, data: bytes) -> None:
        raise AssertionError(f"{name} is only read")


def kept(in_force: Entry | None = None, *others: Entry) -> LedgerFile:
    ledger = tuple(Kept(one) for one in (*([in_force] if in_force else []), *others))
    stored = encode(ledger, in_force, {})
    assert decode(stored)[1] == in_force
    return LedgerFile(Disk(), stored)


def asked(
    disk: LedgerFile, configured: bytes = b"", *, brought: bool = False
) -> tuple[str, ...] | None:
    one = asked_first(disk, configured, {"eth0", "eth1"}, brought=brought)
    return None if one is None else tuple(port.label for port in one.ports)


def test_a_new_device_asks_behind_every_cable() -> None:
    new = asked_first(LedgerFile(Disk(), b""), b"", {"eth1", "eth0"}, brought=False)
    assert new is not None
    assert new.source is Source.LAST_RESORT
    assert asked(LedgerFile(Disk(), b"")) == ("eth0", "eth1")


def test_what_the_installer_brought_or_the_controller_said_comes_before_any_guess() -> None:
    assert asked(LedgerFile(Disk(), b""), brought=True) is None
    assert asked(LedgerFile(Disk(), b""), b"of a controller") is None
    assert asked(kept(None, entry("eth0"))) is None


def test_the_ports_in_force_are_asked_for_again() -> None:
    assert asked(kept(entry("eth1")), b"of a controller") == ("eth1",)
    assert asked(kept(entry("eth1")), b"dhcp.enable.vendorclassid: false") is None


WIFI = replace(entry("eth0").ports[0], wifi=(WifiConfig(),))
CELLULAR = replace(entry("eth0").ports[0], cellular=CellularConfig())


@pytest.mark.parametrize("port", [WIFI, CELLULAR], ids=["wifi", "cellular"])
def test_what_needs_a_secret_waits(port: PortPlan) -> None:
    disk = kept(entry("eth0"))
    disk.preferred = replace(entry("eth0"), ports=(port,))
    assert asked(disk) is None
