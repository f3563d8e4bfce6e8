"""What a change would do, node by node, before it is made."""

from collections.abc import Iterator
from pathlib import Path

import click

from eaves.cli.apply import FILES, UNMADE, Ids, compare, refuse_unknown_references
from eaves.cli.client import ApiError, Client
from eaves.cli.completion import complete_names
from eaves.cli.documents import documents_in, merged
from eaves.cli.json_values import Json, is_list, is_object, list_of, objects_of
from eaves.cli.kinds import Kind, KindType, OfObjects, find_kind
from eaves.cli.output import FORM, one_line, show_table, show_value, size_text
from eaves.cli.session import load_session

PLANNED = (
    *("project", "cep", "model", "network", "datastore", "image", "app", "patchenvelope"),
    *("device", "deployment", "appprofile", "assetgroup", "profiledeployment"),
    *("netinst", "volume", "instance"),
)
_WORDS = ("created", "changed", "restarted", "purged", "deleted")


@click.command(cls=OfObjects)
@click.argument("kind", required=False, type=KindType(*PLANNED))
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=FILES,
    help="A YAML file, a folder of them, or - for standard input; may be repeated.",
)
@click.option("--delete", is_flag=True, help="Plan that the objects go.")
@click.option("--project", help="In which they lie, where that is not clear from the name.")
@FORM
def plan(
    kind: Kind | None,
    names: tuple[str, ...],
    files: tuple[Path, ...],
    form: str,
    project: str | None,
    *,
    delete: bool,
) -> None:
    """Show what a change would do to nodes, before it is made.

    With -f as `apply` would change them, with --delete as `delete` would.  Of each node: what is
    made, changed, restarted, purged and deleted, what it pulls, how full its disk gets, and what
    would be refused.  Each document is planned by itself, as if it alone were applied now.

    Nothing is written.  Ends with status 1 when something would be refused.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("name files with -f, or --delete with a kind and names")
    if kind is not None and not (delete and names):
        raise click.UsageError(f"to plan that {kind.a} goes: --delete {kind.name} NAME")
    refused = False
    with Client(load_session()) as client:
        asked = (
            _of_files(client, files, delete=delete)
            if kind is None
            else _of_names(client, kind, names, project)
        )
        for title, request in asked:
            told = _told(client, title, request)
            if form != "table":
                show_value(told, form)
            else:
                _show(title, told)
            if told.get("warning"):
                click.echo(f"warning: {title}: {told['warning']}", err=True)
            refused |= bool(told.get("refused") or told.get("refusedOnNodes"))
    if refused:
        raise click.exceptions.Exit(1)


def _told(client: Client, title: str, request: Json) -> Json:
    try:
        return client.call("POST", "/v1/eaves/plan", request)
    except ApiError as error:
        raise click.ClickException(f"{title}: {error.message}") from error


def _of_names(
    client: Client, kind: Kind, names: tuple[str, ...], project: str | None
) -> Iterator[tuple[str, Json]]:
    within = {"projectId": client.get(find_kind("project"), project)["id"]} if project else {}
    for row in [client.get(kind, name, within) for name in names]:
        yield kind.title_of(row), _request(kind, {"id": row["id"]}, delete=True)


def _of_files(
    client: Client, files: tuple[Path, ...], *, delete: bool
) -> Iterator[tuple[str, Json]]:
    documents = documents_in(files)
    for document in documents:
        if document.kind.name not in PLANNED:
            raise click.ClickException(
                f"{document.where}: {document.kind.a} reaches no node; a plan is of "
                f"{', '.join(PLANNED)}"
            )
    for warning in (w for d in documents for w in d.warnings):
        click.echo(f"warning: {warning}", err=True)
    if not delete:
        refuse_unknown_references(client, documents)
    ids = Ids(client)
    for document in documents:
        compared = compare(client, document, ids, send_secrets=True)
        current = compared.current
        if delete:
            if current is None:
                click.echo(f"{document.title} is not there")
                continue
            yield document.title, _request(document.kind, {"id": current["id"]}, delete=True)
            continue
        body = compared.after if current is None else merged(current, compared.wanted)
        unmade = next(_unmade(body), "")
        if unmade:
            click.echo(f"{document.title}: not planned: it needs {unmade}, which is not there yet")
            continue
        yield document.title, _request(document.kind, body)


def _request(kind: Kind, body: Json, *, delete: bool = False) -> Json:
    return {"kind": kind.name, "object": body, "delete": delete}


def _unmade(value: object) -> Iterator[str]:
    """What an object refers to and what another document of the same files makes."""
    if is_object(value):
        for inner in value.values():
            yield from _unmade(inner)
    elif is_list(value):
        for inner in value:
            yield from _unmade(inner)
    elif isinstance(value, str) and value.startswith(UNMADE):
        yield value.removeprefix(UNMADE).removesuffix(")")


def _show(title: str, told: Json) -> None:
    counts = (f"{told.get(word, 0)} {word}" for word in _WORDS)
    click.echo(f"{title}: {told.get('nodes', 0)} nodes, {', '.join(counts)}")
    click.echo(f"  to pull: {size_text(told.get('pullBytes', 0))}")
    for reason in objects_of(told.get("refused")):
        click.echo(f"  refused: {one_line(reason.get('details'))}")
    rows = [(row.get("name"), _sizes(row), _does(row)) for row in objects_of(told.get("list"))]
    show_table(("NODE", "PULL / PEAK / DISK", "WHAT HAPPENS"), rows, "no node changes")
    if told.get("more"):
        click.echo(f"and {told['more']} more nodes")
    if told.get("notLookedAt"):
        click.echo(f"and {told['notLookedAt']} more nodes that were not looked at one by one")
    if told.get("settingsNotLookedAt"):
        click.echo(f"settings of {told['settingsNotLookedAt']} more nodes were not looked at")


def _does(row: Json) -> str:
    parts = [f"{word}: {', '.join(list_of(row.get(word)))}" for word in _WORDS if row.get(word)]
    parts += [
        f"refused: {one.get('object')} ({'; '.join(list_of(one.get('reasons')))})"
        for one in objects_of(row.get("refused"))
    ]
    parts += [f"lacks: {one}" for one in list_of(row.get("lacks"))]
    if row.get("tooFull"):
        parts.append("more than the disk holds")
    if row.get("locked"):
        parts.append("waits: the configuration is locked")
    return "; ".join(parts)


def _sizes(row: Json) -> str:
    disk = size_text(row["diskBytes"]) if row.get("diskBytes") else "-"
    return f"{size_text(row.get('pullBytes', 0))} / {size_text(row.get('peakBytes', 0))} / {disk}"
