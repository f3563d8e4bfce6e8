"""What a configuration says of ports, and the sentence for each part that cannot be used."""

import base64
from dataclasses import replace

import pytest
from support.ports import DHCP, T0, adapter, at, config, network, nic

from eaves.evapi.config import EdgeDevConfig, PhysicalIO
from eaves.evapi.config.devmodel import BondAdapter, MIIMonitor, VlanAdapter
from eaves.evapi.evecommon import (
    BondMode,
    DhcpOptionsIgnore,
    DHCPType,
    Ipspec,
    NetworkType,
    PhyIoMemberUsage,
    PhyIoType,
    ProxyConfig,
    ProxyProto,
    ProxyServer,
)
from eaves.node.uplinks.entries import controller_entry, entry_of, slim
from eaves.node.uplinks.model import (
    Adapter,
    Bond,
    Entry,
    Named,
    Option,
    PortPlan,
    Source,
    Vlan,
)
from eaves.node.uplinks.model import ProxyServer as Proxy


def entry(given: EdgeDevConfig) -> Entry:
    return controller_entry(given, T0)


def only(given: EdgeDevConfig) -> PortPlan:
    (port,) = entry(given).ports
    return port


def test_the_usual_uplink_asks_for_an_address() -> None:
    port = only(config(adapter("eth0")))
    assert port.ip is not None
    assert (port.ip.dhcp, port.ip.family) == (DHCPType.Client, NetworkType.V4)
    assert port.shared_labels == {"all", "uplink", "freeuplink"}
    assert port.reaches_controller


def test_without_any_uplink_all_are_and_free() -> None:
    given = config(adapter("eth0", uplink=False, cost=9), adapter("eth1", uplink=False))
    assert [(p.management, p.cost) for p in entry(given).ports] == [(True, 0), (True, 0)]


def test_with_one_uplink_the_others_are_for_apps() -> None:
    given = config(adapter("eth0"), adapter("eth1", uplink=False))
    assert [p.management for p in entry(given).ports] == [True, False]


def test_a_port_without_network_only_switches() -> None:
    port = only(config(adapter("eth0", net="")))
    assert port.ip is None
    assert not port.reaches_controller
    assert not entry(config(adapter("eth0", net=""))).usable


def test_a_static_port_takes_the_length_of_its_subnet() -> None:
    spec = Ipspec(dhcp=DHCPType.Static, subnet="10.1.0.0/16", gateway="10.1.0.1", dns=("10.1.0.2",))
    port = only(config(adapter("eth0", addr="10.1.2.3"), networks=[network(ip=spec)]))
    assert port.ip is not None
    assert (port.ip.address, port.ip.gateway, port.ip.dns) == (
        "10.1.2.3/16",
        "10.1.0.1",
        ("10.1.0.2",),
    )


