"""What a person reads: tables, YAML, JSON."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

STATE_COLOURS = {
    "ONLINE": "green",
    "RUNNING": "green",
    "ERROR": "red",
    "OFFLINE": "red",
    "SUSPECT": "yellow",
    "UNKNOWN": "yellow",
    "HALTED": "yellow",
}


def console() -> Console:
    return Console(soft_wrap=True, highlight=False)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    count = 0
    for row in rows:
        table.add_row(*(_cell(v) for v in row))
        count += 1
    if count:
        console().print(table)
    else:
        click.echo(empty, err=True)


def show_value(value: Any, form: str) -> None:
    """`form` is "json" or "yaml"."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, sort_keys=True))
    else:
        click.echo(yaml.safe_dump(value, sort_keys=True, allow_unicode=True), nl=False)


def short_state(word: object) -> str:
    """`RUN_STATE_ONLINE` is ONLINE to a person."""
    text = str(word or "")
    for prefix in ("RUN_STATE_", "SW_STATE_", "ADMIN_STATE_", "SWState_"):
        text = text.removeprefix(prefix)
    return text


def age(stamp: object, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was; "never" for none."""
    try:
        then = datetime.fromisoformat(str(stamp))
    except ValueError:
        return "never"
    if then.year < 1971:
        return "never"
    seconds = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    short = short_state(text)
    colour = STATE_COLOURS.get(short)
    return f"[{colour}]{short}[/{colour}]" if colour else short.replace("[", r"\[")
