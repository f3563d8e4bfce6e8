"""Ports as somebody on the spot wants them: what may be changed, and what a port is then."""

from dataclasses import replace

import pytest
from support.ports import DHCP, T0, adapter, config, network

from eaves.evapi.config import EdgeDevConfig, decode_edge_dev_config, encode_edge_dev_config
from eaves.evapi.config.netconfig import CellularConfig, WirelessConfig
from eaves.evapi.evecommon import DHCPType, NetworkConfigOrigin, NetworkType, WirelessType
from eaves.evapi.info import DevicePort
from eaves.evapi.profile_network import (
    IPVersion,
    LocalCellular,
    LocalNetworkAuth,
    LocalNetworkConfig,
    LocalWifi,
    NetworkPortConfig,
)
from eaves.node.local.overlay import localised
from eaves.node.local.ports import take_ports, why_refused
from eaves.node.local.state import LocalState, decode_local_state, encode_local_state
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.model import Kept, PortPlan
from eaves.node.uplinks.seen import Seen
from eaves.node.uplinks.status import system_adapter
from eaves.node.uplinks.verify import Phase, State

STATIC = NetworkPortConfig(
    logical_label="eth0",
    ip_version=IPVersion.IP_VERSION_IPV4_ONLY,
    ip_addresses=("192.0.2.9/24",),
    gateways=("192.0.2.1",),
    dns_servers=("192.0.2.53",),
    dns_domain="plant.test",
    ntp_servers=("192.0.2.4", "192.0.2.5"),
    mtu=1400,
)


def told_by_controller(*, allowed: bool = True, server: str = "there") -> EdgeDevConfig:
    """As it came over the wire."""
    eth0 = replace(adapter("eth0", cost=3), allow_local_modifications=allowed)
    given = config(eth0, adapter("eth1"), networks=[network(DHCP)])
    there = replace(given, local_profile_server=server)
    return decode_edge_dev_config(encode_edge_dev_config(there))


def changed_to(*ports: NetworkPortConfig) -> LocalState:
    """Kept, and read again after a restart."""
    state = take_ports(LocalState(), LocalNetworkConfig(server_token="secret", ports=ports))
    stored = encode_local_state(state)
    assert b"secret" not in stored
    return decode_local_state([stored])


def plans(told: EdgeDevConfig, state: LocalState) -> dict[str, PortPlan]:
    return {port.label: port for port in controller_entry(localised(told, state), T0).ports}


def test_a_port_is_changed_on_the_spot_where_the_controller_allows_it() -> None:
    told = told_by_controller()
    before, after = plans(told, LocalState()), plans(told, changed_to(STATIC))
    port = after["eth0"]
    assert port.ip is not None
    assert (port.ip.dhcp, port.ip.family) == (DHCPType.Static, NetworkType.V4Only)
    assert (port.ip.address, port.ip.gateway) == ("192.0.2.9/24", "192.0.2.1")
    assert (port.ip.dns, port.ip.domain) == (("192.0.2.53",), "plant.test")
    assert (port.ip.ntp, port.mtu) == (("192.0.2.4", "192.0.2.5"), 1400)
    assert (port.cost, port.shared_labels) == (before["eth0"].cost, before["eth0"].shared_labels)
    assert after["eth1"] == before["eth1"]
    assert not port.wrong


@pytest.mark.parametrize(
    "told",
    [told_by_controller(allowed=False), told_by_controller(server="")],
    ids=["not allowed", "no server"],
)
def test_a_port_stays_as_the_controller_has_it_otherwise(told: EdgeDevConfig) -> None:
    assert localised(told, changed_to(STATIC)) is told


def test_the_controller_hears_who_configured_a_port() -> None:
    entry = controller_entry(localised(told_by_controller(), changed_to(STATIC)), T0)
    info = system_adapter(State((Kept(entry),), entry, Phase.IDLE), Seen())

    def origin(port: DevicePort) -> NetworkConfigOrigin | None:
        return port.config_source.origin if port.config_source else None

    assert {p.name: origin(p) for p in info.status[0].ports} == {
        "eth0": NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_LPS,
        "eth1": NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_CONTROLLER,
    }


@pytest.mark.parametrize(
    ("port", "why"),
    [
        (NetworkPortConfig(logical_label="eth7", use_dhcp=True), "not in the configuration"),
        (NetworkPortConfig(logical_label="eth1", use_dhcp=True), "does not allow"),
        (NetworkPortConfig(logical_label="eth0"), "needs an address"),
        (replace(STATIC, ip_addresses=("192.0.2.9",)), "length of its subnet"),
        (replace(STATIC, gateways=("gate",)), "no address of a gateway"),
        (replace(STATIC, wifi_config=LocalWifi(ssid="plant")), "not Wi-Fi"),
        (replace(STATIC, cellular_config=LocalCellular(apn="internet")), "not mobile"),
        (replace(STATIC, wifi_config=LocalWifi(ssid="plant", password="x")), "come enclosed"),
        (
            replace(
                STATIC,
                cellular_config=LocalCellular(attach_bearer_auth=LocalNetworkAuth(username="u")),
            ),
            "come enclosed",
        ),
    ],
)
def test_what_may_not_be_changed_is_told_and_changes_nothing(
    port: NetworkPortConfig, why: str
) -> None:
    told = told_by_controller()
    assert why in why_refused(port, told)
    assert localised(told, changed_to(port)) is told


def test_the_access_point_of_a_mobile_port_may_be_changed() -> None:
    told = told_by_controller()
    mobile = WirelessConfig(type=WirelessType.Cellular, cellular_cfg=(CellularConfig(apn="old"),))
    told = replace(told, networks=tuple(replace(n, wireless=mobile) for n in told.networks))
    point = LocalCellular(apn="new", forbid_roaming=True)
    port = NetworkPortConfig(logical_label="eth0", use_dhcp=True, cellular_config=point)
    cellular = plans(told, changed_to(port))["eth0"].cellular
    assert cellular is not None
    (found,) = cellular.access_points
    assert (found.apn, found.forbid_roaming) == ("new", True)
