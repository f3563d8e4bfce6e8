"""Power cuts, each with the boot after it, which succeeds.

What was flushed is on the disk, and of the writes after it what chance takes: some whole, some in
part, some torn.  The TPM and the firmware keep what they had.  A case can be had again by its
number, as far as a machine that runs by itself does the same twice.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.controller import Process
from support.image_builds import FIRST, FULL, HOW_LONG, Images, Store, another, variant
from support.image_control import NODELESS_S, UPDATE_S, Eaves, answers, until
from support.image_cuts import SEED
from support.image_machine import INSTALL_S, ImageMachine
from support.image_world import WINDOW_S, world
from support.scenarios import EVIDENCE

from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.timeout(9600)]

FIRMWARE_S = 5.0  # of a power-on, in which nothing is written
# From what begins it to its end, on an idle machine.
INSTALLED_S, UP_S, CONFIG_S, PURGED_S, UPDATED_S, LEFT_S = 60.0, 60.0, 25.0, 30.0, 200.0, 240.0


def cases(full: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cuts", range(full if HOW_LONG == FULL else 1), indirect=True)


@dataclass
class Cuts:
    """What a case does with the machine; what it saw goes into the report."""

    number: int
    machine: ImageMachine
    eaves: Eaves
    chance: random.Random
    seen: list[str]

    def within(self, seconds: float, at_least: float = 0.0) -> None:
        """Power goes at some moment of these seconds."""
        delay = self.chance.uniform(at_least, seconds)
        time.sleep(delay)
        self.seen.append(f"cut after {delay:.1f} s: {self.machine.cut(self.chance)}"[:200])

    def on(self, medium: Path | None = None) -> None:
        self.machine.power_on(medium=medium, aside=True)

    def up(self) -> None:
        """It comes by itself, as if nothing had been."""
        before = self.eaves.boot_time()
        self.on()
        self.wait_up(before)

    def wait_up(self, before: str) -> None:
        began = time.monotonic()
        until("answering", lambda: answers(self.machine.web_port))
        until("online", lambda: self.eaves.boot_time() != before)
        self.seen.append(f"up after {time.monotonic() - began:.0f} s")


@pytest.fixture(scope="module")
def aside(app: ImageMachine) -> Iterator[ImageMachine]:
    """It runs with its writes logged; afterwards it runs as before."""
    app.power_cut()
    app.power_on(aside=True)
    yield app
    app.power_cut()
    app.power_on()


@pytest.fixture
def cuts(
    aside: ImageMachine,
    eaves: Eaves,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> Iterator[Cuts]:
    until("answering", lambda: answers(aside.web_port))
    begins = len(aside.boots)
    chance = random.Random(f"{SEED} {request.node.name}")  # noqa: S311 - it can be had again
    cuts = Cuts(request.param, aside, eaves, chance, [])
    yield cuts
    if not aside.aside:
        aside.power_on(aside=True)  # a case that failed between two boots
    record_property(EVIDENCE, "; ".join((f"{len(aside.boots) - begins} boots", *cuts.seen)))


@cases(30)
def test_power_goes_while_it_runs(cuts: Cuts) -> None:
    cuts.within(20)
    cuts.up()


@cases(80)
def test_power_goes_while_it_starts(cuts: Cuts) -> None:
    cuts.within(0)
    cuts.on()
    cuts.within(UP_S, FIRMWARE_S)
    cuts.up()


@cases(20)
def test_power_goes_while_a_configuration_is_kept(cuts: Cuts, controller: Process) -> None:
    """What is kept starts the apps: nobody else says what they are then."""
    cuts.eaves.apply("world", world(WINDOW_S + 1 + cuts.number % 2))
    cuts.within(CONFIG_S)
    before = cuts.eaves.boot_time()
    controller.stop()
    try:
        cuts.on()
        until("answering", lambda: answers(cuts.machine.web_port))
    finally:
        controller.start()
    cuts.wait_up(before)


@cases(20)
def test_power_goes_while_an_app_is_purged(cuts: Cuts) -> None:
    cuts.eaves.run("purge", "hello")
    cuts.within(PURGED_S)
    cuts.up()


@pytest.mark.full
@cases(12)
def test_power_goes_while_it_is_updated(cuts: Cuts, images: Images, store: Store) -> None:
    """Somewhere between its download and the end of its trial; it goes on from there."""
    version = f"c{cuts.number:02}-test"
    assert len(version) == len(FIRST)
    made = another(images, version, store.files)
    cuts.eaves.upgrade(store, made.name, version)
    cuts.within(UPDATED_S)
    cuts.up()
    until("committed", lambda: cuts.eaves.runs(version, Slot.ACTIVE), UPDATE_S)
    made.unlink()


@pytest.mark.full
@cases(10)
def test_power_goes_while_a_bad_update_is_left(cuts: Cuts, images: Images, store: Store) -> None:
    before, version = cuts.eaves.running(), f"bad-{cuts.number}-test"
    made = variant(images, version, "rdinit=/none", store.files, rootless=True)
    cuts.eaves.upgrade(store, made.name, version)
    cuts.within(LEFT_S)
    cuts.on()
    until("left", lambda: bool(cuts.eaves.why_left(version)), UPDATE_S + NODELESS_S)
    assert cuts.eaves.runs(before, Slot.ACTIVE)
    until("answering", lambda: answers(cuts.machine.web_port))
    made.unlink()


@cases(10)
def test_power_goes_while_it_is_installed_and_first_started(
    cuts: Cuts, images: Images, tmp_path: Path
) -> None:
    """Its TPM was cleared: it is another machine, which takes the record and the apps."""
    why = ("--serial", cuts.machine.serial, "--why", "its TPM was cleared")
    cuts.eaves.run("device", "replace", "on-image", *why)
    medium = tmp_path / "installer.raw"
    cuts.eaves.put_on_medium(images, medium, "--wipe")
    cuts.machine.power_cut()
    cuts.machine.clear_tpm()

    cuts.on(medium)
    cuts.within(INSTALLED_S, FIRMWARE_S)
    cuts.on(medium)
    said = cuts.machine.wait_said("is installed on /dev/vda", INSTALL_S)
    if "this medium made what" in said:  # it was done before the cut, and is done once
        cuts.machine.power_cut()
    else:
        cuts.machine.wait_off(INSTALL_S)
    medium.unlink()

    cuts.on()
    cuts.within(UP_S, FIRMWARE_S)
    cuts.up()
    assert cuts.eaves.runs(FIRST, Slot.ACTIVE)
