"""The commands that talk to a controller."""

import time
from pathlib import Path
from typing import Any

import click

from eaves.cli.apply import apply_document, read_documents
from eaves.cli.client import Client, Json
from eaves.cli.kinds import KINDS, Kind, KindType, at, find_kind
from eaves.cli.login import login, logout, token
from eaves.cli.logs import logs
from eaves.cli.onboarding import onboarding
from eaves.cli.output import age, short_state, show_table, show_value
from eaves.cli.session import load_session
from eaves.cli.why import watch, why

FORMS = click.Choice(["table", "json", "yaml"])


@click.group()
def command() -> None:
    """Talk to a controller."""


for part in (login, logout, token, logs, onboarding, why, watch):
    command.add_command(part)


@command.command()
@click.argument("kind", type=KindType())
@click.argument("name", required=False)
@click.option("-o", "--output", "form", type=FORMS, default="table", show_default=True)
@click.option("--project", help="Only what belongs to this project.")
def get(kind: Kind, name: str | None, form: str, project: str | None) -> None:
    """List objects of a kind, or show one."""
    with Client(load_session()) as client:
        query = {"projectName": project} if project else {}
        rows = [client.get(kind, name)] if name else list(client.list(kind, query=query))
        states = _states(client, kind, rows)
    if form != "table":
        show_value(rows[0] if name else rows, form)
        return
    headings = ["NAME", *(h for h, _ in kind.status_columns), *(h for h, _ in kind.columns)]
    show_table(
        headings,
        (
            [
                row.get("name"),
                *(
                    _status_cell(states.get(str(row.get("id")), {}), p)
                    for _, p in kind.status_columns
                ),
                *(_cell(at(row, p)) for _, p in kind.columns),
            ]
            for row in rows
        ),
        f"no {kind.name} yet",
    )


def _states(client: Client, kind: Kind, rows: list[Json]) -> dict[str, Json]:
    if not kind.status_path or not rows:
        return {}
    return {str(s.get("id")): s for s in client.list(kind, kind.status_path)}


def _status_cell(status: Json, path: str) -> object:
    value = at(status, path)
    return age(value) if path == "lastUpdate" else _cell(value)


def _cell(value: object) -> object:
    return short_state(value) if isinstance(value, str) else value


@command.command()
@click.argument("kind", type=KindType())
@click.argument("name")
@click.option("-o", "--output", "form", type=click.Choice(["yaml", "json"]), default="yaml")
def describe(kind: Kind, name: str, form: str) -> None:
    """Everything known of one object: wish, status, events."""
    with Client(load_session()) as client:
        wish = client.get(kind, name)
        path = f"{kind.path}/id/{wish['id']}"
        told: Json = {"intended": wish}
        if kind.status_path:
            told["current"] = client.call("GET", f"{path}/status")
            told["why"] = client.call("GET", f"/v1/eaves/why/{kind.name}/{wish['id']}").get("chain")
        if kind.name in ("device", "instance", "project", "volume"):
            told["events"] = [
                f"{e.get('timestamp')} {e.get('severity', '')} {e.get('description', '')}".strip()
                for e in client.call("GET", f"{path}/events").get("list", [])[:10]
            ]
    show_value(told, form)


