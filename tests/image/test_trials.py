"""What may come between while a system is on trial."""

import time
from collections.abc import Callable

import pytest
from support.controller import Process
from support.image_builds import Images, Store, another, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, answers, until
from support.image_machine import BOOT_S, ImageMachine, boots_begun
from support.image_world import LONG_S, SILENCE_S, world
from support.scenarios import EVIDENCE

from eaves.controller.domain.contract.device_status import DeviceSWSubStatus
from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(9600),
    pytest.mark.usefixtures("disk_is_told"),
]


@pytest.mark.usefixtures("online", "apps_go_on")
def test_what_comes_between_only_puts_off_the_end_of_a_trial(
    images: Images, controller: Process, eaves: Eaves, store: Store
) -> None:
    """Another version is asked for, and the controller goes away and comes back."""
    good, bad = "2.1-test", "14.0-test"
    another(images, good, store.files)
    variant(images, bad, "rdinit=/none", store.files, rootless=True)
    eaves.apply("world", world(LONG_S))
    eaves.upgrade(store, f"{good}.eos", good)
    until("on trial", lambda: eaves.runs(good, Slot.INPROGRESS), UPDATE_S)
    booted = eaves.boot_time()

    eaves.upgrade(store, f"{bad}.eos", bad)
    until("put off", lambda: eaves.sub_status() == DeviceSWSubStatus.UPDATE_DEFERRED)
    controller.kill()
    controller.start()
    eaves.apply("world", world())

    until("committed", lambda: eaves.runs(good, Slot.ACTIVE))
    assert eaves.boot_time() == booted
    until("left", lambda: bool(eaves.why_left(bad)), UPDATE_S + NODELESS_S)
    assert eaves.runs(good, Slot.ACTIVE)


@pytest.mark.usefixtures("long_trial")
def test_a_trial_that_hears_nothing_of_its_controller_is_left_and_told_of_later(
    app: ImageMachine,
    controller: Process,
    images: Images,
    eaves: Eaves,
    store: Store,
    record_property: Callable[[str, object], None],
) -> None:
    """One that refused would be there.  The app needs none, on trial and after."""
    before, version = eaves.running(), "2.4-test"
    made = another(images, version, store.files)
    eaves.upgrade(store, made.name, version)
    until("on trial", lambda: eaves.runs(version, Slot.INPROGRESS), UPDATE_S)
    boots, began = boots_begun(), time.monotonic()
    with controller.silent():
        until("left", lambda: boots_begun() > boots, SILENCE_S + BOOT_S)
        took = time.monotonic() - began
        until("answering without a controller", lambda: answers(app.web_port))

    until("told of", lambda: bool(eaves.why_left(version)))
    record_property(EVIDENCE, f"left {took:.0f} s after the controller; {eaves.why_left(version)}")
    assert took > SILENCE_S / 2
    assert "no sign of the controller" in eaves.why_left(version).partition("\n")[0]
    assert eaves.runs(before, Slot.ACTIVE)
    assert boots_begun() == boots + 1
    made.unlink()
