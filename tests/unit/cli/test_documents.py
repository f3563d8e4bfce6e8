"""Documents of `eaves apply`: what is read, in which order, what counts as a change."""

from pathlib import Path
from typing import Any

import click
import pytest

from eaves.cli.documents import (
    canonical,
    diff,
    documents_in,
    merged,
    overlap,
    parse_documents,
    shape_of,
    strangers,
    without_unreadable,
)
from eaves.cli.kinds import find_kind
from eaves.cli.output import HIDDEN, hidden
from eaves.cli.references import with_ids

UNCHANGED: dict[str, tuple[Any, Any]] = {
    "the same": ({"title": "a"}, {"title": "a"}),
    "the controller holds more": ({"title": "a"}, {"title": "a", "id": "1", "revision": {}}),
    "absent and empty are one": ({"tags": {}, "acls": [], "note": ""}, {}),
    "absent and null are one": ({"note": None}, {}),
    "absent and zero are one": ({"mtu": 0, "activate": False}, {}),
    "a map of nothing is nothing": ({"ip": {"domain": ""}}, {}),
    "int64 comes back as text": ({"sizeBytes": 1024}, {"sizeBytes": "1024"}),
    "a text zero is zero": ({"sizeBytes": 0}, {"sizeBytes": "0"}),
    "a flag comes back as text": ({"flag": True}, {"flag": "true"}),
    "elements go by position": ([{"name": "a"}], [{"name": "a", "id": "7"}]),
    "deep inside": ({"a": [{"b": {"c": 1}}]}, {"a": [{"b": {"c": 1, "d": 2}, "e": 3}]}),
}
CHANGED: dict[str, tuple[Any, Any]] = {
    "another value": ({"title": "a"}, {"title": "b"}),
    "a value where none was": ({"title": "a"}, {}),
    "an emptied value": ({"title": ""}, {"title": "b"}),
    "an emptied list": ({"acls": []}, {"acls": [{"name": "web"}]}),
    "a longer list": ({"acls": [1, 2]}, {"acls": [1]}),
    "another order": ({"acls": [1, 2]}, {"acls": [2, 1]}),
    "a flag turned off": ({"activate": False}, {"activate": True}),
    "a map in the place of a text": ({"a": {"b": 1}}, {"a": "b"}),
    "a text in the place of a map": ({"a": "b"}, {"a": {"b": 1}}),
    "deep inside": ({"a": [{"b": {"c": 1}}]}, {"a": [{"b": {"c": 2}}]}),
}


@pytest.mark.parametrize(("wanted", "current"), UNCHANGED.values(), ids=UNCHANGED)
def test_what_is_there_already_is_no_change(wanted: Any, current: Any) -> None:
    assert overlap(wanted, current) == wanted


@pytest.mark.parametrize(("wanted", "current"), CHANGED.values(), ids=CHANGED)
def test_a_difference_is_a_change(wanted: Any, current: Any) -> None:
    assert overlap(wanted, current) != wanted


@pytest.mark.parametrize(
    ("wanted", "current"), [*UNCHANGED.values(), *CHANGED.values()], ids=[*UNCHANGED, *CHANGED]
)
def test_after_a_replacement_nothing_is_left_to_change(wanted: Any, current: Any) -> None:
    assert overlap(wanted, merged(current, wanted)) == wanted


MERGES: dict[str, tuple[Any, Any, Any]] = {
    "what only the controller has stays": (
        {"id": "1", "revision": {"curr": "3"}, "title": "a"},
        {"title": "b"},
        {"id": "1", "revision": {"curr": "3"}, "title": "b"},
    ),
    "an unchanged element stays whole": (
        {"l": [{"name": "a", "netid": "1"}, {"name": "b"}]},
        {"l": [{"name": "a"}, {"name": "c"}]},
        {"l": [{"name": "a", "netid": "1"}, {"name": "c"}]},
    ),
    "a changed element loses the ids beside its names": (
        {"l": [{"intfname": "eth0", "netname": "x", "netid": "1", "macaddr": "m"}]},
        {"l": [{"intfname": "eth0", "netname": "y"}]},
        {"l": [{"intfname": "eth0", "netname": "y", "macaddr": "m"}]},
    ),
    "a list of another length is the wanted one": (
        {"l": [{"name": "a", "id": "1"}, {"name": "b", "id": "2"}]},
        {"l": [{"name": "b"}]},
        {"l": [{"name": "b"}]},
    ),
}


