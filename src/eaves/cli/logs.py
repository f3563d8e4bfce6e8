"""`eaves logs`: what an app printed, or what a device says of itself."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click

from eaves.cli.client import Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.kinds import find_kind
from eaves.cli.session import load_session
from eaves.cli.since import Since, wire_time

PAGE = 1000
POLL_S = 1.0
# A line is dated by the device and arrives later, perhaps behind lines of a younger date: each
# round looks back this far, and knows by their keys which lines were printed already.
LOOK_BACK = timedelta(seconds=30)
SLACK = timedelta(seconds=1)  # a start is sent in whole milliseconds

UNDATED = datetime.min.replace(tzinfo=UTC)

LineKey = tuple[str, str, str, str]


SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@dataclass(frozen=True, slots=True)
class Question:
    """Whose lines are asked for, and which of them."""

    path: str
    query: dict[str, str]


@click.command()
@click.argument("name")
@click.option("--device", "of_device", is_flag=True, help="NAME is a device, not an app instance.")
@click.option("--app", metavar="NAME", help="With --device: what this app instance on it printed.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines arrive; Ctrl-C ends it.")
@click.option(
    "--since",
    type=Since(),
    default="60",
    show_default=True,
    help="How far back: minutes, 2h, 7d, or a time.",
)
@click.option("--search", metavar="WORDS", default="", help="Lines with all of these words.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Lines of it and of worse ones.")
def logs(
    name: str,
    since: datetime,
    app: str | None,
    search: str,
    severity: str | None,
    *,
    of_device: bool,
    follow: bool,
) -> None:
    """Show log lines of an app instance or a device, oldest first."""
    start, asked_from = since, since
    printed = Printed()
    query = {"search": search, "severity": severity or ""}
    query = {name: text for name, text in query.items() if text}
    with Client(load_session()) as client:
        question = Question(_path(client, name, app, of_device=of_device), query)
        try:
            while True:
                for line in printed.new(_lines(client, question, start), start):
                    click.echo(line_text(line))
                if not follow:
                    break
                start = max(start, printed.look_back(datetime.now(UTC)))
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            return
    if not printed.keys:
        what = f"{'device' if of_device else 'instance'}/{name}"
        which = " that were asked for" if query else ""
        click.echo(f"{what} has no lines{which} since {wire_time(asked_from)}", err=True)


def _path(client: Client, name: str, app: str | None, *, of_device: bool) -> str:
    instance = find_kind("instance")
    if not of_device:
        if app:
            raise click.UsageError("--app goes with --device; without it NAME is the app instance")
        return f"{instance.path}/id/{client.get(instance, name)['id']}/logs"
    device = client.get(find_kind("device"), name)
    if not app:
        return f"/v1/eaves/devices/id/{device['id']}/logs"
    found = client.get(instance, app)
    if found.get("deviceId") != device["id"]:
        raise click.ClickException(
            f"instance/{app} does not run on device/{name}; `eaves get instances` tells where"
        )
    return f"{instance.path}/id/{found['id']}/logs"


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


def _lines(client: Client, question: Question, start: datetime) -> Iterator[Json]:
    """All lines since `start`, page after page."""
    query = question.query | {"startTime": wire_time(start), "next.pageSize": str(PAGE)}
    while True:
        data = client.call("GET", question.path, query=query)
        content = object_of(data.get("content")) or data
        yield from objects_of(content.get("list"))
        token = str(object_of(content.get("next")).get("pageToken") or "")
        if not token:
            return
        query["next.pageToken"] = token
