"""Addresses of IPv6 that somebody else in the network has: told, and asked for again.  Pure.

The kernel asks once whose an address is, as the interface gets it.  One that was somebody else's
stays unused until the interface goes down, also when the other one has left.  So it is taken away
and set again, each time after a longer pause.  It is told as taken until the kernel has found it
free: what is told does not change with each try.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 600.0

Key = tuple[str, str]
"""Interface, and the address as CIDR text."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """How often the address was asked for again, and when it is next."""

    tries: int
    due: float


def asked_again(
    before: Mapping[Key, Conflict],
    wanted: Iterable[Key],
    taken: AbstractSet[Key],
    held: AbstractSet[Key],
    now: float,
) -> tuple[tuple[Key, ...], dict[Key, Conflict]]:
    """What is due now, and all that is remembered.

    `taken`: what the kernel found to be somebody else's; `held`: what is there and may be used.
    """
    due: list[Key] = []
    after: dict[Key, Conflict] = {}
    for key in wanted:
        known = before.get(key)
        if key in held or (known is None and key not in taken):
            continue
        if known is None:
            known = Conflict(0, now + FIRST_PAUSE_S)
        elif key in taken and now >= known.due:
            due.append(key)
            known = Conflict(known.tries + 1, now + _pause(known.tries + 1))
        after[key] = known
    return tuple(due), after


def _pause(tries: int) -> float:
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(tries, 9))


def conflict_text(
    ifname: str,
    wanted: AbstractSet[str],
    taken: AbstractSet[str],
    held: AbstractSet[str],
    known: AbstractSet[Key],
) -> str:
    """Who else has an address; `wanted`: what the interface is to have, if it is ours."""
    others = taken | {a for a in wanted - held if (ifname, a) in known}
    if not others:
        return ""
    named = ", ".join(sorted(a.partition("/")[0] for a in others))
    again = "; the node asks for it again" if others & wanted else ""
    return f"somebody else in its network has {named}{again}"


def asking_lines(due: Iterable[Key]) -> tuple[str, ...]:
    """`ip` commands that have the kernel ask again."""
    return tuple(
        line
        for ifname, address in due
        for line in (
            f"address delete {address} dev {ifname}",
            f"address replace {address} dev {ifname}",
        )
    )
