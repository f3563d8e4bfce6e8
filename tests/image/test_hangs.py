"""A machine whose processors stop dead: nothing but its watchdog is left, and that is enough."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.image_builds import Images, Store, another
from support.image_control import UPDATE_S, Eaves, answers, until
from support.image_gdb import door_words, hang
from support.image_machine import BOOT_S, ImageMachine, boots_begun
from support.scenarios import EVIDENCE

from eaves.controller.domain.contract.device_status import DeviceBootReason
from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def door(app: ImageMachine) -> Iterator[Path]:
    """To the processors of the machine, which runs with its app."""
    door = app.folder / "gdb.sock"
    app.power_cut()
    app.extra = door_words(door)
    app.power_on()
    until("answering", lambda: answers(app.web_port))
    yield door
    app.extra = ()


def hangs(app: ImageMachine, door: Path) -> str:
    """Until it begins anew, which nobody but itself asks for."""
    boots, began = boots_begun(), time.monotonic()
    count = hang(door)
    assert not answers(app.web_port)
    until("reset", lambda: boots_begun() > boots, BOOT_S)
    return f"{count} processors hung; reset after {time.monotonic() - began:.0f} s"


@pytest.mark.usefixtures("long_trial")
def test_an_update_that_hangs_is_left_and_says_why(
    app: ImageMachine,
    door: Path,
    images: Images,
    eaves: Eaves,
    store: Store,
    record_property: Told,
) -> None:
    """It was online by then, and on trial."""
    before, version = eaves.running(), "2.3-test"
    made = another(images, version, store.files)
    eaves.upgrade(store, made.name, version)
    until("on trial", lambda: eaves.runs(version, Slot.INPROGRESS), UPDATE_S)

    record_property(EVIDENCE, hangs(app, door))
    until("left", lambda: bool(eaves.why_left(version)))
    record_property(EVIDENCE, eaves.why_left(version))
    assert "watchdog" in eaves.why_left(version).partition("\n")[0]
    assert eaves.runs(before, Slot.ACTIVE)
    until("answering again", lambda: answers(app.web_port))
    made.unlink()


def test_a_machine_that_hangs_comes_back_and_says_why(
    app: ImageMachine, door: Path, eaves: Eaves, record_property: Told
) -> None:
    """Of a system that is good."""
    until("online", lambda: eaves.runs(eaves.running(), Slot.ACTIVE))
    running, booted = eaves.running(), eaves.boot_time()

    record_property(EVIDENCE, hangs(app, door))
    until("answering again", lambda: answers(app.web_port))
    until("online", lambda: eaves.boot_time() != booted)
    told = eaves.device()
    record_property(EVIDENCE, told["lastRebootReason"])
    assert told["deviceRebootReason"] == DeviceBootReason.WATCHDOG_HUNG
    assert "watchdog" in told["lastRebootReason"]
    assert eaves.runs(running, Slot.ACTIVE)
