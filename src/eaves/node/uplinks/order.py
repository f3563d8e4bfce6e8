"""In which order a request tries the ports.  Pure.

Cheapest first; of equal ones the first changes from request to request, so that load spreads.  A
port whose last test failed is left out as long as another has not failed.  Source: node reference,
section 4; EVE API v2, section 2.3.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby

from eaves.node.refs import Way
from eaves.node.uplinks.seen import SeenPort, is_address


def in_turn(
    ports: Iterable[SeenPort], failing: AbstractSet[str], turn: int
) -> tuple[SeenPort, ...]:
    """Management ports that could reach the controller, as far as can be seen from here."""
    able = [p for p in ports if p.plan.reaches_controller and not p.local_error()]
    well = [p for p in able if p.plan.label not in failing]
    chosen = sorted(well or able, key=lambda p: p.plan.cost)
    found: list[SeenPort] = []
    for _, group in groupby(chosen, key=lambda p: p.plan.cost):
        same = list(group)
        at = turn % len(same)
        found += same[at:] + same[:at]
    return tuple(found)


def ways_of(port: SeenPort, proxy: str) -> tuple[Way, ...]:
    """One for each address of the port; none where no name can be looked up."""
    if port.link is None or (port.dns_error() and not _needs_no_names(proxy)):
        return ()
    return tuple(
        Way(
            port.plan.label,
            port.link.ifname,
            source,
            proxy,
            port.plan.proxy.roots,
            port.servers,
            port.plan.cost,
            port.plan.ip.names if port.plan.ip else (),
        )
        for source in port.sources
    )


def _needs_no_names(proxy: str) -> bool:
    host = proxy.partition("://")[2].rpartition("@")[2]
    host = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return is_address(host)


def for_downloads(ports: Sequence[SeenPort], most_cost: int) -> tuple[SeenPort, ...]:
    """Only ports that are cheap enough, whether or not a dearer one would work."""
    return tuple(p for p in ports if p.plan.cost <= most_cost)


def why_no_download(
    all_ports: Sequence[SeenPort], failing: AbstractSet[str], most_cost: int
) -> str:
    """The sentence for a download that waits."""
    management = [p for p in all_ports if p.plan.reaches_controller]
    cheap = [p for p in management if p.plan.cost <= most_cost]
    if not cheap:
        costs = ", ".join(f"{p.plan.label} costs {p.plan.cost}" for p in management)
        return (
            f"downloads may use ports of cost {most_cost} at most ({costs or 'there is none'});"
            " set network.download.max.cost, or the cost of a port"
        )
    reasons = [p.local_error() or p.dns_error() for p in cheap]
    reasons += [
        f"port {p.plan.label} failed its last test" for p in cheap if p.plan.label in failing
    ]
    return f"no port of cost {most_cost} or less is up; the download waits for one: " + "; ".join(
        r for r in reasons if r
    )
