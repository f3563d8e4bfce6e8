"""HTTPS to the controller: over which ways, one connection for each request, and why it failed.

A request walks the ways in the order that it is given, until one brings an answer that ends it.
The link of a way may go while its request waits; the request then goes on over the next way.
"""

import asyncio
import socket
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from eaves.evapi.flows.steps import SUCCESS, Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint
from eaves.node.host.resolve import NameUnknown, port_resolver
from eaves.node.host.sockets import bound
from eaves.node.host.tls import trusting
from eaves.node.refs import Way

log = structlog.get_logger(__name__)

CERT_TIME_ERRORS = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
LARGEST_ANSWER = 64 * 1024 * 1024
WAIT_S = 75.0  # a long poll is answered after about 50 s
LONGEST_WALK_S = 240.0  # over all ways
MOST_SESSIONS = 16


@dataclass(slots=True)
class Counts:
    """Requests since the node started, by outcome."""

    success: int = 0
    failures: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; from timer.dial.timeout and timer.send.timeout."""

    dial: float = 10.0
    send: float = 120.0


@dataclass(frozen=True, slots=True)
class Try:
    """One request over one way."""

    way: Way
    reply: Reply
    seconds: float


class Ways(Protocol):
    """Who knows the ports."""

    async def choose(self, url: str) -> tuple[Way, ...]:
        """The ways to try for a request to `url`, in order; none: no port can be used now."""
        ...

    def why_none(self) -> str: ...

    def ends(self, reply: Reply, *, stop_on_refusal: bool) -> bool:
        """Is there no use in repeating the request over another way?"""
        ...

    def told(self, way: Way, reply: Reply) -> None:
        """What came of a request over `way`."""
        ...

    def using(
        self, way: Way, gone: Callable[[], None], *, idle: bool
    ) -> AbstractContextManager[None]:
        """While a request is under way; `gone` is called when its link is lost.

        `idle`: it waits for the controller's word, and takes nothing from anybody.
        """
        ...

    def own(self, address: str) -> bool:
        """Is it one of this machine's?"""
        ...


