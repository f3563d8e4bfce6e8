"""What the console thinks that a call needs is what the API asks for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from console.actions import ACTIONS, MOMENTS
from support.rules import NEEDS

from eaves.controller.domain.authz import Rule
from eaves.controller.northbound.bulk.operations import BY_SERVICE

SOURCES = Path(__file__).parents[3] / "console/src"
CALL = re.compile(r"api\.(put|post|remove)(?:Own)?(?:<[^>]*>)?\(\s*\"(/v[^\"]+)\"")
PUT_IN_TABLE = re.compile(r"path: \"(/v[^\"]+)\"")
METHODS = {"put": "PUT", "post": "POST", "remove": "DELETE"}
NOT_SHOWN = {
    ("POST", "/v1/apps/images"): "asked for with Import, of who may make and release images",
    ("PUT", "/v1/apps/id/{id}"): "once the form of an app was changed, which `test_fleet` does",
}


def calls() -> Iterator[tuple[str, str]]:
    """Every call that the sources name and that changes something."""
    for path in SOURCES.rglob("*.ts*"):
        text = path.read_text(encoding="utf-8")
        for verb, called in CALL.findall(text):
            yield METHODS[verb], called
        if 'PathOf<"put">;' in text:
            for called in PUT_IN_TABLE.findall(text):
                yield "PUT", called


def test_every_call_of_the_console_is_presented_to_roles_without_its_right() -> None:
    named = {call for call in calls() if isinstance(NEEDS[call], Rule)}
    assert len(named) > len(NOT_SHOWN)
    presented = {(one.method, one.path) for one in (*ACTIONS, *MOMENTS)}
    assert named - presented == NOT_SHOWN.keys()
    assert presented <= NEEDS.keys()


def test_many_objects_at_once_need_what_the_api_asks() -> None:
    told = json.loads((SOURCES / "rights/operations.json").read_text())
    assert told == {
        service.value: [one.rule.area.value, one.rule.verb.value]
        for service, one in BY_SERVICE.items()
    }


def test_shelves_of_the_library_are_for_those_who_may_read_them() -> None:
    text = (SOURCES / "views/library/kinds.ts").read_text()
    found = re.findall(r"path: \"(/v1[^\"]+)\",\n\s+one: [^\n]+\n\s+area: \"(\w+)\"", text)
    assert len(found) == text.count("    noun: ")
    needs = {path: NEEDS["GET", path] for path, _ in found}
    assert dict(found) == {
        path: need.area.value for path, need in needs.items() if isinstance(need, Rule)
    }


def test_places_of_the_navigation_need_what_their_lists_need() -> None:
    lists = {
        "/nodes": "/v1/devices/status-config",
        "/instances": "/v1/apps/instances/status-config",
        "/alerts": "/v1/eaves/incidents",
        "/events": "/v1/events",
        "/marketplace": "/v1/apps/global",
        "/apps": "/v1/apps",
        "/projects": "/v1/projects",
        "/rollouts": "/v1/eaves/rollouts",
        "/jobs": "/v1/jobs",
        "/tenants": "/v1/enterprises",
        "/users": "/v1/users",
        "/roles": "/v1/roles",
        "/audit": "/v1/eaves/audit",
    }
    shelves = dict(
        re.findall(
            r"^  \"?([a-z-]+)\"?: \{\n[^}]*?path: \"([^\"]+)\"",
            (SOURCES / "views/library/kinds.ts").read_text(),
            re.MULTILINE,
        )
    )
    lists |= {f"/library/{word}": path for word, path in shelves.items()}
    text = (SOURCES / "shell/places.ts").read_text()
    places = dict(re.findall(r"path: \"([^\"]+)\"[^}]*?area: \"(\w+)\"", text))
    assert places.keys() <= lists.keys()
    told = {place: NEEDS["GET", lists[place]] for place in places}
    assert places == {
        place: needs.area.value for place, needs in told.items() if isinstance(needs, Rule)
    }
