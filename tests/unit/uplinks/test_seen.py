"""What a port has: its configuration, merged with what the network told; and which one it is."""

from dataclasses import replace

import pytest
from support.ports import link, plan, seen_port

from eaves.evapi.evecommon import DHCPType, NetworkType
from eaves.node.uplinks.identify import Found, Missing, Nic, find, pins
from eaves.node.uplinks.leases import lease_of
from eaves.node.uplinks.model import IpPlan, Named, Option
from eaves.node.uplinks.seen import Lease, SeenPort, Wanted, facts, in_order, wanted
from eaves.node.uplinks.verify import Reason

LEASE = Lease("10.1.0.5/24", ("10.1.0.1",), ("10.1.0.2",), "lan.test", ("10.1.0.3",))
ASKS = IpPlan(DHCPType.Client)
WITH = IpPlan(
    DHCPType.Client,
    gateway="10.1.0.9",
    domain="own.test",
    dns=("10.9.0.2",),
    ntp=("ntp.test",),
)


def test_without_a_word_of_its_own_a_port_has_what_the_network_says() -> None:
    assert wanted(ASKS, LEASE) == Wanted(
        ("10.1.0.5/24",), ("10.1.0.1",), ("10.1.0.2",), "lan.test", ("10.1.0.3",)
    )
    assert wanted(ASKS, None) == Wanted()


def test_static_values_are_merged_and_gateway_and_domain_win() -> None:
    assert wanted(WITH, LEASE) == Wanted(
        ("10.1.0.5/24",),
        ("10.1.0.9",),
        ("10.9.0.2", "10.1.0.2"),
        "own.test",
        ("ntp.test", "10.1.0.3"),
    )


@pytest.mark.parametrize(
    ("option", "left"),
    [
        (Option.ADDRESS, Wanted((), ("10.1.0.1",), ("10.1.0.2",), "lan.test", ("10.1.0.3",))),
        (Option.GATEWAY, Wanted(("10.1.0.5/24",), (), ("10.1.0.2",), "lan.test", ("10.1.0.3",))),
        (Option.DNS, Wanted(("10.1.0.5/24",), ("10.1.0.1",), (), "", ("10.1.0.3",))),
        (Option.NTP, Wanted(("10.1.0.5/24",), ("10.1.0.1",), ("10.1.0.2",), "lan.test", ())),
    ],
)
def test_what_is_taken_from_the_configuration_only_may_be_nothing(
    option: Option, left: Wanted
) -> None:
    assert wanted(replace(ASKS, only=frozenset({option})), LEASE) == left


def test_a_static_port_hears_no_server() -> None:
    static = IpPlan(DHCPType.Static, address="10.1.0.7/24", gateway="10.1.0.1")
    assert wanted(static, LEASE) == Wanted(("10.1.0.7/24",), ("10.1.0.1",))


ADDRESSES = ("fe80::1/64", "2001:db8::1/64", "10.0.0.1/8")


@pytest.mark.parametrize(
    ("family", "found"),
    [
        (NetworkType.V4, ("10.0.0.1", "2001:db8::1")),
        (NetworkType.V6, ("2001:db8::1", "10.0.0.1")),
        (NetworkType.V4Only, ("10.0.0.1",)),
        (NetworkType.V6Only, ("2001:db8::1",)),
    ],
)
def test_the_family_of_a_network_orders_its_addresses(
    family: NetworkType, found: tuple[str, ...]
) -> None:
    assert in_order(ADDRESSES, family) == found


def test_reasons_to_wait_are_those_of_management_ports() -> None:
    there, none = seen_port("eth0"), seen_port("eth1", "")
    assert facts((there,)).waits == frozenset()
    assert facts((there, none)).waits == frozenset()  # one is enough
    assert facts((none,)).waits == {Reason.ADDRESS}
    missing = SeenPort(plan("eth2"))
    assert facts((missing,)).waits == {Reason.INTERFACE, Reason.ADDRESS}
    for_apps = SeenPort(plan("eth2", management=False))
    assert facts((there, for_apps)).waits == frozenset()
    assert facts((there,), working=True, modem=True).waits == {Reason.WORK, Reason.MODEM}


def test_each_local_error_says_what_to_do() -> None:
    assert "check the cable" in seen_port("eth0", up=False).local_error()
    assert "DHCP server" in seen_port("eth0", "").local_error()
    assert "missing" in SeenPort(plan("eth0")).local_error()
    assert "DNS server" in seen_port("eth0", dns=()).dns_error()
    host = SeenPort(plan("eth0"), link("eth0", "10.0.0.1/8"), host_resolves=True)
    assert host.dns_error() == host.local_error() == ""


