"""The machine of these tests without its controller, and without the time."""

from collections.abc import Callable

import pytest
from support.controller import Process
from support.image_builds import FULL, HOW_LONG
from support.image_control import Eaves, answers, until
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told"),
]

REBOOTS = 10


@pytest.mark.parametrize("lot", range(10 if HOW_LONG == FULL else 1))
def test_every_app_is_up_after_each_boot_without_a_controller(
    app: ImageMachine,
    controller: Process,
    eaves: Eaves,
    record_property: Callable[[str, object], None],
    lot: int,
) -> None:
    """In lots, which a run of hours goes on with."""
    before = eaves.boot_time()
    controller.stop()
    try:
        for _ in range(REBOOTS):
            app.power_cut()
            app.power_on()
            until("answering", lambda: answers(app.web_port))
    finally:
        controller.start()
    until("told of", lambda: eaves.boot_time() != before)
    record_property(EVIDENCE, f"{REBOOTS} boots without a controller, lot {lot}")


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param("2001-02-03T04:05:06", id="far behind"),
        pytest.param("2055-06-07T08:09:10", id="far ahead", marks=pytest.mark.full),
    ],
)
def test_a_clock_that_is_wrong_keeps_nobody_from_the_controller(
    app: ImageMachine, eaves: Eaves, begins: str
) -> None:
    """No server of time is there: no certificate of the controller is valid then."""
    before = eaves.boot_time()
    app.power_cut()
    app.extra = ("-rtc", f"base={begins}")
    try:
        app.power_on()
        until("online", lambda: eaves.boot_time() != before)
        until("answering", lambda: answers(app.web_port))
    finally:
        app.extra = ()