class AnyWay:
    """The kernel chooses: a machine whose ports nobody described."""

    async def choose(self, url: str) -> tuple[Way, ...]:
        return (Way(),)

    def why_none(self) -> str:
        return ""

    def ends(self, reply: Reply, *, stop_on_refusal: bool) -> bool:
        return True

    def told(self, way: Way, reply: Reply) -> None:
        return

    def using(
        self, way: Way, gone: Callable[[], None], *, idle: bool
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def own(self, address: str) -> bool:
        return False


class Transport:
    """Requests to one base URL.  Trusts the system's roots and the given ones."""

    def __init__(
        self,
        base_url: str,
        roots_pem: bytes,
        now: Callable[[], datetime],
        limits: Limits,
        ways: Ways | None = None,
    ) -> None:
        self.base_url = base_url
        self._now = now
        self._roots = roots_pem.decode("ascii", errors="ignore")
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._context(())  # roots that cannot be used are told at once
        self._sessions: dict[Way, aiohttp.ClientSession] = {}
        self.ways: Ways = ways or AnyWay()
        self.limits = limits
        self.counts = Counts()
        self.by_port: dict[str, Counts] = {}  # by interface
        self.failed: Callable[[Send, Sequence[Try]], None] = lambda _send, _tries: None

    async def close(self) -> None:
        while self._sessions:
            await self._sessions.popitem()[1].close()

    async def perform(self, send: Send) -> Reply:
        """One request; every way to fail is a value, so that a caller's loop never dies of it."""
        tries: list[Try] = []
        reply = await self._walk(send, tries)
        self._count(self.counts, send, reply)
        if isinstance(reply, NoConnection):
            self.failed(send, tries)
        return reply

    async def _walk(self, send: Send, tries: list[Try]) -> Reply:
        """Over one way after the other; the answer of the last, or the best that came."""
        ways = await self.ways.choose(self.base_url + send.path)
        if not ways:
            return NoConnection(self.ways.why_none())
        loop = asyncio.get_running_loop()
        total = WAIT_S if send.endpoint is Endpoint.WAIT else self.limits.send
        until = loop.time() + max(total, min(3 * self.limits.send, LONGEST_WALK_S))
        answers: list[Reply] = []
        for way in ways:
            left = until - loop.time()
            if answers and left <= 0:
                break
            if not way.interface and any(isinstance(a, Received) for a in answers):
                break  # no other port: it would bring the same answer again
            begun = loop.time()
            reply = await self.over(send, way, min(total, left))
            answers.append(reply)
            tries.append(Try(way, reply, loop.time() - begun))
            self.ways.told(way, reply)
            self._count(self.by_port.setdefault(way.interface, Counts()), send, reply)
            if self.ways.ends(reply, stop_on_refusal=send.stop_on_refusal):
                return reply
            if len(answers) < len(ways):
                log.info("next_way", endpoint=str(send.endpoint), port=way.label, why=_said(reply))
        return next((a for a in answers if isinstance(a, Received)), _together(ways, answers))

    async def over(self, send: Send, way: Way, total_s: float) -> Reply:
        """One request over one way."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:

                def lose() -> None:
                    if not limit.expired():  # told twice
                        limit.reschedule(loop.time())

                idle = send.endpoint is Endpoint.WAIT
                with self.ways.using(way, lose, idle=idle):
                    return await self._perform(send, way, total_s)
        except TimeoutError:
            return NoConnection(f"port {way.label} ({way.interface}) lost its link")

    def _count(self, counts: Counts, send: Send, reply: Reply) -> None:
        if isinstance(reply, Received) and reply.status in SUCCESS:
            counts.success += 1
            counts.last_success = self._now()
            counts.last_error = ""
            return
        counts.failures += 1
        counts.last_failure = self._now()
        counts.last_error = f"{send.endpoint}: {_said(reply)}"

    async def _perform(self, send: Send, way: Way, total: float) -> Reply:
        try:
            session = await self._session(way)
            async with session.request(
                send.method,
                self.base_url + send.path,
                data=send.body if send.method == "POST" else None,
                headers=_headers(send),
                timeout=aiohttp.ClientTimeout(total=total, sock_connect=self.limits.dial),
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Content-Type"),
                proxy=way.proxy or None,
            ) as response:
                body = await response.content.read(LARGEST_ANSWER)
                while more := await response.content.read(LARGEST_ANSWER - len(body)):
                    body += more
                return Received(response.status, response.headers.get("Content-Type"), body)
        except aiohttp.ClientConnectorCertificateError as error:
            return certificate_problem(error, proxied=bool(way.proxy))
        except aiohttp.ClientProxyConnectionError as error:
            return NoConnection(f"proxy {proxy_name(way.proxy)}: {error}")
        except aiohttp.ClientHttpProxyError as error:
            return NoConnection(
                f"proxy {proxy_name(way.proxy)} answers {error.status} {error.message};"
                " check the proxy of this network"
            )
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return NoConnection(str(error), Cause.REFUSED if refused else Cause.OTHER)
        except NameUnknown as error:
            return NoConnection(str(error))
        except aiohttp.ConnectionTimeoutError:
            return NoConnection(f"no connection within {self.limits.dial:g} s")
        except TimeoutError:
            return NoConnection(f"no answer within {total:g} s")
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            return NoConnection(f"{type(error).__name__}: {error}")

    async def _session(self, way: Way) -> aiohttp.ClientSession:
        session = self._sessions.get(way)
        if session is not None:
            return session
        if len(self._sessions) >= MOST_SESSIONS:
            # a way of old; should a request be under way there, its caller repeats it
            oldest = next(iter(self._sessions))
            await self._sessions.pop(oldest).close()

        def make(info: tuple[object, ...]) -> socket.socket:
            return bound(info, way.interface, way.source, self.ways.own)

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._context(way.roots),
                force_close=True,
                resolver=resolver_of(way),
                socket_factory=make,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._sessions[way] = session
        return session

    def _context(self, roots: tuple[str, ...]) -> ssl.SSLContext:
        """With the certificates of the way's proxy beside the usual roots."""
        context = self._contexts.get(roots)
        if context is None:
            context = trusting(self._roots, "\n".join(roots))
            self._contexts[roots] = context
        return context


def resolver_of(way: Way) -> AbstractResolver | None:
    """Of the port's own DNS servers; None: the machine looks names up."""
    found = port_resolver(way.dns, way.interface, way.source, way.names)
    return cast("AbstractResolver | None", found)  # the host layer knows no HTTP


def proxy_name(proxy: str) -> str:
    """Without a password that the URL may hold."""
    parts = urlsplit(proxy)
    return f"{parts.hostname or proxy}:{parts.port}" if parts.port else parts.hostname or proxy


def _said(reply: Reply) -> str:
    return reply.reason if isinstance(reply, NoConnection) else f"HTTP {reply.status}"


def _together(ways: tuple[Way, ...], answers: list[Reply]) -> Reply:
    """Every way failed: one of them says what kind of failure it is, all say why."""
    failures = [a for a in answers if isinstance(a, NoConnection)]
    if len(failures) == 1:
        return failures[0]
    known = next((f.cause for f in failures if f.cause is not Cause.OTHER), Cause.OTHER)
    texts = [
        f"{way.label or 'the machine itself'}: {failure.reason}"
        for way, failure in zip(ways, failures, strict=False)
    ]
    return NoConnection("; ".join(texts), known)


def _headers(send: Send) -> Mapping[str, str]:
    headers = {"X-Request-Id": str(uuid.uuid4()), **dict(send.headers)}
    if send.content_type is not None:
        headers["Content-Type"] = send.content_type
    return headers


def certificate_problem(
    error: aiohttp.ClientConnectorCertificateError, *, proxied: bool
) -> NoConnection:
    inner = error.certificate_error
    said = str(getattr(inner, "verify_message", inner))
    if getattr(inner, "verify_code", None) in CERT_TIME_ERRORS:
        return NoConnection(
            f"the controller's TLS certificate is not valid at this node's time ({said});"
            " check the clock of this node",
            Cause.TIME_INVALID,
        )
    behind = (
        "; a proxy that opens TLS shows a certificate of its own: add its authority to the network"
        if proxied
        else "; if a proxy on the way opens TLS, add its authority to the network"
    )
    return NoConnection(
        f"the controller's TLS certificate is not trusted: {said};"
        f" check `server` and root-certificate.pem in the configuration folder{behind}",
        Cause.UNKNOWN_CA,
    )