@pytest.mark.parametrize(
    ("gateway", "usable"),
    [
        ("2001:db8:1::1", True),
        ("fe80::1", True),
        ("2001:db8:2::1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_a_router_of_ipv6_is_in_the_subnet_or_on_the_link(gateway: str, usable: bool) -> None:  # noqa: FBT001 - a column
    spec = Ipspec(dhcp=DHCPType.Static, subnet="2001:db8:1::/64", gateway=gateway)
    given = config(adapter("eth0", addr="2001:db8:1::20"), networks=[network(ip=spec)])
    (port,) = controller_entry(given, at(0)).ports
    assert (not port.wrong) is usable


def test_a_router_is_written_as_the_kernel_tells_it() -> None:
    spec = Ipspec(dhcp=DHCPType.Static, subnet="2001:db8:1::/64", gateway="2001:DB8:1:0::0001")
    given = config(adapter("eth0", addr="2001:db8:1::20"), networks=[network(ip=spec)])
    (port,) = controller_entry(given, at(0)).ports
    assert port.ip is not None
    assert port.ip.gateway == "2001:db8:1::1"


STATIC = Ipspec(dhcp=DHCPType.Static, subnet="10.1.0.0/16", gateway="10.1.0.1")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (config(adapter("eth0"), nics=[nic("eth7")]), "missing lower-layer adapter 'eth0'"),
        (config(adapter("eth0", net="nowhere")), "network nowhere is not part"),
        (config(adapter("eth0"), networks=[network(ip=STATIC)]), "a static port needs an address"),
        (config(adapter("eth0", addr="10.2.0.9"), networks=[network(ip=STATIC)]), "outside subnet"),
        (
            config(
                adapter("eth0", addr="10.1.0.9"),
                networks=[network(ip=replace(STATIC, gateway="10.9.0.1"))],
            ),
            "gateway 10.9.0.1 is not in the subnet",
        ),
        (config(adapter("eth0"), networks=[network(mtu=900)]), "MTU 900 is outside"),
        (config(adapter("eth0", cost=256)), "cost 256"),
        (
            config(adapter("eth0"), networks=[network(ip=Ipspec(dns=("nowhere",)))]),
            "DNS server 'nowhere' is no address",
        ),
        (
            config(adapter("eth0"), networks=[network(proxy=ProxyConfig(pacfile="%"))]),
            "PAC file is not base64",
        ),
        (
            config(
                adapter("v"),
                nics=[nic("eth0")],
                vlans=[VlanAdapter(logicallabel="v", lower_layer_name="eth0", vlan_id=5000)],
            ),
            "VLAN 5000 is outside",
        ),
        (
            config(
                adapter("b"),
                nics=[nic("eth0")],
                bonds=[BondAdapter(logicallabel="b", lower_layer_names=("eth0", "eth8"))],
            ),
            "member 'eth8' is no adapter",
        ),
        (
            config(
                adapter("v"),
                nics=[nic("eth0")],
                vlans=[
                    VlanAdapter(
                        logicallabel="v",
                        lower_layer_name="eth0",
                        vlan_id=5,
                        interface_name="a-name-of-16-chr",
                    )
                ],
            ),
            "cannot name an interface",
        ),
    ],
)
def test_what_cannot_be_used_keeps_its_sentence(given: EdgeDevConfig, told: str) -> None:
    port = only(given)
    assert told in port.wrong
    assert not port.reaches_controller


def test_a_wrong_port_leaves_the_others_alone() -> None:
    given = config(adapter("eth0", net="nowhere"), adapter("eth1"))
    assert [bool(p.wrong) for p in entry(given).ports] == [True, False]
    assert entry(given).usable


def test_two_ports_on_one_adapter_are_one_too_many() -> None:
    given = config(adapter("eth0"), replace(adapter("other"), lower_layer_name="eth0"))
    first, second = entry(given).ports
    assert not first.wrong
    assert "already port eth0" in second.wrong


@pytest.mark.parametrize(
    "usage", [PhyIoMemberUsage.PhyIoUsageDedicated, PhyIoMemberUsage.PhyIoUsageDisabled]
)
def test_an_adapter_that_the_host_may_not_use_is_not_there(usage: PhyIoMemberUsage) -> None:
    given = config(adapter("eth0"), nics=[replace(nic("eth0"), usage=usage)])
    assert "missing lower-layer adapter" in only(given).wrong


def test_the_keys_that_name_an_adapter_match_in_any_case() -> None:
    io = nic("eth0", PciLong="0000:02:00.0", IFNAME="enp2s0", UsbAddr="1:2.3")
    (device,) = entry(config(adapter("eth0"), nics=[io])).devices
    assert device == Adapter("eth0", Named("enp2s0", "0000:02:00.0", "1:2.3"))


def test_an_adapter_without_addresses_is_the_interface_of_its_label() -> None:
    io = PhysicalIO(ptype=PhyIoType.PhyIoNetEth, phylabel="eth4")
    (device,) = entry(config(adapter("eth4"), nics=[io])).devices
    assert device == Adapter("eth4", Named(ifname="eth4"))


def test_a_vlan_on_a_bond() -> None:
    bond = BondAdapter(
        logicallabel="pair",
        interface_name="bond0",
        lower_layer_names=("eth0", "eth1"),
        bond_mode=BondMode.BOND_MODE_ACTIVE_BACKUP,
        mii=MIIMonitor(interval=100, updelay=200),
    )
    vlan = VlanAdapter(
        logicallabel="office", interface_name="office5", lower_layer_name="pair", vlan_id=5
    )
    found = entry(
        config(adapter("office"), nics=[nic("eth0"), nic("eth1")], vlans=[vlan], bonds=[bond])
    )
    assert not found.ports[0].wrong
    assert found.devices[2:] == (
        Bond(
            "pair",
            "bond0",
            ("eth0", "eth1"),
            BondMode.BOND_MODE_ACTIVE_BACKUP,
            mii_interval=100,
            up_delay=200,
        ),
        Vlan("office", "office5", "pair", 5),
    )


def test_proxies_and_what_is_taken_from_the_configuration_only() -> None:
    proxy = ProxyConfig(
        proxies=(ProxyServer(proto=ProxyProto.PROXY_HTTPS, server="10.0.0.9", port=3128),),
        exceptions="a.test, .b.test,10.0.0.0/8",
        pacfile=base64.b64encode(b"function FindProxyForURL(u, h) { return 'DIRECT'; }").decode(),
        network_proxy_enable=True,
        proxy_cert_pem=(b"-----BEGIN CERTIFICATE-----\n",),
    )
    spec = Ipspec(
        dhcp=DHCPType.Client,
        dhcp_options_ignore=DhcpOptionsIgnore(
            dns_config_exclusively=True, gateways_exclusively=True
        ),
    )
    port = only(config(adapter("eth0"), networks=[network(ip=spec, proxy=proxy)]))
    assert port.proxy.servers == (Proxy("https", "10.0.0.9", 3128),)
    assert port.proxy.exceptions == ("a.test", ".b.test", "10.0.0.0/8")
    assert port.proxy.pac.startswith("function")
    assert port.proxy.automatic
    assert port.proxy.roots
    assert port.ip is not None
    assert port.ip.only == {Option.DNS, Option.GATEWAY}


def test_only_what_makes_ports_is_kept() -> None:
    given = config(adapter("eth0"), networks=[network(), network("unused")])
    usb = PhysicalIO(ptype=PhyIoType.PhyIoUSB, phylabel="usb")
    more = replace(given, device_name="mine", device_io_list=(*given.device_io_list, usb))
    assert slim(more) == slim(config(adapter("eth0")))
    assert entry_of(slim(more), Source.CONTROLLER, at(0)) == entry(given)


def test_another_name_or_time_of_a_configuration_makes_no_other_ports() -> None:
    given = config(adapter("eth0", net=DHCP))
    other = replace(given, device_name="renamed", config_timestamp=at(99))
    assert controller_entry(other, at(99)).same_ports(entry(given))
