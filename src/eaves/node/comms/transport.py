"""HTTPS to the controller: one connection for each request, time limits, and why it failed."""

import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import structlog

log = structlog.get_logger(__name__)

DIAL_S = 10.0
SEND_S = 120.0
CERT_TIME_ERRORS = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes = field(repr=False)
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    reason: str
    temporary: bool = False  # the far end refuses or restarts: our own network is fine
    clock: bool = False  # the peer's certificate is not valid at our clock's time


@dataclass(slots=True)
class Counts:
    success: int = 0
    failures: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str = ""


class Transport:
    """Requests to one base URL.  Trusts the system's roots and the given ones."""

    def __init__(
        self,
        base_url: str,
        roots_pem: bytes,
        now: Callable[[], datetime],
        source: str | None = None,
    ) -> None:
        self._base = base_url
        self._now = now
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_verify_locations(cadata=roots_pem.decode("ascii", errors="ignore"))
        self._source = source
        self._session: aiohttp.ClientSession | None = None
        self.counts = Counts()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = SEND_S,
    ) -> Answer | NoAnswer:
        """One request; every way to fail is a value, so that a caller's loop never dies of it."""
        answer = await self._send(method, path, body, headers or {}, timeout_s)
        if isinstance(answer, Answer) and answer.status < 500:
            self.counts.success += 1
            self.counts.last_success = self._now()
            self.counts.last_error = ""
        else:
            said = answer.reason if isinstance(answer, NoAnswer) else f"HTTP {answer.status}"
            self.counts.failures += 1
            self.counts.last_failure = self._now()
            self.counts.last_error = f"{method} {self._base}{path}: {said}"
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Answer | NoAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    force_close=True,
                    local_addr=(self._source, 0) if self._source else None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        sent = {"X-Request-Id": str(uuid.uuid4()), **headers}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-proto-binary")
        limits = aiohttp.ClientTimeout(total=timeout_s, sock_connect=DIAL_S)
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=body,
                headers=sent,
                timeout=limits,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", *(() if body is not None else ("Content-Type",))),
            ) as response:
                data = await response.content.read(LARGEST_ANSWER)
                return Answer(
                    response.status,
                    response.headers.get("Content-Type", ""),
                    data,
                    _seconds(response.headers.get("Retry-After")),
                )
        except aiohttp.ClientConnectorCertificateError as error:
            return _certificate_problem(error)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return NoAnswer(str(error), temporary=refused)
        except TimeoutError:
            return NoAnswer(f"no answer within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return NoAnswer(f"{type(error).__name__}: {error}", temporary=True)


def _certificate_problem(error: aiohttp.ClientConnectorCertificateError) -> NoAnswer:
    inner = error.certificate_error
    code = getattr(inner, "verify_code", None)
    said = getattr(inner, "verify_message", str(inner))
    if code in CERT_TIME_ERRORS:
        return NoAnswer(
            f"the controller's TLS certificate is not valid at this node's time ({said});"
            " check the clock of this node",
            temporary=True,
            clock=True,
        )
    return NoAnswer(f"the controller's TLS certificate is not trusted: {said}")


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
