"""One way to fetch bytes over http(s): resumable, bound to a port, bounded in size.

Credentials go to the host they are for and to no other, wherever it sends us on.
"""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from yarl import URL

from eaves.errors import Rejected, Transient
from eaves.node.host.sockets import bound
from eaves.node.host.tls import trusting
from eaves.node.storage.authorizers import (
    Anonymous,
    Authorizer,
    Challenged,
    Refused,
    answering,
    origin,
)
from eaves.node.storage.partial import Partial
from eaves.node.storage.records import Layout
from eaves.node.storage.transfer import (
    CONNECT_S,
    MOST_PAUSE_S,
    PAUSE_S,
    TRIES_WITHOUT_PROGRESS,
    HttpError,
    Intake,
    Job,
    NetworkError,
    Pace,
    TooBig,
    Uplink,
    Watch,
    at_once,
    check_size,
    end,
    nothing,
    persist,
)

# What is a URL already goes out byte for byte: a signature stands on it.
_URL = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")

MOST_REDIRECTS = 5
MOST_REASON = 16 * 1024  # of what explains a refusal
CHUNK = 64 * 1024  # taken out of the buffer at once; more would let more come after it
LEAST_WINDOW = 128 * 1024  # less stalls where one packet has 64 KiB; the kernel doubles it
READ_BUFFER = 16 * 1024  # what is in it when the connection breaks is lost
LINK_BYTES_PER_S = 125_000_000  # a link this fast still gets all it can carry
MOST_BOUND_WINDOW = 4 * 1024**2


