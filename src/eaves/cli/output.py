"""What a person reads: tables, YAML, JSON, ages."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from eaves.cli.json_values import is_list, is_object

FORM = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="What to print.",
)
"""`-o` of a command that prints a table unless asked for data; it passes on `form`."""
STATE_COLOURS = {
    "ONLINE": "green",
    "RUNNING": "green",
    "READY": "green",
    "ACTIVE": "green",
    "COMPLETED": "green",
    "SUCCEEDED": "green",
    "INPROGRESS": "cyan",
    "FAILED": "red",
    "ABORTED": "red",
    "PAUSED": "yellow",
    "PROVISIONED": "cyan",
    "BOOTING": "cyan",
    "ERROR": "red",
    "OFFLINE": "red",
    "SUSPECT": "yellow",
    "UNKNOWN": "yellow",
    "HALTED": "yellow",
}
PREFIXES = (
    *("RUN_STATE_", "SW_STATE_", "ADMIN_STATE_", "SEVERITY_", "APP_TYPE_", "NETWORK_KIND_"),
    *("NETWORK_INSTANCE_KIND_", "VOLUME_INSTANCE_TYPE_", "DATASTORE_TYPE_", "DATASTORE_STATUS_"),
    *("IMAGE_STATUS_", "TAG_TYPE_", "NETWORK_DHCP_TYPE_", "USER_STATE_", "ENTERPRISE_STATE_"),
    *("USER_ROLE_", "AUTH_PROFILE_TYPE_", "AUTH_TYPE_", "JOB_STATUS_", "BULK_SERVICE_"),
    *("PATCH_ENVELOPE_ACTION_", "TAG_STATUS_", "POLICY_STATUS_", "EVENT_SEVERITY_"),
    *("ATTEST_STATE_", "ORIGIN_", "ALERT_CONDITION_", "ALERT_CHANNEL_TYPE_"),
)
GAP = "  "
NOTHING = "-"
HIDDEN = "(hidden)"
SECRET_FIELDS = frozenset(
    {
        *("apikey", "apipasswd", "password", "secret", "wifipasswd", "pemkey", "obkey", "userdata"),
        *("clientsecret", "challengepassword", "currentcred", "newcred", "cryptokey", "token"),
        *("base64", "recoverycode", "privatekey"),
    }
)
SECRET_MAPS = frozenset({"encryptedsecrets"})
MIN_CUT = 20  # a cell is not cut below this width


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Aligned columns; on a terminal the last one is cut to fit, elsewhere nothing is cut."""
    cells = [[cell_text(value) for value in row] for row in rows]
    if not cells:
        click.echo(empty, err=True)
        return
    for line in table_lines(headings, cells, _terminal_width()):
        click.echo(line, color=_colours())


def _terminal_width() -> int:
    """0 when nobody looks at a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _colours() -> bool | None:
    """None leaves it to click: colours on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0
) -> list[str]:
    """The lines of a table, with colours; `width` 0 cuts nothing."""
    columns = range(len(headings))
    widths = [max(_cells(line[n]) for line in (headings, *rows)) for n in columns]
    last = len(headings) - 1
    if width:
        before = sum(widths[:last]) + len(GAP) * last
        widths[last] = min(widths[last], max(MIN_CUT, width - before))

    def line(texts: Sequence[str], *, heading: bool) -> str:
        parts: list[str] = []
        for n in columns:
            text = cut(texts[n], widths[n])
            room = "" if n == last else " " * (widths[n] - _cells(text))
            parts.append(_styled(text, heading=heading) + room)
        return GAP.join(parts).rstrip()

    return [line(headings, heading=True), *(line(row, heading=False) for row in rows)]


def _styled(text: str, *, heading: bool) -> str:
    if heading:
        return click.style(text, bold=True)
    colour = STATE_COLOURS.get(text)
    return click.style(text, fg=colour) if colour else text


def _cells(text: str) -> int:
    """Columns that a terminal gives a text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    kept = ""
    for letter in text:
        if _cells(kept + letter) > width - 1:
            break
        kept += letter
    return kept.rstrip() + "…"


def cell_text(value: object) -> str:
    """One line, nothing in it that moves a terminal's cursor; `-` where nothing is known."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else short_state(value)
    if text == "UNSPECIFIED":
        return NOTHING
    return one_line(text) or NOTHING


def one_line(text: object) -> str:
    """What somebody else wrote, where it has one line: it cannot pose as another."""
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()


def show_value(value: object, form: str) -> None:
    """`form` is "json" or "yaml"."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        click.echo(yaml_text(value), nl=False)


def yaml_text(value: object) -> str:
    import yaml  # noqa: PLC0415 - slow to load, and most commands print none

    class Dumper(yaml.SafeDumper):
        """Texts of several lines as a person writes them."""

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)  # pyright: ignore[reportUnknownMemberType] - untyped in the stubs

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=True, allow_unicode=True, width=100)


def short_state(word: object) -> str:
    """`RUN_STATE_ONLINE` is ONLINE to a person."""
    text = str(word or "") if not isinstance(word, int | float) else str(word)
    for prefix in PREFIXES:
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    return text


def size_text(value: object) -> str:
    """Bytes in the unit that a person would say."""
    try:
        size = float(str(value))
    except ValueError:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def age(stamp: object, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was; "never" for none."""
    try:
        then = datetime.fromisoformat(str(stamp))
    except ValueError:
        return "never"
    if then.year < 1971:
        return "never"
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"


def hidden(value: Any) -> Any:
    """The value with secrets replaced: what goes to a terminal may end in a scrollback."""
    if is_list(value):
        return [hidden(item) for item in value]
    if not is_object(value):
        return value
    return {
        k: HIDDEN if v and (is_secret(value, k) or k.lower() in SECRET_MAPS) else hidden(v)
        for k, v in value.items()
    }


def is_secret(owner: Mapping[str, Any], key: str) -> bool:
    """A text that nobody but its user should read: by its name, or a variable of that format."""
    if isinstance(owner[key], dict | list):
        return False
    of_password = key in ("value", "default") and "PASSWORD" in str(owner.get("format", ""))
    return of_password or key.lower() in SECRET_FIELDS
