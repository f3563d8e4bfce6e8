"""What a device makes of configuration properties.  Source: EVE API v2, timers and limits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eaves
from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import (
    PROPERTIES,
    BadItem,
    ItemValues,
    Kind,
    Property,
    Tri,
    apply_items,
    item_text,
    parse_item,
    property_of,
)
from eaves.evapi.items_without_effect import AS_ASKED, WITHOUT_EFFECT


def listed(*pairs: tuple[str, str]) -> list[ConfigItem]:
    return [ConfigItem(key=key, value=value) for key, value in pairs]


def test_without_items_every_property_rests_at_its_default_and_is_reported() -> None:
    values, status = apply_items([])
    assert values.seconds("timer.config.interval") == 60
    assert values.count("storage.dom0.disk.minusage.percent") == 20
    assert values.tri("maintenance.mode") is Tri.NONE
    assert values.text("debug.enable.ssh") == ""
    assert set(status.config_items) == set(PROPERTIES)
    assert not any(item.error for item in status.config_items.values())
    assert not status.unknown_config_items


@pytest.mark.parametrize("key", ["debug.enable.usb", "debug.enable.vga", "debug.enable.console"])
def test_local_access_closes_with_the_first_config_that_does_not_list_it(key: str) -> None:
    assert ItemValues.before_any_config().flag(key) is True
    assert apply_items([])[0].flag(key) is False
    assert apply_items(listed((key, "true")))[0].flag(key) is True


def test_a_good_value_is_taken_and_reported_as_it_is_in_force() -> None:
    values, status = apply_items(
        listed(
            ("timer.config.interval", "10"),
            ("app.allow.vnc", "1"),
            ("network.fallback.any.eth", "on"),
        )
    )
    assert values.seconds("timer.config.interval") == 10
    assert values.flag("app.allow.vnc") is True
    assert values.tri("network.fallback.any.eth") is Tri.ENABLED
    assert status.config_items["timer.config.interval"].value == "10"
    assert status.config_items["app.allow.vnc"].value == "true"
    assert status.config_items["network.fallback.any.eth"].value == "enabled"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timer.config.interval", "4"),
        ("timer.config.interval", "86401"),
        ("timer.config.interval", "-5"),
        ("timer.config.interval", "6e1"),
        ("timer.config.interval", "٦٠"),
        ("timer.config.interval", "9" * 5000),
        ("timer.config.interval", ""),
        ("app.allow.vnc", "yes"),
        ("maintenance.mode", "maybe"),
        ("debug.default.loglevel", "loud"),
        ("agent.zedagent.debug.loglevel", "loud"),
        ("app.fml.resolution", "1x1"),
        ("timer.vault.trim.cron", "at noon"),
    ],
)
def test_a_bad_value_is_reported_and_the_one_before_stays(key: str, value: str) -> None:
    of = property_of(key)
    assert of is not None
    before = {
        Kind.SECONDS: "30",
        Kind.FLAG: "true",
        Kind.TRI: "enabled",
        Kind.CRON: "1 2 3 4 5",
    }.get(of.kind, "800x600" if of.key.startswith("app") else "error")
    first, _ = apply_items(listed((key, before)))
    values, status = apply_items(listed((key, value)), first)
    report = status.config_items[of.key]
    assert report.value == before
    assert report.error.startswith(key)
    assert len(report.error) < 400
    assert values.values[of.key] == first.values[of.key]


def test_a_bad_value_without_one_before_leaves_the_default() -> None:
    values, status = apply_items(listed(("timer.config.interval", "1")))
    assert values.seconds("timer.config.interval") == 60
    assert "a number from 5 to 86400" in status.config_items["timer.config.interval"].error


def test_an_item_that_is_no_longer_listed_returns_to_its_default() -> None:
    first, _ = apply_items(listed(("timer.config.interval", "10")))
    second, _ = apply_items([], first)
    assert second.seconds("timer.config.interval") == 60


def test_an_unknown_key_is_reported_and_has_no_effect() -> None:
    values, status = apply_items(listed(("timer.config.intervall", "10")))
    assert values == apply_items([])[0]
    report = status.unknown_config_items["timer.config.intervall"]
    assert report.value == "10"
    assert "unknown property" in report.error
    assert "timer.config.intervall" not in status.config_items


def test_of_a_key_listed_twice_the_last_item_counts() -> None:
    values, status = apply_items(
        listed(("timer.config.interval", "bad"), ("timer.config.interval", "10"))
    )
    assert values.seconds("timer.config.interval") == 10
    assert not status.config_items["timer.config.interval"].error


def test_the_log_level_of_a_service_falls_back_to_that_of_all() -> None:
    values, status = apply_items(
        listed(
            ("debug.default.loglevel", "warning"),
            ("agent.network.debug.loglevel", "debug"),
            ("debug.storage.remote.loglevel", "trace"),  # the older spelling
        )
    )
    assert values.log_level("network", remote=False) == "debug"
    assert values.log_level("network", remote=True) == "info"
    assert values.log_level("storage", remote=True) == "trace"
    assert values.log_level("storage", remote=False) == "warning"
    assert status.config_items["agent.storage.debug.remote.loglevel"].value == "trace"


def test_asking_for_another_kind_is_an_error_of_the_caller() -> None:
    values, _ = apply_items([])
    with pytest.raises(TypeError, match="holds seconds"):
        values.count("timer.config.interval")
    with pytest.raises(KeyError):
        values.flag("no.such.key")


@pytest.mark.parametrize("key", sorted(PROPERTIES))
def test_the_default_of_a_property_is_a_value_it_can_take(key: str) -> None:
    of = PROPERTIES[key]
    assert parse_item(of, item_text(of.default)) == of.default
    assert parse_item(of, item_text(of.resting)) == of.resting
    assert of.effect


@given(st.sampled_from(sorted(PROPERTIES)), st.text(max_size=30))
def test_any_text_is_a_value_that_can_be_written_back_or_a_bad_item(key: str, text: str) -> None:
    of = PROPERTIES[key]
    try:
        value = parse_item(of, text)
    except BadItem:
        return
    assert parse_item(of, item_text(value)) == value


def test_each_property_is_read_by_the_node_or_says_why_it_changes_nothing() -> None:
    root = Path(eaves.__file__).parent
    own = {root / "evapi/config_items.py", root / "evapi/items_without_effect.py"}
    code = "".join(
        path.read_text()
        for part in ("node", "evapi")
        for path in (root / part).rglob("*.py")
        if path not in own
    )
    by_service = {"debug.default.loglevel", "debug.default.remote.loglevel"}  # ItemValues.log_level
    read = {key for key in PROPERTIES if f'"{key}"' in code} | by_service
    assert set(PROPERTIES) - read == set(WITHOUT_EFFECT)
    assert all(WITHOUT_EFFECT.values())
    assert set(PROPERTIES) >= AS_ASKED


def something(of: Property) -> str:
    """A value that asks for something."""
    match of.kind:
        case Kind.FLAG:
            return "true"
        case Kind.COUNT | Kind.SECONDS:
            return str(of.most)
        case Kind.TRI:
            return "enabled"
        case Kind.CRON:
            return "1 2 3 4 5"
        case Kind.TEXT:
            return of.choices[-1] if of.choices else "something"


def test_who_sets_a_property_that_changes_nothing_is_told_why() -> None:
    asked = [(key, something(PROPERTIES[key])) for key in set(WITHOUT_EFFECT) - AS_ASKED]
    values, status = apply_items(listed(*asked))
    for key, value in asked:
        told = status.config_items[key]
        assert told.value == value
        assert told.error == (
            f"{key}: no effect here: {WITHOUT_EFFECT[key]}; remove it from the config"
        )
    _, later = apply_items([], values)
    assert not any(item.error for item in later.config_items.values())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("netdump.enable", "false"),
        ("vector.config", ""),
        ("process.cloud-init.multipart", "true"),
        ("app.boot.order", "nousb"),
    ],
)
def test_what_asks_for_nothing_that_is_missing_is_no_error(key: str, value: str) -> None:
    _, status = apply_items(listed((key, value)))
    assert not status.config_items[key].error
