"""`eaves rollout`: a change of many nodes in waves, and what holds it up."""

from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, list_of, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import show_table, show_value
from eaves.cli.session import load_session

PATH = "/v1/eaves/rollouts"
COLUMNS = ("wave", "total", "waiting", "started", "succeeded", "failed")
output = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="What to print.",
)


@click.group()
def rollout() -> None:
    """Change many nodes in waves.

    A wave begins when the one before is settled and enough of it succeeded, as the devices tell.
    """


@rollout.command()
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What to roll out, as YAML or JSON; docs/how-to/roll-out-in-waves.md has an example.",
)
def create(file: Path) -> None:
    """Begin a roll-out."""
    import yaml  # noqa: PLC0415 - takes long to load, and few commands need it

    try:
        body = object_of(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from error
    with Client(load_session()) as client:
        made = client.call("POST", PATH, _with_project_id(client, body))
    click.echo(f"rollout/{made.get('objectName')}: begun")


def _with_project_id(client: Client, body: Json) -> Json:
    """`project: NAME` stands for `selectionCriteria.projectId`, as in what `eaves apply` reads."""
    rest = {key: value for key, value in body.items() if key != "project"}
    if len(rest) == len(body):
        return body
    found = client.get(find_kind("project"), str(body["project"]))
    criteria = object_of(rest.get("selectionCriteria") or {})
    return {**rest, "selectionCriteria": {**criteria, "projectId": found["id"]}}


@rollout.command()
@click.argument("name", required=False)
@output
def status(name: str | None, form: str) -> None:
    """Tell how far roll-outs are, and why one waits."""
    with Client(load_session()) as client:
        if name is None:
            found = objects_of(client.call("GET", PATH).get("list"))
        else:
            found = [client.call("GET", f"{PATH}/id/{name}")]
    if form != "table":
        show_value(found if name is None else found[0], form)
    elif name is None:
        show_table(["name", "phase", "wave", "why"], [_line(one) for one in found], "no roll-outs")
    else:
        _tell(found[0])


def _line(one: Json) -> list[str]:
    waves = len(objects_of(one.get("waves")))
    return [
        str(one.get("name")),
        str(one.get("phase")),
        f"{one.get('wave')} of {waves}",
        "; ".join(_reasons(one)),
    ]


def _reasons(one: Json) -> list[str]:
    return [str(reason) for reason in list_of(one.get("reasons"))]


def _tell(one: Json) -> None:
    click.echo(f"{one.get('name')}: {one.get('phase')}, wave {one.get('wave')}")
    for reason in _reasons(one):
        click.echo(f"  {reason}")
    rows = [[str(wave.get(c, "")) for c in COLUMNS] for wave in objects_of(one.get("waves"))]
    show_table(list(COLUMNS), rows, "no objects yet")


def _move(name: str, what: str, done: str) -> None:
    with Client(load_session()) as client:
        client.call("PUT", f"{PATH}/id/{name}/{what}")
    click.echo(f"rollout/{name}: {done}")


@rollout.command()
@click.argument("name")
def pause(name: str) -> None:
    """Start nothing more for now; what is under way goes on."""
    _move(name, "pause", "paused")


@rollout.command()
@click.argument("name")
def resume(name: str) -> None:
    """Go on, also after too few of a wave succeeded."""
    _move(name, "resume", "resumed")


@rollout.command()
@click.argument("name")
def abort(name: str) -> None:
    """Start nothing more, for good; what was changed stays."""
    _move(name, "abort", "aborted")


@rollout.command()
@click.argument("name")
def undo(name: str) -> None:
    """Give every object that was begun back what it had before."""
    _move(name, "undo", "is being undone")
