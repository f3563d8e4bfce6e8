"""The time that a question about telemetry is about: `startTime`, `endTime`, and pages within."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import Request

from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound.paging import direction, read_list_query, refuse, wrong_token
from eaves.controller.northbound.problems import Problem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MOST_SEARCHED = 500  # characters of a text that is looked for
MOST_ROWS = 1000  # of one page


@dataclass(frozen=True, slots=True)
class Period:
    """Both included; None: not bounded."""

    start: datetime | None
    end: datetime | None


def read_moment(request: Request, name: str) -> datetime | None:
    """Raises Problem for what is no time."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(
            400, f"{name} is {text[:40]!r}; give a time like 2026-01-31T12:00:00Z", location=name
        ) from error


def read_period(request: Request) -> Period:
    """Raises Problem where the end lies before the start."""
    period = Period(read_moment(request, "startTime"), read_moment(request, "endTime"))
    if period.start is not None and period.end is not None and period.end < period.start:
        raise Problem(400, "endTime lies before startTime; exchange them", location="endTime")
    return period


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment_of(at: int) -> datetime:
    """Of microseconds since 1970."""
    return EPOCH + at * MICROSECOND


def page_size(request: Request, otherwise: int) -> int:
    """How many rows a page is to have: what was asked for, up to MOST_ROWS."""
    query = read_list_query(request.query_params)
    asked = any(name.endswith("pageSize") for name in request.query_params)
    return min(query.page_size, MOST_ROWS) if asked else otherwise


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page of what is only ever appended, newest first unless it is asked for otherwise.

    `behind`: the number of the row to go on from, whatever was appended meanwhile (0: from the
    first on); without it `offset` rows are left out.
    """

    oldest_first: bool
    behind: int
    offset: int
    size: int
    page_num: int
    order_by: tuple[str, ...]

    def next(self, last: int) -> Cursor:
        """`last`: the number of the last row of this page; 0 where nothing is behind it."""
        return Cursor(
            page_size=self.size,
            page_num=self.page_num,
            page_token=str(last or ""),
            order_by=self.order_by,
        )


def check_searched(request: Request, *names: str) -> None:
    """Raises Problem for a text that is too long to be looked for."""
    for name in names:
        if len(request.query_params.get(name, "")) > MOST_SEARCHED:
            raise Problem(
                400, f"{name} has more than {MOST_SEARCHED} characters; search less", location=name
            )


def read_stretch(
    request: Request, otherwise: int, by_time: Sequence[str], *, strict: bool = True
) -> Stretch:
    """`by_time`: names that order by time.  Raises Problem for another order; without `strict` it
    is as none, which published operations have always taken it for.
    """
    query = read_list_query(request.query_params)
    ways = [direction(text) for text in query.order_by]
    if not strict:
        ways = [way for way in ways if way[0] in by_time]
    for name, _ in ways:
        if name not in by_time:
            raise refuse(
                f"this list is ordered by time alone, not by {name[:40]!r}; give {by_time[0]!r} or "
                f"'{by_time[0]}:desc'",
                "next.orderBy",
            )
    behind, size = number_of(query.page_token or "0"), page_size(request, otherwise)
    if behind is None:
        raise wrong_token()
    offset = 0 if behind else (query.page_num - 1) * size
    oldest_first = bool(ways) and ways[0][1] > 0
    return Stretch(oldest_first, behind, offset, size, query.page_num, query.order_by)


def newest_first(request: Request) -> bool:
    """True where the order asked for is by time, against it."""
    order = read_list_query(request.query_params).order_by
    return bool(order) and (order[0].startswith("-") or order[0].endswith(":desc"))


def flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("true", "1", "yes")
