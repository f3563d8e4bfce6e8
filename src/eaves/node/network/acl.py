"""An app's access list as configured -> resolved entries, and what is wrong with it.  Pure.

The first entry that matches decides; what matches none is dropped.  A wrong entry is left out and
named; leaving out an entry never opens more than the list without it.
"""

import ipaddress
import re
from collections.abc import Sequence

from eaves.evapi.config import ACE
from eaves.hostnames import NAME_RULE, is_domain_name
from eaves.node.network.addresses import ipv4_addresses
from eaves.node.network.items import Ace, Action
from eaves.node.refs import Port

PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "all": "", "": ""}
NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp"}
NAMED_NUMBERS = {"igmp": "2", "gre": "47", "esp": "50", "ah": "51", "icmpv6": "58", "sctp": "132"}
UNITS = {"s": "second", "second": "second", "m": "minute", "minute": "minute"} | {
    "h": "hour",
    "hour": "hour",
    "d": "day",
    "day": "day",
}


class BadAce(ValueError):
    """The text says what is wrong with the entry."""


def resolve(
    aces: Sequence[ACE], ports: Sequence[Port], *, switch: bool = False
) -> tuple[tuple[Ace, ...], list[str]]:
    """Entries in order, and one sentence for each that was left out.

    A wrong entry that restricts ends the list: what stands behind it may be what it was to keep
    out, and the end of a list drops.  `ports` are those of the vif's network instance; empty when
    it is air-gapped.  On a `switch` names and other apps are not known, and nothing is translated.
    """
    resolved: list[Ace] = []
    wrong: list[str] = []
    seen: dict[tuple[str, int], int] = {}
    numbers: set[int] = set()
    for ace in aces:
        try:
            _check_number(ace.id, numbers)
            entry = _resolve_one(ace, ports, switch=switch)
        except BadAce as error:
            name = f"ACE {ace.id}{f' ({ace.name})' if ace.name else ''}"
            if any(action.drop or action.limit for action in ace.actions):
                wrong.append(f"{name} is wrong, so it and all behind it drop: {error}")
                break
            wrong.append(f"{name} ignored: {error}")
            continue
        if entry.action is Action.PORTMAP:
            key = (entry.protocol, entry.lport)
            if key in seen:
                wrong.append(
                    f"ACE {ace.id} ignored: outside port {entry.protocol}/{entry.lport} is mapped"
                    f" by ACE {seen[key]} already"
                )
                continue
            seen[key] = ace.id
        resolved.append(entry)
    return tuple(resolved), wrong


def _check_number(number: int, taken: set[int]) -> None:
    """Counters and records of flows tell entries apart by the id; 0 is the end of a list."""
    if number < 1:
        raise BadAce("its id is 0, which stands for the end of the list")
    if number in taken:
        raise BadAce("an entry before it has the same id")
    taken.add(number)


def _resolve_one(ace: ACE, ports: Sequence[Port], *, switch: bool) -> Ace:
    matches: dict[str, str] = {}
    for match in ace.matches:
        kind = match.type.lower()
        if kind in matches:
            raise BadAce(f"match {kind!r} is given twice")
        matches[kind] = match.value.strip()
    unknown = matches.keys() - {"ip", "host", "eidset", "protocol", "lport", "fport", "adapter"}
    if unknown:
        raise BadAce(f"unknown match {', '.join(sorted(unknown))}")
    action = _action(ace)
    prefix, host = _remote(matches)
    protocol = _protocol(matches.get("protocol", ""))
    lport, fport = _port(matches, "lport"), _port(matches, "fport")
    if (lport or fport) and protocol not in {"tcp", "udp"}:
        raise BadAce("a port needs protocol tcp or udp")
    eidset = "eidset" in matches
    if eidset and (host or prefix):
        raise BadAce("eidset excludes ip and host")
    if switch and (host or eidset or action is Action.PORTMAP):
        raise BadAce("host, eidset and port maps are for local network instances only")
    if "adapter" in matches and action is not Action.PORTMAP:
        raise BadAce("adapter is for port maps only")
    base = Ace(ace.id, action, prefix, host, eidset, protocol, lport, fport)
    match action:
        case Action.PORTMAP:
            return _port_map(base, ace.actions[0].app_port, matches.get("adapter", ""), ports)
        case Action.LIMIT:
            return _limit(base, ace)
        case Action.ALLOW | Action.DROP:
            return base


