"""Each filter and each order that a list of the console asks for is one that the API knows."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from system.test_rest_sweep import open_site

pytestmark = pytest.mark.system

VIEWS = Path(__file__).parents[2] / "console/src/views"
LIST = re.compile(r"useList<[^>]*>\(\s*(?:PATH|\"([^\"]+)\")")
PATH = re.compile(r"^const PATH = \"([^\"]+)\";$", re.MULTILINE)
FILTER = re.compile(
    r"\{\s*name: \"(\w+)\",\s*label: \"[^\"]+\"(?:,\s*choices: \[\s*\{ value: \"(\w+)\")?"
)
SORT = re.compile(r"\bsort: \"(\w+)\"")
SHELF = re.compile(r"^  \"?[a-z-]+\"?: \{\n(.*?)^  \},$", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"\[\"[^\"]+\", \"(\w+)\"\]")


def asked() -> Iterator[tuple[str, Mapping[str, str], frozenset[str]]]:
    """Path, filters (with what they may be asked for) and orders of each list."""
    for source in sorted(VIEWS.rglob("*.tsx")):
        text = source.read_text(encoding="utf-8")
        for path in LIST.findall(text):
            named = str(path or PATH.findall(text)[0])
            filters: dict[str, str] = dict(FILTER.findall(text))
            yield named, filters, frozenset(SORT.findall(text))
    for shelf in SHELF.findall((VIEWS / "library/kinds.ts").read_text(encoding="utf-8")):
        places: dict[str, str] = dict(
            re.findall(r"^    (list|path): \"([^\"]+)\"", shelf, re.MULTILINE)
        )
        members = {"name", *map(str, COLUMN.findall(shelf))}
        yield places.get("list", places["path"]), {"namePattern": ""}, frozenset(members)


async def test_lists_of_the_console_are_filtered_and_ordered_by_what_there_is(
    tmp_path: Path,
) -> None:
    lists = [*asked()]
    told = {path: filters for path, filters, _ in lists}
    assert {"/v1/eaves/tokens", "/v1/users", "/v1/sysmodels"} <= told.keys()
    assert told["/v1/eaves/incidents"]["severity"] == "ERROR"
    refused: list[str] = []
    async with open_site(tmp_path) as site:
        for path, filters, orders in lists:
            for params in (
                *({name: value or "x"} for name, value in sorted(filters.items())),
                *({"next.orderBy": f"{name}:desc"} for name in sorted(orders)),
            ):
                answer = await site.alice.http.get(path, params=params)
                if answer.status_code != 200:
                    refused.append(f"{path} {params}: {answer.text}")
    assert not refused, refused
