"""When an object of a roll-out counts as updated, and when it has failed."""

from datetime import UTC, datetime, timedelta

import pytest

from eaves.controller.domain.rollout_health import (
    Told,
    WantedApp,
    app_told,
    settled_by,
    undone_by,
)
from eaves.controller.domain.rollouts import Standing
from eaves.evapi.info import ErrorInfo, Severity, ZInfoApp, ZSwState

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=3)
WANTED = WantedApp("2", booted_at=BEFORE)
NOTICE = ErrorInfo(description="runs by crun", severity=Severity.SEVERITY_NOTICE)
ERROR = ErrorInfo(description="no space", severity=Severity.SEVERITY_ERROR)
WAITS = ErrorInfo(
    description="a change of the configuration waits for a purge",
    severity=Severity.SEVERITY_WARNING,
)


def app(
    version: str = "2",
    state: ZSwState = ZSwState.RUNNING,
    *errors: ErrorInfo,
    boot_time: datetime | None = NOW,
) -> ZInfoApp:
    return ZInfoApp(app_version=version, state=state, app_err=errors, boot_time=boot_time)


@pytest.mark.parametrize(
    ("info", "standing", "text"),
    [
        (app(), Standing.SUCCEEDED, "runs: version 2, RUNNING"),
        (app("2", ZSwState.RUNNING, NOTICE), Standing.SUCCEEDED, "runs"),
        (app("1"), Standing.STARTED, "wanted is version 2"),
        (app("1", ZSwState.RUNNING, WAITS), Standing.STARTED, "2; a change of the configuration"),
        (app("1", ZSwState.HALTED, ERROR), Standing.STARTED, "wanted is version 2"),
        (app(boot_time=BEFORE), Standing.STARTED, "not booted since"),
        (app("2", ZSwState.RUNNING, WAITS), Standing.STARTED, "waits for a purge"),
        (app("2", ZSwState.PURGING, NOTICE), Standing.STARTED, "wanted is RUNNING"),
        (app("2", ZSwState.BOOTING, NOTICE, ERROR), Standing.FAILED, "BOOTING: no space"),
        (None, Standing.STARTED, "nothing of it since"),
    ],
)
def test_an_app_is_updated_when_the_new_one_runs(
    info: ZInfoApp | None, standing: Standing, text: str
) -> None:
    told = app_told(info, NOW + timedelta(seconds=1), NOW, WANTED)
    assert told.standing is standing, told
    assert text in told.text


def test_what_was_told_before_it_began_says_nothing() -> None:
    assert app_told(app(), NOW, NOW, WANTED).standing is Standing.STARTED


def test_an_app_that_is_off_is_updated_without_running() -> None:
    wanted = WantedApp("2", active=False, booted_at=BEFORE)
    told = app_told(app("2", ZSwState.HALTED, boot_time=None), NOW + timedelta(1), NOW, wanted)
    assert told.standing is Standing.SUCCEEDED
    told = app_told(app(), NOW + timedelta(1), NOW, wanted)
    assert told.standing is Standing.STARTED


def test_the_deadline_fails_what_has_not_told_and_an_undo_says_so() -> None:
    waits, hour = Told(Standing.STARTED, "silent"), timedelta(hours=1)
    assert settled_by(waits, NOW, hour, NOW + hour) == waits
    late = settled_by(waits, NOW, hour, NOW + hour + timedelta(seconds=1))
    assert late == Told(Standing.FAILED, "not as wanted within 3,600 s; silent")
    assert undone_by(late).standing is Standing.NOT_UNDONE
    assert undone_by(waits).standing is Standing.UNDOING
    assert undone_by(Told(Standing.SUCCEEDED, "runs")).standing is Standing.UNDONE