@pytest.mark.parametrize(("current", "wanted", "result"), MERGES.values(), ids=MERGES)
def test_merging(current: Any, wanted: Any, result: Any) -> None:
    assert merged(current, wanted) == result


def test_a_secret_that_cannot_be_read_back_is_not_compared() -> None:
    wanted = {"ssid": "a", "secret": {"apiKey": "k", "apiPasswd": "p"}}
    assert without_unreadable(wanted, {"ssid": "a"}) == {"ssid": "a", "secret": None}
    readable = {"ssid": "a", "secret": {"apiKey": "k", "apiPasswd": "old"}}
    assert without_unreadable(wanted, readable) == wanted
    variable = {"format": "VARIABLE_FORMAT_PASSWORD", "name": "p", "value": "x"}
    assert without_unreadable([variable], [{**variable, "value": ""}]) == [
        {"format": "VARIABLE_FORMAT_PASSWORD", "name": "p"}
    ]


def test_a_diff_hides_secrets() -> None:
    shown = diff({}, {"apiKey": "k1", "password": "p1", "a": [{"wifiPasswd": "w1"}]}, "datastore/x")
    assert not any(text in shown for text in ("k1", "p1", "w1"))
    assert hidden({"secret": {"apiKey": ""}}) == {"secret": {"apiKey": ""}}
    assert hidden({"format": "PASSWORD", "value": "x"})["value"] == HIDDEN


def test_a_diff_says_what_goes_and_what_comes() -> None:
    lines = diff({"title": "a"}, {"title": "b"}, "app/x").splitlines()
    assert lines[:2] == ["--- app/x (now)", "+++ app/x (wanted)"]
    assert lines[-2:] == ["-title: a", "+title: b"]


def test_documents_come_in_the_order_of_their_references(tmp_path: Path) -> None:
    kinds = ("instance", "netinst", "device", "app", "image", "datastore", "network", "project")
    for number, kind in enumerate(kinds):
        (tmp_path / f"{number}.yaml").write_text(f"kind: {kind}\nname: one\n")
    found = documents_in([tmp_path])
    assert [d.kind.name for d in found] == [
        *("project", "network", "datastore", "image", "app", "device", "netinst", "instance")
    ]


def test_a_document_comes_behind_what_it_refers_to(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "{kind: project, name: p, appPolicy: {appPolicy: {apps: [{app: web}]}}}\n---\n"
        "{kind: app, name: web, datastores: [files]}\n---\n{kind: datastore, name: files}\n---\n"
        "{kind: role, name: r, scopes: [{projects: [p, other]}]}\n"
    )
    found = [document.title for document in documents_in([tmp_path])]
    assert found == ["datastore/files", "app/web", "project/p", "role/r"]


def test_documents_that_need_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "{kind: project, name: p, appPolicy: {appPolicy: {apps: [{app: web}]}}}\n---\n"
        "{kind: app, name: web, visibleTo: [p]}\n"
    )
    with pytest.raises(click.ClickException, match="project/p -> app/web -> project/p"):
        documents_in([tmp_path])


def test_names_become_ids_where_they_stand() -> None:
    (found,) = parse_documents(
        "{kind: role, name: r, scopes: [{accessDevice: all, projects: [a, b]}, {uuid: x}]}", "f"
    )
    assert not found.warnings
    assert [(where, kind.name, name) for where, kind, name in found.references()] == [
        ("scopes.projects", "project", "a"),
        ("scopes.projects", "project", "b"),
    ]
    done = with_ids(found.fields, found.kind.references, lambda kind, name: f"{kind}-{name}")
    assert done == {
        "scopes": [
            {"accessDevice": "all", "projectFilter": ["project-a", "project-b"]},
            {"uuid": "x"},
        ]
    }
    assert found.fields["scopes"][0]["projects"] == ["a", "b"]


