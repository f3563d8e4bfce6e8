"""`eaves context`: several logins, one of which is in use."""

import os
from dataclasses import replace

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_contexts, complete_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import FORM, show_table, show_value
from eaves.cli.session import (
    Session,
    load_contexts,
    load_login,
    load_session,
    save_contexts,
    save_session,
    session_of_environment,
    usual_name,
)
from eaves.cli.signing_in import token_in


@click.group()
def context() -> None:
    """List, choose and forget logins.

    `eaves login` makes one.  `eaves --context NAME COMMAND` and EAVES_CONTEXT mean another one for
    a single command.
    """


def _told(name: str, session: Session, *, current: bool) -> dict[str, object]:
    """Without the token."""
    return {
        "name": name,
        "current": current,
        "url": session.url,
        "user": session.user,
        "enterprise": session.enterprise,
        "ownAuthority": bool(session.root_pem),
    }


@context.command("list")
@FORM
def list_contexts(form: str) -> None:
    """List the logins that are kept; * is the one in use."""
    kept = load_contexts()
    rows = [
        _told(name, session, current=name == kept.current)
        for name, session in sorted(kept.sessions.items())
    ]
    if form != "table":
        show_value(rows, form)
        return
    show_table(
        ("", "NAME", "CONTROLLER", "USER", "ENTERPRISE"),
        [
            (
                "*" if row["current"] else " ",
                *(row[key] for key in ("name", "url", "user", "enterprise")),
            )
            for row in rows
        ],
        "no login is kept; run `eaves login https://CONTROLLER:9443`",
    )


@context.command()
@click.argument("name", required=False, shell_complete=complete_contexts)
@FORM
def show(name: str | None, form: str) -> None:
    """Show a login, or what the next command uses; never its token."""
    if name:
        kept = load_contexts()
        told = _told(name, kept.named(name), current=name == kept.current)
    else:
        used, session = load_login()
        told = _told(used or "(EAVES_URL and EAVES_TOKEN)", session, current=True)
    show_value(told, "json" if form == "json" else "yaml")


@context.command()
@click.argument("name", shell_complete=complete_contexts)
def use(name: str) -> None:
    """Use this login from now on."""
    kept = load_contexts().use(name)
    save_contexts(kept)
    session = kept.named(name)
    click.echo(f"context {name} is in use: {session.url} as {session.user or 'an API token'}")
    _note_environment()


@context.command()
@click.argument("name", shell_complete=complete_contexts)
def delete(name: str) -> None:
    """Forget a login.  At the controller it lasts; `eaves --context NAME logout` ends it there."""
    kept = load_contexts()
    kept.named(name)
    rest = kept.without(name)
    save_contexts(rest)
    click.echo(f"context {name} forgotten")
    if told := rest.told_after(kept):
        click.echo(told)


@context.command()
@click.argument("enterprise", shell_complete=complete_of("enterprise"))
@click.option("--name", default="", help="Of the context.  [default: that of this one/ENTERPRISE]")
def enter(enterprise: str, name: str) -> None:
    """Work in an enterprise below yours: a session there, kept as a context and in use.

    Your user must be allowed into it.  What is taken there ends with the login it was taken with.
    """
    session = load_session()
    with Client(session) as client:
        found = client.get(find_kind("enterprise"), enterprise)
        path = f"/v1/eaves/enterprises/id/{found['id']}/session"
        token = token_in(client.call("POST", path), "token")
    below = replace(session, token=token, enterprise=str(found["name"]))
    kept_as, _ = save_session(below, name or usual_name(below))
    click.echo(f"in {found['name']} now; context {kept_as} is in use")
    _note_environment()


def _note_environment() -> None:
    """What is set there comes before what is kept."""
    if session_of_environment() is not None:
        click.echo("note: EAVES_URL and EAVES_TOKEN are set and come first; unset them", err=True)
    elif os.environ.get("EAVES_CONTEXT"):
        click.echo("note: EAVES_CONTEXT is set and comes first; unset it", err=True)
