"""`eaves wait`: until objects are as a person wants them, or a time is over."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import click

from eaves.cli.client import ApiError, Client, Query
from eaves.cli.completion import complete_names
from eaves.cli.json_values import Json, is_list, is_object
from eaves.cli.kinds import Kind, KindType, OfObjects, at
from eaves.cli.output import short_state
from eaves.cli.selecting import narrowing, selected, selector_options
from eaves.cli.session import load_session
from eaves.cli.why import why_lines

POLL_S: Final = 0.5
STATE: Final = "state"
THERE, GONE = "create", "delete"
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` has one of `words`; without words it has any value; `create` and `delete`: it is
    there, it is not.
    """

    field: str
    words: tuple[str, ...] = ()
    turned: bool = False  # it has none of them

    def __str__(self) -> str:
        words = ",".join(self.words)
        return f"{self.field}{'!' if self.turned else ''}={words}" if words else self.field

    def holds(self, seen: str) -> bool:
        if not self.words:
            return seen != NOTHING
        return any(seen.lower() == word.lower() for word in self.words) != self.turned


def read_condition(text: str) -> Condition:
    """Read FIELD=VALUE[,VALUE], FIELD!=VALUE, FIELD, create or delete.  Raises UsageError."""
    field, equals, told = text.partition("=")
    turned = field.endswith("!")
    field = field.removesuffix("!").strip()
    words = tuple(short_state(word.strip()) for word in told.split(",") if word.strip())
    if not field or (equals and not words):
        raise click.UsageError(
            f"--for {text!r} is no condition; write FIELD=VALUE, for example state=ONLINE, or"
            " create, or delete"
        )
    return Condition(field, words, turned)


def value_of(kind: Kind, field: str, status: Json, row: Json) -> str:
    """What a person would call the value; a field of the status comes first."""
    path = kind.state if field == STATE else field
    value = at(status, path)
    if value is None:
        value = at(row, path)
    if value is None or value in ("", [], {}):
        return "UNSPECIFIED" if field == STATE else NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if is_object(value) or is_list(value):
        return f"{len(value)} entries"
    return short_state(value)


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType())
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option(
    "--for",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="state=ONLINE; FIELD=VALUE[,VALUE] of the status or the object; FIELD!=VALUE; FIELD;"
    " create; delete.  More of them must all hold.",
)
@click.option("--state", metavar="STATE", help="Short for --for state=STATE.  [default: ONLINE]")
@click.option(
    "--timeout", "timeout_s", default=300.0, show_default=True, help="Seconds; exit code 1 after."
)
@selector_options
def wait(
    kind: Kind,
    names: tuple[str, ...],
    conditions: tuple[str, ...],
    state: str | None,
    timeout_s: float,
    selectors: tuple[str, ...],
    project: str | None,
) -> None:
    """Wait until objects are as you want them; tell why when they do not get there.

    Fields are dotted, as `eaves get -o yaml` and `eaves describe` show them, and words of the
    contract may leave their prefix out: --for appPolicy.status=READY.  A job or roll-out that ended
    otherwise is not waited for any longer.
    """
    wanted = [read_condition(text) for text in conditions]
    if state or not wanted:
        wanted.append(Condition(STATE, (short_state((state or "ONLINE").upper()),)))
    if bool(names) == bool(selectors or project):
        raise click.UsageError(f"which {kind.name}? give names, or -l and --project")
    if any(one.field == STATE and kind.newest for one in wanted):
        raise click.UsageError(f"{kind.a} has no state to wait for")
    deadline = time.monotonic() + timeout_s
    with Client(load_session()) as client:
        within = narrowing(client, kind, project) if names else {}
        titles = names or _named(client, kind, selectors, project)
        for name in titles:
            _Waiting(client, kind, name, within, wanted).until(deadline, timeout_s)


def _named(
    client: Client, kind: Kind, selectors: Sequence[str], project: str | None
) -> tuple[str, ...]:
    rows = selected(client, kind, selectors, project)
    if not rows:
        raise click.ClickException(f"no {kind.name} is meant: give -l or --project that fit")
    return tuple(str(row.get(kind.key)) for row in rows)


@dataclass
class _Waiting:
    client: Client
    kind: Kind
    name: str
    within: dict[str, str]
    conditions: Sequence[Condition]
    now: Callable[[], float] = time.monotonic
    _row: Json | None = None

    @property
    def title(self) -> str:
        return f"{self.kind.name}/{self.name}"

    def until(self, deadline: float, timeout_s: float) -> None:
        """Raises ClickException with what was seen last."""
        told: dict[Condition, str] = {}
        while True:
            seen = self._look()
            for condition, value in seen.items():
                if told.get(condition) != value:
                    field = "" if condition.field == STATE else f"{condition.field} "
                    click.echo(f"{self.title}: {field}{value}", err=True)
            told = seen
            unmet = [one for one in self.conditions if not one.holds(seen[one])]
            if not unmet:
                return
            ended = [one for one in unmet if self._has_ended(seen[one])]
            if ended or self.now() >= deadline:
                raise self._failure(
                    unmet, seen, "and stays so" if ended else f"after {timeout_s:g} s"
                )
            time.sleep(POLL_S)

    def _has_ended(self, seen: str) -> bool:
        return seen in self.kind.ended

    def _look(self) -> dict[Condition, str]:
        about_being = any(one.field in (THERE, GONE) for one in self.conditions)
        row = self._find()
        if row is None and not about_being:
            if self._row is not None:
                raise click.ClickException(f"{self.title} was deleted meanwhile")
            self.client.get(self.kind, self.name, self.within)  # says what is there
        self._row = row
        status = self._status(row) if row is not None else {}
        found: dict[Condition, str] = {}
        for one in self.conditions:
            if one.field == THERE:
                found[one] = "there" if row is not None else NOTHING
            elif one.field == GONE:
                found[one] = "gone" if row is None else NOTHING
            else:
                found[one] = value_of(self.kind, one.field, status, row or {})
        return found

    def _find(self) -> Json | None:
        if not self.kind.long:
            return self.client.find(self.kind, self.name, self.within)
        query: Query = {self.kind.key: self.name}
        return next(self.client.list(self.kind, query=query), None)

    def _status(self, row: Json) -> Json:
        if not (self.kind.has_status or self.kind.one_status):
            return {}
        try:
            return self.client.call("GET", f"{self.kind.id_path(row)}/status")
        except ApiError as error:
            if error.status == 404:  # deleted between the two questions
                return {}
            raise

    def _failure(
        self, unmet: Sequence[Condition], seen: dict[Condition, str], when: str
    ) -> click.ClickException:
        parts: list[str] = []
        for one in unmet:
            if one.field in (THERE, GONE):
                parts.append("is not there" if one.field == THERE else "is still there")
            elif one.field == STATE:
                parts.append(f"is {seen[one]}, not {','.join(one.words)}")
            elif not one.words:
                hint = f"--for state={one.field.upper()} waits for a state"
                parts.append(f"has no {one.field} ({hint})")
            else:
                parts.append(f"has {one.field} {seen[one]}, not {one}")
        reasons = ""
        if self.kind.has_status and self._row is not None:
            path = f"/v1/eaves/why/{self.kind.name}/{self._row['id']}"
            lines = why_lines(self.title, self.client.call("GET", path))[1:]
            reasons = "".join(f"\n  {line}" for line in lines)
        return click.ClickException(f"{self.title} {' and '.join(parts)}, {when}{reasons}")
