"""Logging in and out."""

from pathlib import Path

import click

from eaves.cli.client import ApiError, Client
from eaves.cli.completion import complete_contexts
from eaves.cli.session import (
    Session,
    chosen_context,
    known_client_of,
    load_contexts,
    load_login,
    read_pem,
    save_contexts,
    save_session,
)
from eaves.cli.signing_in import Proof, log_in
from eaves.cli.trust import base_url, trust

FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)


@click.command()
@click.argument("url", required=False)
@click.option("--user", help="User name.  [default: admin, or that of the last login]")
@click.option("--password-file", type=FILE, help="File with the password; else it is asked for.")
@click.option("--token-file", type=FILE, help="File with an API token, instead of a password.")
@click.option(
    "--new-password-file", type=FILE, help="The password to choose, if the old one must be changed."
)
@click.option("--provider", is_flag=True, help="Sign in at the provider of identities.")
@click.option("--enterprise", default="", help="Whose provider, if there are several.")
@click.option(
    "--loopback/--no-loopback",
    default=True,
    help="The browser runs on this machine, or shows a code to type in.",
)
@click.option("--ca", type=FILE, help="Certificate authority to trust (PEM).")
@click.option(
    "--context",
    "name",
    default="",
    help="Name to keep the login under.  [default: that of the controller]",
    shell_complete=complete_contexts,
)
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
    enterprise: str,
    name: str,
    *,
    provider: bool,
    loopback: bool,
) -> None:
    """Log in at a controller, for example https://eaves.example.com:9443.

    Without URL at the controller of the login in use.  It is kept as a context and used from then
    on; `eaves context list` shows them all.  A certificate that this machine does not know is shown
    for comparison, unless --ca or --fingerprint says whom to trust.  Who signs in at a provider of
    identities is shown the address to open in a browser.
    """
    if password_file and token_file:
        raise click.UsageError("give --password-file or --token-file, not both")
    name = name or chosen_context()
    last_name, last = ("", None) if url else _last(name)
    base = last.url if last else base_url(str(url))
    if ca:
        root = read_pem(ca)
    elif last and not fingerprint:
        root = last.root_pem
    else:
        root = trust(base, fingerprint)
    proof = Proof(
        user or (last.user if last else "") or "admin",
        password_file,
        token_file,
        new_password_file,
        provider=provider or bool(enterprise),
        enterprise=enterprise,
        loopback=loopback,
    )
    known = known_client_of(base, proof.user)
    session = log_in(Session(base, "", root, proof.user, known_client=known), proof)
    kept_as, path = save_session(session, name or last_name)
    click.echo(f"logged in at {base} as {session.user}; context {kept_as}, kept in {path}")


def _last(name: str) -> tuple[str, Session]:
    """The login that is to be renewed, with the name of its context."""
    try:
        if name:
            return name, load_contexts().named(name)
        return load_login()
    except click.ClickException as error:
        raise click.UsageError(
            "at which controller? for example: eaves login https://eaves.example.com:9443"
        ) from error


@click.command()
def logout() -> None:
    """End this login, here and at the controller."""
    name, session = load_login()
    try:
        with Client(session) as client:
            client.call("POST", "/v1/logout", {})
    except ApiError as error:
        if error.status != 401:  # it has ended there already
            raise
    finally:
        told = _forget(name) if name else ""
    click.echo("logged out")
    if told:
        click.echo(told)


def _forget(name: str) -> str:
    """The context; what is in use now instead."""
    kept = load_contexts()
    rest = kept.without(name)
    save_contexts(rest)
    return rest.told_after(kept)
