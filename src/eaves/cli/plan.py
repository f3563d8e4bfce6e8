"""What a change of policies would do, node by node, before it is made."""

from pathlib import Path
from typing import Any

import click
import yaml

from eaves.cli.client import Client
from eaves.cli.json_values import Json, is_object, list_of, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import FORM, one_line, show_table, show_value, size_text
from eaves.cli.session import load_session

PLANNED = ("project", "deployment", "profiledeployment", "assetgroup")


@click.command()
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
    help="A YAML file with the object as it would be: `kind` and the fields of the REST contract.",
)
@click.option("--delete", is_flag=True, help="Plan that the object goes.")
@FORM
def plan(file: Path, form: str, *, delete: bool) -> None:
    """Show what a change of a policy would do to its nodes.

    For a project, a deployment, a profile deployment or an asset group.  Nothing is written.  Ends
    with status 1 when the change, or an object on a node, would be refused.
    """
    refused = False
    with Client(load_session()) as client:
        for document in _documents(file):
            body = _resolved(client, document)
            kind = str(body.pop("kind"))
            told = client.call(
                "POST", "/v1/eaves/plan", {"kind": kind, "object": body, "delete": delete}
            )
            if form != "table":
                show_value(told, form)
            else:
                _show(f"{kind}/{body.get('name', '')}", told)
            if told.get("warning"):
                click.echo(f"warning: {told['warning']}", err=True)
            refused |= bool(told.get("refused") or told.get("refusedOnNodes"))
    if refused:
        raise click.exceptions.Exit(1)


def _documents(file: Path) -> list[Json]:
    with click.open_file(str(file), encoding="utf-8") as opened:
        try:
            found: list[Any] = [one for one in yaml.safe_load_all(opened) if one is not None]
        except yaml.YAMLError as error:
            raise click.ClickException(f"{file} is no YAML: {error}") from error
    for document in found:
        if not is_object(document) or document.get("kind") not in PLANNED:
            raise click.ClickException(f"{file}: `kind` is one of {', '.join(PLANNED)}")
    return [object_of(document) for document in found]


def _resolved(client: Client, document: Json) -> Json:
    """`project: NAME` stands for `projectId`."""
    body = dict(document)
    name = body.pop("project", None)
    if name is not None:
        body["projectId"] = client.get(find_kind("project"), str(name))["id"]
    return body


def _show(title: str, told: Json) -> None:
    counts = (f"{told.get(word, 0)} {word}" for word in _WORDS)
    click.echo(f"{title}: {told.get('nodes', 0)} nodes, {', '.join(counts)}")
    click.echo(f"  to pull: {size_text(told.get('pullBytes', 0))}")
    for reason in objects_of(told.get("refused")):
        click.echo(f"  refused: {one_line(reason.get('details'))}")
    rows = [(row.get("name"), _does(row), _sizes(row)) for row in objects_of(told.get("list"))]
    show_table(("NODE", "WHAT HAPPENS", "PULL / PEAK / DISK"), rows, "no node changes")
    if told.get("more"):
        click.echo(f"and {told['more']} more nodes")


_WORDS = ("created", "changed", "restarted", "purged", "deleted")


def _does(row: Json) -> str:
    parts = [f"{word}: {', '.join(list_of(row.get(word)))}" for word in _WORDS if row.get(word)]
    parts += [
        f"refused: {one.get('object')} ({'; '.join(list_of(one.get('reasons')))})"
        for one in objects_of(row.get("refused"))
    ]
    if row.get("tooFull"):
        parts.append("more than the disk holds")
    return "; ".join(parts)


def _sizes(row: Json) -> str:
    disk = size_text(row["diskBytes"]) if row.get("diskBytes") else "-"
    return f"{size_text(row.get('pullBytes', 0))} / {size_text(row.get('peakBytes', 0))} / {disk}"
