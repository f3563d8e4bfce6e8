"""A token for a password, a code of a second factor, or a sign-in at a provider of identities."""

import base64
import contextlib
import hashlib
import html
import secrets
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import cast
from urllib.parse import parse_qs, urlsplit

import click

from eaves.cli.client import ApiError, Client
from eaves.cli.json_values import Json, is_object, object_of
from eaves.cli.session import Session

BROWSER_WITHIN_S = 300.0
SILENT_FOR_S = 10.0  # a connection that sends nothing
DONE = "You are signed in; go back to the terminal."


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proves who they are; `enterprise` and `provider`: at a provider of identities,
    `loopback`: the browser runs on this machine.
    """

    user: str
    password_file: Path | None
    token_file: Path | None
    new_password_file: Path | None = None
    provider: bool = False
    enterprise: str = ""
    loopback: bool = True


def log_in(session: Session, proof: Proof) -> Session:
    if proof.token_file is not None:
        return _with_token(session, proof.token_file)
    if proof.password_file is not None:
        password = line_of(proof.password_file, "password")
    elif proof.provider or _signs_in_elsewhere(session):
        return _with_name(replace(session, token=_token_of_provider(session, proof)))
    else:
        password = asked(f"Password of {proof.user}", otherwise="give --password-file FILE")
    new = line_of(proof.new_password_file, "password") if proof.new_password_file else ""
    return _with_password(session, password, new)


def _with_token(session: Session, token_file: Path) -> Session:
    try:
        return _with_name(replace(session, token=line_of(token_file, "token")))
    except ApiError as error:
        if error.status == 401:
            raise click.ClickException(
                f"the token in {token_file} is unknown, revoked or expired;"
                " make another with `eaves token create`"
            ) from error
        raise


def _with_name(session: Session) -> Session:
    with Client(session) as client:
        who = client.call("GET", "/v1/users/self")
    return replace(session, user=str(who.get("username") or ""))


def line_of(path: Path, what: str) -> str:
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    if not text.strip():
        raise click.ClickException(f"{path} is empty; write the {what} into it")
    return text.strip()


def asked(prompt: str, *, twice: bool = False, hidden: bool = True, otherwise: str) -> str:
    if not sys.stdin.isatty():
        raise click.ClickException(f"nobody at a terminal to give {prompt!r}; {otherwise}")
    return str(click.prompt(prompt, hide_input=hidden, confirmation_prompt=twice))


def token_in(answer: Json, field: str) -> str:
    value = answer.get(field)
    return str(value.get("base64") or "") if is_object(value) else str(value or "")


# --- a password ---------------------------------------------------------------------------------


def _with_password(session: Session, password: str, new: str = "") -> Session:
    """With a token for a password; one that must be changed becomes `new`, or is asked for."""
    with Client(session) as client:
        answer = client.call(
            "POST", "/v1/login", {"usernameAtRealm": session.user, "password": password}
        )
        if is_object(answer.get("totp")):
            answer = _second_step(client, answer)
        session = replace(session, known_client=client.known_client)
    full = token_in(answer, "token")
    if full:
        return replace(session, token=full)
    limited = token_in(answer, "tempToken")
    if not limited:
        raise click.ClickException(f"login refused: {answer.get('cause', 'no reason given')}")
    changed = _change_password(replace(session, token=limited), password, new)
    return _with_password(session, changed)


def _second_step(client: Client, answer: Json) -> Json:
    """Ask for a code until one is right; the first one of an app that is enrolled here too."""
    enrolment = object_of(object_of(answer.get("totp")).get("enrolment") or {})
    if enrolment:
        click.echo("This controller asks for a second factor. Add it to an authenticator app:")
        show_enrolment(enrolment)
    token = token_in(answer, "tempToken")
    while True:
        code = asked(
            "Code of the second factor, or a recovery code",
            hidden=False,
            otherwise="log in at a terminal, or use an API token: --token-file FILE",
        )
        try:
            done = client.call(
                "POST", "/v1/eaves/login/totp", {"tempToken": token, **code_or_recovery(code)}
            )
        except ApiError as error:
            if error.cause != "TOTP_INVALID_CODE":
                raise
            click.echo(error.message, err=True)
            continue
        show_recovery_codes(done)
        return done


def code_or_recovery(text: str) -> Json:
    plain = "".join(text.split())
    return {"code": plain} if plain.isdecimal() and len(plain) < 10 else {"recoveryCode": plain}


def show_enrolment(enrolment: Json) -> None:
    click.echo(f"  {enrolment.get('URL')}")
    click.echo(f"  or by hand, as a time-based key: {enrolment.get('Secret')}")


def show_recovery_codes(answer: Json) -> None:
    codes = answer.get("recoveryCodes")
    if isinstance(codes, list) and codes:
        click.echo("Keep these recovery codes; each is good for one login without the app:")
        for code in cast("list[object]", codes):
            click.echo(f"  {code}")
    left = answer.get("recoveryCodesLeft")
    if left is not None:
        click.echo(f"{left} recovery codes are left")


def _change_password(limited: Session, password: str, new: str) -> str:
    if not new:
        click.echo("This password was made by somebody else; choose your own to go on.")
    while True:
        chosen = new or asked(
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


# --- a provider of identities -------------------------------------------------------------------


def _signs_in_elsewhere(session: Session) -> bool:
    with Client(session) as client:
        told = client.call("POST", "/v1/login/mode", {"username": session.user})
    return told.get("mode") == "EXTERNAL"


def _token_of_provider(session: Session, proof: Proof) -> str:
    """The controller says where to go; the browser brings back what is worth a token."""
    with contextlib.ExitStack() as stack, Client(session) as client:
        server = stack.enter_context(_loopback()) if proof.loopback else None
        verifier = secrets.token_urlsafe(32)  # who saw code and state cannot end it without
        sent: Json = {"enterpriseName": proof.enterprise, "challenge": _challenge_of(verifier)}
        if not proof.provider:
            sent["usernameAtRealm"] = session.user
        if server is not None:
            sent["loopbackPort"] = server.server_port
        begun = client.call("POST", "/v1/login/external", sent)
        click.echo(f"Sign in with a browser: {begun.get('redirectUrl')}")
        state = str(begun.get("state") or "")
        if server is not None:
            code = _code_from(server, state)
        else:
            code = asked("Code that the browser shows", otherwise="log in at a terminal")
        ending: Json = {"code": code, "state": state, "verifier": verifier}
        done = client.call("POST", "/v1/login/oauth/callback", ending)
    token = token_in(done, "token")
    if not token:
        raise click.ClickException(f"login refused: {done.get('cause', 'no reason given')}")
    return token


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class _Loopback(ThreadingHTTPServer):
    """Listens for a browser on this machine; `came` is what it brought.

    Each connection has a thread: browsers open spare ones, and send nothing over them.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Landing)
        self.came: SimpleQueue[dict[str, str]] = SimpleQueue()


class _Landing(BaseHTTPRequestHandler):
    timeout = SILENT_FOR_S

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        told = {name: values[0] for name, values in query.items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><p>{html.escape(DONE)}</p>".encode())
        if "state" in told:  # last: the command may end before this thread does
            cast("_Loopback", self.server).came.put(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Nothing: what the browser brings is secret."""


@contextlib.contextmanager
def _loopback() -> Generator[_Loopback]:
    with _Loopback() as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


def _code_from(server: _Loopback, state: str) -> str:
    """Whoever brings another state is not who was sent; waiting goes on."""
    end = time.monotonic() + BROWSER_WITHIN_S
    while (left := end - time.monotonic()) > 0:
        try:
            came = server.came.get(timeout=left)
        except Empty:
            break
        if not secrets.compare_digest(came.get("state", "").encode(), state.encode()):
            continue
        if came.get("code"):
            return came["code"]
        raise click.ClickException(
            f"the provider refused: {came.get('error', 'it sent no code')}; sign in again"
        )
    raise click.ClickException(
        f"no browser came back within {BROWSER_WITHIN_S:.0f} s; if it runs on another machine, "
        "give --no-loopback"
    )
