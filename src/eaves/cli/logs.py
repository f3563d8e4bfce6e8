"""`eaves logs`: what an app printed, or what a device says of itself."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.kinds import Kind, find_kind
from eaves.cli.session import load_session

PAGE = 1000
POLL_S = 1.0
# A line is dated by the device and arrives later, perhaps behind lines of a younger date: each
# round looks back this far, and knows by their keys which lines were printed already.
LOOK_BACK = timedelta(seconds=30)
SLACK = timedelta(seconds=1)  # a start is sent in whole milliseconds

UNDATED = datetime.min.replace(tzinfo=UTC)

LineKey = tuple[str, str, str, str]


@click.command()
@click.argument("name")
@click.option("--device", "of_device", is_flag=True, help="NAME is a device, not an app instance.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines arrive; Ctrl-C ends it.")
@click.option("--since", "minutes", default=60.0, show_default=True, help="Minutes back.")
def logs(name: str, minutes: float, *, of_device: bool, follow: bool) -> None:
    """Show log lines of an app instance or a device, oldest first."""
    kind = find_kind("device" if of_device else "instance")
    start = datetime.now(UTC) - timedelta(minutes=max(0.0, minutes))
    printed = Printed()
    with Client(load_session()) as client:
        object_id = str(client.get(kind, name)["id"])
        try:
            while True:
                for line in printed.new(_lines(client, kind, object_id, start), start):
                    click.echo(line_text(line))
                if not follow:
                    break
                start = max(start, printed.look_back(datetime.now(UTC)))
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            return
    if not printed.keys:
        click.echo(f"{kind.name}/{name} has no lines of the last {minutes:g} minutes", err=True)


@dataclass
class Printed:
    """Which lines were printed: each once, however often the controller is asked."""

    newest: datetime = UNDATED
    keys: dict[LineKey, datetime] = field(default_factory=dict[LineKey, datetime])

    def new(self, lines: Iterable[Json], since: datetime) -> Iterator[Json]:
        """The lines not printed yet.  Two equal lines of one round are two lines.

        No later round asks for lines before `since`: what is older is forgotten.
        """
        counts: dict[LineKey, int] = {}
        for line in lines:
            base = (
                str(line.get("timestamp") or ""),
                str(line.get("msgid") or ""),
                str(line.get("content") or ""),
            )
            number = counts.get((*base, ""), 0)
            counts[(*base, "")] = number + 1
            key = (*base, str(number))
            if key in self.keys:
                continue
            when = moment_of(line)
            self.keys[key] = when
            self.newest = max(self.newest, when)
            yield line
        oldest = since - SLACK
        self.keys = {k: when for k, when in self.keys.items() if when >= oldest or when == UNDATED}

    def look_back(self, now: datetime) -> datetime:
        """Where the next round begins; a device whose clock is ahead hides no later line."""
        return UNDATED if self.newest == UNDATED else min(self.newest, now) - LOOK_BACK


def moment_of(line: Json) -> datetime:
    try:
        moment = datetime.fromisoformat(str(line.get("timestamp")))
    except ValueError:
        return UNDATED
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def line_text(line: Json) -> str:
    """Time and text; a carriage return or an escape of an app moves nobody's cursor."""
    content = str(line.get("content") or "").rstrip("\r\n")
    clean = "".join(c if c.isprintable() or c == "\t" else " " for c in content)
    return f"{line.get('timestamp') or ''} {clean}".strip()


def _lines(client: Client, kind: Kind, object_id: str, start: datetime) -> Iterator[Json]:
    """All lines since `start`, page after page."""
    path = f"{kind.path}/id/{object_id}/logs"
    if kind.name == "device":
        path = f"/v1/eaves/devices/id/{object_id}/logs"
    query = {
        "startTime": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "next.pageSize": str(PAGE),
    }
    while True:
        data = client.call("GET", path, query=query)
        content = object_of(data.get("content")) or data
        yield from objects_of(content.get("list"))
        token = str(object_of(content.get("next")).get("pageToken") or "")
        if not token:
            return
        query["next.pageToken"] = token