class Transport:
    """Sessions towards one datastore over the node's uplinks.  Use as a context manager.

    `stalled_s`: next to nothing may come for so long; `connect_s`: a connection may take so long.
    """

    def __init__(
        self,
        uplinks: tuple[Uplink, ...] = (Uplink(),),
        ca_pem: tuple[str, ...] = (),
        stalled_s: float = 600.0,
        connect_s: float = CONNECT_S,
        pace: Pace = at_once,
    ) -> None:
        self._uplinks = uplinks or (Uplink(),)
        self._ca_pem = ca_pem
        tls_context(ca_pem)  # what cannot be used is told before anything is asked
        self._pace = pace
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_s, sock_read=stalled_s
        )
        self._stalled_s = stalled_s
        self._answer_s = stalled_s + connect_s  # headers may crawl, too
        self._sessions: dict[Uplink, aiohttp.ClientSession] = {}
        self._turn = 0
        self._patience = max(TRIES_WITHOUT_PROGRESS, len(self._uplinks))  # each gets its try

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str], who: Authorizer
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """One GET over the uplink in turn; what goes wrong is one of our errors."""
        with self._in_turn(url, who) as uplink:
            async with self._follow(uplink, url, headers, who) as response:
                await _check(url, response, who)
                yield response

    @contextmanager
    def _in_turn(self, url: str, who: Authorizer) -> Generator[Uplink, None, None]:
        """The uplink to use; after a failure it is the next one's turn."""
        uplink = self._uplinks[self._turn % len(self._uplinks)]
        try:
            yield uplink
        except aiohttp.ClientConnectorCertificateError as error:
            raise Transient(
                f"{url}: its certificate is not trusted ({error.certificate_error}); give the "
                "datastore the certificate of its authority"
            ) from error
        except TimeoutError as error:
            self._turn += 1
            raise NetworkError(f"{url}: {nothing(self._stalled_s)}") from error
        except (aiohttp.ClientError, OSError) as error:
            self._turn += 1
            text = str(error).replace(who.address(url), url)
            raise NetworkError(f"{url}: {text or type(error).__name__}") from error

    @asynccontextmanager
    async def _follow(
        self, uplink: Uplink, url: str, headers: Mapping[str, str], who: Authorizer
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """To where the object is in the end: asks again at each place, proves itself at one."""
        here = url
        for _ in range(MOST_REDIRECTS + 1):
            ours = origin(here) == origin(url)
            proof: Mapping[str, str] = await who.headers(here, headers) if ours else {}
            asked = who.address(here) if ours else here
            async with asyncio.timeout(self._answer_s):
                response = await self._session(uplink).get(
                    URL(asked, encoded=_URL.fullmatch(asked) is not None),
                    headers={**headers, **proof},
                    proxy=uplink.proxy or None,
                    allow_redirects=False,
                )
            async with response:
                place = response.headers.get(hdrs.LOCATION, "")
                if response.status not in {301, 302, 303, 307, 308} or not place:
                    yield response
                    return
                there = urljoin(here, place)
            parts = urlsplit(there)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise Rejected(f"{url}: redirected to what is no http(s) address")
            if here.startswith("https://") and parts.scheme != "https":
                raise Rejected(f"{url}: redirected to plain http at {parts.hostname}")
            here = there
        raise Rejected(f"{url}: redirected more than {MOST_REDIRECTS} times; check the datastore")

    async def read(
        self, url: str, authorizer: Authorizer, most: int, headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        """A small object as a whole, with its headers; answers one challenge."""

        async def once() -> tuple[bytes, Mapping[str, str]]:
            async with self.get(url, headers, authorizer) as response:
                return await self._whole(url, response, most), response.headers

        tries = 0
        while True:
            try:
                return await answering(authorizer, once)
            except NetworkError as error:
                tries += 1
                pause_s = error.pause_s if isinstance(error, HttpError) else 0.0
                final = isinstance(error, HttpError) and not error.passes
                if final or pause_s > MOST_PAUSE_S or tries >= self._patience:
                    raise
            await asyncio.sleep(max(pause_s, PAUSE_S * 2**tries))

    async def post(self, url: str, form: Mapping[str, str], most: int) -> tuple[int, bytes]:
        """Send a form: status and answer, whatever they are."""
        with self._in_turn(url, Anonymous()) as uplink:
            async with self._session(uplink).post(
                url, data=dict(form), proxy=uplink.proxy or None, allow_redirects=False
            ) as response:
                return response.status, await self._whole(url, response, most)

    async def _whole(self, url: str, response: aiohttp.ClientResponse, most: int) -> bytes:
        body = bytearray()
        async with asyncio.timeout(self._stalled_s):
            async for chunk in response.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > most:
                    raise TooBig(url, most, len(body))
        return bytes(body)

    def files(self, who: Authorizer) -> "HttpFiles":
        return HttpFiles(self, who)

    async def download(self, layout: Layout, job: Job, who: Authorizer) -> str:
        """Bring all of it into downloads/; returns the digest of what came."""

        async def go_on(partial: Partial) -> None:
            await answering(who, lambda: self._go_on(partial, job, who))

        return await persist(layout, job, go_on, self._patience)

    async def _go_on(self, partial: Partial, job: Job, who: Authorizer) -> None:
        url, wanted = job.url, job.wanted
        if partial.offset and partial.offset == partial.arrived.total:
            return
        headers = {hdrs.ACCEPT_ENCODING: "identity", **_resume_headers(partial, url)}
        uplink = self._uplinks[self._turn % len(self._uplinks)]
        async with self.get(url, headers, who) as response:
            etag = response.headers.get(hdrs.ETAG, "")
            known = partial.arrived
            other = known.url == url and known.etag and etag and known.etag != etag
            # What we have is not a beginning of what is there now.  Some servers know no If-Range.
            if response.status == 416 or (response.status == 206 and other):
                partial.restart()
                raise NetworkError(f"{url}: the object changed while it was fetched")
            start, total = _span(url, response)
            if start != partial.offset:
                if start:
                    raise NetworkError(f"{url}: asked from byte {partial.offset}, got {start}")
                partial.restart()
            check_size(url, wanted, total)
            if total is not None:
                job.admit(total, total - partial.offset)
            partial.begin(
                url,
                etag,
                response.headers.get(hdrs.LAST_MODIFIED, ""),
                total,
            )
            job.note(partial.offset, total)
            _bound_window(response)
            watch = Watch(self._stalled_s, partial.offset, asyncio.get_running_loop().time)
            async with Intake(partial, job, total) as intake:
                async for chunk in response.content.iter_chunked(CHUNK):
                    await intake.take(chunk)
                    watch.saw(intake.offset)
                    await self._pace(uplink.interface, len(chunk))
        end(partial, url, total)

    def _session(self, uplink: Uplink) -> aiohttp.ClientSession:
        session = self._sessions.get(uplink)
        if session is None:
            resolver = uplink.resolver()
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=tls_context((*self._ca_pem, *uplink.roots)),
                    limit=8,
                    resolver=cast("AbstractResolver | None", resolver),  # the host knows no HTTP
                    socket_factory=_socket_of(uplink),
                ),
                timeout=self._timeout,
                read_bufsize=READ_BUFFER,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.USER_AGENT: "eaves"},
            )
            self._sessions[uplink] = session
        return session


