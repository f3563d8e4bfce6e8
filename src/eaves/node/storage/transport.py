"""One way to fetch bytes over http(s): resumable, bound to a port's address, bounded in size.

A cut is not a failure as long as bytes arrive: the transfer goes on where it stopped.  Only tries
without progress count, and after a few of them the caller is told.  A trickle is no progress: a
server that sends a byte now and then would hold its place for ever.  What comes without an end asks
for its room again and again, and ends where that ends.
"""

import asyncio
import base64
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

import aiohttp
import structlog
from aiohttp import hdrs

from eaves.errors import EavesError, Rejected, Transient
from eaves.node.storage.partial import Partial, open_partial
from eaves.node.storage.records import Layout

log = structlog.get_logger(__name__)

T = TypeVar("T")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")

CONNECT_S = 30.0
TRIES_WITHOUT_PROGRESS = 3
PAUSE_S = 0.2  # doubles with every try without progress
CHUNK = 64 * 1024  # taken out of the buffer at once; more would let more come after it
LEAST_WINDOW = 128 * 1024  # less stalls where one packet has 64 KiB; the kernel doubles it
READ_BUFFER = 16 * 1024  # what is in it when the connection breaks is lost
LEAST_PROGRESS = 16 * 1024  # bytes in `stalled_s`; the slowest modem brings a hundred times that
ROOM_STEP = 16 * 1024**2  # room for so many more is asked for, where nobody said how many come
LINK_BYTES_PER_S = 125_000_000  # a link this fast still gets all it can carry
MOST_BOUND_WINDOW = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Uplink:
    """One way out: the address to send from (blank: the kernel chooses) and its proxy."""

    source_address: str = ""
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str = field(repr=False)
    password: str = field(repr=False)


class TooBig(Rejected):
    def __init__(self, url: str, allowed: int, seen: int) -> None:
        super().__init__(
            f"{url}: {seen} bytes or more, announced were at most {allowed}; "
            "correct the size of the content tree"
        )


class NetworkError(Transient):
    """The peer cannot be reached, went away or said nothing: another try may go through."""


class HttpError(NetworkError):
    def __init__(self, url: str, status: int, advice: str) -> None:
        super().__init__(f"{url}: HTTP status {status}; {advice}")
        self.status = status


class Challenged(HttpError):
    """401: `www_authenticate` says what would be accepted."""

    def __init__(self, url: str, www_authenticate: str) -> None:
        super().__init__(url, 401, "check the credentials of the datastore")
        self.url = url
        self.www_authenticate = www_authenticate


class Authorizer(Protocol):
    async def headers(self, url: str) -> Mapping[str, str]: ...

    async def answer(self, challenge: Challenged) -> bool:
        """Prepare for another try with better headers; False: there is nothing better."""
        ...


class Anonymous:
    async def headers(self, url: str) -> Mapping[str, str]:
        return {}

    async def answer(self, challenge: Challenged) -> bool:
        return False


