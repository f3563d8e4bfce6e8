"""How a port proves that it leads somewhere: probes of routes and of mobile networks.

The contract has them as they came; a member of another kind than its schema says counts as absent.
"""

from collections.abc import Mapping
from typing import Final, cast

from eaves.evapi import config as eve
from eaves.evapi.evecommon import ConnectivityProbe, ConnectivityProbeMethod, ProbeEndpoint

Json = Mapping[str, object]

METHODS: Final = {one.name: one for one in ConnectivityProbeMethod}
BY_NUMBER: Final = {int(one): one for one in ConnectivityProbeMethod}
HIGHEST_COST: Final = 255
HIGHEST_PORT: Final = 65535
UNSAID: Final = ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_UNSPECIFIED


def route_probe(told: Json | None) -> eve.PortProbe | None:
    """When a port takes the traffic of a route; None: as long as its link is up."""
    found = told or {}
    probe = eve.PortProbe(
        enable_gw_ping=_flag(found, "enableGatewayPing"),
        gw_ping_max_cost=_number(found, "pingMaxCost", HIGHEST_COST),
        custom_probe=_custom(_object(found, "customProbeConfig")),
    )
    return None if probe == eve.PortProbe() else probe


def prefers_lower_cost(told: Json | None) -> bool:
    return _flag(told or {}, "preferLowerCost")


def prefers_stronger_signal(told: Json | None) -> bool:
    return _flag(told or {}, "preferStrongerWwanSignal")


def cellular_probe(told: Json | None) -> eve.CellularConnectivityProbe | None:
    found = told or {}
    probe = eve.CellularConnectivityProbe(
        disable=_flag(found, "disable"),
        probe_address=_text(found, "probeAddress"),
        custom_probe=_custom(_object(found, "customProbe")),
    )
    return None if probe == eve.CellularConnectivityProbe() else probe


def _custom(told: Json) -> ConnectivityProbe | None:
    method = _method(told.get("probeMethod"))
    where = _object(told, "probeEndpoint")
    host, port = _text(where, "host"), _number(where, "port", HIGHEST_PORT)
    if method == UNSAID and not host:
        return None
    endpoint = ProbeEndpoint(host=host, port=port) if host or port else None
    return ConnectivityProbe(probe_method=method, probe_endpoint=endpoint)


def _method(told: object) -> ConnectivityProbeMethod:
    if isinstance(told, str):
        return METHODS.get(told, UNSAID)
    return BY_NUMBER.get(told, UNSAID) if isinstance(told, int) else UNSAID


def _flag(told: Json, name: str) -> bool:
    return told.get(name) is True


def _text(told: Json, name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _number(told: Json, name: str, highest: int) -> int:
    """A whole number, or its digits, as some clients write it."""
    found = told.get(name)
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 10:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0
    return int(found) if 0 <= found <= highest and found == int(found) else 0


def _object(told: Json, name: str) -> Json:
    found = told.get(name)
    return cast("Json", found) if isinstance(found, Mapping) else {}
