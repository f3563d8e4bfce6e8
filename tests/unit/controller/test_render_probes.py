"""How a device is told to prove that a port leads somewhere."""

from dataclasses import replace

import pytest
from unit.controller.worlds import APPS_NET, FACTS, UPLINK, WORLD

from eaves.controller.domain.contract.netinsts import StaticIPRoute
from eaves.controller.domain.contract.networks import NetWirelessConfig
from eaves.controller.domain.render import render_device
from eaves.controller.domain.render.probes import cellular_probe, route_probe
from eaves.evapi.config import CellularConnectivityProbe, IPRoute, PortProbe
from eaves.evapi.evecommon import ConnectivityProbe, ConnectivityProbeMethod, ProbeEndpoint

ICMP = ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_ICMP
TCP = ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP
CUSTOM = {
    "probeMethod": "CONNECTIVITY_PROBE_METHOD_TCP",
    "probeEndpoint": {"host": "192.0.2.1", "port": 443},
}
TOLD = ConnectivityProbe(probe_method=TCP, probe_endpoint=ProbeEndpoint(host="192.0.2.1", port=443))


def route(**members: object) -> IPRoute:
    made = StaticIPRoute.from_json({"prefix": "0.0.0.0/0", "outputPort": "uplink", **members})
    netinst = APPS_NET.model_copy(update={"port": "eth0", "static_routes": (made,)})
    config = render_device(replace(WORLD, netinsts=(netinst,)), FACTS).config
    (sent,) = config.network_instances[0].static_routes
    return sent


def test_a_route_is_told_with_its_probe_and_what_it_prefers() -> None:
    sent = route(
        probeConfig={
            "enableGatewayPing": True,
            "pingMaxCost": 10,
            "preferLowerCost": True,
            "preferStrongerWwanSignal": True,
            "customProbeConfig": CUSTOM,
        }
    )
    assert (sent.destination_network, sent.port) == ("0.0.0.0/0", "uplink")
    assert (sent.prefer_lower_cost, sent.prefer_stronger_wwan_signal) == (True, True)
    assert sent.probe == PortProbe(enable_gw_ping=True, gw_ping_max_cost=10, custom_probe=TOLD)


@pytest.mark.parametrize("told", [{}, {"probeConfig": None}, {"probeConfig": {}}], ids=str)
def test_a_route_without_a_probe_is_told_without_one(told: dict[str, object]) -> None:
    sent = route(**told)
    assert sent.probe is None
    assert not sent.prefer_lower_cost


def test_a_mobile_network_is_told_with_its_probe() -> None:
    cellular = {"APN": "internet", "probe": {"disable": True, "customProbe": CUSTOM}}
    wireless = NetWirelessConfig.from_json(
        {"type": "NETWORK_WIRELESS_TYPE_CELLULAR", "cellularCfg": cellular}
    )
    network = UPLINK.model_copy(update={"wireless": wireless})
    config = render_device(replace(WORLD, networks={network.id: network}), FACTS).config
    (sent,) = config.networks
    assert sent.wireless is not None
    assert [one.probe for one in sent.wireless.cellular_cfg] == [
        CellularConnectivityProbe(disable=True, custom_probe=TOLD)
    ]


@pytest.mark.parametrize(
    ("told", "probe"),
    [
        (None, None),
        ({"disable": "yes", "probeAddress": 7, "customProbe": []}, None),
        ({"probeAddress": "192.0.2.9"}, CellularConnectivityProbe(probe_address="192.0.2.9")),
        (
            {"customProbe": {"probeMethod": 1, "probeEndpoint": {"host": "a.lan", "port": "80"}}},
            CellularConnectivityProbe(
                custom_probe=ConnectivityProbe(
                    probe_method=ICMP, probe_endpoint=ProbeEndpoint(host="a.lan", port=80)
                )
            ),
        ),
        (
            {"customProbe": {"probeMethod": "CONNECTIVITY_PROBE_METHOD_ICMP"}},
            CellularConnectivityProbe(custom_probe=ConnectivityProbe(probe_method=ICMP)),
        ),
    ],
    ids=["none", "other kinds", "address", "numbers", "method alone"],
)
def test_what_clients_send_is_read_as_far_as_it_fits(
    told: dict[str, object] | None, probe: CellularConnectivityProbe | None
) -> None:
    assert cellular_probe(told) == probe


@pytest.mark.parametrize(
    "cost", [-1, 256, 1.5, "x", "999999999999", True, None, [], float("inf"), float("nan")], ids=str
)
def test_a_cost_that_is_none_is_left_out(cost: object) -> None:
    custom: dict[str, object] = {"probeMethod": [], "probeEndpoint": "x"}
    told: dict[str, object] = {"pingMaxCost": cost, "customProbeConfig": custom}
    assert route_probe(told) is None
    assert route_probe({"pingMaxCost": "7"}) == PortProbe(gw_ping_max_cost=7)