# Leases

TOLD = {
    "ip": "10.1.0.5",
    "mask": "24",
    "router": "10.1.0.1 10.1.0.254",
    "dns": "10.1.0.2 nonsense",
    "domain": "lan.test other.test",
    "ntpsrv": "10.1.0.3",
    "wpad": "http://wpad.test/x\0",
    "mtu": "1400",
}


def test_a_lease_is_what_a_client_was_told() -> None:
    assert lease_of("bound", TOLD) == Lease(
        "10.1.0.5/24",
        ("10.1.0.1", "10.1.0.254"),
        ("10.1.0.2",),
        "lan.test",
        ("10.1.0.3",),
        "http://wpad.test/x",
        1400,
    )


@pytest.mark.parametrize("event", ["deconfig", "leasefail", "nak", ""])
def test_without_a_lease_there_is_none(event: str) -> None:
    assert lease_of(event, TOLD) is None


def test_classless_routes_stand_for_the_routers() -> None:
    told = {**TOLD, "staticroutes": "10.5.0.0/16 10.1.0.7 0.0.0.0/0 10.1.0.8"}
    lease = lease_of("renew", told)
    assert lease is not None
    assert lease.gateways == ("10.1.0.8",)


@pytest.mark.parametrize(
    "hostile",
    [
        {"ip": "$(reboot)"},
        {"domain": "a\nb;reboot"},
        {"dns": "-all"},
        {"mtu": "9" * 400},
        {"router": "0.0.0.0"},
        {"wpad": "file:///etc/shadow"},
    ],
)
def test_what_a_server_says_cannot_be_more_than_a_value(hostile: dict[str, str]) -> None:
    lease = lease_of("bound", {**TOLD, **hostile})
    if lease is None:
        return
    for text in (*lease.gateways, *lease.dns, lease.domain, lease.address):
        assert not set(text) & set(" \n;$-(")
    assert lease.mtu <= 65535
    assert not lease.wpad_url or lease.wpad_url.startswith("http")


# Which interface

NICS = (
    Nic("eth0", "02:00:00:00:00:01", "0000:02:00.0", "", "/sys/devices/pci/02"),
    Nic("eth1", "02:00:00:00:00:02", "0000:03:00.0", "", "/sys/devices/pci/03"),
    Nic("wwan0", "02:00:00:00:00:03", "0000:00:14.0", "1:2.3", "/sys/devices/usb/1-2.3"),
)


@pytest.mark.parametrize(
    ("named", "ifname"),
    [
        (Named(ifname="eth1"), "eth1"),
        (Named(pci="0000:03:00.0"), "eth1"),
        (Named(ifname="old", pci="0000:02:00.0"), "eth0"),
        (Named(usb="1:2.3"), "wwan0"),
        (Named(mac="02:00:00:00:00:01"), "eth0"),
    ],
)
def test_a_port_is_found_by_what_names_it(named: Named, ifname: str) -> None:
    assert find(named, NICS) == Found(ifname)


def test_a_place_with_nothing_in_it_is_named() -> None:
    found = find(Named(ifname="eth0", pci="0000:09:00.0"), NICS)
    assert isinstance(found, Missing)
    assert "PCI 0000:09:00.0" in found.text


def test_a_name_stays_with_the_place_it_was_seen_at_first() -> None:
    kept = pins({"lan": Named(ifname="eth0")}, NICS, {})
    assert kept == {"lan/eth0": "/sys/devices/pci/02"}
    counted_anew = (replace(NICS[0], ifname="eth1"), replace(NICS[1], ifname="eth0"))
    assert pins({"lan": Named(ifname="eth0")}, counted_anew, kept) == kept
    assert find(Named(ifname="eth0"), counted_anew, kept["lan/eth0"]) == Found("eth1")


def test_another_adapter_under_the_old_name_is_not_taken_for_it() -> None:
    found = find(Named(ifname="eth0"), (replace(NICS[1], ifname="eth0"),), "/sys/devices/pci/02")
    assert isinstance(found, Missing)
    assert "plug it in again" in found.text


def test_a_port_in_radio_silence_says_so() -> None:
    """And nothing is sent from it, whatever addresses it still has."""
    silent = replace(seen_port("wlan0"), silent=True)
    assert silent.sources == ()
    assert silent.local_error() == "port wlan0: its radio is off, radio silence is imposed"
    assert seen_port("wlan0").sources == ("192.0.2.7",)
