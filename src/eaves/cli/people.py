"""`eaves user`: passwords, sessions, second factors of other people, and where they may go."""

import sys
from pathlib import Path

import click

from eaves.cli.client import Client, nearest
from eaves.cli.completion import complete_of
from eaves.cli.json_values import objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session
from eaves.cli.signing_in import asked, line_of

NAME = click.argument("name", shell_complete=complete_of("user"))


@click.group()
def user() -> None:
    """Passwords, sessions and second factors of the users of your enterprise.

    Users themselves come from files: `eaves apply` of `kind: user`.
    """


@user.command()
@NAME
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="File with the password; else it is asked for.",
)
def password(name: str, password_file: Path | None) -> None:
    """Set the first password of a user, who chooses another one at the next login.

    All of the user's sessions and API tokens end.
    """
    if password_file is None and not sys.stdin.isatty():
        raise click.UsageError("give --password-file, or run it at a terminal")
    with Client(load_session()) as client:
        found = client.get(find_kind("user"), name)
        new = (
            line_of(password_file, "password")
            if password_file is not None
            else asked(f"New password of {name}", twice=True, otherwise="give --password-file FILE")
        )
        client.call(
            "POST",
            "/v1/credentials",
            {"type": "CREDENTIAL_TYPE_PASSWORD", "owner": found["id"], "newCred": new},
        )
    click.echo(f"user/{name}: password set; the next login asks for another one")


def _do(name: str, method: str, path: str, done: str) -> None:
    with Client(load_session()) as client:
        found = client.get(find_kind("user"), name)
        client.call(method, f"/v1/eaves/users/{found['id']}/{path}")
    click.echo(f"user/{name}: {done}")


@user.command()
@NAME
def unlock(name: str) -> None:
    """Let a user try again that was locked after too many wrong passwords."""
    _do(name, "PUT", "unlock", "unlocked")


@user.command("logout")
@NAME
def logout_user(name: str) -> None:
    """End all sessions and API tokens of a user, at once."""
    _do(name, "DELETE", "tokens", "all sessions and API tokens have ended")


@user.command("reset-totp")
@NAME
def reset_totp(name: str) -> None:
    """Take the second factor of a user away, who has lost it."""
    _do(name, "DELETE", "totp", "a login asks for no code until another app is added")


@user.command()
@NAME
@click.option(
    "--into",
    "enterprise",
    required=True,
    help="Enterprise below yours.",
    shell_complete=complete_of("enterprise"),
)
@click.option("--role", "role_name", required=True, help="Role that the user has in there.")
def allow(name: str, enterprise: str, role_name: str) -> None:
    """Allow a user into an enterprise below; `eaves context enter` then leads there."""
    kind = find_kind("user")
    with Client(load_session()) as client:
        below = client.get(find_kind("enterprise"), enterprise)
        path = f"/v1/eaves/enterprises/id/{below['id']}/roles"
        roles = {str(r["name"]): r["id"] for r in objects_of(client.call("GET", path).get("list"))}
        if role_name not in roles:
            raise click.ClickException(
                f"enterprise {enterprise!r} has no role {role_name!r};"
                f" {nearest(role_name, roles, 'role')}"
            )
        found = client.get(kind, name)
        others = [
            one
            for one in objects_of(found.get("allowedEnterprises"))
            if one.get("id") != below["id"]
        ]
        allowed = [*others, {"id": below["id"], "roleId": roles[role_name]}]
        client.call("PUT", kind.id_path(found), {**found, "allowedEnterprises": allowed})
    click.echo(f"user/{name}: is {role_name} in {enterprise}")
