"""The narrow rows of lists: the members they hold, whatever else a body says."""

import json
from datetime import UTC, datetime

import pytest

from eaves.controller.store.listed import listed_row
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import MEMBERS

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ROW = {
    "id": "1",
    "enterprise_id": "acme",
    "project_id": "p",
    "device_id": "d",
    "name": "n",
    "title": "t",
    "created_at": NOW,
    "created_by": "admin",
    "updated_at": NOW,
}
STRANGE = {
    "name": 'Gerät "x"',
    "deep": {"kind": "no", "tags": {"a": 1}, "list": [{"port": 1.5e300, "big": 10**30}]},
    "none": None,
}


@pytest.mark.parametrize("kind", MEMBERS, ids=str)
def test_every_member_stands_in_its_column(kind: Kind) -> None:
    members = MEMBERS[kind]
    words = {name: f"wörd of {name}" for name in (members.state, *members.words)}
    numbers = {name: n + 2 for n, name in enumerate(members.numbers)}
    body = {**STRANGE, **words, **numbers, "tags": {"ü": "2", "b": "1"}}
    made = listed_row(kind, {**ROW, "body": json.dumps(body)})
    assert {name: made[name] for name in ROW} == ROW
    assert {name: made[name] for name in words} == words
    assert {name: made[name] for name in numbers} == numbers
    assert made["tags"] == '{"b":"1","\\u00fc":"2"}'


@pytest.mark.parametrize("kind", MEMBERS, ids=str)
def test_what_a_body_does_not_say_is_empty(kind: Kind) -> None:
    members = MEMBERS[kind]
    names = (members.state, *members.words, *members.numbers, "tags")
    for body in ({}, dict.fromkeys(names), {**STRANGE, "tags": {}}):
        made = listed_row(kind, {**ROW, "body": json.dumps(body)})
        assert {made[name] for name in (members.state, *members.words)} == {""}
        assert {made[name] for name in members.numbers} <= {0}
        assert made["tags"] == "{}"
        assert made.get("port_tags", "") == made.get("place", "") == ""


def test_numbers_are_read_in_both_spellings() -> None:
    body = {"activate": True, "remoteConsole": "x", "startDelayInSeconds": "30", "appId": 7}
    made = listed_row(Kind.APP_INSTANCE, {**ROW, "body": json.dumps(body)})
    assert (made["activate"], made["remoteConsole"], made["startDelayInSeconds"]) == (1, 0, 30)
    assert made["appId"] == "7"


def test_a_device_tells_its_place_and_the_tags_of_its_ports() -> None:
    body: dict[str, object] = {
        "location": "Hall 3",
        "devLocation": {"city": "Bern", "country": "CH"},
        "interfaces": [{"tags": {"b": "2", "a": "1"}}, {"tags": {}}, {}],
        "vlanAdapters": [{"interface": {"tags": {"c": "3"}}}],
        "bondAdapter": None,
    }
    made = listed_row(Kind.DEVICE, {**ROW, "body": json.dumps(body)})
    assert (made["place"], made["location"]) == ("Hall 3", "Hall 3")
    assert made["port_tags"] == '[{"a":"1","b":"2"},{"c":"3"}]'
    netinst = listed_row(Kind.NETINST, {**ROW, "body": '{"portTags": {"x": "y"}}'})
    assert netinst["port_tags"] == '[{"x":"y"}]'
