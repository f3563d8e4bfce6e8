"""How far back: `--since 90` (minutes), `30m`, `2h`, `7d`, or a time."""

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "minutes"}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")


class Since(click.ParamType[datetime]):
    """A moment, told by its distance from now or by itself."""

    name = "since"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        span = _SPAN.fullmatch(value.strip())
        try:
            if span is not None:
                back = timedelta(**{_UNITS[span[2]]: float(span[1])})
                return datetime.now(UTC) - back
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; give 90m, 2h, 7d or 2026-01-31T12:00:00Z", param, ctx)
        return moment if moment.tzinfo else moment.astimezone()


def wire_time(moment: datetime) -> str:
    """As the controller reads it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
