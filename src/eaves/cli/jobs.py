"""`eaves job`: one operation on many objects, with a result for each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from eaves.cli.client import Client, Query
from eaves.cli.completion import complete_of
from eaves.cli.documents import canonical, shape_named
from eaves.cli.json_values import Json, is_object, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import FORM, short_state, show_table, show_value
from eaves.cli.progress import Progress
from eaves.cli.references import with_ids
from eaves.cli.selecting import pairs_of, selected, selector_options
from eaves.cli.session import load_session

PATHS: Final[Mapping[str, str]] = {
    "upgrade": "devices/baseos/upgrade",
    "upgrade-retry": "devices/baseos/upgrade/retry",
    "tags": "devices/tags",
    "deployment-tag": "devices/deployment/tags",
    "move": "devices/project/target",
    "deploy": "apps/instances/create",
    "refresh": "apps/instances/refresh",
    "purge": "apps/instances/refresh/purge",
    "import-models": "models/import",
    "import-apps": "apps/bundles/import",
}
STATES: Final = ("PENDING", "COMPLETE", "FAILED", "ABORTED")
POLL_S: Final = 0.5
PAGE: Final = 1000
ONE: Final[Query] = {"next.pageSize": "1"}
NAME = click.argument("name", shell_complete=complete_of("job"))


@click.group()
def job() -> None:
    """Do one thing to many objects, with a result for each."""


@job.command()
@click.argument("operation", type=click.Choice(list(PATHS)))
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="What to do, as YAML: the body of the bulk operation in the REST contract.",
)
@click.option("--name", default="", help="Of the job.  [default: made up]")
@click.option(
    "--device",
    "devices",
    multiple=True,
    help="This device; may be repeated.",
    shell_complete=complete_of("device"),
)
@click.option("--app", help="Instances of this app.", shell_complete=complete_of("app"))
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Of tags: one to put.")
@click.option("--image", help="Of upgrade: the base image.", shell_complete=complete_of("image"))
@click.option("--to", "target", help="Of move: the project; of deployment-tag: the tag.")
@click.option("--wait", "until_end", is_flag=True, help="Show how far it is until it ends.")
@selector_options
def run(operation: str, file: Path | None, *, until_end: bool, **given: Any) -> None:
    """Begin a job on the objects of a selection; its name is printed.

    The selection is -l, --project, --device, --app, or `selectionCriteria` of the file, where
    project, app and devices may stand as names.  With --wait exit code 1 when something failed.
    """
    body = _read(file) if file is not None else {}
    with Client(load_session()) as client:
        body = _completed(client, operation, body, given)
        made = client.call("PUT", f"/v1/jobs/{PATHS[operation]}", body)
        title = str(made.get("objectName") or made["objectId"])
        click.echo(f"job/{title}")
        if until_end:
            _follow(client, str(made["objectId"]), title)


def _read(file: Path) -> Json:
    import yaml  # noqa: PLC0415 - only where there is a file

    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            body: object = yaml.safe_load(opened)
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from error
    if not is_object(body):
        raise click.ClickException(f"{file} holds no mapping; write the body of the operation")
    return object_of(canonical(body, shape_named("BulkConfig")))


def _completed(client: Client, operation: str, body: Json, given: Mapping[str, Any]) -> Json:
    """The body with what options say, ids in the place of names."""
    body = with_ids(body, find_kind("job").references, lambda kind, name: _id(client, kind, name))
    if given["name"]:
        body["jobName"] = given["name"]
    if criteria := _criteria(client, given):
        body["selectionCriteria"] = object_of(body.get("selectionCriteria")) | criteria
    target = given["target"]
    if operation == "tags" and given["pairs"]:
        body["tagUpdate"] = {"tags": dict(pairs_of(given["pairs"]))}
    elif operation == "deployment-tag" and target is not None:
        body["deploymentTagUpdate"] = {"deploymentTag": target}
    elif operation == "move" and target:
        update = {"projectId": _id(client, "project", target)}
        body["deviceProjectAndTargetUpdate"] = (
            object_of(body.get("deviceProjectAndTargetUpdate")) | update
        )
    elif operation == "upgrade" and given["image"]:
        image = client.get(find_kind("image"), given["image"])
        base = {"uuid": image["id"], "imageName": image["name"], "activate": True}
        base["version"] = image.get("imageVersion") or image["name"]
        body["baseosUpdate"] = {"baseimage": base}
    return body


def _criteria(client: Client, given: Mapping[str, Any]) -> Json:
    """What -l, --project, --device and --app mean; the controller takes devices one by one."""
    devices: Sequence[str] = given["devices"]
    ids = [_id(client, "device", name) for name in devices]
    if given["selectors"]:
        rows = selected(client, find_kind("device"), given["selectors"], given["project"])
        if not rows:
            raise click.ClickException("no device is meant: give -l and --project that fit")
        ids += [str(row["id"]) for row in rows]
    criteria: Json = {}
    if ids:
        criteria["deviceIdList"] = sorted(set(ids))
    elif given["project"]:
        criteria["projectId"] = _id(client, "project", given["project"])
    if given["app"]:
        criteria["bundleId"] = _id(client, "app", given["app"])
    return criteria


def _id(client: Client, kind: str, name: str) -> str:
    return str(client.get(find_kind(kind), name)["id"])


@job.command()
@NAME
@FORM
def status(name: str, form: str) -> None:
    """Tell how far a job is."""
    with Client(load_session()) as client:
        told = _results(client, name, ONE)
    if form != "table":
        show_value(_summary(told), form)
        return
    show_table(
        ("JOB", "STATUS", "OPERATION", *STATES, "TOTAL", "ERROR"),
        [
            (
                object_of(told.get("job")).get("name"),
                object_of(told.get("job")).get("status"),
                object_of(told.get("job")).get("operationType"),
                *(_counts(told).get(state, 0) for state in STATES),
                object_of(told.get("job")).get("total"),
                object_of(told.get("job")).get("errorDetailOfJob"),
            )
        ],
        "",
    )


def _summary(told: Json) -> Json:
    return {**object_of(told.get("job")), "objectsByState": _counts(told)}


def _counts(told: Json) -> dict[str, int]:
    values = object_of(object_of(told.get("summaryByState")).get("values"))
    return {str(state): int(count) for state, count in values.items()}


def _results(client: Client, name: str, query: Query) -> Json:
    """A page of results of the job of this name or id."""
    found = client.get(find_kind("job"), name)
    return client.call("GET", f"/v1/eaves/jobs/id/{found['id']}/objects", query=query)


@job.command()
@NAME
@click.option("--state", type=click.Choice(STATES), help="Only objects of this state.")
@FORM
def results(name: str, state: str | None, form: str) -> None:
    """List what came of each object of a job."""
    with Client(load_session()) as client:
        found = client.get(find_kind("job"), name)
        rows = list(_pages(client, str(found["id"]), state))
    if form != "table":
        show_value(rows, form)
        return
    show_table(
        ("OBJECT", "STATE", "RESULT"),
        [(row.get("objectName"), row.get("state"), row.get("result")) for row in rows],
        "no object" + (f" is {state}" if state else ""),
    )


def _pages(client: Client, job_id: str, state: str | None) -> Iterator[Json]:
    query: dict[str, str | list[str]] = {"next.pageSize": str(PAGE)}
    if state:
        query["state"] = state
    while True:
        told = client.call("GET", f"/v1/eaves/jobs/id/{job_id}/objects", query=query)
        yield from objects_of(told.get("list"))
        token = str(object_of(told.get("next")).get("pageToken") or "")
        if not token:
            return
        query["next.pageToken"] = token


@job.command()
@NAME
def follow(name: str) -> None:
    """Show how far a job is until it ends; exit code 1 when something failed."""
    with Client(load_session()) as client:
        found = client.get(find_kind("job"), name)
        _follow(client, str(found["id"]), name)


@job.command()
@NAME
def abort(name: str) -> None:
    """End a job: nothing more is begun; what was done stays."""
    with Client(load_session()) as client:
        found = client.get(find_kind("job"), name)
        client.call("PUT", f"/v1/eaves/jobs/id/{found['id']}/abort")
    click.echo(f"job/{name}: aborted")


def _follow(client: Client, job_id: str, title: str) -> None:
    """Until it ends.  Raises ClickException when something failed."""
    ended = find_kind("job").ended
    with Progress(f"job/{title}") as progress:
        while True:
            told = client.call("GET", f"/v1/eaves/jobs/id/{job_id}/objects", query=ONE)
            about, counts = object_of(told.get("job")), _counts(told)
            state, total = short_state(about.get("status")), int(about.get("total") or 0)
            done = total - counts.get("PENDING", 0) if total else 0
            if total or state in ended:
                failed = counts.get("FAILED", 0)
                note = f"{state}, {failed} failed" if failed else state
                progress.tell(done, total, note)
            if state in ended:
                break
            time.sleep(POLL_S)
    if state != "COMPLETED" or counts.get("FAILED", 0):
        raise click.ClickException(
            f"job {title} is {state}: {about.get('errorDetailOfJob') or 'some objects failed'};"
            f" `eaves job results {title} --state FAILED` says why"
        )
