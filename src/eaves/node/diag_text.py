"""`eaves node diag` for a person.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eaves.evapi.flows.steps import NoConnection, Reply
from eaves.node.refs import Way
from eaves.node.settings import HostNetwork
from eaves.node.uplinks.judge import Verdict, judge_ping
from eaves.node.uplinks.status import Shown, ShownEntry, ShownPort

WORDS = {
    Verdict.WORKS: "works",
    Verdict.REMOTE: "the network works, the controller does not",
    Verdict.FAILS: "FAILS",
}


@dataclass(frozen=True, slots=True)
class Probe:
    way: Way
    reply: Reply
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody on the Internet, while the controller does not answer."""

    url: str
    answered: bool
    said: str


def diag_text(seen: Shown | None, probes: Iterable[Probe], asked: Iterable[Asked] = ()) -> str:
    lines = list(_seen(seen)) if seen else ["no node has written the state of its ports yet"]
    for probe in probes:
        lines.append(_probe(probe))
    for one in asked:
        verdict = "answers, so the way out works" if one.answered else "does not answer either"
        lines.append(f"probe       {one.url}: {verdict} ({one.said})")
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)


def _seen(seen: Shown) -> Iterable[str]:
    word = "the node's" if seen.host_network == HostNetwork.OWNED else "handed over"
    whose = f", {word}: {', '.join(seen.managed)}" if seen.managed else ""
    yield f"controller  {seen.server}"
    phase = f"{seen.phase or 'idle'} (as of {_time(seen.at)})"
    yield f"network     {seen.host_network}{whose}; {phase}"
    if not seen.entries:
        yield "entries     none: no controller has described this machine's ports yet"
    for number, entry in enumerate(seen.entries):
        yield from _entry(number, entry)
    for port in seen.ports:
        yield from _port(port, failing=port.label in seen.failing)


def _entry(number: int, entry: ShownEntry) -> Iterable[str]:
    force = "in force" if entry.in_force else "        "
    yield f"entry {number}     {force} {entry.key} of {_time(entry.at)}: {entry.standing}"
    if entry.last_succeeded or entry.last_failed:
        good, bad = _time(entry.last_succeeded), _time(entry.last_failed)
        yield f"            worked last {good}, failed last {bad}"
    if entry.last_error:
        yield f"            error: {entry.last_error}"
    if entry.last_warning:
        yield f"            warning: {entry.last_warning}"


def _port(port: ShownPort, *, failing: bool) -> Iterable[str]:
    kind = f"uplink, cost {port.cost}" if port.management else "for apps"
    state = "up" if port.up else "DOWN"
    failed = ", passed over since it failed" if failing else ""
    yield f"port        {port.label} ({port.ifname or 'no interface'}) {state}, {kind}{failed}"
    yield f"            addresses {_list(port.addresses)}, routers {_list(port.gateways)}"
    yield f"            DNS servers {_list(port.dns)}, proxy {port.proxy or 'none'}"
    if port.access:
        yield f"            802.1X {port.access}"
    if port.error:
        yield f"            error: {port.error}"
    if port.warning:
        yield f"            warning: {port.warning}"


def _probe(probe: Probe) -> str:
    way, reply = probe.way, probe.reply
    name = f"{way.label} from {way.source}" if way.label else "as this machine chooses"
    proxied = f" by proxy {way.proxy}" if way.proxy else ""
    if isinstance(reply, NoConnection):
        said = reply.reason
    else:
        said = f"HTTP {reply.status} in {probe.seconds:.2f} s"
    verdict = WORDS[judge_ping(reply, proxied=bool(way.proxy))]
    return f"probe       {name}{proxied}: {verdict} ({said})"


def _list(values: Iterable[str]) -> str:
    return ", ".join(values) or "none"


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else "never"
