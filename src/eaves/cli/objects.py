"""Seeing objects: `get`, `describe`, `kinds`."""

from collections.abc import Mapping, Sequence

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_names
from eaves.cli.json_values import Json, is_list, is_object, objects_of
from eaves.cli.kinds import KINDS, Column, Kind, KindType, OfObjects, at, find_kind
from eaves.cli.output import age, hidden, short_state, show_table, show_value, size_text
from eaves.cli.selecting import narrowing, selected, selector_options
from eaves.cli.session import load_session
from eaves.cli.why import event_line, why_lines

EVENTS_SHOWN = 10


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType())
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "wide", "json", "yaml", "name"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@selector_options
def get(
    kind: Kind, names: tuple[str, ...], form: str, selectors: tuple[str, ...], project: str | None
) -> None:
    """List objects of a kind, or show some of them.

    `eaves kinds` lists the kinds.  json and yaml print the objects as the REST API has them, name
    prints KIND/NAME, which other commands take.
    """
    if names and selectors:
        raise click.UsageError("give names or -l, not both")
    with Client(load_session()) as client:
        within = narrowing(client, kind, project)
        if names:
            rows = [client.get(kind, name, within) for name in names]
        else:
            rows = selected(client, kind, selectors, project)
        if form in ("json", "yaml"):
            show_value(rows[0] if len(names) == 1 else rows, form)
            return
        if form == "name":
            for row in rows:
                click.echo(kind.title_of(row))
            return
        states = _states(client, kind, rows, within)
    what = f" in project {project}" if project else " with these tags" if selectors else " yet"
    _show_rows(kind, rows, states, f"there is no {kind.name}{what}", wide=form == "wide")


def _show_rows(
    kind: Kind, rows: Sequence[Json], states: Mapping[str, Json], empty: str, *, wide: bool
) -> None:
    columns = [column for column in kind.columns if wide or not column.wide]
    cells = {
        column.heading: [_cell(column, row, states.get(str(row.get("id")), {})) for row in rows]
        for column in columns
    }
    shown = [c.heading for c in columns if not c.sparse or any(cells[c.heading])]
    with_id = wide and kind.key not in ("id", "sessionId")
    show_table(
        [kind.heading, *shown, *(["ID"] if with_id else [])],
        (
            [
                row.get(kind.key),
                *(cells[heading][n] for heading in shown),
                *([row.get("id")] if with_id else []),
            ]
            for n, row in enumerate(rows)
        ),
        empty,
    )


def _states(
    client: Client, kind: Kind, rows: Sequence[Json], within: Mapping[str, str]
) -> Mapping[str, Json]:
    """Status by id, with times and errors: our controller adds them to the list."""
    if not kind.has_status or not rows:
        return {}
    query = dict(within)
    if len(rows) == 1:
        query[f"{kind.key}Pattern"] = str(rows[0].get(kind.key) or "")
    return {str(s.get("id")): s for s in client.list(kind, f"{kind.path}/status", query)}


def _cell(column: Column, row: Json, status: Json) -> object:
    value = at(status if column.of_status else row, column.path)
    match column.form:
        case "age":
            return age(value) if value is not None else None
        case "errors":
            return first_error(value)
        case "size":
            return size_text(value)
        case "count":
            return len(value) if is_list(value) or is_object(value) else 0
        case "map":
            told = value.items() if is_object(value) else ()
            return ",".join(f"{key}={one}" for key, one in sorted(told))
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


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType())
@click.argument("name", shell_complete=complete_names)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="What to print.",
)
@click.option("--project", help="In which it lies, where that is not clear from the name.")
def describe(kind: Kind, name: str, form: str, project: str | None) -> None:
    """Tell everything known of one object: what is intended, what is current, why, and events.

    Secrets are hidden.
    """
    with Client(load_session()) as client:
        within = {"projectId": client.get(find_kind("project"), project)["id"]} if project else {}
        intended = client.get(kind, name, within)
        told: Json = {}
        if kind.has_status:
            why = client.call("GET", f"/v1/eaves/why/{kind.name}/{intended['id']}")
            told["why"] = why_lines(f"{kind.name}/{name}", why)
        if kind.has_status or kind.one_status:
            told["current"] = client.call("GET", f"{kind.id_path(intended)}/status")
        told["intended"] = hidden(intended)
        told["events"] = [event_line(event) for event in _events(client, kind, intended)]
    for part in [told] if form == "json" else [{key: value} for key, value in told.items()]:
        show_value(part, form)


def _events(client: Client, kind: Kind, row: Json) -> list[Json]:
    object_id = str(row.get("id") or "")
    query = {"next.pageSize": str(EVENTS_SHOWN)}
    path = kind.path + kind.events.replace("{id}", object_id)
    if not kind.events:
        path, query["objid"] = "/v1/events", object_id
    return objects_of(client.call("GET", path, query=query).get("list"))


@click.command()
def kinds() -> None:
    """List the kinds of object and their other names."""
    show_table(
        ("KIND", "ALSO", "FROM FILES", "TAGS", "REFERS BY NAME TO"),
        (
            (
                k.name,
                ", ".join(k.aliases),
                ("made and changed" if k.changes else "made") if k.made else "",
                bool(k.tags),
                ", ".join(k.references),
            )
            for k in KINDS
        ),
        "",
    )
