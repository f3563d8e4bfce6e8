"""Lists: filters, order, pages, projections.

A filter is a query parameter.  `xPattern` finds a part of member `x`, whatever its case; `x`
compares the whole, and an enum word may leave its prefix out.  What a list knows beside the members
of the objects (the name of a project or device, a run state) are its facts.
"""

import base64
import binascii
import functools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from starlette.datastructures import QueryParams

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum
from eaves.controller.domain.contract.envelope import Cursor, Summary, ZsrvErrorCode
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound.problems import Problem

T = TypeVar("T", bound=Contract)

DEFAULT_PAGE_SIZE = 1000
MAX_PAGE_SIZE = 10_000
PREFIXES = ("next.", "Cursor.")
FILTER = "filter."
NOT_FILTERS = frozenset(
    {
        "summary",
        "fields",
        "includeGlobal",
        "includeInterfaces",
        "showProjectsList",
        "all",
        "size",
    }  # says how much
)
PATTERN = "Pattern"
ALSO = {  # filters of the contract that are named otherwise than the members they look at
    "bundle": ("appName", "appId"),
    "defaultNetwork": ("enterpriseDefault",),
    "device": ("deviceName", "deviceId"),
    "deviceName": ("name",),  # of a device
    "imageName": ("image",),
    "jobStatus": ("status",),
    "labelName": ("label",),
    "profileDeploymentId": ("id",),
    "project": ("projectName", "projectId"),
    "type": ("appType",),
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    page_size: int
    page_num: int  # 1-based
    page_token: str
    order_by: tuple[str, ...]
    summary: bool
    fields: frozenset[str]
    filters: Mapping[str, tuple[str, ...]]


Facts = Mapping[str, str | tuple[str, ...] | Mapping[str, str]]


@dataclass(frozen=True)
class Row(Generic[T]):
    """One object of a list with what is known beside its members."""

    item: T
    facts: Facts
    behind: Contract | None = None  # the object that a status is of: filters know its members


@dataclass(frozen=True)
class Page(Generic[T]):
    rows: tuple[Row[T], ...]
    next: Cursor
    total: int


def refuse(details: str, location: str) -> Problem:
    return Problem(400, details, code=ZsrvErrorCode.BAD_REQ_PARAM, location=location)


def wrong_token() -> Problem:
    return refuse(
        "the page token is not one of this list and order; leave it out to begin anew",
        "next.pageToken",
    )


def _whole(params: QueryParams, name: str, default: int, largest: int) -> int:
    for prefix in PREFIXES:
        text = params.get(prefix + name, "")
        if not text or text == "0":
            continue
        number = number_of(text, largest)
        if number is None:
            raise refuse(
                f"{prefix}{name} is {text[:40]!r}; give a whole number up to {largest}",
                prefix + name,
            )
        return number or default
    return default


def read_list_query(params: QueryParams) -> ListQuery:
    """Raises Problem for a value that means nothing."""
    order: list[str] = []
    token = ""
    for prefix in PREFIXES:
        for text in params.getlist(prefix + "orderBy"):
            order += [part.strip() for part in text.split(",") if part.strip()]
        token = token or params.get(prefix + "pageToken", "")
    names = {name for name in params if not name.startswith(PREFIXES)} - NOT_FILTERS
    fields = {part for text in params.getlist("fields") for part in text.split(",") if part}
    return ListQuery(
        page_size=_whole(params, "pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_num=_whole(params, "pageNum", 1, 1 << 31),
        page_token=token,
        order_by=tuple(order),
        summary=params.get("summary", "").lower() in ("true", "1"),
        fields=frozenset(fields),
        filters={
            name.removeprefix(FILTER): tuple(text for text in params.getlist(name) if text)
            for name in sorted(names)
            if any(params.getlist(name))
        },
    )


def _value_of(row: "Row[T]", member: str) -> object:
    """A fact, or the member of that JSON name; raises KeyError for an unknown name."""
    if member in row.facts:
        return row.facts[member]
    for item in (row.item, row.behind):
        for name, about in type(item).model_fields.items() if item is not None else ():
            if member in (about.serialization_alias, about.alias, name):
                return cast("object", getattr(item, name))
    if member in ALSO:
        return tuple(_value_of(row, other) for other in ALSO[member])
    raise KeyError(member)


def _equals(value: object, wanted: str) -> bool:
    if wanted == "UNSPECIFIED" or wanted.endswith("_UNSPECIFIED"):
        return True  # the contract's default: any
    if isinstance(value, OpenEnum):
        if wanted == "0":
            return True
        if (number := number_of(wanted)) is not None:
            return value == type(value)._missing_(number)
        return wanted in (value.value, value.value.removeprefix(type(value).prefix()))
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, tuple):
        return any(_equals(item, wanted) for item in cast("tuple[object, ...]", value))
    if isinstance(value, Mapping):
        key, _, text = wanted.partition(":")
        return cast("Mapping[str, object]", value).get(key.strip()) == text.strip()
    return str(value) == wanted


def _keeps(row: Row[T], filters: Mapping[str, tuple[str, ...]]) -> bool:
    for name, wanted in filters.items():
        if name.endswith(PATTERN):
            text = str(_value_of(row, name.removesuffix(PATTERN))).lower()
            if not any(part.lower() in text for part in wanted):
                return False
        elif not any(_equals(_value_of(row, name), one) for one in wanted):
            return False
    return True


def direction(text: str) -> tuple[str, int]:
    """Read `field`, `-field`, `field:desc` or `field desc`."""
    member, _, way = text.replace(" ", ":").partition(":")
    if member.startswith("-"):
        return member[1:], -1
    return member, -1 if way.strip().lower().startswith("desc") else 1


Part = tuple[int, float | str]  # numbers stand before texts
Key = tuple[Part, ...]


def _part(value: object) -> Part:
    if isinstance(value, int | float):
        return 0, value
    return 1, str(value)


def _comparison(order: Sequence[tuple[str, int]]) -> Callable[[Key, Key], int]:
    def compare(one: Key, other: Key) -> int:
        for index, (_, sign) in enumerate(order):
            if one[index] != other[index]:
                return sign if one[index] > other[index] else -sign
        return 0

    return compare


def page_of(rows: Iterable[Row[T]], query: ListQuery) -> Page[T]:
    """Filter, sort and cut.  Raises Problem for a member that the objects do not have."""
    order = [direction(text) for text in query.order_by] or [("name", 1)]
    order += [("id", 1)]
    try:
        kept = [row for row in rows if _keeps(row, query.filters)]
        keyed: list[tuple[Key, Row[T]]] = [
            (tuple(_part(_value_of(row, m)) for m, _ in order), row) for row in kept
        ]
    except KeyError as error:
        raise refuse(
            f"this list has no member {error.args[0]!r} to filter or sort by; name one that its "
            "objects have, such as 'name', or leave it out",
            str(error.args[0]),
        ) from error
    compare = _comparison(order)
    in_order = functools.cmp_to_key(compare)
    keyed.sort(key=lambda entry: in_order(entry[0]))
    total = len(keyed)
    if query.page_token:
        last = read_token(query.page_token, len(order))
        rest = [entry for entry in keyed if compare(entry[0], last) > 0]
    else:
        rest = keyed[(query.page_num - 1) * query.page_size :]
    cut = rest[: query.page_size]
    token = write_token(cut[-1][0]) if cut and len(rest) > len(cut) else ""
    return Page(
        rows=tuple(row for _, row in cut),
        next=Cursor(
            page_size=query.page_size,
            page_num=query.page_num,
            page_token=token,
            order_by=query.order_by,
            total_pages=math.ceil(total / query.page_size),
        ),
        total=total,
    )


def write_token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def read_token(token: str, length: int) -> Key:
    try:
        value: object = json.loads(base64.urlsafe_b64decode(token.encode()))
        parts = cast("list[tuple[int, float | str]]", value)
        key = tuple(
            (0, part) if rank == 0 and isinstance(part, int | float) else (1, str(part))
            for rank, part in parts
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        key = ()
    if len(key) != length:
        raise wrong_token()
    return key


def summary_of(values: Iterable[str], description: str) -> Summary:
    """How many objects there are of each value."""
    return summary_from(Counter(values), description)


def summary_from(counts: Mapping[str, int], description: str) -> Summary:
    return Summary(
        total=sum(counts.values()), values=dict(sorted(counts.items())), description=description
    )


def project(item: JsonObject, fields: frozenset[str]) -> JsonObject:
    """Only the members asked for; `id` and `name` always."""
    if not fields:
        return item
    return {name: value for name, value in item.items() if name in fields | {"id", "name"}}
