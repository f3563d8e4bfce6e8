"""Which names and servers of a network instance its DHCP and DNS are told.  Pure.

One bad text must not take DHCP and DNS from every app: it is left out and named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eaves.evapi.config import NetworkInstanceConfig
from eaves.hostnames import NAME_RULE, is_address, is_domain_name, is_ipv4
from eaves.node.refs import Port

MOST_NTP = 32  # all stand in one line and one DHCP option
SHOWN = 80  # characters of a text that is refused


@dataclass(frozen=True, slots=True)
class Names:
    domain: str = ""
    entries: tuple[tuple[str, str], ...] = ()  # static (name, address)
    ntp: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()  # "address" or "address@interface"
    wrong: tuple[str, ...] = ()  # one sentence for each text that was left out


def plan_names(ni: NetworkInstanceConfig, ports: Sequence[Port]) -> Names:
    wrong: list[str] = []
    domain, entries, ntp = _domain(ni, wrong), _entries(ni, wrong), _ntp(ni, wrong)
    upstreams = _upstreams(ni, ports, wrong)
    return Names(domain, entries, ntp, upstreams, tuple(wrong))


def _domain(ni: NetworkInstanceConfig, wrong: list[str]) -> str:
    domain = ni.ip.domain.removesuffix(".") if ni.ip else ""
    if domain and not is_domain_name(domain):
        wrong.append(f"domain {_shown(domain)} ignored: {NAME_RULE}")
        return ""
    return domain


def _entries(ni: NetworkInstanceConfig, wrong: list[str]) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    for entry in ni.dns:
        name = entry.host_name.lower().removesuffix(".")
        if not is_domain_name(name):
            wrong.append(f"DNS entry {_shown(name)} ignored: {NAME_RULE}")
            continue
        for address in entry.address:
            if is_address(address):
                kept.append((name, address))
            else:
                wrong.append(
                    f"address {_shown(address)} of DNS entry {name} ignored: no IP address"
                )
    return tuple(kept)


def _ntp(ni: NetworkInstanceConfig, wrong: list[str]) -> tuple[str, ...]:
    given = [text for text in (ni.ip.ntp, *ni.ip.more_ntp) if text] if ni.ip else []
    kept: list[str] = []
    for text in given:
        if is_ipv4(text):
            kept.append(text)
        else:
            wrong.append(
                f"NTP server {_shown(text)} ignored: apps are told NTP servers by DHCP option 42,"
                " which holds IPv4 addresses only; give its address"
            )
    kept = list(dict.fromkeys(kept))
    if len(kept) > MOST_NTP:
        wrong.append(
            f"{len(kept) - MOST_NTP} NTP servers ignored: apps are told {MOST_NTP} at most"
        )
    return tuple(kept[:MOST_NTP])


def _upstreams(
    ni: NetworkInstanceConfig, ports: Sequence[Port], wrong: list[str]
) -> tuple[str, ...]:
    """Servers of the network instance, else those of its ports, each asked through its port."""
    given = [text for text in ni.ip.dns if text] if ni.ip else []
    if given:
        kept = [text for text in given if _usable(text, "", wrong)]
        return tuple(kept) if ports else ()
    found = (
        f"{server}@{port.ifname}"
        for port in ports
        for server in port.dns_servers
        if _usable(server, port.ifname, wrong)
    )
    return tuple(dict.fromkeys(found))


def _usable(server: str, ifname: str, wrong: list[str]) -> bool:
    """A link-local server of a port stands with that port as its zone."""
    plain = server.removesuffix(f"%{ifname}") if ifname else server
    if is_address(plain):
        return True
    wrong.append(f"DNS server {_shown(server)} ignored: no IP address")
    return False


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
