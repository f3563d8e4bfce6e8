"""Fields of ports and of what lies below them, each read from the configuration."""

from dataclasses import replace
from typing import Any

import pytest
from support.ports import DHCP, T0, adapter, config, network, nic

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.config.devmodel import ArpMonitor, BondAdapter, MIIMonitor, PhyIOUsagePolicy
from eaves.evapi.config.netconfig import (
    CellularConfig,
    CellularConnectivityProbe,
    NetworkConfig,
    WifiConfig,
    WirelessConfig,
)
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.evecommon import (
    BondMode,
    ConnectivityProbe,
    DhcpOptionsIgnore,
    DHCPType,
    Ipspec,
    LacpRate,
    PhyIoMemberUsage,
    ProxyConfig,
    WirelessType,
    ZnetStaticDNSEntry,
)
from eaves.evapi.info import Severity
from eaves.node.host.resolve import NameUnknown, port_resolver
from eaves.node.storage.transfer import Uplink
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.model import Bond, Kept, Option, PortPlan
from eaves.node.uplinks.order import ways_of
from eaves.node.uplinks.seen import Link, Seen, SeenPort
from eaves.node.uplinks.service import Properties
from eaves.node.uplinks.status import ports_of, system_adapter
from eaves.node.uplinks.verify import Phase, State

EMPTY_PROBE = ConnectivityProbe()


def cellular(**told: Any) -> WirelessConfig:
    return WirelessConfig(type=WirelessType.Cellular, cellular_cfg=(CellularConfig(**told),))


def only(given: EdgeDevConfig) -> PortPlan:
    (port,) = controller_entry(given, T0).ports
    return port


def with_network(told: NetworkConfig) -> PortPlan:
    return only(config(adapter("eth0"), networks=[told]))


def test_where_no_port_is_called_an_uplink_those_are_that_the_model_calls_free() -> None:
    given = config(adapter("eth0", uplink=False), adapter("eth1", uplink=False))
    assert [p.management for p in controller_entry(given, T0).ports] == [True, True]
    told = tuple(
        replace(io, usage_policy=PhyIOUsagePolicy(free_uplink=io.logicallabel == "eth1"))
        for io in given.device_io_list
    )
    ports = controller_entry(replace(given, device_io_list=told), T0).ports
    assert [p.management for p in ports] == [False, True]


def test_a_port_is_an_uplink_by_either_flag() -> None:
    free = replace(adapter("eth0", uplink=False), free_uplink=True)
    ports = controller_entry(config(free, adapter("eth1", uplink=False)), T0).ports
    assert [p.management for p in ports] == [True, False]


def test_a_port_has_the_labels_that_it_is_given() -> None:
    port = only(config(replace(adapter("eth0"), shared_labels=("shop",))))
    assert "shop" in port.shared_labels


BOND = BondAdapter(
    logicallabel="bond",
    interface_name="bond7",
    lower_layer_names=("eth0", "eth1"),
    bond_mode=BondMode.BOND_MODE_802_3AD,
    lacp_rate=LacpRate.LACP_RATE_FAST,
)
MADE = Bond("bond", "bond7", ("eth0", "eth1"), BondMode.BOND_MODE_802_3AD, lacp_fast=True)


@pytest.mark.parametrize(
    ("told", "made"),
    [
        (
            replace(BOND, mii=MIIMonitor(interval=100, updelay=200, downdelay=300)),
            replace(MADE, mii_interval=100, up_delay=200, down_delay=300),
        ),
        (
            replace(BOND, arp=ArpMonitor(interval=400, ip_targets=("192.0.2.9",))),
            replace(MADE, arp_interval=400, arp_targets=("192.0.2.9",)),
        ),
    ],
    ids=["mii", "arp"],
)
def test_a_bond_is_watched_as_it_says(told: BondAdapter, made: Bond) -> None:
    given = config(adapter("bond"), nics=[nic("eth0"), nic("eth1")], bonds=[told])
    assert made in controller_entry(given, T0).devices


def test_what_the_host_may_do_with_a_port_is_that_of_its_adapter() -> None:
    shared = replace(nic("eth0"), usage=PhyIoMemberUsage.PhyIoUsageMgmtOnly)
    assert only(config(adapter("eth0"), nics=[shared])).usage == PhyIoMemberUsage.PhyIoUsageMgmtOnly


def test_a_proxy_is_looked_up_where_it_is_told() -> None:
    proxy = ProxyConfig(network_proxy_enable=True, network_proxy_url="http://wpad.test/wpad.dat")
    port = with_network(network(proxy=proxy))
    assert (port.proxy.automatic, port.proxy.pac_url) == (True, "http://wpad.test/wpad.dat")


