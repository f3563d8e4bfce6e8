"""Why something is not as asked for, and what changes while one watches."""

import time
from typing import Any

import click

from eaves.cli.client import Client, Json
from eaves.cli.kinds import Kind, KindType
from eaves.cli.output import age, short_state, show_value
from eaves.cli.session import load_session


@click.command()
@click.argument("kind", type=KindType())
@click.argument("name")
@click.option("-o", "--output", "form", type=click.Choice(["text", "json", "yaml"]), default="text")
def why(kind: Kind, name: str, form: str) -> None:
    """The chain of causes from a wish to the fact that stops it."""
    with Client(load_session()) as client:
        found = client.get(kind, name)
        told = client.call("GET", f"/v1/eaves/why/{kind.name}/{found['id']}")
    if form != "text":
        show_value(told, form)
        return
    chain: list[Any] = told.get("chain") or []
    if not chain:
        click.echo(f"{kind.name}/{name} is as asked for")
        return
    click.echo(f"{kind.name}/{name} is not as asked for:")
    for depth, link in enumerate(chain, start=1):
        text = str(link.get("text", "")) if isinstance(link, dict) else str(link)
        click.echo(f"{'  ' * depth}because {text}")


@click.command()
@click.option("--interval", "interval_s", default=1.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print what is known now and end.")
def watch(interval_s: float, *, once: bool) -> None:
    """Follow the events of all that you may see, the newest last."""
    seen: set[str] = set()
    with Client(load_session()) as client:
        while True:
            for event in reversed(client.call("GET", "/v1/events").get("list") or []):
                key = _key(event)
                if key not in seen:
                    seen.add(key)
                    click.echo(_line(event))
            if once:
                return
            time.sleep(interval_s)


def _key(event: Json) -> str:
    return f"{event.get('timestamp')} {event.get('resourceName')} {event.get('description')}"


def _line(event: Json) -> str:
    severity = short_state(event.get("severity")).removeprefix("EVENT_SEVERITY_")
    what = " ".join(str(event.get(k) or "") for k in ("resource", "resourceName")).strip()
    return f"{age(event.get('timestamp')):>8}  {severity:<8} {what}: {event.get('description', '')}"
