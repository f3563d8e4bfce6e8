"""`eaves rollout`: a change of many nodes in waves, and what holds it up."""

import time
from pathlib import Path

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_of
from eaves.cli.json_values import Json, list_of, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import FORM, one_line, show_table, show_value
from eaves.cli.progress import Progress
from eaves.cli.session import load_session

PATH = "/v1/eaves/rollouts"
PAGE = 1000
POLL_S = 0.5
STANDINGS = ("WAITING", "STARTED", "SUCCEEDED", "FAILED", "UNDOING", "UNDONE", "NOT_UNDONE")
GOES_ON = {"PAUSED": "resume", "UNDO_HELD": "undo"}  # what somebody must say before
SETTLED = ("succeeded", "failed", "undone")
COLUMNS = ("wave", "total", "waiting", "started", "succeeded", "failed", "undone")


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
    """Begin a roll-out; in `selectionCriteria` project, app and devices may stand as names."""
    import yaml  # noqa: PLC0415 - takes long to load, and few commands need it

    from eaves.cli.documents import canonical, shape_of  # noqa: PLC0415 - as above
    from eaves.cli.references import with_ids  # noqa: PLC0415 - as above

    kind = find_kind("rollout")
    try:
        read = object_of(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from error
    body = object_of(canonical({k: v for k, v in read.items() if k != "kind"}, shape_of(kind)))
    with Client(load_session()) as client:

        def id_of(of: str, name: str) -> str:
            return str(client.get(find_kind(of), name)["id"])

        wanted = with_ids(_with_project_id(client, body), kind.references, id_of)
        made = client.call("POST", PATH, wanted)
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
@click.argument("name", required=False, shell_complete=complete_of("rollout"))
@click.option(
    "-w", "--watch", is_flag=True, help="Until it ends or pauses; exit code 1 if not COMPLETED."
)
@FORM
def status(name: str | None, form: str, *, watch: bool) -> None:
    """Tell how far roll-outs are, and why one waits."""
    if watch and name is None:
        raise click.UsageError("which roll-out is to be watched? give its name")
    with Client(load_session()) as client:
        if watch and name is not None:
            _follow(client, name)
            return
        if name is None:
            found = list(client.list(find_kind("rollout")))
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
    return [one_line(reason) for reason in list_of(one.get("reasons"))]


def _tell(one: Json) -> None:
    click.echo(f"{one.get('name')}: {one.get('phase')}, wave {one.get('wave')}")
    for reason in _reasons(one):
        click.echo(f"  {reason}")
    rows = [[str(wave.get(c, "")) for c in COLUMNS] for wave in objects_of(one.get("waves"))]
    show_table(list(COLUMNS), rows, "no objects yet")


def _follow(client: Client, name: str) -> None:
    """Until it ends or pauses.  Raises ClickException where not all was done."""
    ended = (*find_kind("rollout").ended, *GOES_ON)
    with Progress(f"rollout/{name}") as progress:
        while True:
            one = client.call("GET", f"{PATH}/id/{name}")
            waves, phase = objects_of(one.get("waves")), str(one.get("phase"))
            total = sum(int(wave.get("total") or 0) for wave in waves)
            done = sum(int(wave.get(word) or 0) for wave in waves for word in SETTLED)
            failed = sum(int(wave.get("failed") or 0) for wave in waves)
            note = f"{phase}, wave {one.get('wave')} of {len(waves)}"
            note += f", {failed} failed" if failed else ""
            if total or phase in ended:
                progress.tell(done, total, note)
            if phase in ended:
                break
            time.sleep(POLL_S)
    if phase not in ("COMPLETED", "UNDONE"):
        then = f"; `eaves rollout {GOES_ON[phase]} {name}` goes on" if phase in GOES_ON else ""
        raise click.ClickException(f"rollout {name} is {phase}: {'; '.join(_reasons(one))}{then}")


@rollout.command()
@click.argument("name", shell_complete=complete_of("rollout"))
@click.option("--standing", type=click.Choice(STANDINGS), help="Only objects that stand so.")
@FORM
def objects(name: str, standing: str | None, form: str) -> None:
    """List the objects of a roll-out: their wave, how they stand, and why."""
    query = {"next.pageSize": str(PAGE), **({"standing": standing} if standing else {})}
    rows: list[Json] = []
    with Client(load_session()) as client:
        while True:
            told = client.call("GET", f"{PATH}/id/{name}/objects", query=query)
            rows += objects_of(told.get("list"))
            token = str(object_of(told.get("next")).get("pageToken") or "")
            if not token:
                break
            query["next.pageToken"] = token
    if form != "table":
        show_value(rows, form)
        return
    show_table(
        ("OBJECT", "WAVE", "GROUP", "STANDING", "RESULT"),
        [
            [one.get(k) for k in ("objectName", "wave", "group", "standing", "result")]
            for one in rows
        ],
        "no objects yet",
    )


def _move(name: str, what: str, done: str) -> None:
    with Client(load_session()) as client:
        client.call("PUT", f"{PATH}/id/{name}/{what}")
    click.echo(f"rollout/{name}: {done}")


@rollout.command()
@click.argument("name", shell_complete=complete_of("rollout"))
def pause(name: str) -> None:
    """Start nothing more for now; what is under way goes on."""
    _move(name, "pause", "paused")


@rollout.command()
@click.argument("name", shell_complete=complete_of("rollout"))
def resume(name: str) -> None:
    """Go on, also after too few of a wave succeeded."""
    _move(name, "resume", "resumed")


@rollout.command()
@click.argument("name", shell_complete=complete_of("rollout"))
def abort(name: str) -> None:
    """Start nothing more, for good; what was changed stays."""
    _move(name, "abort", "aborted")


@rollout.command()
@click.argument("name", shell_complete=complete_of("rollout"))
def undo(name: str) -> None:
    """Give every object that was begun back what it had before."""
    _move(name, "undo", "is being undone")