@pytest.mark.parametrize(
    ("ignored", "option"),
    [
        (DhcpOptionsIgnore(ip_addresses_exclusively=True), Option.ADDRESS),
        (DhcpOptionsIgnore(dns_config_exclusively=True), Option.DNS),
        (DhcpOptionsIgnore(ntp_server_exclusively=True), Option.NTP),
        (DhcpOptionsIgnore(gateways_exclusively=True), Option.GATEWAY),
    ],
    ids=lambda value: value.name if isinstance(value, Option) else "",
)
def test_each_option_of_dhcp_can_be_ignored(ignored: DhcpOptionsIgnore, option: Option) -> None:
    spec = Ipspec(dhcp=DHCPType.Client, dhcp_options_ignore=ignored)
    ip = with_network(network(ip=spec)).ip
    assert ip is not None
    assert ip.only == {option}


def test_a_port_keeps_its_time_servers_and_domain() -> None:
    spec = Ipspec(
        dhcp=DHCPType.Client, ntp="192.0.2.4", more_ntp=("192.0.2.5",), domain="plant.test"
    )
    ip = with_network(network(ip=spec)).ip
    assert ip is not None
    assert (ip.ntp, ip.domain) == (("192.0.2.4", "192.0.2.5"), "plant.test")


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            {"wireless": cellular(probe=CellularConnectivityProbe(custom_probe=EMPTY_PROBE))},
            "probe: ",
        ),
        ({"dns": (ZnetStaticDNSEntry(host_name="a.test", address=("a",)),)}, "static name a.test"),
    ],
    ids=["probe", "name"],
)
def test_what_is_not_done_for_a_port_is_told_and_it_is_used(
    told: dict[str, Any], text: str
) -> None:
    given = replace(config(adapter("eth0")), networks=(replace(network(DHCP), **told),))
    made = controller_entry(given, T0)
    assert made.usable
    info = system_adapter(State((Kept(made),), made, Phase.IDLE), Seen()).status[0].ports[0]
    assert info.err is not None
    assert info.err.severity is Severity.SEVERITY_WARNING
    assert info.err.description.startswith(f"port eth0: {text}")


async def test_a_static_name_of_a_port_needs_no_server() -> None:
    name = ZnetStaticDNSEntry(host_name="Site.test", address=("192.0.2.7", "2001:db8::7"))
    port = with_network(replace(network(DHCP), dns=(name,)))
    there = SeenPort(port, Link("lo", addresses=("192.0.2.9/24",)), managed=True)
    (way,) = ways_of(there, "")
    for found in (
        port_resolver(way.dns, way.interface, way.source, way.names),
        Uplink(way.source, interface=way.interface, names=way.names).resolver(),
    ):
        assert found is not None
        assert await found.names("site.test.") == ("192.0.2.7", "2001:db8::7")
        with pytest.raises(NameUnknown, match="by the machine"):
            await found.names(f"{64 * 'x'}.test")


def test_a_static_name_without_a_usable_address_is_left_out_and_its_port_used() -> None:
    wrong = ZnetStaticDNSEntry(host_name="site.test", address=("192.0.2.7", "site"))
    right = ZnetStaticDNSEntry(host_name="other.test", address=("192.0.2.8",))
    port = with_network(replace(network(DHCP), dns=(wrong, right)))
    assert not port.wrong
    assert port.ip is not None
    assert port.ip.names == (("other.test", ("192.0.2.8",)),)
    assert port.left_out == (
        "static name site.test: 'site' is no address; the name is left out until it is mended"
    )


def test_a_port_keeps_its_other_name() -> None:
    named = controller_entry(config(replace(adapter("eth0"), alias="Office")), T0)
    found = ports_of(Seen((SeenPort(named.ports[0], Link("eth0")),)))
    assert [p.alias for p in found] == ["Office"]


def test_a_wireless_port_has_its_networks() -> None:
    wifi, cellular = WifiConfig(wifi_ssid="plant"), CellularConfig(apn="internet")
    for kind, networks in (
        (WirelessType.TypeNOOP, ((wifi,), cellular)),
        (WirelessType.WiFi, ((wifi,), None)),
        (WirelessType.Cellular, ((), cellular)),
    ):
        told = WirelessConfig(type=kind, wifi_cfg=(wifi,), cellular_cfg=(cellular,))
        port = with_network(replace(network(DHCP), wireless=told))
        assert (port.wifi, port.cellular) == networks


def properties(key: str, value: str) -> Properties:
    items: ItemValues
    items, _ = apply_items((ConfigItem(key=key, value=value),))
    return Properties.of(items)


def test_properties_of_the_tests_of_ports_are_taken() -> None:
    assert properties("timer.port.testduration", "44").rules.unit_s == 44
    assert properties("timer.port.testinterval", "444").rules.interval_s == 444
    assert properties("timer.port.testbetterinterval", "77").rules.better_s == 77
    assert properties("timer.port.timeout", "9").test_timeout_s == 9


def test_properties_of_ports_are_taken() -> None:
    assert properties("network.download.max.cost", "7").download_max_cost == 7
    assert properties("network.fallback.any.eth", "enabled").fallback
    assert not properties("dhcp.enable.vendorclassid", "false").vendor_class
    assert properties("pnac.dhcp.reacquire.max.retries", "2").reacquires == 2
