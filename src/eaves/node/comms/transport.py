"""HTTPS to the controller: one connection for each request, time limits, and why it failed."""

import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import structlog

from eaves.evapi.flows.steps import SUCCESS, Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint

log = structlog.get_logger(__name__)

CERT_TIME_ERRORS = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
LARGEST_ANSWER = 64 * 1024 * 1024
WAIT_S = 75.0  # a long poll is answered after about 50 s


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


class Transport:
    """Requests to one base URL.  Trusts the system's roots and the given ones."""

    def __init__(
        self, base_url: str, roots_pem: bytes, now: Callable[[], datetime], limits: Limits
    ) -> None:
        self.base_url = base_url
        self._now = now
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_verify_locations(cadata=roots_pem.decode("ascii", errors="ignore"))
        self._session: aiohttp.ClientSession | None = None
        self.limits = limits
        self.counts = Counts()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def perform(self, send: Send) -> Reply:
        """One request; every way to fail is a value, so that a caller's loop never dies of it."""
        reply = await self._perform(send)
        match reply:
            case Received(status=status) if status in SUCCESS:
                self.counts.success += 1
                self.counts.last_success = self._now()
                self.counts.last_error = ""
            case Received(status=status):
                self._count_failure(f"{send.endpoint}: HTTP {status}")
            case NoConnection(reason=reason):
                self._count_failure(f"{send.endpoint}: {reason}")
        return reply

    def _count_failure(self, text: str) -> None:
        self.counts.failures += 1
        self.counts.last_failure = self._now()
        self.counts.last_error = text

    async def _perform(self, send: Send) -> Reply:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        total = WAIT_S if send.endpoint is Endpoint.WAIT else self.limits.send
        try:
            async with self._session.request(
                send.method,
                self.base_url + send.path,
                data=send.body if send.method == "POST" else None,
                headers=_headers(send),
                timeout=aiohttp.ClientTimeout(total=total, sock_connect=self.limits.dial),
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Content-Type"),
            ) as response:
                body = await response.content.read(LARGEST_ANSWER)
                while more := await response.content.read(LARGEST_ANSWER - len(body)):
                    body += more
                return Received(response.status, response.headers.get("Content-Type"), body)
        except aiohttp.ClientConnectorCertificateError as error:
            return _certificate_problem(error)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return NoConnection(str(error), Cause.REFUSED if refused else Cause.OTHER)
        except TimeoutError:
            return NoConnection(f"no answer within {total:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return NoConnection(f"{type(error).__name__}: {error}")


def _headers(send: Send) -> Mapping[str, str]:
    headers = {"X-Request-Id": str(uuid.uuid4()), **dict(send.headers)}
    if send.content_type is not None:
        headers["Content-Type"] = send.content_type
    return headers


def _certificate_problem(error: aiohttp.ClientConnectorCertificateError) -> NoConnection:
    inner = error.certificate_error
    said = str(getattr(inner, "verify_message", inner))
    if getattr(inner, "verify_code", None) in CERT_TIME_ERRORS:
        return NoConnection(
            f"the controller's TLS certificate is not valid at this node's time ({said});"
            " check the clock of this node",
            Cause.TIME_INVALID,
        )
    return NoConnection(
        f"the controller's TLS certificate is not trusted: {said};"
        " check `server` and root-certificate.pem in the configuration folder",
        Cause.UNKNOWN_CA,
    )
