"""What may come between while a system is on trial."""

import pytest
from support.controller import Process
from support.image_builds import Images, Store, another, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, until
from support.image_world import world

from eaves.controller.domain.contract.device_status import DeviceSWSubStatus
from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(9600),
    pytest.mark.usefixtures("disk_is_told"),
]

LONG_S = 7200  # a test that ends when this test says so


@pytest.mark.usefixtures("updated", "apps_go_on")
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
