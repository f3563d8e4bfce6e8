"""Power cuts while a system is updated, without boots: a slot boots, whatever reached the disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.image_builds import Images, Store, another, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, until
from support.image_cuts import logged, look
from support.image_disk import Digests, fault
from support.image_machine import ImageMachine
from support.image_state import kept_fault

from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(9600),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

Told = Callable[[str, object], None]


def test_an_update_that_is_cut_leaves_what_boots(
    app: ImageMachine, images: Images, eaves: Eaves, store: Store, record_property: Told
) -> None:
    """From its download over slot, seal, trial and commit to a bad one that is left."""
    good, bad = "2.2-test", "16.0-test"
    another(images, good, store.files)
    variant(images, bad, "rdinit=/none", store.files, rootless=True)

    def update() -> None:
        app.power_on(log_writes=True)
        eaves.upgrade(store, f"{good}.eos", good)
        until("committed", lambda: eaves.runs(good, Slot.ACTIVE), UPDATE_S)
        eaves.upgrade(store, f"{bad}.eos", bad)
        until("left", lambda: bool(eaves.why_left(bad)), UPDATE_S + NODELESS_S)
        app.power_cut()

    app.power_cut()
    run = logged(app, update)
    app.power_on()
    roots = (eaves.controller.state_dir / "root-certificate.pem").read_bytes()

    def check(case: Path, digests: Digests) -> str:
        return fault(case, digests) or kept_fault(case, roots)

    look(run, check, record_property)
    until("online", lambda: eaves.runs(good, Slot.ACTIVE))
