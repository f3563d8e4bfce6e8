"""The light of a device, on the recorded tree of /sys of a machine that has several."""

import asyncio
from pathlib import Path

import pytest

from eaves.node.host.leds import Leds
from eaves.node.runtime.light import BLINK_S, PAUSE_S, Light, Standing, blinks

OTHERS = (  # as the kernel names them: of a keyboard, a disk, a network port, a card
    "input3::capslock",
    "input3::numlock",
    "ata1::disk-activity",
    "enp1s0-0::lan",
    "mmc0::",
    "platform::power",
)
TRYING = Standing(addressed=True, answered=False, onboarded=False)
WAITING = Standing(addressed=False, answered=False, onboarded=False)
WELL = Standing(addressed=True, answered=True, onboarded=True)


def led(root: Path, name: str, brightest: str = "255") -> Path:
    folder = root / "sys/class/leds" / name
    folder.mkdir(parents=True)
    (folder / "brightness").write_text("0\n")
    (folder / "max_brightness").write_text(f"{brightest}\n")
    (folder / "trigger").write_text("none kbd-capslock [heartbeat] timer\n")
    return folder


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (WAITING, 1),
        (Standing(addressed=False, answered=True, onboarded=True), 1),
        (TRYING, 2),
        (Standing(addressed=True, answered=True, onboarded=True, problem="no answer"), 2),
        (Standing(addressed=True, answered=True, onboarded=False), 3),
        (WELL, 4),
        (Standing(addressed=False, answered=False, onboarded=True, radio_silence=True), 5),
        (Standing(addressed=True, answered=True, onboarded=False, problem="unknown serial"), 10),
    ],
)
def test_it_blinks_as_often_as_the_state_says(seen: Standing, count: int) -> None:
    assert blinks(seen) == count


@pytest.mark.parametrize("name", ["green:status", "board:blue:status-1", "led0:green:sys"])
def test_the_light_of_the_state_is_found_among_others(tmp_path: Path, name: str) -> None:
    for other in OTHERS:
        led(tmp_path, other)
    folder = led(tmp_path, name)
    found = Leds(tmp_path).status()
    assert found is not None
    assert (found.folder, found.brightest) == (folder, "255")


def test_a_machine_without_one_is_left_alone(tmp_path: Path) -> None:
    assert Leds(tmp_path).status() is None
    for other in OTHERS:
        led(tmp_path, other)
    led(tmp_path, "broken:status", "?")
    assert Leds(tmp_path).status() is None


class Ended(Exception):
    """The time of the test is over."""


async def test_it_is_taken_from_its_trigger_and_blinks_with_pauses(tmp_path: Path) -> None:
    folder = led(tmp_path, "green:status", "1")
    told: list[tuple[float, str]] = []

    async def sleep(seconds: float) -> None:
        told.append((seconds, (folder / "brightness").read_text()))
        if len(told) == 10:
            raise Ended
        await asyncio.sleep(0)

    states = iter([TRYING, WAITING, WELL])
    with pytest.raises(Ended):
        await Light(Leds(tmp_path), lambda: next(states), sleep).run_forever()
    on, off, pause = (BLINK_S, "1"), (BLINK_S, "0"), (PAUSE_S, "0")
    assert told == [on, off, on, off, pause, on, off, pause, on, off]
    assert (folder / "trigger").read_text() == "none"


async def test_a_light_that_fails_is_looked_for_again(tmp_path: Path) -> None:
    led(tmp_path, "green:status")
    tried: list[str] = []

    def refuse(path: Path, _text: str) -> None:
        tried.append(path.name)
        raise OSError(5, "Input/output error")

    async def sleep(_seconds: float) -> None:
        if len(tried) == 2:
            raise Ended

    with pytest.raises(Ended):
        await Light(Leds(tmp_path, refuse), lambda: WELL, sleep).run_forever()
    assert tried == ["trigger", "trigger"]
