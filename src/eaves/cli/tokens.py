"""API tokens and the second factor of one's own login."""

from urllib.parse import quote

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session
from eaves.cli.signing_in import (
    asked,
    code_or_recovery,
    show_enrolment,
    show_recovery_codes,
    token_in,
)

AT_A_TERMINAL = "run it at a terminal"


@click.group()
def token() -> None:
    """Make, list and revoke API tokens for automation."""


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
        asked_for: Json | None = {"readSecrets": True} if read_secrets else None
        made = client.call("POST", "/v1/sessions/token/self", asked_for)
    click.echo(token_in(made, "token") or token_in(made, "base64"))
    expires = made.get("expiresAt") or made.get("expires")
    if expires:
        click.echo(f"valid until {expires}", err=True)


@token.command("list")
def list_tokens() -> None:
    """Show your sessions and API tokens; * is the one in use."""
    with Client(load_session()) as client:
        found = list(client.list(find_kind("token")))
    for one in found:
        mark = "*" if one.get("current") else " "
        reads = "  reads secrets" if one.get("readSecrets") else ""
        click.echo(
            f"{mark} {one.get('id')}  {one.get('kind'):8}{one.get('expiresAt')}  "
            f"{one.get('client')}{reads}"
        )


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """End a session or API token of yours, as `eaves token list` names it."""
    with Client(load_session()) as client:
        client.call("DELETE", f"/v1/eaves/tokens/{quote(token_id, safe='')}")
    click.echo(f"{token_id} revoked")


@click.group()
def totp() -> None:
    """Your second factor: codes of an authenticator app."""


@totp.command("enable")
def enable_totp() -> None:
    """Add an authenticator app to your login."""
    password = asked("Password", otherwise=AT_A_TERMINAL)
    with Client(load_session()) as client:
        show_enrolment(client.call("POST", "/v1/eaves/totp", {"currentCred": password}))
        code = asked("Code that the app shows", hidden=False, otherwise=AT_A_TERMINAL)
        show_recovery_codes(client.call("POST", "/v1/eaves/totp/confirm", {"code": code}))
    click.echo("from now on a login asks for a code")


@totp.command("disable")
def disable_totp() -> None:
    """Take the authenticator app away."""
    password = asked("Password", otherwise=AT_A_TERMINAL)
    code = asked("Code, or a recovery code", hidden=False, otherwise=AT_A_TERMINAL)
    with Client(load_session()) as client:
        client.call("DELETE", "/v1/eaves/totp", {"currentCred": password, **code_or_recovery(code)})
    click.echo("a login asks for no code any more")
