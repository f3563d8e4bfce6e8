"""Logging in: whom to trust on first use, a password or a token, and the first password change."""

import hashlib
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx

from eaves.cli.client import Client, Json
from eaves.cli.session import Session, load_session, save_session, session_file


@click.command()
@click.argument("url")
@click.option("--user", default="admin", show_default=True)
@click.option(
    "--password-file", type=click.Path(path_type=Path, exists=True), help="Else it is asked for."
)
@click.option(
    "--token-file", type=click.Path(path_type=Path, exists=True), help="Use an API token."
)
@click.option(
    "--ca", type=click.Path(path_type=Path, exists=True), help="Certificate authority (PEM)."
)
@click.option("--fingerprint", help="SHA-256 of the controller's certificate, to trust it unseen.")
def login(
    url: str,
    user: str,
    password_file: Path | None,
    token_file: Path | None,
    ca: Path | None,
    fingerprint: str | None,
) -> None:
    """Log in at a controller, for example https://eaves.example.com:9443."""
    base = _base_url(url)
    root = ca.read_text() if ca else _trust(base, fingerprint)
    if token_file is not None:
        session = Session(base, token_file.read_text().strip(), root)
        with Client(session) as client:
            who = client.call("GET", "/v1/users/self")
        name = str(who.get("username") or "")
    else:
        password = (
            password_file.read_text().strip()
            if password_file
            else click.prompt(f"Password of {user}", hide_input=True)
        )
        session = Session(base, _password_login(base, root, user, str(password)), root, user)
        name = user
    path = save_session(Session(session.url, session.token, session.root_pem, name))
    click.echo(f"logged in at {base} as {name}; kept in {path}")


@click.command()
def logout() -> None:
    """End this login here and at the controller."""
    with Client(load_session()) as client:
        client.call("POST", "/v1/logout", {})
    session_file().unlink(missing_ok=True)
    click.echo("logged out")


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
def create_token() -> None:
    """Make an API token with your rights; it is printed once."""
    with Client(load_session()) as client:
        made = client.call("POST", "/v1/sessions/token/self")
    click.echo(str(made.get("token", "")))
    click.echo(f"valid until {made.get('expiresAt', '')}", err=True)


def _base_url(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if parts.scheme != "https" or not parts.hostname:
        raise click.ClickException(f"{url!r} is no https:// address of a controller")
    return f"https://{parts.netloc}"


def _password_login(base: str, root: str, user: str, password: str) -> str:
    with Client(Session(base, "", root)) as client:
        answer = client.call("POST", "/v1/login", {"usernameAtRealm": user, "password": password})
    full = _token(answer, "token")
    if full:
        return full
    limited = _token(answer, "tempToken")
    if not limited:
        raise click.ClickException(f"login refused: {answer.get('cause', 'no reason given')}")
    click.echo("This password was made by the controller; choose your own.")
    chosen = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    with Client(Session(base, limited, root)) as client:
        client.call(
            "PUT",
            "/v1/credentials",
            {
                "type": "CREDENTIAL_TYPE_PASSWORD",
                "owner": user,
                "currentCred": password,
                "newCred": chosen,
            },
        )
    return _password_login(base, root, user, str(chosen))


def _token(answer: Json, field: str) -> str:
    value = answer.get(field)
    return str(value.get("base64") or "") if isinstance(value, dict) else str(value or "")


def _trust(base: str, fingerprint: str | None) -> str:
    """The authority to trust: the system's when it does, else the controller's own on first use."""
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or 443
    try:
        with socket.create_connection((host, port), timeout=10) as raw:
            try:
                with ssl.create_default_context().wrap_socket(raw, server_hostname=host):
                    return ""
            except ssl.SSLCertVerificationError:
                pass
    except OSError as error:
        raise click.ClickException(
            f"cannot reach {base}: {error}; is the controller running?"
        ) from error
    seen = _leaf(host, port)
    digest = hashlib.sha256(seen).hexdigest()
    wanted = (fingerprint or "").replace(":", "").lower()
    if wanted and wanted != digest:
        raise click.ClickException(
            f"the controller shows a certificate of SHA-256 {digest}, not {wanted}: do not go on"
            " unless you know why"
        )
    if not wanted:
        click.echo(f"{base} has a certificate that this machine does not know.")
        click.echo(f"SHA-256 {digest}")
        click.confirm("Is that the fingerprint the controller printed at its start?", abort=True)
    return _root_of(base, seen)


def _leaf(host: str, port: int) -> bytes:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=10) as raw,
        unchecked.wrap_socket(raw, server_hostname=host) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


def _root_of(base: str, leaf_der: bytes) -> str:
    """The controller's root certificate, asked for over a connection pinned to the leaf."""
    pinned = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(leaf_der))
    pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        answer = httpx.get(f"{base}/api/v1/eaves/controller", verify=pinned, timeout=10)
        root = str(answer.json().get("rootCertificatePem") or "")
    except (httpx.HTTPError, ValueError) as error:
        raise click.ClickException(f"{base} does not tell its root certificate: {error}") from error
    if not root:
        raise click.ClickException(f"{base} does not tell its root certificate; give it with --ca")
    return root