def _action(ace: ACE) -> Action:
    if len(ace.actions) > 1:
        raise BadAce("more than one action")
    if not ace.actions:
        return Action.ALLOW
    one = ace.actions[0]
    wanted = [
        action
        for action, on in (
            (Action.DROP, one.drop),
            (Action.LIMIT, one.limit),
            (Action.PORTMAP, one.portmap),
        )
        if on
    ]
    if len(wanted) > 1:
        raise BadAce(f"{' and '.join(wanted)} together")
    return wanted[0] if wanted else Action.ALLOW


def _remote(matches: dict[str, str]) -> tuple[str, str]:
    """(prefix, domain); a host that is an address counts as ip."""
    prefix, host = "", matches.get("host", "").lower().rstrip(".")
    if host and _is_prefix(host):
        prefix, host = host, ""
    if "ip" in matches:
        if prefix or host:
            raise BadAce("ip and host together")
        prefix = matches["ip"]
        if not _is_prefix(prefix):
            raise BadAce(f"{prefix[:80]!r} is no address or prefix")
    if (host or matches.get("host")) and not (prefix or is_domain_name(host)):
        raise BadAce(f"{host[:80]!r} is no domain name: {NAME_RULE}")
    if prefix:
        prefix = str(ipaddress.ip_network(prefix, strict=False))
    return prefix, host


def _is_prefix(text: str) -> bool:
    if "%" in text:  # a zone, which may hold any text
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _protocol(text: str) -> str:
    word = text.lower()
    if word in PROTOCOLS:
        return PROTOCOLS[word]
    if word in NAMED_NUMBERS:
        return NAMED_NUMBERS[word]
    number = _number(word, 255)
    if number is not None:
        return NUMBERS.get(str(number), str(number))
    raise BadAce(f"unknown protocol {text[:80]!r}")


def _number(text: str, most: int) -> int | None:
    """Digits without a sign, few enough for `int`; None for what is no number or above `most`."""
    if not re.fullmatch(r"[0-9]{1,20}", text):
        return None
    number = int(text)
    return number if number <= most else None


def _port(matches: dict[str, str], which: str) -> int:
    text = matches.get(which, "")
    if not text:
        return 0
    port = _number(text, 65535)
    if not port:
        raise BadAce(f"{which} {text[:80]!r} is no port (1 to 65535)")
    return port


def _port_map(base: Ace, app_port: int, adapter: str, ports: Sequence[Port]) -> Ace:
    if base.protocol not in {"tcp", "udp"} or not base.lport or not 1 <= app_port <= 65535:
        raise BadAce("a port map needs protocol tcp or udp, lport and appPort")
    if not ports:
        raise BadAce("a port map needs a port, and the network instance is air-gapped")
    chosen = [p for p in ports if not adapter or adapter == p.logical_label or adapter in p.labels]
    if not chosen:
        raise BadAce(f"adapter {adapter!r} matches no port of the network instance")
    return Ace(
        base.number,
        Action.PORTMAP,
        base.prefix,
        base.host,
        base.eidset,
        base.protocol,
        base.lport,
        base.fport,
        app_port=app_port,
        ports=tuple(p.ifname for p in chosen),
        addresses=tuple(a for p in chosen for a in ipv4_addresses(p.addresses)),
    )


def _limit(base: Ace, ace: ACE) -> Ace:
    action = ace.actions[0]
    unit = UNITS.get(action.limitunit.lower() or "second")
    if unit is None or not action.limitrate:
        raise BadAce(f"limit {action.limitrate}/{action.limitunit} is no rate")
    return Ace(
        base.number,
        Action.LIMIT,
        base.prefix,
        base.host,
        base.eidset,
        base.protocol,
        base.lport,
        base.fport,
        rate=action.limitrate,
        unit=unit,
        burst=action.limitburst,
    )
