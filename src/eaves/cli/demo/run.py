"""One demonstration from its start to its last trace."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from eaves.cli.demo import remains
from eaves.cli.demo.checks import run_checks
from eaves.cli.demo.footprint import Footprint
from eaves.cli.demo.measured import MeasuredStory, measured_stage
from eaves.cli.demo.on_image import Images, ImageStory, image_stage, images_in
from eaves.cli.demo.place import Place, choose_place
from eaves.cli.demo.processes import RUN_VARIABLE
from eaves.cli.demo.scene import NODE_NAME, Scene, on_stage
from eaves.cli.demo.story import Story
from eaves.cli.demo.tell import Teller
from eaves.errors import EavesError

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SETTLE_S = 60.0
TARGET_S = 60.0
FIRST_LIGHT = "Eaves, first light: from nothing to real apps on a real node"
MEASURED = "Eaves, measured boots: what a node booted decides what it gets"
ON_IMAGE = "Eaves, its own operating system: onboarded, attested, updated, fallen back by itself"


class Stopped(BaseException):
    """A person, or a service manager, asked for the end."""


Play = Callable[[Place, remains.Record, Teller], bool]
"""The demonstration on its stage; answers whether all of it held.  Without --check it goes on."""


def run_demo(folder: Path, *, check: bool, tpm: bool = False, images: Path | None = None) -> int:
    """Exit code: 0 when all went well.  Raises EavesError when nothing could be started."""
    tell = Teller()
    title, play = _chosen(check=check, tpm=tpm, images=images)
    with remains.only_one():
        if remains.remove_leftovers():
            tell.say("removed what an earlier demo had left behind")
        remains.fresh_folder(folder)
        record = remains.new_record(folder, NODE_NAME)
        os.environ[RUN_VARIABLE] = (
            record.token
        )  # of what is started here as well: tools that unpack
        marks = (record.token, f"{folder}/", f"{remains.NODE_RUN / NODE_NAME}/")
        before = Footprint.now(marks)
        place = choose_place(folder)
        tell.title(title)
        went_well = False
        with stoppable():
            try:
                went_well = play(place, record, tell)
            except Stopped:
                went_well = not check
            except EavesError as error:
                tell.evidence("the demo", holds=False, shown=str(error))
            except Exception:  # noqa: BLE001 - the last resort, before everything is taken away
                tell.evidence("the demo", holds=False, shown=traceback.format_exc())
            with undisturbed():
                tell.title("Taking everything away")
                remains.remove(record, keep_folder=not went_well)
                clean = _is_clean(before, marks, tell)
        if not went_well:
            tell.say(f"what happened is in {place.log_dir}")
        if check:
            verdict = "all checks passed" if went_well and clean else "CHECK FAILED"
            tell.title(f"{verdict}, {tell.elapsed_s:.0f} s in all")
        return 0 if went_well and clean else 1


def _chosen(*, check: bool, tpm: bool, images: Path | None) -> tuple[str, Play]:
    """Its title, and what is played."""
    if images is not None:
        found = images_in(images)
        return ON_IMAGE, partial(_play_on_image, found, check=check)
    if tpm:
        return MEASURED, partial(_play_measured, check=check)
    return FIRST_LIGHT, partial(_play, check=check)


def stretched(aim_s: float, load: float, cores: int) -> float:
    """The aim is for a machine with nothing else to do; what it had to do before takes its part."""
    return aim_s * (1 + load / cores)


def _play(place: Place, record: remains.Record, tell: Teller, *, check: bool) -> bool:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    with on_stage(place, record) as scene:
        tell.say(f"console     {place.rest_url}/   from when the controller runs; user admin")
        story = Story(scene, tell)
        story.tell_all()
        if check:
            holds = run_checks(scene, tell)
            limit_s = stretched(TARGET_S, load, cores)
            in_time = story.first_answer_s <= limit_s
            tell.evidence(
                "start to first answering app",
                holds=in_time,
                shown=f"{story.first_answer_s:.1f} s (aim: {TARGET_S:g} s on an idle machine; this"
                f" one had a load of {load:.1f} for {cores} cores: {limit_s:.0f} s)",
            )
            return holds and in_time
        _how_to_go_on(scene, tell, story.first_answer_s)
        while True:
            signal.pause()


def _play_measured(place: Place, record: remains.Record, tell: Teller, *, check: bool) -> bool:
    with measured_stage(place, record) as (scene, machine):
        story = MeasuredStory(scene, machine, tell)
        story.tell_all()
        if not check:
            _until_stopped(place, tell)
        return story.holds


def _play_on_image(
    images: Images, place: Place, record: remains.Record, tell: Teller, *, check: bool
) -> bool:
    with image_stage(place, record) as (scene, computer):
        story = ImageStory(scene, computer, images, tell)
        story.tell_all()
        if not check:
            tell.say(f"screen      {computer.console}: what the node's console shows")
            _until_stopped(place, tell)
        return story.holds


def _until_stopped(place: Place, tell: Teller) -> NoReturn:
    tell.title("The controller runs on; Ctrl-C ends the demo and leaves nothing behind")
    tell.say(f"REST API    {place.rest_url}/api   password in {place.password_file}")
    while True:
        signal.pause()


def _how_to_go_on(scene: Scene, tell: Teller, first_answer_s: float) -> None:
    place = scene.place
    eaves = f"EAVES_CONFIG={place.cli_dir} {Path(sys.executable).with_name('eaves')}"
    tell.title("It is all running")
    tell.say(f"console     {place.rest_url}/   user admin, password in {place.password_file}")
    tell.say(f"REST API    {place.rest_url}/api")
    tell.say(f"container   http://{place.node}:8080/")
    tell.say(f"machine     http://{place.node}:8081/")
    tell.say(f"YAML        {place.yaml_dir}")
    tell.say(f"logs        {place.log_dir}")
    tell.say(f"first app   {first_answer_s:.1f} s after the start")
    tell.title("Try next")
    tell.say(f"{eaves} describe instance hello")
    tell.say(f"{eaves} logs -f machine")
    tell.say(f"{eaves} restart hello && {eaves} watch")
    tell.title("Ctrl-C ends the demo and leaves nothing behind")


def _is_clean(before: Footprint, marks: tuple[str, ...], tell: Teller) -> bool:
    """The kernel takes its time with some links and groups: look until all are gone."""
    differences = remains.settled(lambda: before.differences(Footprint.now(marks)), SETTLE_S)
    tell.evidence(
        "the host before and after",
        holds=not differences,
        shown="; ".join(differences) or f"the same ({before.summary()})",
    )
    return not differences


@contextmanager
def stoppable() -> Generator[None]:
    """The first signal raises Stopped in the main thread; old handlers come back at the end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_IGN)  # one is enough: the end is not to be cut short
        raise Stopped

    old = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Generator[None]:
    old = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
