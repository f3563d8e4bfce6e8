"""Why something is not as asked for, and what changes while one watches."""

import time
from typing import Any

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_names
from eaves.cli.json_values import Json, is_object, list_of, object_of, objects_of
from eaves.cli.kinds import Kind, KindType, OfObjects
from eaves.cli.output import age, one_line, short_state, show_value
from eaves.cli.session import load_session

EXPLAINED = ("device", "netinst", "volume", "instance")
PAGE = 200


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType(*EXPLAINED))
@click.argument("name", shell_complete=complete_names)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="What to print.",
)
def why(kind: Kind, name: str, form: str) -> None:
    """Tell why an object is not as asked for: the chain from the wish to the fact that stops it.

    The last line is where to look.
    """
    with Client(load_session()) as client:
        found = client.get(kind, name)
        told = client.call("GET", f"/v1/eaves/why/{kind.name}/{found['id']}")
    if form != "text":
        show_value(told, form)
        return
    for line in why_lines(f"{kind.name}/{name}", told):
        click.echo(line)


def why_lines(title: str, told: Json) -> list[str]:
    chain = list_of(told.get("chain"))
    if not chain:
        facts = [_cause(link) for link in list_of(told.get("evidence"))]
        return [f"{title} is as asked for", *(f"  {fact}" for fact in facts)]
    return [
        f"{title} is not as asked for:",
        *(f"{'  ' * depth}because {_cause(link)}" for depth, link in enumerate(chain, start=1)),
    ]


def _cause(link: Any) -> str:
    if not is_object(link):
        return one_line(link)
    since = f" ({age(link['since'])})" if link.get("since") else ""
    return f"{one_line(link.get('text') or link.get('what') or '')}{since}"


@click.command()
@click.option(
    "--interval",
    "interval_s",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Print what is known now and end.")
def watch(interval_s: float, *, once: bool) -> None:
    """Follow events as they happen, of all that you may see; the newest last.  Ctrl-C ends it."""
    with Client(load_session()) as client:
        try:
            known = _newest(client, [])
            for event in known:
                click.echo(event_line(event))
            while not once:
                time.sleep(interval_s)
                fresh = _newest(client, known)
                for event in fresh:
                    click.echo(event_line(event))
                known = (known + fresh)[-PAGE * 10 :]
        except KeyboardInterrupt:
            return


def _newest(client: Client, known: list[Json]) -> list[Json]:
    """Events not known yet, oldest first; without any known one, the last page."""
    found: list[Json] = []
    query = {"next.pageSize": str(PAGE)}
    while True:
        data = client.call("GET", "/v1/events", query=query)
        for event in objects_of(data.get("list")):
            if event in known:
                return found[::-1]
            found.append(event)
        token = str(object_of(data.get("next")).get("pageToken") or "")
        if not token or not known:
            return found[::-1]
        query["next.pageToken"] = token


def event_line(event: Json) -> str:
    severity = short_state(event.get("severity")).removeprefix("EVENT_SEVERITY_")
    text = str(event.get("description") or event.get("eventType") or "")
    name, user = str(event.get("resourceName") or ""), str(event.get("user") or "")
    what = f"{name}: " if name and name not in text else ""
    by = f" (by {user})" if user and user not in text else ""
    return one_line(f"{str(event.get('timestamp') or '')[:19]}  {severity:<8} {what}{text}{by}")
