"""Where the controller is and how we prove who we are: kept in the user's configuration folder.

One file holds the logins as named contexts, one of which is in use.  It is written whole, under a
name of its own that only its user may read, and then takes its place.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from eaves.cli.json_values import is_object, object_of

CONTEXT = "eaves.context"  # where click keeps what --context said
USUAL_PORT = 9443


@dataclass(frozen=True, slots=True)
class Session:
    url: str  # https://host:port
    token: str
    root_pem: str = ""  # the certificate authority to trust beside the system's
    user: str = ""
    enterprise: str = ""  # one below the user's own, where it is entered
    known_client: str = ""  # a cookie: the user signed in from here before

    def __repr__(self) -> str:
        return f"Session({self.url!r}, user={self.user!r})"  # the token stays out of logs


@dataclass(frozen=True, slots=True)
class Contexts:
    """`current` is the name of the one in use; empty when none is."""

    current: str = ""
    sessions: Mapping[str, Session] = field(default_factory=dict[str, Session])

    def named(self, name: str) -> Session:
        """Raises ClickException with the names that there are."""
        if name in self.sessions:
            return self.sessions[name]
        from eaves.cli.client import nearest  # noqa: PLC0415 - only where something went wrong

        raise click.ClickException(
            f"there is no context {name!r}; {nearest(name, self.sessions, 'context')}"
        )

    def put(self, name: str, session: Session) -> "Contexts":
        """With this one, in use."""
        return Contexts(name, {**self.sessions, name: session})

    def without(self, name: str) -> "Contexts":
        """Without the one in use, the only one that is left is in use, if there is just one."""
        rest = {key: value for key, value in self.sessions.items() if key != name}
        if self.current != name:
            return Contexts(self.current, rest)
        return Contexts(next(iter(rest)) if len(rest) == 1 else "", rest)

    def told_after(self, before: "Contexts") -> str:
        """What is in use now, where that is another one than before; empty otherwise."""
        if not self.sessions or self.current == before.current:
            return ""
        if self.current:
            return f"context {self.current} is in use now: {self.sessions[self.current].url}"
        return f"none is in use now; eaves context use {' | '.join(sorted(self.sessions))}"

    def use(self, name: str) -> "Contexts":
        self.named(name)
        return replace(self, current=name)


def session_file() -> Path:
    """EAVES_CONFIG names the folder; else eaves/ below the XDG configuration folder."""
    own = os.environ.get("EAVES_CONFIG")
    if own:
        return Path(own) / "session.json"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "eaves" / "session.json"


def usual_name(session: Session) -> str:
    """Of a context that nobody named: the host, and what tells it from others there."""
    parts = urlsplit(session.url)
    host = parts.hostname or session.url
    port = "" if parts.port in (None, USUAL_PORT) else f":{parts.port}"
    below = f"/{session.enterprise}" if session.enterprise else ""
    return f"{host}{port}{below}"


def chosen_context() -> str:
    """What `eaves --context NAME` says; empty without it."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(CONTEXT) or "") if context is not None else ""


def load_session() -> Session:
    """That of --context, else of EAVES_URL and EAVES_TOKEN (and EAVES_CA, a file), else of
    EAVES_CONTEXT, else of the context in use.
    """
    return load_login()[1]


def load_login() -> tuple[str, Session]:
    """As `load_session`, with the name of the context; without one from the environment."""
    if not chosen_context() and (session := session_of_environment()) is not None:
        return "", session
    return load_context()


def session_of_environment() -> Session | None:
    url, token = os.environ.get("EAVES_URL"), os.environ.get("EAVES_TOKEN")
    if not url or not token:
        return None
    root = os.environ.get("EAVES_CA")
    return Session(url.rstrip("/"), token, read_pem(Path(root)) if root else "")


def load_context() -> tuple[str, Session]:
    """The context that is meant, with its name."""
    kept = load_contexts()
    name = chosen_context() or os.environ.get("EAVES_CONTEXT") or kept.current
    if not kept.sessions:
        raise click.ClickException(
            "not logged in; run `eaves login https://CONTROLLER:9443`,"
            " or set EAVES_URL and EAVES_TOKEN"
        )
    if not name:
        names = ", ".join(sorted(kept.sessions))
        raise click.ClickException(f"no context is in use; run `eaves context use NAME`: {names}")
    return name, kept.named(name)


def load_contexts() -> Contexts:
    path = session_file()
    try:
        return _contexts(json.loads(path.read_text()))
    except FileNotFoundError:
        return Contexts()
    except ValueError as error:
        raise click.ClickException(
            f"{path} is damaged ({error}); run `eaves login` again"
        ) from error


def _contexts(data: object) -> Contexts:
    told = object_of(data)
    if "contexts" not in told:  # of an earlier version: one login
        session = _session(told)
        name = usual_name(session)
        return Contexts(name, {name: session})
    sessions = {str(n): _session(one) for n, one in object_of(told["contexts"]).items()}
    current = str(told.get("current") or "")
    return Contexts(current if current in sessions else "", sessions)


def _session(data: object) -> Session:
    names = {f.name for f in fields(Session)}
    told = data if is_object(data) else {}
    known = {name: value for name, value in told.items() if name in names}
    if not known.get("url") or not all(isinstance(value, str) for value in known.values()):
        raise ValueError("it holds no session")
    return Session(**{"token": "", **known})


def save_contexts(kept: Contexts) -> Path:
    """Nothing is left when there is no context."""
    path = session_file()
    if not kept.sessions:
        path.unlink(missing_ok=True)
        return path
    told = {
        "current": kept.current,
        "contexts": {name: asdict(session) for name, session in kept.sessions.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(told, file)
    temporary.replace(path)
    return path


def save_session(session: Session, name: str = "") -> tuple[str, Path]:
    """Keep a login and use it; returns its name and the file."""
    name = name or usual_name(session)
    return name, save_contexts(_or_none().put(name, session))


def known_client_of(url: str, user: str) -> str:
    """What a login of this user there left here."""
    there = (one for one in _or_none().sessions.values() if (one.url, one.user) == (url, user))
    return next((one.known_client for one in there if one.known_client), "")


def _or_none() -> Contexts:
    """What is there; nothing, where the file cannot be read: a login takes its place."""
    try:
        return load_contexts()
    except click.ClickException:
        return Contexts()


def read_pem(path: Path) -> str:
    """A file of certificates; says so when it is something else."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise click.ClickException(
            f"{path} holds no PEM certificate; give the file that begins with BEGIN CERTIFICATE"
        )
    return text