def test_what_looks_like_a_number_to_yaml_stays_a_text() -> None:
    (found,) = parse_documents(
        "kind: device\nname: 0012\ntags:\n  mac: 52:54:00:12:34:56\n  day: 2026-01-31\n"
        "  mode: 0755\n  n: 12\n  f: 1.5\n  t: true\n",
        "x.yaml",
    )
    assert found.name == "0012"
    assert found.fields["tags"] == {
        "mac": "52:54:00:12:34:56",
        "day": "2026-01-31",
        "mode": "0755",
        "n": 12,
        "f": 1.5,
        "t": True,
    }


FAULTS = {
    "no YAML": ("kind: app\n  name: x\n", "f.yaml:2:"),
    "an open quote": ('kind: "app\n', "f.yaml:2:"),
    "no mapping": ("- 1\n", "f.yaml:1: a document is a mapping with `kind` and `name`"),
    "no name": ("kind: app\n", "f.yaml:1: a document is"),
    "a wrong kind": (
        "# c\nkind: devcie\nname: x\n",
        "f.yaml:2: there is no kind 'devcie'; did you",
    ),
    "a key twice": ("kind: app\nname: x\ntitle: a\ntitle: b\n", "f.yaml:4: title stands twice"),
    "the second document": ("kind: app\nname: x\n---\nname: y\n", "f.yaml:4: a document is"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(click.ClickException) as raised:
        parse_documents(text, "f.yaml")
    assert raised.value.message.startswith(message)


def test_an_object_described_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("kind: app\nname: x\n---\nkind: apps\nname: x\n")
    with pytest.raises(click.ClickException, match=r"a\.yaml:4: app/x stands in .*a\.yaml:1 too"):
        documents_in([file])


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"folder without a \.yaml file"):
        documents_in([tmp_path])


def test_a_misspelt_field_is_named_with_the_nearest_known_one() -> None:
    (found,) = parse_documents(
        "kind: device\nname: x\nserialNo: A\nproject: p\ninterfacs:\n"
        "  - intfname: eth0\ntags:\n  a: b\nzzz: 1\n",
        "f.yaml",
    )
    assert found.warnings == (
        "f.yaml:3: serialNo is no known field of device, sent as it is; did you mean serialno?",
        "f.yaml:5: interfacs is no known field of device, sent as it is; did you mean interfaces?",
        "f.yaml:9: zzz is no known field of device, sent as it is",
    )


def test_a_misspelt_field_deep_inside_is_named_with_its_place() -> None:
    text = "kind: device\nname: x\ninterfaces:\n  - intfname: eth0\n    netnam: uplink\n"
    (found,) = parse_documents(text, "f")
    assert found.warnings[0].startswith("f:5: interfaces[0].netnam is no known field of device")
    assert found.warnings[0].endswith("did you mean netname?")


def test_a_name_where_an_id_has_to_stand_is_said_with_the_key_of_the_name() -> None:
    text = "{{kind: device, name: x, projectId: {0}, model: box}}"
    (found,) = parse_documents(text.format("plant"), "f")
    assert found.warnings == (
        "f:1: projectId holds an id and 'plant' is none; to name it, write project",
    )
    (right,) = parse_documents(text.format("0f8fad5b-d9cb-469f-a165-70867728950e"), "f")
    assert right.warnings == ()


def test_fields_below_an_open_map_are_nobodys_business() -> None:
    shape = shape_of(find_kind("device"))
    assert not list(strangers({"tags": {"any": "thing"}}, shape))


def test_a_word_of_an_enum_gets_its_prefix() -> None:
    shape = shape_of(find_kind("device"))
    given = {"adminState": "ACTIVE", "interfaces": [{"intfUsage": "ADAPTER_USAGE_MANAGEMENT"}]}
    assert canonical(given, shape) == {**given, "adminState": "ADMIN_STATE_ACTIVE"}


def test_the_field_kind_of_a_network_is_spelt_network_kind() -> None:
    (found,) = parse_documents("kind: network\nname: x\nnetworkKind: V4\n", "f")
    assert found.fields == {"kind": "NETWORK_KIND_V4"}