class Basic:
    """User name and password, kept to TLS unless the operator allows otherwise."""

    def __init__(self, credentials: Credentials, *, allow_insecure: bool) -> None:
        self._credentials = credentials
        self._allow_insecure = allow_insecure

    async def headers(self, url: str) -> Mapping[str, str]:
        if not url.startswith("https://") and not self._allow_insecure:
            log.warning("credentials_withheld", url=url, reason="plain http")
            return {}
        pair = f"{self._credentials.username}:{self._credentials.password}".encode()
        return {hdrs.AUTHORIZATION: f"Basic {base64.b64encode(pair).decode()}"}

    async def answer(self, challenge: Challenged) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One blob.  `size_bytes` is exact where a manifest announced it."""

    sha256: str
    size_bytes: int | None = None
    max_bytes: int = 0  # 0: no limit

    @property
    def limit(self) -> int | None:
        return self.size_bytes if self.size_bytes is not None else (self.max_bytes or None)


Note = Callable[[int, int | None], None]  # bytes here, bytes in all
Admit = Callable[[int, int], None]  # bytes in all, of them still to come; raises when refused


@dataclass(frozen=True, slots=True)
class Job:
    url: str
    wanted: Wanted
    authorizer: Authorizer
    admit: Admit
    note: Note


class Transport:
    """Sessions towards one datastore over the node's uplinks.  Use as a context manager."""

    def __init__(
        self,
        uplinks: tuple[Uplink, ...] = (Uplink(),),
        ca_pem: tuple[str, ...] = (),
        stalled_s: float = 600.0,
    ) -> None:
        self._uplinks = uplinks or (Uplink(),)
        self._tls = tls_context(ca_pem)
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_S, sock_read=stalled_s
        )
        self._stalled_s = stalled_s
        self._sessions: dict[Uplink, aiohttp.ClientSession] = {}
        self._turn = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """One GET over the uplink in turn; what goes wrong is one of our errors."""
        uplink = self._uplinks[self._turn % len(self._uplinks)]
        try:
            async with asyncio.timeout(self._stalled_s):
                response = await self._session(uplink).get(
                    url, headers=headers, proxy=uplink.proxy or None
                )
            async with response:
                if url.startswith("https://") and response.url.scheme != "https":
                    raise Rejected(f"{url}: redirected to plain http at {response.url.host}")
                yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise Transient(
                f"{url}: its certificate is not trusted ({error.certificate_error}); give the "
                "datastore the certificate of its authority"
            ) from error
        except TimeoutError as error:
            self._turn += 1
            raise NetworkError(
                f"{url}: nothing, or next to nothing, arrived for {self._stalled_s:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            self._turn += 1
            raise NetworkError(f"{url}: {str(error) or type(error).__name__}") from error

    async def read(
        self, url: str, authorizer: Authorizer, most: int, headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        """A small object as a whole, with its headers; answers one challenge."""

        async def once() -> tuple[bytes, Mapping[str, str]]:
            wanted = {**headers, **await authorizer.headers(url)}
            async with self.get(url, wanted) as response:
                _check(url, response)
                body = bytearray()
                async with asyncio.timeout(self._stalled_s):
                    async for chunk in response.content.iter_chunked(CHUNK):
                        body += chunk
                        if len(body) > most:
                            raise TooBig(url, most, len(body))
                return bytes(body), response.headers

        return await answering(authorizer, once)

    async def download(self, layout: Layout, job: Job) -> str:
        """Bring all of it into downloads/; returns the digest of what came."""
        url = job.url
        partial = await open_partial(layout.downloads / f"{job.wanted.sha256}.part")
        try:
            stuck = 0
            while True:
                before = partial.offset
                try:
                    await answering(job.authorizer, lambda: self._go_on(partial, job))
                    return partial.digest
                except NetworkError as error:
                    stuck = 0 if partial.offset - before >= LEAST_PROGRESS else stuck + 1
                    answered = isinstance(error, HttpError) and error.status < 500
                    if answered or stuck >= TRIES_WITHOUT_PROGRESS:
                        raise
                    log.info("transfer_resumes", url=url, offset=partial.offset, why=str(error))
                await asyncio.sleep(PAUSE_S * 2**stuck)
        finally:
            # Only the record is lost if the disk is full: the bytes count without it.
            try:
                if partial.offset > partial.arrived.offset:
                    partial.sync()
            except OSError as error:
                log.warning("progress_not_saved", url=url, error=str(error))
            partial.close()

    async def _go_on(self, partial: Partial, job: Job) -> None:
        url, wanted = job.url, job.wanted
        if partial.offset and partial.offset == partial.arrived.total:
            return
        headers = {hdrs.ACCEPT_ENCODING: "identity", **await job.authorizer.headers(url)}
        headers.update(_resume_headers(partial, url))
        async with self.get(url, headers) as response:
            if response.status == 416:  # what we have is not a beginning of what is there now
                partial.restart()
                raise NetworkError(f"{url}: the object changed while it was fetched")
            _check(url, response)
            start, total = _span(url, response)
            if start != partial.offset:
                if start:
                    raise NetworkError(f"{url}: asked from byte {partial.offset}, got {start}")
                partial.restart()
            _check_size(url, wanted, total)
            if total is not None:
                job.admit(total, total - partial.offset)
            partial.begin(
                url,
                response.headers.get(hdrs.ETAG, ""),
                response.headers.get(hdrs.LAST_MODIFIED, ""),
                total,
            )
            job.note(partial.offset, total)
            _bound_window(response)
            watch = _Watch(self._stalled_s, partial.offset)
            async for chunk in response.content.iter_chunked(CHUNK):
                await self._keep(partial, job, chunk, total)
                watch.saw(partial.offset)
        if total is not None and partial.offset < total:
            raise NetworkError(f"{url}: ended at byte {partial.offset} of {total}")
        if total is None:
            partial.begin(url, "", "", partial.offset)

    async def _keep(self, partial: Partial, job: Job, chunk: bytes, total: int | None) -> None:
        bound = total if total is not None else job.wanted.limit
        after = partial.offset + len(chunk)
        if bound is not None and after > bound:
            partial.restart()
            raise TooBig(job.url, bound, after)
        step = after // ROOM_STEP > partial.offset // ROOM_STEP
        if total is None and (partial.offset == 0 or step):
            try:
                job.admit(after + ROOM_STEP, ROOM_STEP)
            except EavesError:
                partial.restart()  # what has no end must not keep what it took
                raise
        try:
            await asyncio.to_thread(partial.append, chunk)
        except OSError as error:
            raise Transient(f"{job.url}: cannot keep what arrives: {error}") from error
        job.note(partial.offset, total)

    def _session(self, uplink: Uplink) -> aiohttp.ClientSession:
        session = self._sessions.get(uplink)
        if session is None:
            local = (uplink.source_address, 0) if uplink.source_address else None
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, local_addr=local, limit=8),
                timeout=self._timeout,
                read_bufsize=READ_BUFFER,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.USER_AGENT: "eaves"},
            )
            self._sessions[uplink] = session
        return session


