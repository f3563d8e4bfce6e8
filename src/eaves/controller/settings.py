"""What one controller process is told at its start: read once, then frozen."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from eaves.controller.content_settings import ContentSettings, read_content_settings
from eaves.controller.domain.alerts.addresses import read_networks
from eaves.controller.domain.trusted import Network
from eaves.controller.key_settings import KeySettings, read_key_settings
from eaves.controller.notify_settings import NotifySettings, read_notify_settings
from eaves.controller.sink_settings import SinkSettings, read_sink_settings
from eaves.errors import Rejected

MIB = 1024 * 1024


class BadSetting(Rejected):
    """A setting that the controller cannot start with."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on or to be told to others."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str, *, name: str, default_port: int) -> Endpoint:
    """Read `host`, `host:port`, `[v6]:port` or `:port` (all addresses)."""
    value = text.strip()
    if value.startswith("["):
        host, bracket, rest = value[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ""
        if not bracket or (rest and not rest.startswith(":")):
            raise BadSetting(f"{name} is {text!r}; write an IPv6 address as [address]:port")
    elif value.count(":") > 1:
        host, port = value, ""
    else:
        host, _, port = value.partition(":")
    try:
        number = int(port) if port else default_port
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise BadSetting(f"{name} is {text!r}; give host:port with a port from 0 to 65535")
    return Endpoint(host or "0.0.0.0", number)


@dataclass(frozen=True, slots=True)
class OwnTls:
    """A server certificate that somebody else renews; the files are watched for changes."""

    certificate: Path  # PEM, leaf first, then its chain
    key: Path
    root: Path | None = None  # PEM; goes into the onboarding folders of devices when set


@dataclass(frozen=True, slots=True)
class OwnSigning:
    """A device-signing chain that somebody else issues; the files are watched for changes."""

    certificates: Path  # PEM: signing certificate first, then intermediates
    key: Path
    root: Path


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the jobs tick and how much the writers gather."""

    renewal_check: timedelta = timedelta(hours=1)
    retention: timedelta = timedelta(minutes=10)
    liveness: timedelta = timedelta(seconds=15)
    last_seen_flush: timedelta = timedelta(seconds=10)
    offline_after: timedelta = timedelta(minutes=5)  # silence of a device
    attestation_stale: timedelta = timedelta(days=30)  # age of an attestation


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process holds at most; past a bound the answer is 413, 429 or 503, never a crash."""

    body_bytes: int = 4 * MIB  # of any endpoint; most take less, see southbound/bodies.py
    bodies_in_flight_bytes: int = 256 * MIB
    body_read_s: float = 30.0
    kept_configs_bytes: int = 160 * MIB  # rendered configurations that devices may ask for again
    inflated_log_bytes: int = 16 * MIB
    ingest_queue: int = 2048  # messages that wait for their commit
    ingest_queue_bytes: int = 64 * MIB
    ingest_batch: int = 256  # messages in one commit
    waiters: int = 20_000
    wait_s: float = 50.0
    concurrent_requests: int = 1024  # besides the waiters
    # of one device: far above what a device asks for, far below what holds up the others
    device_requests_per_s: float = 100.0
    device_requests_burst_s: float = 10.0  # seconds of that rate at once
    # of one enterprise, in force only while the process is behind
    enterprise_requests_per_s: float = 100.0  # and for each of its devices:
    enterprise_requests_per_s_per_device: float = 1.0
    enterprise_burst_s: float = 2.0  # seconds of that rate
    # of one address, for what is open to all and for what no known device signed
    stranger_requests_per_s: float = 500.0
    stranger_requests_burst_s: float = 40.0
    registrations_per_minute: int = 6000  # of one address, and of one onboarding certificate
    # of one user of the REST side, whatever tokens it holds
    user_requests_per_s: float = 500.0
    user_requests_burst_s: float = 20.0  # seconds of that rate at once
    streams: int = 512  # of events, besides the requests; see northbound/stream
    streams_per_user: int = 20


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the telemetry is kept: by age and by size, and the size wins."""

    log_days: int = 30
    log_bytes: int = 4096 * MIB
    log_bytes_per_device: int = 256 * MIB
    flow_days: int = 30
    flow_bytes: int = 1024 * MIB
    flow_bytes_per_device: int = 64 * MIB
    metric_raw_hours: int = 24
    metric_five_minute_days: int = 30
    metric_hour_days: int = 365
    metric_bytes: int = 16 * 1024 * MIB
    health_rows_per_device: int = 1_000
    event_days: int = 90
    event_rows: int = 2_000_000
    event_rows_per_device: int = 10_000
    # of the audit log of one enterprise; what is more or older is moved to files
    audit_days: int = 1095
    audit_rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Observing:
    """Where the controller tells of itself; nowhere unless asked for."""

    metrics_listen: Endpoint | None = None  # plain HTTP; a loopback address needs no token
    metrics_token_file: Path | None = None
    traces_url: str = ""  # OTLP over HTTP, such as http://localhost:4318/v1/traces

    @property
    def trusts_callers(self) -> bool:
        """Whoever reaches the listener is on this machine."""
        listen = self.metrics_listen
        return listen is not None and _is_loopback(listen.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Settings:
    state_dir: Path
    device_listen: Endpoint = Endpoint("0.0.0.0", 8443)
    rest_listen: Endpoint = Endpoint("0.0.0.0", 9443)
    database_url: str = ""  # empty: SQLite in the state folder
    secret_key_file: Path | None = None  # opens the secrets of the database; else secret.key
    device_server: str = ""  # host:port that devices are told; empty: made from device_listen
    admin_password_file: Path | None = None
    audit_folder: Path | None = None  # old rows of the audit logs; else audit/ in the state folder
    installer_images: Path | None = None  # folder of generic images, by tag; None: there are none
    signup_open: bool = False  # enterprises and users may sign themselves up
    device_proxy_listen: Endpoint | None = None  # for balancers that speak the PROXY protocol
    device_proxies: tuple[Network, ...] = ()  # those balancers; believed at that port alone
    # whose X-Forwarded-For says where a user is, at the REST port alone
    trusted_proxies: tuple[Network, ...] = ()
    scep_networks: tuple[Network, ...] = ()  # not public, and SCEP servers of tenants may be there
    own_tls: OwnTls | None = None
    own_signing: OwnSigning | None = None
    intervals: Intervals = field(default_factory=Intervals)
    bounds: Bounds = field(default_factory=Bounds)
    retention: Retention = field(default_factory=Retention)
    sinks: SinkSettings = field(default_factory=SinkSettings)
    observing: Observing = field(default_factory=Observing)
    content: ContentSettings = field(default_factory=ContentSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    keys: KeySettings = field(default_factory=KeySettings)

    @property
    def content_dir(self) -> Path:
        return self.content.folder or self.state_dir / "content"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.state_dir.absolute() / 'eaves.db'}"

    @property
    def alone(self) -> bool:
        """True when no other process may serve the same database: it is SQLite."""
        return self.database.startswith("sqlite")

    @property
    def secret_key_path(self) -> Path:
        return self.secret_key_file or self.state_dir / "secret.key"

    @property
    def audit_archive(self) -> Path:
        """The folder of the files that old rows of the audit logs are moved to."""
        return self.audit_folder or self.state_dir / "audit"

    @property
    def shared_port(self) -> bool:
        """True when devices and users come through one listener."""
        return self.device_listen.port != 0 and self.device_listen == self.rest_listen


@dataclass(frozen=True, slots=True)
class Options:
    """The command line as given; `None` falls back to the environment, then to the default."""

    state_dir: str | None = None
    device_listen: str | None = None
    rest_listen: str | None = None
    database_url: str | None = None
    secret_key_file: str | None = None
    device_server: str | None = None
    admin_password_file: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_root: str | None = None
    signing_certificates: str | None = None
    signing_key: str | None = None
    signing_root: str | None = None
    metrics_listen: str | None = None
    metrics_token_file: str | None = None


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def read_settings(options: Options, environment: Mapping[str, str] = os.environ) -> Settings:
    """Join the command line and the EAVES_* environment.  Raises BadSetting."""

    def given(name: str) -> str:
        value = getattr(options, name)
        return value if value is not None else environment.get(f"EAVES_{name.upper()}", "")

    database_url = given("database_url") or environment.get("EAVES_DATABASE", "")
    state_dir = Path(given("state_dir") or "/var/lib/eaves/controller")
    settings = Settings(
        state_dir=state_dir,
        device_listen=parse_endpoint(
            given("device_listen"), name="--device-listen", default_port=8443
        ),
        rest_listen=parse_endpoint(given("rest_listen"), name="--rest-listen", default_port=9443),
        database_url=database_url,
        secret_key_file=_path(given("secret_key_file")),
        device_server=given("device_server"),
        admin_password_file=_path(given("admin_password_file")),
        audit_folder=_path(environment.get("EAVES_AUDIT_FOLDER", "")),
        installer_images=_path(environment.get("EAVES_INSTALLER_IMAGES", "")),
        signup_open=_signup(environment.get("EAVES_SIGNUP", "")),
        device_proxy_listen=_proxy_listen(environment.get("EAVES_DEVICE_PROXY_LISTEN", "")),
        device_proxies=_proxies(environment, "EAVES_DEVICE_PROXIES"),
        trusted_proxies=_proxies(environment, "EAVES_TRUSTED_PROXIES"),
        scep_networks=_networks(environment, "EAVES_SCEP_NETWORKS"),
        own_tls=_own_tls(
            _path(given("tls_certificate")), _path(given("tls_key")), _path(given("tls_root"))
        ),
        own_signing=_own_signing(
            _path(given("signing_certificates")),
            _path(given("signing_key")),
            _path(given("signing_root")),
        ),
        intervals=_intervals(environment),
        bounds=_bounds(environment),
        retention=_retention(environment),
        sinks=read_sink_settings(environment, database_url),
        observing=_observing(
            given("metrics_listen"),
            _path(given("metrics_token_file")),
            environment.get("EAVES_OTEL_TRACES_URL", ""),
        ),
        content=_content(environment),
        notify=_notify(environment),
        keys=_keys(environment),
    )
    return _with_a_usable_door(settings)


def _keys(environment: Mapping[str, str]) -> KeySettings:
    try:
        return read_key_settings(environment)
    except ValueError as error:
        raise BadSetting(str(error)) from error


def _notify(environment: Mapping[str, str]) -> NotifySettings:
    try:
        return read_notify_settings(environment)
    except ValueError as error:
        raise BadSetting(str(error)) from error


def _content(environment: Mapping[str, str]) -> ContentSettings:
    try:
        found = read_content_settings(environment)
    except ValueError as error:
        raise BadSetting(str(error)) from error
    if found.server:
        parse_endpoint(found.server, name="EAVES_CONTENT_SERVER", default_port=443)
    return found


def _observing(listen: str, token_file: Path | None, traces_url: str) -> Observing:
    if traces_url and not traces_url.startswith(("http://", "https://")):
        raise BadSetting(f"EAVES_OTEL_TRACES_URL is {traces_url!r}; give http(s)://HOST/v1/traces")
    found = Observing(
        parse_endpoint(listen, name="--metrics-listen", default_port=9464) if listen else None,
        token_file,
        traces_url,
    )
    if found.metrics_listen is not None and token_file is None and not found.trusts_callers:
        raise BadSetting(
            f"--metrics-listen {found.metrics_listen} is reachable from other machines; "
            "give --metrics-token-file as well, or listen on 127.0.0.1"
        )
    return found


def _signup(word: str) -> bool:
    if word not in ("", "open", "closed"):
        raise BadSetting(f"EAVES_SIGNUP is {word!r}; give open or closed")
    return word == "open"


def _proxy_listen(text: str) -> Endpoint | None:
    name = "EAVES_DEVICE_PROXY_LISTEN"
    return parse_endpoint(text, name=name, default_port=8444) if text else None


def _with_a_usable_door(settings: Settings) -> Settings:
    """Raises BadSetting."""
    if settings.device_proxy_listen is None:
        return settings
    told = f"EAVES_DEVICE_PROXY_LISTEN is {settings.device_proxy_listen}"
    if not settings.device_proxies:
        raise BadSetting(
            f"{told}, and nobody would be let in there; name the balancers in EAVES_DEVICE_PROXIES"
        )
    if settings.shared_port:
        raise BadSetting(
            f"{told}, and users share the port of devices; give them ports of their own"
        )
    return settings


def _proxies(environment: Mapping[str, str], name: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for word in filter(None, (part.strip() for part in environment.get(name, "").split(","))):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise BadSetting(
                f"{name} has {word!r} ({error}); give addresses or networks, such as "
                "192.0.2.7,2001:db8::/64"
            ) from error
    return tuple(found)


def _networks(environment: Mapping[str, str], name: str) -> tuple[Network, ...]:
    text = environment.get(name, "")
    try:
        return read_networks(text) if text else ()
    except ValueError as error:
        raise BadSetting(
            f"{name} is {text!r}: {error}; give networks as 10.0.0.0/8, separated by commas, or all"
        ) from error


def _own_tls(certificate: Path | None, key: Path | None, root: Path | None) -> OwnTls | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadSetting("--tls-certificate and --tls-key go together; give both or none")
    return OwnTls(certificate, key, root)


def _own_signing(
    certificates: Path | None, key: Path | None, root: Path | None
) -> OwnSigning | None:
    if certificates is None and key is None and root is None:
        return None
    if certificates is None or key is None or root is None:
        raise BadSetting(
            "--signing-certificates, --signing-key and --signing-root go together; "
            "give all three or none"
        )
    return OwnSigning(certificates, key, root)


def _retention(environment: Mapping[str, str]) -> Retention:
    """`EAVES_KEEP_<FIELD>` for each field of Retention, such as EAVES_KEEP_LOG_DAYS."""
    names = {field.name: f"EAVES_KEEP_{field.name.upper()}" for field in fields(Retention)}
    given = {name: _number(environment, key) for name, key in names.items()}
    return Retention(**{name: number for name, number in given.items() if number is not None})


def _intervals(environment: Mapping[str, str]) -> Intervals:
    every_s = _number(environment, "EAVES_KEEP_EVERY_S")
    stale_h = _number(environment, "EAVES_ATTESTATION_STALE_HOURS")
    found = Intervals()
    if every_s is not None:
        found = replace(found, retention=timedelta(seconds=every_s))
    if stale_h is not None:
        found = replace(found, attestation_stale=timedelta(hours=stale_h))
    return found


def _number(environment: Mapping[str, str], key: str) -> int | None:
    text = environment.get(key, "")
    if not text:
        return None
    if not text.isdecimal() or not int(text):
        raise BadSetting(f"{key} is {text!r}; give a whole number from 1")
    return int(text)


_RATES: Final = (
    ("EAVES_WAITERS", "waiters"),
    ("EAVES_REGISTRATIONS_PER_MINUTE", "registrations_per_minute"),
    ("EAVES_DEVICE_REQUESTS_PER_S", "device_requests_per_s"),
    ("EAVES_ENTERPRISE_REQUESTS_PER_S", "enterprise_requests_per_s"),
    ("EAVES_ADDRESS_REQUESTS_PER_S", "stranger_requests_per_s"),
    ("EAVES_USER_REQUESTS_PER_S", "user_requests_per_s"),
    ("EAVES_STREAMS", "streams"),
    ("EAVES_STREAMS_PER_USER", "streams_per_user"),
)
"""Bounds that a site may have to move: one address may stand for thousands of devices."""


def _bounds(environment: Mapping[str, str]) -> Bounds:
    given: dict[str, int] = {}
    for variable, name in _RATES:
        text = environment.get(variable, "")
        if not text:
            continue
        if not text.isdecimal() or int(text) == 0:
            raise BadSetting(f"{variable} is {text!r}; give a whole number above 0, or leave it")
        given[name] = int(text)
    return replace(Bounds(), **given)