@dataclass(frozen=True, slots=True)
class HttpFiles:
    """The objects of a datastore, for who may have them."""

    transport: Transport
    who: Authorizer

    async def download(self, layout: Layout, job: Job) -> str:
        return await self.transport.download(layout, job, self.who)


def _socket_of(uplink: Uplink) -> Callable[[Sequence[object]], socket.socket]:
    """What makes a socket from an entry of getaddrinfo."""
    return lambda info: bound(info, uplink.interface, uplink.source_address)


def tls_context(ca_pem: tuple[str, ...]) -> ssl.SSLContext:
    """Trusts the roots of the system, and besides them the given ones."""
    try:
        return trusting("\n".join(ca_pem))
    except (ssl.SSLError, ValueError) as error:
        raise Rejected(f"certificate of the datastore: not a PEM certificate ({error})") from error


def _bound_window(response: aiohttp.ClientResponse) -> None:
    """Keep no more in the kernel than the link needs.

    What the kernel holds when the process dies was sent for nothing, and on a fast short link it
    would hold megabytes.  A long link keeps its automatic window: there the network is what is
    slow, and the buffer stays near empty.
    """
    link = None if response.connection is None else response.connection.transport
    sock = None if link is None else link.get_extra_info("socket")
    if sock is None:
        return
    (rtt_us,) = struct.unpack_from(
        "=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 68
    )
    needed = max(LEAST_WINDOW, 2 * LINK_BYTES_PER_S * rtt_us // 1_000_000)
    if needed < MOST_BOUND_WINDOW:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, needed)


def _resume_headers(partial: Partial, url: str) -> Mapping[str, str]:
    if not partial.offset:
        return {}
    headers: dict[str, str] = {hdrs.RANGE: f"bytes={partial.offset}-"}
    known = partial.arrived
    # A weak tag may not stand in If-Range; another source has tags of its own.  Without a
    # condition the digest is the judge.
    validator = known.last_modified if known.etag.startswith("W/") else known.etag
    if known.url == url and (validator or known.last_modified):
        headers[hdrs.IF_RANGE] = validator or known.last_modified
    return headers


async def _check(url: str, response: aiohttp.ClientResponse, who: Authorizer) -> None:
    """Pass 2xx with a body, and 416, which the one who asked for a range can judge."""
    status = response.status
    if status in {200, 206, 416}:
        return
    refused = Refused(status, await _reason(response), response.headers)
    advice = who.advice(refused)
    if status == 401:
        challenge = response.headers.get(hdrs.WWW_AUTHENTICATE, "")
        raise Challenged(url, challenge, refused.reason, advice)
    if not advice:
        match status:
            case 403:
                advice = "check the credentials and rights at the datastore"
            case 404 | 410:
                advice = "it is not there; check the name and the path"
            case _ if status >= 500 or status in {408, 429}:
                advice = "the datastore is in trouble; it is tried again"
            case _:
                advice = "check address and path of the datastore"
    pause = response.headers.get(hdrs.RETRY_AFTER, "").strip()
    pause_s = float(pause) if pause.isascii() and pause.isdigit() and len(pause) < 9 else 0.0
    raise HttpError(url, status, advice, refused.reason, pause_s, dict(response.headers))


async def _reason(response: aiohttp.ClientResponse) -> str:
    """The provider's word for why not; it comes from outside, so only a plain word counts."""
    word = response.headers.get("x-ms-error-code", "")
    if not word and response.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].endswith("xml"):
        body = (await response.content.read(MOST_REASON)).decode(errors="replace")
        found = re.search(r"<Code>([^<]*)</Code>", body)
        word = found[1] if found else ""
    return word if re.fullmatch(r"[A-Za-z0-9.]{1,60}", word) else ""


def _span(url: str, response: aiohttp.ClientResponse) -> tuple[int, int | None]:
    """First byte of the body, and the size of the whole object when it is known."""
    if response.status == 200:
        return 0, response.content_length
    text = response.headers.get(hdrs.CONTENT_RANGE, "")
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        raise NetworkError(f"{url}: partial answer with Content-Range {text!r}")
    first, last, total = match.groups()
    return int(first), int(last) + 1 if total == "*" else int(total)
