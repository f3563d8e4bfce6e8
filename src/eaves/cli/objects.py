"""Seeing objects: `get`, `describe`, `wait`, `kinds`."""

import time
from collections.abc import Mapping, Sequence

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, objects_of
from eaves.cli.kinds import KINDS, Column, Kind, KindType, at, find_kind
from eaves.cli.output import age, hidden, short_state, show_table, show_value
from eaves.cli.session import load_session
from eaves.cli.why import event_line, why_lines

EVENTS_SHOWN = 10
POLL_S = 0.5


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--project", help="Only what belongs to the project of this name.")
def get(kind: Kind, name: str | None, form: str, project: str | None) -> None:
    """List objects of a kind, or show one.

    `eaves kinds` lists the kinds.  json and yaml print the objects as the REST API has them.
    """
    if project and "project" not in kind.references:
        raise click.UsageError(f"a {kind.name} belongs to no project; leave out --project")
    with Client(load_session()) as client:
        rows = [client.get(kind, name)] if name else _listed(client, kind, project)
        if form != "table":
            show_value(rows[0] if name else rows, form)
            return
        states = _states(client, kind, rows)
    cells = {
        column.heading: [_cell(column, row, states.get(str(row.get("id")), {})) for row in rows]
        for column in kind.columns
    }
    shown = [c.heading for c in kind.columns if not c.sparse or any(cells[c.heading])]
    show_table(
        ["NAME", *shown],
        (
            [row.get("name"), *(cells[heading][n] for heading in shown)]
            for n, row in enumerate(rows)
        ),
        f"there is no {kind.name}" + (f" in project {project}" if project else " yet"),
    )


def _listed(client: Client, kind: Kind, project: str | None) -> list[Json]:
    if not project:
        return list(client.list(kind))
    # looked up first: a wrong name must not look like an empty project
    project_id = client.get(find_kind("project"), project)["id"]
    return [row for row in client.list(kind) if row.get("projectId") == project_id]


def _states(client: Client, kind: Kind, rows: Sequence[Json]) -> Mapping[str, Json]:
    """Status by id, with times and errors: our controller adds them to the list."""
    if not kind.has_status or not rows:
        return {}
    return {str(s.get("id")): s for s in client.list(kind, f"{kind.path}/status")}


def _cell(column: Column, row: Json, status: Json) -> object:
    value = at(status if column.of_status else row, column.path)
    match column.form:
        case "age":
            return age(value) if value is not None else None
        case "errors":
            return first_error(value)
        case "size":
            return size_text(value)
        case _:
            return short_state(value) if isinstance(value, str) else value


def first_error(value: object) -> str:
    """The first of a list of errors, and how many more there are."""
    texts = [str(error.get("description") or "") for error in objects_of(value)]
    texts = [" ".join(text.split()) for text in texts if text]
    if not texts:
        return ""
    more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
    return texts[0] + more


def size_text(value: object) -> str:
    """Bytes in the unit that a person would say."""
    try:
        size = float(str(value))
    except ValueError:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="What to print.",
)
def describe(kind: Kind, name: str, form: str) -> None:
    """Tell everything known of one object: what is intended, what is current, why, and events.

    Secrets are hidden.
    """
    with Client(load_session()) as client:
        intended = client.get(kind, name)
        path = f"{kind.path}/id/{intended['id']}"
        told: Json = {}
        if kind.has_status:
            why = client.call("GET", f"/v1/eaves/why/{kind.name}/{intended['id']}")
            told["why"] = why_lines(f"{kind.name}/{name}", why)
            told["current"] = client.call("GET", f"{path}/status")
        told["intended"] = hidden(intended)
        query = {"next.pageSize": str(EVENTS_SHOWN)}
        events = client.call("GET", f"{path}/events", query=query).get("list")
        told["events"] = [event_line(event) for event in objects_of(events)]
    for part in [told] if form == "json" else [{key: value} for key, value in told.items()]:
        show_value(part, form)


@click.command()
@click.argument("kind", type=KindType("device", "netinst", "volume", "instance"))
@click.argument("name")
@click.option(
    "--state", default="ONLINE", show_default=True, metavar="STATE", help="For example HALTED."
)
@click.option(
    "--timeout", "timeout_s", default=300.0, show_default=True, help="Seconds; exit code 1 after."
)
def wait(kind: Kind, name: str, state: str, timeout_s: float) -> None:
    """Wait until an object has a state; tell why when it does not get there."""
    wanted = short_state(state.upper())
    deadline = time.monotonic() + timeout_s
    seen = ""
    with Client(load_session()) as client:
        found = client.get(kind, name)
        while True:
            status = client.call("GET", f"{kind.path}/id/{found['id']}/status")
            now = short_state(status.get("runState")) or "UNSPECIFIED"
            if now != seen:
                click.echo(f"{kind.name}/{name}: {now}", err=True)
                seen = now
            if now == wanted:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
        told = client.call("GET", f"/v1/eaves/why/{kind.name}/{found['id']}")
    reasons = "\n".join(f"  {line}" for line in why_lines(f"{kind.name}/{name}", told)[1:])
    raise click.ClickException(
        f"{kind.name}/{name} is {seen}, not {wanted}, after {timeout_s:g} s\n{reasons}".rstrip()
    )


@click.command()
def kinds() -> None:
    """List the kinds of object and their other names."""
    show_table(
        ("KIND", "ALSO", "REFERS BY NAME TO"),
        ((k.name, ", ".join(k.aliases), ", ".join(k.references)) for k in KINDS),
        "",
    )
