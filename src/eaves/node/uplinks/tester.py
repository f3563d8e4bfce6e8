"""The connectivity test: can the controller be reached over the entry in force?

Over ports in order of cost, until one works; the others only get a look at what can be seen from
here.  Source: node reference, section 5.7.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from eaves.evapi.flows.steps import NoConnection, Received, Reply
from eaves.node.refs import Way
from eaves.node.uplinks.judge import Verdict, judge_ping
from eaves.node.uplinks.model import Marks, PortResult
from eaves.node.uplinks.order import in_turn
from eaves.node.uplinks.seen import SeenPort
from eaves.node.uplinks.verify import Fails, Outcome, RemoteTrouble, Works
from eaves.node.uplinks.ways import WayKeeper

Ping = Callable[[Way, float], Awaitable[Reply]]
"""GET of the controller's `ping` over one way, within so many seconds."""

Results = tuple[tuple[str, PortResult], ...]


@dataclass(frozen=True, slots=True)
class _Tried:
    verdict: Verdict
    why: str = ""


async def examine(
    keeper: WayKeeper,
    url: str,
    ping: Ping,
    before: Marks,
    now: Callable[[], datetime],
    timeout_s: float,
    turn: int,
) -> Outcome:
    """`before`: the last results of these ports, whose times go on where nothing new is known."""
    ports = keeper.seen.ports
    tried: dict[str, _Tried] = {}
    for port in in_turn(ports, frozenset(), turn):
        tried[port.plan.label] = await _try(keeper, port, url, ping, timeout_s)
        keeper.judged(port.plan.label, tried[port.plan.label].verdict)
        if tried[port.plan.label].verdict is Verdict.WORKS:
            break
    results = tuple(
        (p.plan.label, _result(p, tried.get(p.plan.label), before.port(p.plan.label), now()))
        for p in ports
    )
    verdicts = [t.verdict for t in tried.values()]
    if Verdict.WORKS in verdicts:
        return Works(results)
    if Verdict.REMOTE in verdicts:
        why = next(t.why for t in tried.values() if t.verdict is Verdict.REMOTE)
        return RemoteTrouble(why, results)
    by_host = await _by_host(keeper, ping, timeout_s)
    if by_host is not None:
        return _over_host(by_host, results, _reasons(results))
    had = any(p.sources and not p.dns_error() for p in ports if p.plan.reaches_controller)
    return Fails(_reasons(results) or keeper.why_none(), results, had)


async def _try(keeper: WayKeeper, port: SeenPort, url: str, ping: Ping, timeout_s: float) -> _Tried:
    """Over each address of the port; the best of them counts."""
    ways = await keeper.over((port,), url)
    if not ways:
        why = keeper.proxy_errors.get(port.plan.label) or port.dns_error()
        return _Tried(Verdict.FAILS, why or f"port {port.plan.label} has no address to send from")
    said: list[_Tried] = []
    for way in ways:
        reply = await ping(way, timeout_s)
        said.append(_Tried(judge_ping(reply, proxied=bool(way.proxy)), _why(way, reply)))
        if said[-1].verdict is not Verdict.FAILS:
            break
    return said[-1]


def _why(way: Way, reply: Reply) -> str:
    name = f"port {way.label} ({way.interface}, from {way.source})"
    match reply:
        case NoConnection(reason=reason):
            return f"{name}: {reason}"
        case Received(status=status):
            return f"{name}: the controller's ping answers with HTTP {status}"


async def _by_host(keeper: WayKeeper, ping: Ping, timeout_s: float) -> _Tried | None:
    """Over the routes of a machine that keeps its network; None: that does not work either.

    What was handed over has to prove itself.
    """
    if not keeper.host_counts:
        return None
    reply = await ping(Way(), timeout_s)
    verdict = judge_ping(reply)
    return None if verdict is Verdict.FAILS else _Tried(verdict, _why(Way("host"), reply))


def _over_host(tried: _Tried, results: Results, reasons: str) -> Outcome:
    if tried.verdict is Verdict.REMOTE:
        return RemoteTrouble(tried.why, results)
    told = "the controller is reached over this machine's own routes, by none of the ports"
    return Works(results, f"{told}: {reasons}" if reasons and results else "")


def _reasons(results: Results) -> str:
    return "; ".join(dict.fromkeys(r.error for _, r in results if r.error))


def _result(port: SeenPort, tried: _Tried | None, before: PortResult, now: datetime) -> PortResult:
    """A port of apps only needs no DNS server; one whose configuration is wrong keeps its error."""
    local = port.local_error()
    dns = port.dns_error()
    warning = "" if port.plan.management else dns
    if tried is not None and tried.verdict is not Verdict.FAILS:
        return PortResult(
            "", tried.why if tried.verdict is Verdict.REMOTE else "", now, before.failed
        )
    error = local or (tried.why if tried is not None else dns if port.plan.management else "")
    if error:
        return PortResult(error, warning, before.succeeded, now)
    if tried is None:
        return replace(before, error="", warning=warning, succeeded=now)
    return PortResult("", warning, now, before.failed)
