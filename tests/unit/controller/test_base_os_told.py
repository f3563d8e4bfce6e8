"""What a roll-out makes of the slots that a device tells."""

from datetime import UTC, datetime, timedelta

import pytest

from eaves.controller.domain.rollout_health import base_os_told
from eaves.controller.domain.rollouts import Standing
from eaves.evapi.info import BaseOsStatus, ErrorInfo, Severity, ZInfoDevice, ZInfoDevSW

AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
RUNS = ZInfoDevSW(
    activated=True,
    short_version="2",
    partition_state="active",
    user_status=BaseOsStatus.UPDATED,
)
ON_TRIAL = ZInfoDevSW(
    activated=True,
    short_version="2",
    partition_state="inprogress",
    user_status=BaseOsStatus.UPDATING,
)
STANDS_BY = ZInfoDevSW(
    short_version="1", partition_state="active", user_status=BaseOsStatus.FALLBACK
)
LEFT = ZInfoDevSW(
    short_version="2",
    partition_state="inprogress",
    user_status=BaseOsStatus.FAILED,
    sw_err=ErrorInfo(description="kernel panic", severity=Severity.SEVERITY_ERROR),
)


@pytest.mark.parametrize(
    ("slots", "wanted", "standing"),
    [
        ((RUNS,), "2", Standing.SUCCEEDED),
        ((ON_TRIAL, STANDS_BY), "2", Standing.STARTED),
        ((ON_TRIAL, STANDS_BY), "1", Standing.STARTED),  # given back while the other is on trial
        ((LEFT,), "2", Standing.FAILED),
        ((RUNS,), "3", Standing.STARTED),
    ],
)
def test_slots_say_how_far_an_update_is(
    slots: tuple[ZInfoDevSW, ...], wanted: str, standing: Standing
) -> None:
    assert base_os_told(ZInfoDevice(sw_list=slots), LATER, AT, wanted).standing is standing


def test_what_was_told_before_it_began_says_nothing() -> None:
    assert base_os_told(ZInfoDevice(sw_list=(RUNS,)), AT, AT, "2").standing is Standing.STARTED
