"""Which port carries a route: what probes say, and the choice between ports.  Pure.

A port is believed down after more than 4 failures in a row, up after more than 3 successes in a
row.  When a gateway has answered alike for 40 rounds, one other answer is believed at once: it was
no flapping.  A choice stays while nothing is better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from eaves.ids import NetworkInstanceId
from eaves.node.network.routing import Wanted, best_guess
from eaves.node.refs import Port

FAILURES, SUCCESSES = 4, 3  # more than these in a row
STABLE_ROUNDS = 40
ROUND_S = 15.0
USER_EVERY = 10  # rounds
GATEWAY_LIMIT_S, USER_LIMIT_S = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What one kind of probe says of one route by one port."""

    up: bool | None = None  # None: not known yet
    in_a_row: int = 0  # like answers that contradict `up`, or confirm it
    last: bool | None = None
    stable: int = 0  # rounds since `up` last changed, all of one kind


def after(standing: Standing, *, answered: bool, hasty: bool = False) -> Standing:
    """`hasty`: a long stable time makes one answer enough (gateways)."""
    in_a_row = standing.in_a_row + 1 if answered is standing.last else 1
    if standing.up is answered:
        return Standing(answered, in_a_row, answered, standing.stable + 1)
    limit = SUCCESSES if answered else FAILURES
    sure = hasty and standing.stable >= STABLE_ROUNDS
    if sure or in_a_row > limit or (standing.up is None and answered):
        return Standing(answered, in_a_row, answered, 0)
    return replace(standing, in_a_row=in_a_row, last=answered, stable=0)


@dataclass(frozen=True, slots=True)
class Key:
    """What one pair of probes is about."""

    network_instance: NetworkInstanceId
    destination: str
    ifname: str


@dataclass(frozen=True, slots=True)
class Probes:
    gateway: Standing = Standing()
    user: Standing = Standing()


def pings(wanted: Wanted, port: Port) -> bool:
    return wanted.ping_gateway and port.cost <= wanted.ping_most_cost


def choose(
    wanted: Wanted,
    probes: Callable[[Port], Probes],
    current: str,
    signal: Mapping[str, int] | None = None,
) -> str:
    """Interface name; empty when no port could carry the route.

    `signal` is dBm by interface name of cellular ports.
    """
    able = [p for p in wanted.ports if p.up and wanted.gateway_of(p)]
    if not able:
        return best_guess(wanted)
    strength = signal or {}

    def rank(port: Port) -> tuple[int, int, int, int, str]:
        return (
            -_score(wanted, port, probes(port)),
            port.cost if wanted.prefer_cost else 0,
            -strength.get(port.ifname, 0) if wanted.prefer_signal else 0,
            0 if port.ifname == current else 1,
            port.ifname,
        )

    return min(able, key=rank).ifname


def _score(wanted: Wanted, port: Port, probes: Probes) -> int:
    """How many of the probes say that it works; what is not probed is not held against it."""
    gateway = probes.gateway.up is not False if pings(wanted, port) else True
    user = probes.user.up is not False if wanted.probe else True
    return int(gateway) + int(user)
