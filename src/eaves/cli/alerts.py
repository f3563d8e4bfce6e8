"""`eaves alert`: incidents of alert rules, what was told of them, and whether a channel works."""

import time

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.output import age, show_table, show_value
from eaves.cli.session import load_session

INCIDENTS = "/v1/eaves/incidents"
POLL_S = 0.5
FORMS = click.Choice(["table", "json", "yaml"])
output = click.option(
    "-o", "--output", "form", type=FORMS, default="table", show_default=True, help="What to print."
)


@click.group()
def alert() -> None:
    """See what alert rules found, and how it was told.

    Rules and channels are objects: `eaves apply`, `eaves get alertrule`, `eaves get alertchannel`.
    """


@alert.command()
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@click.option("--device", help="Only those of the device of this name.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many, the newest first.",
)
@output
def incidents(*, every: bool, device: str | None, limit: int, form: str) -> None:
    """List incidents that are open, the newest first."""
    query = {"next.pageSize": str(limit)} | ({} if every else {"open": "true"})
    with Client(load_session()) as client:
        if device:
            query["deviceId"] = str(client.get(find_kind("device"), device)["id"])
        found = objects_of(client.call("GET", INCIDENTS, query=query).get("list"))
    if form != "table":
        show_value(found, form)
        return
    show_table(
        ["OPENED", "SEVERITY", "RULE", "DEVICE", "OBJECT", "STATE", "WHY"],
        [_line(one) for one in found],
        "there is no incident" if every else "there is no open incident",
    )


def _line(one: Json) -> list[object]:
    return [
        age(one.get("openedAt")),
        str(one.get("severity")).removeprefix("SEVERITY_"),
        one.get("ruleName"),
        one.get("deviceName"),
        one.get("objectName"),
        "open" if one.get("open") else "over",
        one.get("text"),
    ]


@alert.command()
@click.argument("incident")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="What to print.",
)
def show(incident: str, form: str) -> None:
    """Tell everything known of one incident, by its id, also what was told of it."""
    with Client(load_session()) as client:
        show_value(client.call("GET", f"{INCIDENTS}/id/{incident}"), form)


@alert.command()
@click.argument("channel")
@output
def notifications(channel: str, form: str) -> None:
    """List what was told to a channel, the newest first, and how each went."""
    with Client(load_session()) as client:
        found = _notifications(client, _path(client, channel))
    if form != "table":
        show_value(found, form)
        return
    show_table(
        ["CREATED", "WHAT", "STATE", "TRIES", "OUTCOME"],
        [
            [
                age(one.get("createdAt")),
                one.get("what"),
                one.get("state"),
                one.get("tries"),
                one.get("outcome"),
            ]
            for one in found
        ],
        f"nothing was told to {channel} yet",
    )


@alert.command("test")
@click.argument("channel")
@click.option(
    "--timeout", "timeout_s", default=60.0, show_default=True, help="Seconds; exit code 1 after."
)
def try_channel(channel: str, timeout_s: float) -> None:
    """Tell something to a channel, and wait until it got there."""
    deadline = time.monotonic() + timeout_s
    with Client(load_session()) as client:
        path = _path(client, channel)
        client.call("PUT", f"{path}/test")
        while True:
            newest = next(
                (one for one in _notifications(client, path) if one.get("what") == "test"), Json()
            )
            state, outcome = newest.get("state"), newest.get("outcome")
            if state == "sent":
                click.echo(f"alertchannel/{channel}: it works")
                return
            if state == "given up" or time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
    raise click.ClickException(f"alertchannel/{channel}: {outcome or 'not sent yet'}")


def _path(client: Client, channel: str) -> str:
    kind = find_kind("alertchannel")
    return f"{kind.path}/id/{client.get(kind, channel)['id']}"


def _notifications(client: Client, path: str) -> list[Json]:
    return objects_of(client.call("GET", f"{path}/notifications").get("list"))