class _Watch:
    """Ends a transfer that brings next to nothing."""

    def __init__(self, stalled_s: float, offset: int) -> None:
        self._clock = asyncio.get_running_loop().time
        self._stalled_s, self._offset, self._since = stalled_s, offset, self._clock()

    def saw(self, offset: int) -> None:
        """Raises TimeoutError."""
        if offset - self._offset >= LEAST_PROGRESS:
            self._offset, self._since = offset, self._clock()
        elif self._clock() - self._since > self._stalled_s:
            raise TimeoutError


async def answering(authorizer: Authorizer, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try; if challenged and the authorizer knows more, try once again."""
    try:
        return await attempt()
    except Challenged as challenge:
        if not await authorizer.answer(challenge):
            raise
    return await attempt()


def tls_context(ca_pem: tuple[str, ...]) -> ssl.SSLContext:
    """Trusts the given roots alone; without any, those of the system."""
    if not ca_pem:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata="\n".join(ca_pem))
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


def _check(url: str, response: aiohttp.ClientResponse) -> None:
    match response.status:
        case 200 | 206:
            return
        case 401:
            raise Challenged(url, response.headers.get(hdrs.WWW_AUTHENTICATE, ""))
        case 403:
            raise HttpError(url, 403, "check the credentials and rights at the datastore")
        case 404 | 410:
            raise HttpError(url, response.status, "it is not there; check the name and the path")
        case status if status >= 500 or status == 429:
            raise HttpError(url, status, "the datastore is in trouble; it is tried again")
        case status:
            raise HttpError(url, status, "check address and path of the datastore")


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


def _check_size(url: str, wanted: Wanted, total: int | None) -> None:
    if total is None:
        return
    if wanted.limit is not None and total > wanted.limit:
        raise TooBig(url, wanted.limit, total)
    if wanted.size_bytes is not None and total < wanted.size_bytes:
        raise Rejected(
            f"{url}: {total} bytes, its manifest says {wanted.size_bytes}; push the image again"
        )
