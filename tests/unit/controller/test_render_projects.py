"""Which changes of a project its devices are told of."""

from dataclasses import replace

import pytest
from unit.controller.worlds import FACTS, WORLD

from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.render import render_device
from eaves.controller.domain.render.projects import NOT_RENDERED, as_rendered, reaches_devices

POLICY = {
    "type": "POLICY_TYPE_APP",
    "appPolicy": {"apps": [{"name": "web", "appId": "b1", "originType": "ORIGIN_LOCAL"}]},
}
BEFORE = Tag.from_json({"id": "p1", "name": "north", "title": "North", "tags": {"a": "b"}})


@pytest.mark.parametrize(
    "change",
    [
        {"appPolicy": POLICY},
        {"networkPolicy": {"type": "POLICY_TYPE_NETWORK", "networkPolicy": {}}},
        {"title": "Norden", "description": "all of them", "tags": {}},
    ],
)
def test_what_no_device_is_told_reaches_none(change: dict[str, object]) -> None:
    after = Tag.from_json(BEFORE.to_json() | change)
    assert not reaches_devices(after, BEFORE)
    assert as_rendered(after) == as_rendered(BEFORE)
    assert WORLD.project is not None
    rendered = [
        render_device(replace(WORLD, project=one), FACTS).config
        for one in (WORLD.project, WORLD.project.model_copy(update=_changed(after)))
    ]
    assert rendered[0] == rendered[1]


def _changed(project: Tag) -> dict[str, object]:
    return {name: getattr(project, name) for name in NOT_RENDERED}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "south"},
        {"type": "TAG_TYPE_DEPLOYMENT"},
        {"configurationLockPolicy": {"type": "POLICY_TYPE_CONFIGURATION_LOCK"}},
        {"portBasedNetworkAccessControlPolicy": {"type": "POLICY_TYPE_UNSPECIFIED"}},
        {
            "tagLevelSettings": {
                "flowLogTransmission": "NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_ENABLED"
            }
        },
    ],
)
def test_all_else_reaches_every_device(change: dict[str, object]) -> None:
    assert reaches_devices(Tag.from_json(BEFORE.to_json() | change), BEFORE)


def test_a_new_project_reaches_devices() -> None:
    assert reaches_devices(BEFORE, None)


def test_what_is_left_out_are_members_of_a_project() -> None:
    assert Tag.model_fields.keys() >= NOT_RENDERED


CONSOLE = {"type": "POLICY_TYPE_LOC", "localOperatorConsolePolicy": {"locURL": "loc.plant:8443 "}}


@pytest.mark.parametrize(
    ("own", "policy", "url"),
    [
        ("", {}, ""),
        ("", CONSOLE, "loc.plant:8443"),
        ("https://here.lan", {}, "https://here.lan"),
        ("https://here.lan", CONSOLE, "https://here.lan"),
        ("", {"type": "POLICY_TYPE_LOC", "localOperatorConsolePolicy": {}}, ""),
    ],
    ids=["none", "project", "own", "own first", "empty policy"],
)
def test_a_device_is_told_of_its_operator_console(
    own: str, policy: dict[str, object], url: str
) -> None:
    members = {"localOperatorConsolePolicy": policy} if policy else {}
    project = Tag.from_json(BEFORE.to_json() | members)
    device = WORLD.device.model_copy(update={"local_operator_console_url": own})
    rendered = render_device(replace(WORLD, device=device, project=project), FACTS)
    console = rendered.config.loc_config
    assert (console.loc_url if console is not None else "") == url
    assert rendered.missing == ()


def test_a_console_in_the_policy_reaches_every_device_and_what_of_it_does_not_is_said() -> None:
    inner = {"locURL": "loc.plant", "datastoreId": ["ds1"]}
    policy = {"type": "POLICY_TYPE_LOC", "localOperatorConsolePolicy": inner}
    after = Tag.from_json(BEFORE.to_json() | {"localOperatorConsolePolicy": policy})
    assert reaches_devices(after, BEFORE)
    (why,) = render_device(replace(WORLD, project=after), FACTS).missing
    assert "project 'north'" in why
    assert "take datastoreId out of it" in why
