"""Where the controller is and how we prove who we are: kept in the user's configuration folder."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import click

from eaves.cli.json_values import object_of


@dataclass(frozen=True, slots=True)
class Session:
    url: str  # https://host:port
    token: str
    root_pem: str = ""  # the certificate authority to trust beside the system's
    user: str = ""

    def __repr__(self) -> str:
        return f"Session({self.url!r}, user={self.user!r})"  # the token stays out of logs


def session_file() -> Path:
    """EAVES_CONFIG names the folder; else eaves/ below the XDG configuration folder."""
    own = os.environ.get("EAVES_CONFIG")
    if own:
        return Path(own) / "session.json"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "eaves" / "session.json"


def load_session() -> Session:
    """From EAVES_URL and EAVES_TOKEN (and EAVES_CA, a file), else as `eaves login` kept it."""
    url, token = os.environ.get("EAVES_URL"), os.environ.get("EAVES_TOKEN")
    if url and token:
        root = os.environ.get("EAVES_CA")
        return Session(url.rstrip("/"), token, read_pem(Path(root)) if root else "")
    path = session_file()
    try:
        return _session(json.loads(path.read_text()))
    except FileNotFoundError:
        raise click.ClickException(
            "not logged in; run `eaves login https://CONTROLLER:9443`,"
            " or set EAVES_URL and EAVES_TOKEN"
        ) from None
    except ValueError as error:
        raise click.ClickException(
            f"{path} is damaged ({error}); run `eaves login` again"
        ) from error


def _session(data: object) -> Session:
    names = {f.name for f in fields(Session)}
    known = {name: value for name, value in object_of(data).items() if name in names}
    if not known.get("url") or not all(isinstance(value, str) for value in known.values()):
        raise ValueError("it holds no session")
    return Session(**{"token": "", **known})


def save_session(session: Session) -> Path:
    path = session_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(session), file)
    temporary.replace(path)
    return path


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
