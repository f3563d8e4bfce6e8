"""Power cuts while a system is updated, without boots: a slot boots, whatever reached the disk."""

from collections.abc import Callable

import pytest
from support.image_builds import Images, Store, another, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, until
from support.image_cuts import logged, look
from support.image_disk import fault
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(9600),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

Told = Callable[[str, object], None]


def test_an_update_that_is_cut_leaves_what_boots(
    online: ImageMachine, images: Images, eaves: Eaves, store: Store, record_property: Told
) -> None:
    """From its download over slot, seal, trial and commit to a bad one that is left."""
    good, bad = "2.2-test", "16.0-test"
    another(images, good, store.files)
    variant(images, bad, "rdinit=/none", store.files, rootless=True)

    def update() -> None:
        online.power_on(log_writes=True)
        eaves.upgrade(store, f"{good}.eos", good)
        until("committed", lambda: eaves.runs(good, Slot.ACTIVE), UPDATE_S)
        eaves.upgrade(store, f"{bad}.eos", bad)
        until("left", lambda: bool(eaves.why_left(bad)), UPDATE_S + NODELESS_S)
        online.power_cut()

    online.power_cut()
    run = logged(online, update)
    online.power_on()
    record_property(EVIDENCE, look(run, fault))
    until("online", lambda: eaves.runs(good, Slot.ACTIVE))
