"""How the controller tells people of something: its mail server, and where tenants may send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from eaves.controller.domain.alerts.addresses import Network, read_networks

STARTTLS: Final = "starttls"
TLS: Final = "tls"
PLAIN: Final = "none"
_SCHEMES: Final = {"smtp": STARTTLS, "smtps": TLS, "smtp+plain": PLAIN}
_PORTS: Final = {STARTTLS: 587, TLS: 465, PLAIN: 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security`: starttls (demanded), tls, or none; `ca_pem`: of a private authority."""

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_pem: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """`networks`: addresses that are not public and that tenants may send to all the same."""

    mail: MailServer | None = None
    networks: tuple[Network, ...] = ()


def read_notify_settings(environment: Mapping[str, str]) -> NotifySettings:
    """Raises ValueError with the name of a variable that cannot be used."""
    allowed = environment.get("EAVES_NOTIFY_NETWORKS", "")
    try:
        networks = read_networks(allowed) if allowed else ()
    except ValueError as error:
        raise ValueError(
            f"EAVES_NOTIFY_NETWORKS is {allowed!r}: {error}; give networks as 10.0.0.0/8, "
            "separated by commas, or all"
        ) from error
    url = environment.get("EAVES_MAIL_URL", "")
    return NotifySettings(_mail(url, environment) if url else None, networks)


def _mail(url: str, environment: Mapping[str, str]) -> MailServer:
    try:
        parts = urlsplit(url)
        security, host, port = _SCHEMES.get(parts.scheme, ""), parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("EAVES_MAIL_URL cannot be read; give smtp://USER@HOST:587") from error
    if not security or not host:
        raise ValueError(
            "EAVES_MAIL_URL names no mail server; give smtp://USER@HOST:587 (STARTTLS), "
            "smtps://USER@HOST:465 (TLS), or smtp+plain://HOST:25 on a network that you trust"
        )
    if parts.password:
        raise ValueError("EAVES_MAIL_URL holds a password; name its file: EAVES_MAIL_PASSWORD_FILE")
    sender = environment.get("EAVES_MAIL_FROM", "")
    if "@" not in sender or not sender.isprintable() or set(" ,<>") & set(sender):
        raise ValueError(f"EAVES_MAIL_FROM is {sender!r}; give the address that mails come from")
    return MailServer(
        host=host,
        port=port or _PORTS[security],
        security=security,
        sender=sender,
        username=unquote(parts.username or ""),
        password=_text_of(environment, "EAVES_MAIL_PASSWORD_FILE").strip(),
        ca_pem=_text_of(environment, "EAVES_MAIL_TLS_ROOT"),
    )


def _text_of(environment: Mapping[str, str], name: str) -> str:
    path = environment.get(name, "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} {path}: {error}; check the file") from error
