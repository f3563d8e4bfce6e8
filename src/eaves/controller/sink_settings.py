"""Where telemetry goes beyond the controller's own database: read once, then frozen.

Secrets come from files, or from the user part of a URL, and are kept out of every `repr`: what is
shown of a server is its address.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from eaves.errors import Rejected

GIB: Final = 1024 * 1024 * 1024
ACCEPTED: Final = "i-accept-the-loss-of-acknowledged-telemetry"


class BadSinkSetting(Rejected):
    """A setting that the controller cannot start with."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """A NATS JetStream cluster that telemetry is acknowledged by."""

    servers: tuple[str, ...]  # nats://host:port or tls://host:port, without a user
    user: str = ""
    password: str = field(default="", repr=False)
    credentials: Path | None = None  # JWT and seed, as `nsc` writes them
    tls_root: Path | None = None  # PEM; the system's roots when not set
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    monitors: tuple[str, ...] = ()  # http(s)://host:port of the monitoring port of each server
    accept_unsynced: bool = False  # start although a server does not sync before it acknowledges
    name: str = "EAVES"  # what the names of the streams begin with
    replicas: int = 3
    bytes_each: int = 8 * GIB  # the most that one stream keeps for sinks that are behind

    @property
    def tls(self) -> bool:
        return any(url.startswith("tls:") for url in self.servers) or self.tls_root is not None


@dataclass(frozen=True, slots=True)
class HttpSink:
    """An HTTP endpoint that takes telemetry."""

    url: str  # without a user
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)  # sent as `Authorization: Bearer`
    tls_root: Path | None = None

    @property
    def shown(self) -> str:
        """The address as it may be logged: a query may hold a key."""
        return urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """All empty: telemetry stays in the database of the controller."""

    stream: StreamSettings | None = None
    metrics_write: HttpSink | None = None  # Prometheus remote write
    metrics_query: HttpSink | None = None  # Prometheus HTTP API, up to but without /api/v1
    otlp: HttpSink | None = None  # OTLP/HTTP, up to but without /v1/logs and /v1/metrics
    otlp_metrics: bool = False


def read_sink_settings(environment: Mapping[str, str], database_url: str) -> SinkSettings:
    """Read EAVES_STREAM_*, EAVES_METRICS_* and EAVES_OTLP_*.  Raises BadSinkSetting.

    `database_url`: what the controller keeps its objects in; empty: SQLite.
    """

    def given(name: str) -> str:
        return environment.get(f"EAVES_{name}", "").strip()

    write, query = _http(given, "METRICS_WRITE"), _http(given, "METRICS_QUERY")
    otlp = _http(given, "OTLP")
    stream = _stream(given)
    postgres = database_url.startswith("postgres")
    if stream is not None and not postgres:
        raise BadSinkSetting(
            "EAVES_STREAM_URL is set and the database is SQLite; a stream is shared by several "
            "processes, so set EAVES_DATABASE_URL to a PostgreSQL too, or drop EAVES_STREAM_URL"
        )
    if (write is None) != (query is None):
        raise BadSinkSetting(
            "EAVES_METRICS_WRITE_URL and EAVES_METRICS_QUERY_URL go together: charts are read "
            "from where metrics are written; give both or none"
        )
    if write is not None and stream is None:
        raise BadSinkSetting(
            "EAVES_METRICS_WRITE_URL is set without EAVES_STREAM_URL; metrics wait in a stream "
            "for a store that is down, so give a stream too"
        )
    if otlp is not None and postgres and stream is None:
        raise BadSinkSetting(
            "EAVES_OTLP_URL is set with PostgreSQL and without EAVES_STREAM_URL; with several "
            "processes, what is sent on waits in a stream, so give a stream too"
        )
    otlp_metrics = _yes(given, "OTLP_METRICS")
    if otlp_metrics and otlp is None:
        raise BadSinkSetting(
            "EAVES_OTLP_METRICS is set without EAVES_OTLP_URL; say where the collector is"
        )
    return SinkSettings(stream, write, query, otlp, otlp_metrics)


def _stream(given: Callable[[str], str]) -> StreamSettings | None:
    text = given("STREAM_URL")
    if not text:
        return None
    servers: list[str] = []
    user, password = given("STREAM_USER"), _secret(given, "STREAM_PASSWORD_FILE")
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        server, part_user, part_password = _without_user(part, "EAVES_STREAM_URL")
        if not server.startswith(("nats://", "tls://")):
            raise BadSinkSetting(
                f"EAVES_STREAM_URL names {server!r}; give nats://host:port or tls://host:port, "
                "several separated by commas"
            )
        servers.append(server)
        user, password = user or part_user, password or part_password
    accepted = given("STREAM_UNSYNCED")
    if accepted not in {"", ACCEPTED}:
        raise BadSinkSetting(
            f"EAVES_STREAM_UNSYNCED is {accepted!r}; unset it, or write {ACCEPTED} to start on "
            "servers that acknowledge before the disk has it: a power cut that takes a majority "
            "of them at once then takes telemetry that devices believe delivered"
        )
    return StreamSettings(
        servers=tuple(servers),
        user=user,
        password=password,
        credentials=_path(given, "STREAM_CREDENTIALS_FILE"),
        tls_root=_path(given, "STREAM_TLS_ROOT"),
        tls_certificate=_path(given, "STREAM_TLS_CERTIFICATE"),
        tls_key=_path(given, "STREAM_TLS_KEY"),
        monitors=tuple(
            url.strip().rstrip("/") for url in given("STREAM_MONITOR_URL").split(",") if url.strip()
        ),
        accept_unsynced=bool(accepted),
        name=_name(given("STREAM_NAME") or "EAVES"),
        replicas=_number(given, "STREAM_REPLICAS", 3, range(1, 6)),
        bytes_each=_number(given, "STREAM_BYTES", 8 * GIB, range(1 << 20, 1 << 50)),
    )


def _name(text: str) -> str:
    if not text.replace("_", "").replace("-", "").isalnum() or not text.isascii():
        raise BadSinkSetting(f"EAVES_STREAM_NAME is {text!r}; use letters, digits, - and _")
    return text


def _http(given: Callable[[str], str], name: str) -> HttpSink | None:
    text = given(f"{name}_URL")
    if not text:
        return None
    url, user, password = _without_user(text, f"EAVES_{name}_URL")
    if not url.startswith(("http://", "https://")):
        raise BadSinkSetting(f"EAVES_{name}_URL is {url!r}; give http://host… or https://host…")
    return HttpSink(
        url=url.rstrip("/"),
        user=user,
        password=password,
        token=_secret(given, f"{name}_TOKEN_FILE"),
        tls_root=_path(given, f"{name}_TLS_ROOT"),
    )


def _without_user(url: str, name: str) -> tuple[str, str, str]:
    """The URL without its user part, the user, the password; errors do not show them."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadSinkSetting(
            f"{name} holds an address that is no URL; check host and port"
        ) from error
    if not host:
        raise BadSinkSetting(f"{name} holds an address without a host; give scheme://host:port")
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return urlunsplit(parts._replace(netloc=place)), user, password


def _path(given: Callable[[str], str], name: str) -> Path | None:
    text = given(name)
    return Path(text) if text else None


def _secret(given: Callable[[str], str], name: str) -> str:
    path = _path(given, name)
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSinkSetting(f"EAVES_{name} {path}: {error}; check the file") from error


def _number(given: Callable[[str], str], name: str, default: int, allowed: range) -> int:
    text = given(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        raise BadSinkSetting(
            f"EAVES_{name} is {text!r}; give a whole number from {allowed.start} to "
            f"{allowed.stop - 1}"
        )
    return int(text)


def _yes(given: Callable[[str], str], name: str) -> bool:
    text = given(name).lower()
    if text not in {"", "0", "1", "no", "yes", "false", "true"}:
        raise BadSinkSetting(f"EAVES_{name} is {text!r}; give 1 or 0")
    return text in {"1", "yes", "true"}
