"""What a configuration asks of the device as a whole."""

import pytest

from eaves.evapi.config import ConfigItem, DeviceOpsCmd, EdgeDevConfig
from eaves.evapi.config_items import apply_items
from eaves.evapi.info import ZDeviceState
from eaves.node.runtime.commands import (
    REBOOT_COUNTER,
    SHUTDOWN_COUNTER,
    Reboot,
    commands_of,
    decide_command,
    epoch_moved,
    maintenance_of,
    stays_stopped,
)

ROWS = {
    "nothing said": (False, None, False),
    "the flag alone": (True, None, True),
    "the property over the flag": (True, "disabled", False),
    "the property alone": (False, "enabled", True),
    "a property that says nothing": (True, "none", True),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_maintenance_is_what_the_property_says_else_the_flag(
    row: tuple[bool, str | None, bool],
) -> None:
    """EVE API v2, section 7.2."""
    flag, word, expected = row
    listed = () if word is None else (ConfigItem(key="maintenance.mode", value=word),)
    items, _ = apply_items(listed)
    assert maintenance_of(EdgeDevConfig(maintenance_mode=flag), items) is expected


@pytest.mark.parametrize(
    ("known", "told", "moved"), [(None, 4, False), (4, 4, False), (4, 5, True), (5, 4, True)]
)
def test_another_epoch_asks_for_everything_again(
    known: int | None, told: int, *, moved: bool
) -> None:
    """EVE API v2, section 7.2; at the start of a node everything is told anyway."""
    assert epoch_moved(known, EdgeDevConfig(controller_epoch=told)) is moved


@pytest.mark.parametrize(
    ("config", "acts"),
    [
        (EdgeDevConfig(reboot=DeviceOpsCmd(counter=5)), REBOOT_COUNTER),
        (EdgeDevConfig(shutdown=DeviceOpsCmd(counter=5)), SHUTDOWN_COUNTER),
    ],
    ids=["reboot", "shutdown"],
)
def test_another_counter_is_a_command(config: EdgeDevConfig, acts: str) -> None:
    stored = {acts: 4}
    decided = {n: decide_command(c, stored.get(n)) for n, c in commands_of(config).items()}
    assert decided.pop(acts) is Reboot.ACT
    assert set(decided.values()) == {Reboot.NOTHING}


def test_only_a_start_of_the_node_brings_back_apps_that_a_command_stopped() -> None:
    unplugged = ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF
    assert {state for state in ZDeviceState if stays_stopped(state, going_down=False)} == {
        unplugged
    }
    assert all(stays_stopped(state, going_down=True) for state in ZDeviceState)
