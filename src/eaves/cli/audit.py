"""`eaves audit`: who did what, from where; the log as a file; whether it is as it was written."""

import json
import os
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from eaves.cli.audit_files import Checked, check_file
from eaves.cli.client import Client
from eaves.cli.json_values import Json, object_of, objects_of
from eaves.cli.output import FORM, show_table, show_value
from eaves.cli.session import Session, load_session, session_file
from eaves.cli.since import Since, wire_time

PAGE = 500
PATH = "/v1/eaves/audit"


@click.group()
def audit() -> None:
    """Read, export and check the log of who did what.

    The log holds every change and sign-in: who, from where, what it was before and after.
    """


@audit.command("list")
@click.option("--user", default="", help="Only what this user did.")
@click.option("--verb", default="", help="Only this, such as created, changed, deleted, login.")
@click.option("--object", "name", default="", help="Only what was done to the object of this name.")
@click.option("--since", type=Since(), default="7d", show_default=True, help="How far back.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many of them."
)
@FORM
def list_audit(user: str, verb: str, name: str, since: datetime, limit: int, form: str) -> None:
    """Show what was done, the newest first."""
    query = {"user": user, "verb": verb, "objectName": name, "startTime": wire_time(since)}
    rows: list[Json] = []
    with Client(load_session()) as client:
        token = ""
        while len(rows) < limit:
            size = {"next.pageSize": str(min(PAGE, limit - len(rows))), "next.pageToken": token}
            data = client.call("GET", PATH, query={**query, **size})
            rows += objects_of(data.get("list"))
            token = str(object_of(data.get("next")).get("pageToken") or "")
            if not token:
                break
    if form != "table":
        show_value(rows, form)
        return
    show_table(
        ("ROW", "TIME", "USER", "FROM", "WHAT", "OBJECT", "CHANGED"),
        [_cells(row) for row in rows],
        f"nothing was done since {wire_time(since)}",
    )


def _cells(row: Json) -> tuple[object, ...]:
    done = row.get("verb") if row.get("result") in ("done", "") else row.get("result")
    return (
        row.get("number"),
        str(row.get("at", ""))[:19] + "Z",
        row.get("user"),
        str(row.get("client", "")).partition(" ")[0],
        done,
        f"{row.get('objectKind')}/{row.get('objectName')}",
        ", ".join(sorted(object_of(row.get("changes")))),
    )


@audit.command()
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; else to the terminal.",
)
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="The first row.",
)
def export(path: Path | None, first: int) -> None:
    """Write the log as lines of JSON, in the order of the chain.

    The last line says where the log ends, so that a file that was cut is noticed.
    """
    count, whole = 0, False
    with ExitStack() as stack:
        to = sys.stdout.buffer if path is None else stack.enter_context(path.open("wb"))
        client = stack.enter_context(Client(load_session()))
        for line in client.lines(f"{PATH}/export", {"from": str(first)}):
            to.write(line)
            whole = line.startswith(b'{"head"')
            count += not whole
    if not whole:
        raise click.ClickException("the controller stopped in the middle; export again")
    where = "" if path is None else f" to {path}"
    click.echo(f"{count} rows{where}", err=True)


@audit.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--anchor",
    default="",
    metavar="NUMBER:DIGEST",
    help="A row that was seen before; else the one that this command saw last.",
)
def verify(files: tuple[Path, ...], anchor: str) -> None:
    """Check that the log is as it was written, and name the first row that is not.

    With FILES (exports, and segments that the controller moved away, oldest first) only those are
    checked, without a controller.  Without, the log of the controller is, and the newest row is
    remembered here: next time it must still be there, so that an older copy of the database is
    noticed.
    """
    if files:
        _verify_files(files)
        return
    session = load_session()
    kept = Anchors(session)
    told = _verified(session, anchor or kept.find())
    fault = object_of(told.get("fault"))
    newest, archived = str(told.get("newest")), str(told.get("archived"))
    if fault:
        raise click.ClickException(
            f"the audit log is damaged: {fault.get('why')}\n"
            "Export it first.  Once it is known what happened, a check begins behind the damage "
            f"after: eaves audit acknowledge {newest} --reason TEXT"
        )
    click.echo(f"the audit log is intact: {told['checked']} rows up to {newest}")
    if told.get("acknowledged"):
        until = str(told["acknowledged"]).partition(":")[0]
        click.echo(
            f"rows up to {until} were not checked: damage in them was acknowledged, see "
            "`eaves audit list --verb 'damage acknowledged'`"
        )
    if not archived.startswith("0:"):
        click.echo(
            f"rows up to {archived.partition(':')[0]} were moved to files; check them with "
            f"`eaves audit verify FILE ...`, the last digest is {archived.partition(':')[2]}"
        )
    if told.get("unsealed"):
        click.echo(
            f"{told['unsealed']} rows bear no seals: they are of an earlier release, the "
            f"newest of {told.get('unsealedUntil')}"
        )
    kept.keep(newest)


@audit.command()
@click.argument("anchor", metavar="NUMBER:DIGEST")
@click.option("--reason", required=True, help="What was found out; it stands in the log.")
def acknowledge(anchor: str, reason: str) -> None:
    """Take the log up to a row as it is, once damage in it was looked into.

    From then on a check begins behind that row, and old rows are moved to files again.  The log
    tells for ever who did this and why; every check says so.
    """
    body = {"anchor": anchor, "reason": reason}
    with Client(load_session()) as client:
        client.call("POST", f"{PATH}/acknowledge", body=body)
    click.echo(f"a check begins behind row {anchor.partition(':')[0]} from now on")


def _verify_files(files: tuple[Path, ...]) -> None:
    reached: Checked | None = None
    for path in files:
        reached = check_file(path, reached)
        if reached.why:
            raise click.ClickException(f"{path} is damaged: {reached.why}")
        click.echo(f"{path} is intact: rows {reached.first} to {reached.last}")
    if reached is not None:
        click.echo(f"the last row is {reached.last}:{reached.digest}")


def _verified(session: Session, anchor: str) -> Json:
    """All parts of a check as one."""
    first, checked, unsealed, last = 0, 0, 0, ""
    with Client(session) as client:
        while True:
            query = {"from": str(first)} | ({"anchor": anchor} if anchor else {})
            told = client.call("GET", f"{PATH}/verify", query=query)
            checked += int(str(told.get("checked") or 0))
            unsealed += int(str(told.get("unsealed") or 0))
            last = str(told.get("unsealedUntil") or last)
            first = int(str(told.get("next") or 0))
            if not first or told.get("fault"):
                return {**told, "checked": checked, "unsealed": unsealed, "unsealedUntil": last}


class Anchors:
    """The newest rows that were seen, by controller and user; a file beside the login."""

    def __init__(self, session: Session) -> None:
        self._path = session_file().with_name("audit-anchors.json")
        self._key = f"{session.url} {session.user}".strip()

    def _all(self) -> Json:
        try:
            return object_of(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise click.ClickException(
                f"{self._path} is damaged ({error}); delete it to begin anew"
            ) from error

    def find(self) -> str:
        return str(self._all().get(self._key) or "")

    def keep(self, anchor: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path.with_suffix(".tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(temporary, flags, 0o600), "w") as file:
            json.dump({**self._all(), self._key: anchor}, file)
        temporary.replace(self._path)
