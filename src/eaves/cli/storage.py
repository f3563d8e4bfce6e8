"""`eaves storage`: how much telemetry is kept, by which bounds, and what was dropped last."""

from collections.abc import Mapping
from typing import Final

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.output import FORM, age, show_table, show_value
from eaves.cli.session import load_session

KINDS: Final = ("logs", "flows", "metrics", "state", "events")
RECORDS: Final[Mapping[str, str]] = {
    "logs": "lines",
    "flows": "records",
    "metrics": "devices",
    "state": "objects",
    "events": "events",
}
AGES: Final = {
    "days": "{} days",
    "rawHours": "{} h as they came",
    "fiveMinuteDays": "{} days by 5 minutes",
    "hourDays": "{} days by the hour",
    "mostRecords": "{} in all",
    "mostRecordsOfDevice": "{} a device",
    "mostHealthReportsOfDevice": "{} health reports a device",
}
SIZES: Final = {"mostBytes": "{} in all", "mostBytesOfDevice": "{} a device"}
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
STEP: Final = 1024


@click.command()
@FORM
def storage(form: str) -> None:
    """Show how much telemetry is kept, by which bounds, and what was dropped last.

    What is kept counts for your enterprise; sizes of metrics and state, the bounds, what was
    dropped and the files are those of the whole controller.
    """
    with Client(load_session()) as client:
        told = client.call("GET", "/v1/eaves/telemetry")
    if form != "table":
        show_value(told, form)
        return
    show_table(
        ("KEPT", "SIZE", "COUNT", "OLDEST", "BOUNDS", "LAST DROPPED"),
        [_row(name, object_of(told.get(name))) for name in KINDS],
        "the controller tells of nothing that it keeps",
    )
    click.echo()
    show_table(
        ("STORE", "SIZE", "FREE IN IT"),
        [
            (one.get("name"), size_text(one.get("bytes")), size_text(one.get("freeBytes")))
            for one in objects_of(told.get("stores"))
        ],
        "the controller tells of no store",
    )


def _row(name: str, kept: Json) -> tuple[object, ...]:
    size = kept.get("bytes", kept.get("bytesOfAll"))
    oldest = kept.get("oldest") or kept.get("oldestHour")
    return (
        name,
        "" if size is None else size_text(size),
        f"{kept.get('records', 0)} {RECORDS[name]}",
        age(oldest) if oldest else "",
        bounds_text(kept),
        dropped_text(object_of(kept.get("lastRemoved"))),
    )


def bounds_text(kept: Json) -> str:
    """As a person reads them; what the controller does not tell of is left out."""
    ages = [text.format(kept[key]) for key, text in AGES.items() if key in kept]
    return ", ".join(
        ages + [text.format(size_text(kept[key])) for key, text in SIZES.items() if key in kept]
    )


def dropped_text(removed: Json) -> str:
    if not removed:
        return "nothing yet"
    parts = (
        ("older", "too old"),
        ("overBound", "over a bound"),
        ("devices", "deleted devices"),
    )
    told = [f"{removed[key]} {what}" for key, what in parts if removed.get(key)]
    return f"{', '.join(told)} ({age(removed.get('at'))})"


def size_text(value: object) -> str:
    """Bytes in the unit that fits."""
    size, unit = float(str(value or 0)), 0
    while size >= STEP and unit < len(UNITS) - 1:
        size, unit = size / STEP, unit + 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 else f"{size:.1f} {UNITS[unit]}"
