"""The proxy of a port for a URL: fetched scripts and their answers are kept until it changes."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from eaves.errors import EavesError, Transient
from eaves.node.host.resolve import NameUnknown, PortResolver, is_literal, port_resolver
from eaves.node.host.scripts import run_script
from eaves.node.host.sockets import bound
from eaves.node.uplinks.model import ProxyPlan
from eaves.node.uplinks.proxies import (
    ProxyUnusable,
    answer_of,
    bypasses,
    explicit,
    from_script,
    program,
    wpad_urls,
)
from eaves.node.uplinks.seen import SeenPort

FETCH_S = 15.0
KEEP_ANSWER_S = 60.0
KEEP_FAILURE_S = 30.0
MOST_SCRIPT = 1024 * 1024
MOST_KEPT = 64


class ScriptNotFound(Transient):
    pass


@dataclass(frozen=True, slots=True)
class _Where:
    """All that a script depends on: another cable may lead to another one."""

    label: str
    plan: ProxyPlan
    domain: str
    wpad_url: str
    sources: tuple[str, ...]


@dataclass(slots=True)
class AutoProxy:
    clock: Callable[[], float]
    _scripts: dict[_Where, tuple[float, str | EavesError]] = field(
        default_factory=dict["_Where", "tuple[float, str | EavesError]"]
    )
    _answers: dict[tuple[_Where, str], tuple[float, str]] = field(
        default_factory=dict["tuple[_Where, str]", "tuple[float, str]"]
    )

    async def choose(self, port: SeenPort, url: str) -> str:
        """URL of the proxy, empty for none.  Raises EavesError when the port cannot be used."""
        plan = port.plan.proxy
        if plan.servers:
            return explicit(plan, url)
        if not (plan.pac or plan.automatic):
            return ""
        host = urlsplit(url).hostname or ""
        if bypasses(host, plan.exceptions):
            return ""
        where = _Where(port.plan.label, plan, port.domain, port.wpad_url, port.sources)
        until, kept = self._answers.get((where, host), (0.0, ""))
        if until > self.clock():
            return kept
        script = plan.pac or await self._script(port, where)
        found = from_script(answer_of(await self._ask(script, url, host, port)))
        if len(self._answers) >= MOST_KEPT:
            self._answers.clear()
        self._answers[where, host] = (self.clock() + KEEP_ANSWER_S, found)
        return found

    async def _ask(self, script: str, url: str, host: str, port: SeenPort) -> str:
        source = next(iter(port.sources), "")
        return await run_script(program(script, url, source, await self._names(host, port)))

    async def _names(self, host: str, port: SeenPort) -> dict[str, str]:
        """What the script may look up: the host itself, if its name leads anywhere."""
        if is_literal(host):
            return {}
        resolver = _resolver(port)
        try:
            if resolver is not None:
                found = await resolver.names(host)
            else:
                told = await asyncio.get_running_loop().getaddrinfo(host, None)
                found = tuple(str(info[4][0]) for info in told)
        except OSError:
            return {}
        return {host: next((a for a in found if ":" not in a), "")} if found else {}

    async def _script(self, port: SeenPort, where: _Where) -> str:
        until, kept = self._scripts.get(where, (0.0, ""))
        if until > self.clock():
            if isinstance(kept, EavesError):
                raise kept
            return kept
        if len(self._scripts) >= MOST_KEPT:
            self._scripts.clear()
        try:
            text = await self._find(port)
        except EavesError as error:
            self._scripts[where] = (self.clock() + KEEP_FAILURE_S, error)
            raise
        self._scripts[where] = (float("inf"), text)
        return text

    async def _find(self, port: SeenPort) -> str:
        """At the URL that the network or its DHCP server names, else by the domain."""
        named = port.plan.proxy.pac_url or port.wpad_url
        urls = (named,) if named else wpad_urls(port.domain)
        if not urls:
            raise ProxyUnusable(
                f"port {port.plan.label} is to find its proxy by its domain and knows none; write"
                " a domain or the address of the PAC file into its network"
            )
        said: list[str] = []
        for url in urls:
            try:
                return await fetch(url, port)
            except (OSError, TimeoutError, aiohttp.ClientError, NameUnknown) as error:
                said.append(f"{url}: {str(error) or type(error).__name__}")
        raise ScriptNotFound(
            f"port {port.plan.label}: no PAC file was found ({'; '.join(said)[:400]}); put one"
            " there, or choose another proxy in its network"
        )


def _resolver(port: SeenPort) -> PortResolver | None:
    ifname = port.link.ifname if port.link else ""
    names = port.plan.ip.names if port.plan.ip else ()
    return port_resolver(port.dns, ifname, next(iter(port.sources), ""), names)


async def fetch(url: str, port: SeenPort) -> str:
    """A script over the port, without a proxy."""
    ifname = port.link.ifname if port.link else ""
    source = next(iter(port.sources), "")

    def make(info: tuple[object, ...]) -> socket.socket:
        return bound(info, ifname, source)

    connector = aiohttp.TCPConnector(
        force_close=True,
        resolver=_resolver(port),  # type: ignore[arg-type]  # the host layer knows no HTTP
        socket_factory=make,
    )
    async with (
        asyncio.timeout(FETCH_S),
        aiohttp.ClientSession(connector=connector) as session,
        session.get(url) as response,
    ):
        response.raise_for_status()
        body = await response.content.read(MOST_SCRIPT)
        while more := await response.content.read(MOST_SCRIPT - len(body)):
            body += more
    return body.decode(errors="replace")
