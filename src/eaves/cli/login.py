"""Logging in: whom to trust on first use, a password or a token, and the first password change."""

import hashlib
import http.client
import json
import socket
import ssl
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from eaves.cli.client import (
    TIMEOUT_S,
    ApiError,
    Client,
    open_connection,
    tls_context,
    unreachable,
)
from eaves.cli.json_values import Json, is_object, object_of
from eaves.cli.session import Session, load_session, read_pem, save_session, session_file

REST_PORT = 9443
FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
HOW_TO_COMPARE = (
    "On the controller's host this prints the right one:\n"
    "  openssl x509 -noout -fingerprint -sha256 -in STATE_DIR/tls/cert.pem"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proves who they are."""

    user: str
    password_file: Path | None
    token_file: Path | None
    new_password_file: Path | None = None


@click.command()
@click.argument("url", required=False)
@click.option("--user", help="User name.  [default: admin, or that of the last login]")
@click.option("--password-file", type=FILE, help="File with the password; else it is asked for.")
@click.option("--token-file", type=FILE, help="File with an API token, instead of a password.")
@click.option(
    "--new-password-file", type=FILE, help="The password to choose, if the old one must be changed."
)
@click.option("--ca", type=FILE, help="Certificate authority to trust (PEM).")
@click.option(
    "--fingerprint", help="SHA-256 of the controller's certificate, to trust it without a question."
)
def login(
    url: str | None,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    new_password_file: Path | None,
    ca: Path | None,
    fingerprint: str | None,
) -> None:
    """Log in at a controller, for example https://eaves.example.com:9443.

    Without URL at the controller of the last login.  A certificate that this machine does not
    know is shown for comparison, unless --ca or --fingerprint says whom to trust.
    """
    if password_file and token_file:
        raise click.UsageError("give --password-file or --token-file, not both")
    last = None if url else _last_session()
    base = last.url if last else base_url(str(url))
    if ca:
        root = read_pem(ca)
    elif last and not fingerprint:
        root = last.root_pem
    else:
        root = _trust(base, fingerprint)
    name = user or (last.user if last else "") or "admin"
    proof = Proof(name, password_file, token_file, new_password_file)
    session = _log_in(Session(base, "", root, proof.user), proof)
    path = save_session(session)
    click.echo(f"logged in at {base} as {session.user}; kept in {path}")


def _last_session() -> Session:
    try:
        return load_session()
    except click.ClickException as error:
        raise click.UsageError(
            "at which controller? for example: eaves login https://eaves.example.com:9443"
        ) from error


def _log_in(session: Session, proof: Proof) -> Session:
    if proof.token_file is not None:
        session = replace(session, token=_line_of(proof.token_file, "token"))
        with Client(session) as client:
            try:
                who = client.call("GET", "/v1/users/self")
            except ApiError as error:
                if error.status == 401:
                    raise click.ClickException(
                        f"the token in {proof.token_file} is unknown, revoked or expired;"
                        " make another with `eaves token create`"
                    ) from error
                raise
        return replace(session, user=str(who.get("username") or ""))
    if proof.password_file is not None:
        password = _line_of(proof.password_file, "password")
    else:
        password = _asked(f"Password of {proof.user}", otherwise="give --password-file FILE")
    new = _line_of(proof.new_password_file, "password") if proof.new_password_file else ""
    return replace(session, token=_token_for(session, password, new))


def _line_of(path: Path, what: str) -> str:
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    if not text.strip():
        raise click.ClickException(f"{path} is empty; write the {what} into it")
    return text.strip()


def _token_for(session: Session, password: str, new: str = "") -> str:
    """A token for a password; one that must be changed becomes `new`, or is asked for."""
    with Client(session) as client:
        answer = client.call(
            "POST", "/v1/login", {"usernameAtRealm": session.user, "password": password}
        )
    full = _token(answer, "token")
    if full:
        return full
    limited = _token(answer, "tempToken")
    if not limited:
        raise click.ClickException(f"login refused: {answer.get('cause', 'no reason given')}")
    changed = _change_password(replace(session, token=limited), password, new)
    return _token_for(session, changed)


def _change_password(limited: Session, password: str, new: str) -> str:
    if not new:
        click.echo("This password was made by somebody else; choose your own to go on.")
    while True:
        chosen = new or _asked(
            "New password",
            twice=True,
            otherwise="log in once at a terminal, or give --new-password-file FILE",
        )
        try:
            with Client(limited) as client:
                client.call(
                    "PUT",
                    "/v1/credentials",
                    {
                        "type": "CREDENTIAL_TYPE_PASSWORD",
                        "owner": limited.user,
                        "currentCred": password,
                        "newCred": chosen,
                    },
                )
        except ApiError as error:
            if error.status != 400 or new:
                raise
            click.echo(error.message, err=True)  # too weak, or the old one: ask again
            continue
        return chosen


def _asked(prompt: str, *, twice: bool = False, otherwise: str) -> str:
    if not sys.stdin.isatty():
        raise click.ClickException(f"nobody at a terminal to give {prompt!r}; {otherwise}")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice))


def _token(answer: Json, field: str) -> str:
    value = answer.get(field)
    return str(value.get("base64") or "") if is_object(value) else str(value or "")


@click.command()
def logout() -> None:
    """End this login, here and at the controller."""
    try:
        with Client(load_session()) as client:
            client.call("POST", "/v1/logout", {})
    except ApiError as error:
        if error.status != 401:  # it has ended there already
            raise
    finally:
        session_file().unlink(missing_ok=True)
    click.echo("logged out")


@click.group()
def token() -> None:
    """Make API tokens for automation."""


@token.command("create")
@click.option(
    "--read-secrets",
    is_flag=True,
    help="Replies to it show secrets that Terraform reads back, if your role may read them.",
)
def create_token(*, read_secrets: bool) -> None:
    """Make an API token with your rights; it is printed once.

    Use it with `eaves login --token-file FILE`, or in EAVES_TOKEN beside EAVES_URL and EAVES_CA.
    """
    with Client(load_session()) as client:
        asked: Json | None = {"readSecrets": True} if read_secrets else None
        made = client.call("POST", "/v1/sessions/token/self", asked)
    click.echo(_token(made, "token") or _token(made, "base64"))
    expires = made.get("expiresAt") or made.get("expires")
    if expires:
        click.echo(f"valid until {expires}", err=True)


# --- whom to trust ------------------------------------------------------------------------------


def base_url(text: str) -> str:
    """`https://host:port` of what a person typed; a host alone means the usual REST port."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "https" or not parts.hostname or port == -1:
        raise click.UsageError(
            f"{text!r} is no address of a controller; write it like https://HOST:{REST_PORT}"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is None:
        port = 443 if "://" in text else REST_PORT
    return f"https://{host}:{port}"


def shown_fingerprint(der: bytes) -> str:
    """As openssl prints it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def bare_fingerprint(text: str) -> str:
    """Hex digits alone, of what openssl, browsers and people write."""
    digits = text.rpartition("=")[2].lower().removeprefix("sha256:").replace(":", "")
    return "".join(digits.split())


def _trust(base: str, fingerprint: str | None) -> str:
    """PEM of the authority to trust: none when the system's do, else the controller's own."""
    if fingerprint is None and _known_to_system(base):
        return ""
    seen = _leaf(base)
    if fingerprint is not None:
        if bare_fingerprint(fingerprint) != hashlib.sha256(seen).hexdigest():
            raise click.ClickException(
                f"{base} shows a certificate with another fingerprint,\n"
                f"       SHA-256 {shown_fingerprint(seen)};\n"
                "       do not go on unless you know why"
            )
    else:
        click.echo(f"This machine does not know the certificate of {base}, SHA-256 fingerprint")
        click.echo(f"  {shown_fingerprint(seen)}")
        click.echo(HOW_TO_COMPARE)
        try:
            click.confirm("Are they the same?", abort=True)
        except click.Abort as error:
            raise click.ClickException(
                "not logged in; give --ca FILE or --fingerprint SHA256 to say whom to trust"
            ) from error
    return _root_of(base, seen)


def _known_to_system(base: str) -> bool:
    connection = open_connection(base, tls_context(""), TIMEOUT_S)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError:
        return False
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    else:
        return True
    finally:
        connection.close()


def _leaf(base: str) -> bytes:
    """What the controller shows, unchecked: a person or a fingerprint judges it."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    connection = open_connection(base, unchecked, TIMEOUT_S)
    try:
        connection.connect()
        sock: socket.socket = connection.sock
        return (
            sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else b""
        ) or b""
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    finally:
        connection.close()


def _root_of(base: str, leaf_der: bytes) -> str:
    """The controller's root certificate, asked for over a connection pinned to the leaf."""
    pinned = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(leaf_der))
    pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    connection = open_connection(base, pinned, TIMEOUT_S)
    try:
        connection.request("GET", "/api/v1/eaves/controller")
        told = object_of(json.loads(connection.getresponse().read()))
        root = str(told.get("rootCertificatePem") or "")
    except ssl.SSLCertVerificationError as error:
        raise click.ClickException(
            f"the certificate of {base} cannot be used: {error.verify_message};"
            " call the controller by a name that stands in its certificate"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(unreachable(base, error)) from error
    except ValueError:
        root = ""
    finally:
        connection.close()
    if not root:
        raise click.ClickException(
            f"{base} does not tell its root certificate; is it a controller? else give it with --ca"
        )
    return root
