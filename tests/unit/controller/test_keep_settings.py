"""What is kept of telemetry is set from the environment, field by field."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from eaves.controller.settings import BadSetting, Options, Retention, Settings, read_settings


def read(**environment: str) -> Settings:
    none: dict[str, Any] = {field.name: None for field in fields(Options)}
    return read_settings(Options(**none), environment)


@pytest.mark.parametrize("name", [field.name for field in fields(Retention)])
def test_each_bound_of_what_is_kept_is_a_setting(name: str) -> None:
    assert getattr(read(**{f"EAVES_KEEP_{name.upper()}": "7"}).retention, name) == 7


def test_the_defaults_stand_where_nothing_is_set() -> None:
    assert read().retention == Retention()
    assert read(EAVES_KEEP_EVERY_S="30").intervals.retention == timedelta(seconds=30)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_bound_that_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^EAVES_KEEP_EVENT_DAYS is .* a whole number from 1$"):
        read(EAVES_KEEP_EVENT_DAYS=text)
