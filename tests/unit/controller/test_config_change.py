"""What one configuration changes of another, by name; nothing changes, nothing is told."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.controller.worlds import FACTS, WORLD

from eaves.controller.domain.config_change import ConfigChange, change_of, waits_for
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.planned import Both, plan_of
from eaves.controller.domain.render import render_device
from eaves.evapi.config import (
    AppInstanceConfig,
    BaseOS,
    ConfigItem,
    DeviceOpsCmd,
    EdgeDevConfig,
    InstanceOpsCmd,
    VolumeRef,
)

CONFIG = render_device(WORLD, FACTS).config
FULL = replace(
    CONFIG,
    baseos=BaseOS(content_tree_uuid="tree", base_os_version="1.0", activate=True),
    config_items=(ConfigItem(key="timer.config.interval", value="10"),),
)
LISTS = tuple(one.name for one in fields(FULL) if isinstance(getattr(FULL, one.name), tuple))


def app(**changes: Any) -> EdgeDevConfig:
    first, *others = CONFIG.apps
    changed = replace(first, **changes)
    return replace(CONFIG, apps=(changed, *others))


NAME = f"app instance {CONFIG.apps[0].displayname}"
ROWS: dict[str, tuple[EdgeDevConfig, EdgeDevConfig, dict[str, tuple[str, ...]]]] = {
    "a restart": (CONFIG, app(restart=InstanceOpsCmd(counter=7)), {"restarted": (NAME,)}),
    "a purge": (CONFIG, app(purge=InstanceOpsCmd(counter=7)), {"purged": (NAME,)}),
    "both": (
        CONFIG,
        app(purge=InstanceOpsCmd(counter=7), restart=InstanceOpsCmd(counter=7)),
        {"purged": (NAME,)},
    ),
    "it stops": (app(activate=True), app(activate=False), {"changed": (f"{NAME} (stops)",)}),
    "it starts": (app(activate=False), app(activate=True), {"changed": (f"{NAME} (starts)",)}),
    "volumes without a purge": (
        app(activate=True),
        app(activate=True, volume_ref_list=(VolumeRef(uuid="other"),)),
        {"changed": (f"{NAME} (waits for a purge)",)},
    ),
    "an interface without a restart": (
        app(activate=True),
        app(activate=True, interfaces=()),
        {"changed": (f"{NAME} (waits for a restart)",)},
    ),
    "user data of the same version": (
        app(activate=True, user_data="one"),
        app(activate=True, user_data="two"),
        {"changed": (f"{NAME} (waits for a start)",)},
    ),
    "an app that goes": (CONFIG, replace(CONFIG, apps=CONFIG.apps[1:]), {"deleted": (NAME,)}),
    "a reboot": (
        CONFIG,
        replace(CONFIG, reboot=DeviceOpsCmd(counter=9)),
        {"restarted": ("node (reboots)",)},
    ),
    "another base image": (
        FULL,
        replace(FULL, baseos=BaseOS(content_tree_uuid="u", base_os_version="2.0", activate=True)),
        {"restarted": ("node (into base image 2.0)",)},
    ),
    "a setting": (
        FULL,
        replace(FULL, config_items=(ConfigItem(key="timer.config.interval", value="20"),)),
        {"changed": ("setting timer.config.interval",)},
    ),
    "a name": (CONFIG, replace(CONFIG, device_name="x"), {"changed": ("node (device name)",)}),
    "another order": (
        FULL,
        replace(FULL, volumes=FULL.volumes[::-1], apps=FULL.apps[::-1]),
        {"changed": ("node",)},
    ),
}


@pytest.mark.parametrize(("before", "after", "told"), ROWS.values(), ids=ROWS)
def test_what_changes_is_told_by_name(
    before: EdgeDevConfig, after: EdgeDevConfig, told: dict[str, tuple[str, ...]]
) -> None:
    change = change_of(before, after)
    words = ("created", "changed", "restarted", "purged", "deleted")
    assert {word: getattr(change, word) for word in words if getattr(change, word)} == told


def test_rules_and_boot_order_change_under_a_running_app() -> None:
    one = next(app for app in CONFIG.apps if app.interfaces and app.interfaces[0].acls)
    open_to_all = tuple(replace(adapter, acls=()) for adapter in one.interfaces)
    assert waits_for(one, replace(one, interfaces=open_to_all)) == ""


def test_a_volume_of_another_generation_begins_anew() -> None:
    first, *others = sorted(CONFIG.volumes, key=lambda one: -one.maxsizebytes)
    before = replace(CONFIG, volumes=(first, *others))
    after = replace(CONFIG, volumes=(replace(first, generation_count=99), *others))
    change = change_of(before, after)
    assert change.purged == (f"volume {first.display_name}",)
    assert change.pull_bytes == 0
    peak = change_of(before, before).peak_bytes
    assert change.peak_bytes == peak + first.maxsizebytes > peak


def test_only_bytes_that_are_not_there_are_pulled() -> None:
    every = sum({tree.sha256: tree.max_size_bytes for tree in CONFIG.content_info}.values())
    assert every > 0
    assert change_of(None, CONFIG).pull_bytes == every
    assert change_of(CONFIG, None).pull_bytes == 0
    renamed = tuple(replace(tree, uuid=f"{tree.uuid}-2") for tree in CONFIG.content_info)
    assert change_of(CONFIG, replace(CONFIG, content_info=renamed)).pull_bytes == 0


@st.composite
def parts(draw: st.DrawFn) -> EdgeDevConfig:
    """A configuration with some of what the full one has."""
    some: dict[str, Any] = {
        name: tuple(one for one in getattr(FULL, name) if draw(st.booleans())) for name in LISTS
    }
    some["baseos"] = draw(st.sampled_from([None, FULL.baseos]))
    some["device_name"] = draw(st.sampled_from(["a", "b"]))
    return replace(FULL, **some)


@given(parts(), parts())
def test_a_plan_is_empty_exactly_when_nothing_changes(
    before: EdgeDevConfig, after: EdgeDevConfig
) -> None:
    assert not change_of(before, before)
    assert change_of(before, before).pull_bytes == 0
    assert bool(change_of(before, after)) is (before != after)


@given(parts(), parts())
def test_what_is_created_one_way_is_deleted_the_other(
    before: EdgeDevConfig, after: EdgeDevConfig
) -> None:
    there, back = change_of(before, after), change_of(after, before)
    base_image = ("base image 1.0", "node (into base image 1.0)")

    def objects(titles: tuple[str, ...]) -> set[str]:
        return set(titles) - set(base_image)

    assert objects(there.created) == objects(back.deleted)
    assert there.peak_bytes == back.peak_bytes


def test_a_node_that_comes_brings_all_it_has() -> None:
    both = Both(None, WORLD)
    plan = plan_of(both, FACTS)
    assert plan.created[0] == f"node {WORLD.device.name}"
    assert NAME in plan.created
    assert plan.deleted == ()
    assert plan_of(Both(WORLD, None), FACTS).deleted[0] == f"node {WORLD.device.name}"


def test_a_locked_node_tells_what_waits() -> None:
    held = b"what is in force"
    locked: DeviceInputs = replace(WORLD, held=held)
    plan = plan_of(Both(locked, replace(locked, instances=())), FACTS)
    assert plan.locked
    assert any(one.startswith("app instance") for one in plan.deleted)


def test_what_would_not_be_delivered_is_told_once() -> None:
    lost = replace(WORLD, bundles={})
    plan = plan_of(Both(WORLD, lost), FACTS)
    assert any("its bundle is not there" in one for one in plan.lacks)
    assert plan_of(Both(lost, lost), FACTS).quiet


def test_nothing_secret_is_told() -> None:
    told = str(plan_of(Both(None, WORLD), FACTS)) + str(change_of(None, CONFIG))
    assert isinstance(change_of(None, CONFIG), ConfigChange)
    assert all(isinstance(one, AppInstanceConfig) for one in CONFIG.apps)
    for value in WORLD.secrets.values():
        assert value.decode("latin-1") not in told