@command.command()
@click.option(
    "-f",
    "--file",
    "files",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
def apply(files: tuple[Path, ...], *, dry_run: bool) -> None:
    """Make objects as YAML files say; the same file again changes nothing."""
    paths = [p for f in files for p in (sorted(f.glob("*.y*ml")) if f.is_dir() else [f])]
    documents = read_documents(paths)
    with Client(load_session()) as client:
        for document in documents:
            change = apply_document(client, document, dry_run=dry_run)
            would = "would be " if dry_run and change.verb != "unchanged" else ""
            click.echo(f"{document.kind.name}/{document.name} {would}{change.verb}")
            if dry_run and change.diff:
                click.echo(change.diff)


@command.command()
@click.argument("kind", required=False)
@click.argument("names", nargs=-1)
@click.option("-f", "--file", "files", multiple=True, type=click.Path(path_type=Path, exists=True))
def delete(kind: str | None, names: tuple[str, ...], files: tuple[Path, ...]) -> None:
    """Delete objects by name, or everything that a file describes, users first."""
    wanted: list[tuple[Kind, str]] = []
    if files:
        wanted = [(d.kind, d.name) for d in reversed(read_documents(files))]
    elif kind and names:
        wanted = [(find_kind(kind), name) for name in names]
    else:
        raise click.UsageError("name a kind and at least one object, or a file with -f")
    with Client(load_session()) as client:
        for which, name in wanted:
            found = client.find(which, name) if files else client.get(which, name)
            if found is None:
                click.echo(f"{which.name}/{name} is not there")
                continue
            client.call("DELETE", f"{which.path}/id/{found['id']}")
            click.echo(f"{which.name}/{name} deleted")


def _verb(kind_name: str, verb: str, path: str, name: str) -> None:
    kind = find_kind(kind_name)
    with Client(load_session()) as client:
        found = client.get(kind, name)
        client.call("PUT", f"{kind.path}/id/{found['id']}/{path}")
    click.echo(f"{kind.name}/{name}: {verb}")


@command.command()
@click.argument("device")
def reboot(device: str) -> None:
    """Reboot a device."""
    _verb("device", "reboot asked for", "reboot", device)


@command.command()
@click.argument("instance")
def restart(instance: str) -> None:
    """Restart an app instance; its volumes stay."""
    _verb("instance", "restart asked for", "restart", instance)


@command.command()
@click.argument("instance")
def purge(instance: str) -> None:
    """Start an app instance anew, with new volumes from its images."""
    _verb("instance", "purge asked for", "refresh/purge", instance)


@command.command()
@click.argument("instance")
def refresh(instance: str) -> None:
    """Take the newest version of the app's bundle."""
    _verb("instance", "refresh asked for", "refresh", instance)


@command.command()
@click.argument("kind", type=KindType())
@click.argument("name")
def activate(kind: Kind, name: str) -> None:
    """Activate a device or an app instance."""
    _verb(kind.name, "activated", "activate", name)


@command.command()
@click.argument("kind", type=KindType())
@click.argument("name")
def deactivate(kind: Kind, name: str) -> None:
    """Deactivate a device or an app instance: its apps stop, its volumes stay."""
    _verb(kind.name, "deactivated", "deactivate", name)


@command.command()
@click.argument("kind", type=KindType())
@click.argument("name")
@click.option("--state", default="ONLINE", show_default=True)
@click.option("--timeout", "timeout_s", default=300.0, show_default=True, help="Seconds.")
def wait(kind: Kind, name: str, state: str, timeout_s: float) -> None:
    """Wait until an object has a state; say why when it does not get there."""
    deadline = time.monotonic() + timeout_s
    seen: Any = None
    with Client(load_session()) as client:
        found = client.get(kind, name)
        while time.monotonic() < deadline:
            status = client.call("GET", f"{kind.path}/id/{found['id']}/status")
            now = short_state(status.get("runState"))
            if now != seen:
                click.echo(f"{kind.name}/{name}: {now}", err=True)
                seen = now
            if now == state:
                return
            time.sleep(0.5)
        chain = client.call("GET", f"/v1/eaves/why/{kind.name}/{found['id']}").get("chain") or []
    reasons = "; ".join(str(c.get("text", c) if isinstance(c, dict) else c) for c in chain)
    raise click.ClickException(
        f"{kind.name}/{name} is {seen}, not {state}, after {timeout_s:g} s:"
        f" {reasons or 'no reason known'}"
    )


@command.command("kinds")
def kinds_() -> None:
    """The kinds of object, and the other names they go by."""
    show_table(("KIND", "ALSO"), ((k.name, ", ".join(k.aliases)) for k in KINDS), "")
