"""Where the controller is and how we prove who we are: kept in the user's configuration folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Session:
    url: str  # https://host:port
    token: str
    root_pem: str = ""  # the certificate authority to trust beside the system's
    user: str = ""


def session_file() -> Path:
    """EAVES_CONFIG names the folder; else eaves/ below the XDG configuration folder."""
    own = os.environ.get("EAVES_CONFIG")
    if own:
        return Path(own) / "session.json"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "eaves" / "session.json"


def load_session() -> Session:
    url, token = os.environ.get("EAVES_URL"), os.environ.get("EAVES_TOKEN")
    if url and token:
        root = os.environ.get("EAVES_CA")
        return Session(url.rstrip("/"), token, Path(root).read_text() if root else "")
    path = session_file()
    try:
        return Session(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise click.ClickException(
            "not logged in; run `eaves login https://CONTROLLER:9443`,"
            " or set EAVES_URL and EAVES_TOKEN"
        ) from None
    except (ValueError, TypeError) as error:
        raise click.ClickException(
            f"{path} is damaged ({error}); run `eaves login` again"
        ) from error


def save_session(session: Session) -> Path:
    path = session_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(session), file)
    temporary.replace(path)
    return path
