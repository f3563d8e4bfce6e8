"""Firewall rules of an app's interfaces: do they make sense, which outer ports do they take?"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.contract.apps import App, AppACE, AppInterface
from eaves.controller.domain.contract.netinsts import NetInstConfig, NetworkInstanceKind
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.rules import effective_rules

MATCH_TYPES = frozenset({"ip", "host", "eidset", "protocol", "lport", "fport", "adapter"})
PORT_MATCHES = ("lport", "fport")
WITH_PORTS = frozenset({"tcp", "udp"})
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class PortMap:
    """One outer port of the device that leads to an app."""

    protocol: str
    port: int
    uplink: str  # port or label of the network instance

    def clashes(self, other: "PortMap", shared: frozenset[str]) -> bool:
        """Two maps clash on one device port; a shared label may stand for any port."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.uplink == other.uplink or bool({self.uplink, other.uplink} & shared)


def matches_of(rule: AppACE) -> dict[str, str]:
    return {match.type.lower(): match.value.strip() for match in rule.matches}


def port_maps(
    interface: AppInterface, bundle: App | None, netinst: NetInstConfig
) -> Iterator[PortMap]:
    """The outer ports that well-formed rules of this interface take."""
    for rule in effective_rules(interface, bundle):
        if not any(action.portmap for action in rule.actions):
            continue
        seen = matches_of(rule)
        port = number_of(seen.get("lport", ""), MAX_PORT)
        if port is not None:
            uplink = seen.get("adapter") or netinst.port
            yield PortMap(seen.get("protocol", "").lower(), port, uplink)


def admit_rules(
    interface: AppInterface, bundle: App | None, netinst: NetInstConfig | None, at: str
) -> list[Refusal]:
    refusals: list[Refusal] = []
    origin = f" of app bundle {bundle.name!r}" if bundle is not None and not interface.acls else ""
    for index, rule in enumerate(effective_rules(interface, bundle)):
        where = f"{at}.acls[{index}]"
        label = f"rule {index} of interface {interface.intfname!r}{origin}"
        refusals += _admit_matches(rule, where, label)
        mapping = [action for action in rule.actions if action.portmap]
        if not mapping:
            continue
        if netinst is not None and netinst.kind is not NetworkInstanceKind.LOCAL:
            refusals.append(
                invalid(
                    f"{where}.actions",
                    f"{label} maps a port, but network instance {netinst.name!r} is "
                    f"{netinst.kind}; port maps need {NetworkInstanceKind.LOCAL}",
                )
            )
        if not matches_of(rule).get("lport"):
            refusals.append(
                invalid(f"{where}.matches", f"{label} maps a port but matches no lport; add one")
            )
        refusals += [
            invalid(
                f"{where}.actions",
                f"{label} maps to app port {action.mapparams.port if action.mapparams else 0}; "
                "give mapparams.port from 1 to 65535",
            )
            for action in mapping
            if action.mapparams is None or not 1 <= action.mapparams.port <= MAX_PORT
        ]
    return refusals


def _admit_matches(rule: AppACE, where: str, label: str) -> list[Refusal]:
    seen = matches_of(rule)
    refusals = [
        invalid(
            f"{where}.matches",
            f"{label}: match type {kind!r} is none of {', '.join(sorted(MATCH_TYPES))}",
        )
        for kind in seen
        if kind not in MATCH_TYPES
    ]
    for kind in PORT_MATCHES:
        if kind not in seen:
            continue
        value = seen[kind]
        if not number_of(value, MAX_PORT):
            refusals.append(
                invalid(f"{where}.matches", f"{label}: {kind} {value!r} is not 1 to 65535")
            )
        if seen.get("protocol", "").lower() not in WITH_PORTS:
            refusals.append(
                invalid(
                    f"{where}.matches",
                    f"{label}: {kind} needs a protocol match of tcp or udp beside it",
                )
            )
    if seen.get("ip"):
        try:
            ipaddress.ip_network(seen["ip"], strict=False)
        except ValueError:
            refusals.append(
                invalid(
                    f"{where}.matches",
                    f"{label}: {seen['ip']!r} is no IP address or subnet",
                )
            )
    return refusals
