"""Short forms of lists, and the filtering of nulls, however fast: what they say stays the same."""

import pytest

from eaves.controller.domain.contract.base import Contract, without_nulls
from eaves.controller.domain.contract.devices import (
    AdminState,
    DeviceConfig,
    DeviceConfigSummary,
)
from eaves.controller.domain.contract.stored import read_members, short_form

DEVICES = (
    DeviceConfig(),
    DeviceConfig(name="edge", title=""),
    DeviceConfig(id="1", tags={"site": "a"}, admin_state=AdminState.ACTIVE),
    DeviceConfig.from_json({"name": "edge", "interfaces": [{"intfname": "eth0"}], "new": [1]}),
)


@pytest.mark.parametrize("device", DEVICES)
def test_a_short_form_has_the_members_of_its_class_that_are_set(device: DeviceConfig) -> None:
    whole = device.to_json()
    short = short_form(DeviceConfigSummary, device)
    blank = DeviceConfigSummary().to_json()
    names = {
        str(field.serialization_alias or name)
        for name, field in DeviceConfigSummary.model_fields.items()
    }
    assert short.to_json() == blank | {n: v for n, v in whole.items() if n in names}
    assert short == DeviceConfigSummary.from_json(short.to_json())
    assert type(short) is DeviceConfigSummary


def test_blanks_of_short_forms_are_not_shared() -> None:
    one, other = (short_form(DeviceConfigSummary, DeviceConfig()) for _ in range(2))
    assert one.tags is not other.tags


@pytest.mark.parametrize(
    "members",
    [
        {"name": "edge", "adminState": "ADMIN_STATE_ACTIVE", "tags": {"site": "a"}},
        {"name": "edge", "adminState": "", "tags": {}},
        {"name": "edge", "adminState": "ACTIVE"},
        {"title": None},
    ],
)
def test_members_are_read_as_the_class_reads_them(members: dict[str, object]) -> None:
    assert read_members(DeviceConfig, members) == DeviceConfig.from_json(members)


def test_nulls_go_at_any_depth_and_everything_else_stays() -> None:
    inner = Contract.from_json({"a": None, "b": 1})
    given: dict[str, object] = {
        "a": [1, None, {"x": None, "y": True}],
        "b": {"c": None},
        "d": "",
        "e": 0.0,
    }
    given |= {"f": (None,), "g": inner}
    expected: dict[str, object] = {
        "a": [1, {"y": True}],
        "b": {},
        "d": "",
        "e": 0.0,
        "f": (None,),
        "g": inner,
    }
    assert without_nulls(given) == expected
    assert without_nulls(None) is None
