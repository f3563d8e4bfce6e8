"""No page of the console is forgotten by the tests that look at each of them."""

import re
from pathlib import Path

import pytest
from console.views import ROUTES, TABS, VIEWS, not_shown

SOURCES = Path(__file__).parents[3] / "console/src"
ELSEWHERE = {"/signed-in": "where a provider of identities sends the browser back to"}


def test_each_route_is_one_that_is_looked_at() -> None:
    text = (SOURCES / "router.tsx").read_text(encoding="utf-8")
    paths = [path if path.startswith("/") else f"/{path}" for path in _paths(text)]
    assert sorted({*paths} - ELSEWHERE.keys()) == sorted(ROUTES)


def _paths(text: str) -> list[str]:
    return re.findall(r"\bpath: \"([^\"]+)\"", text)


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("nodes", "views/nodes/Node.tsx"),
        ("instances", "views/instances/Instance.tsx"),
        ("apps", "ui/ObjectPage.tsx"),
    ],
)
def test_each_tab_is_one_that_is_looked_at(kind: str, source: str) -> None:
    text = (SOURCES / source).read_text(encoding="utf-8")
    _first, *others = re.findall(r"\bkey: \"(\w+)\",\s+title: ", text)
    assert sorted(others) == sorted(TABS[kind])


def test_each_place_and_shelf_is_one_that_is_looked_at() -> None:
    places = _paths((SOURCES / "shell/places.ts").read_text(encoding="utf-8"))
    shelves = re.findall(
        r"^  \"?([a-z-]+)\"?: \{$",
        (SOURCES / "views/library/kinds.ts").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {*places, *(f"/library/{word}" for word in shelves)} == {*VIEWS}


def test_what_no_address_leads_to_is_named() -> None:
    assert not_shown([]) == list(ROUTES)
    assert not_shown(["/nodes/1", "/nodes/1/logs"]) == [
        route for route in ROUTES if route != "/nodes/:id/:tab?"
    ]
    assert "/apps/:id/deploy" in not_shown(["/apps/1/text", "/apps/1"])
