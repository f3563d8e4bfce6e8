"""When seals to another system than the one that runs are kept: while that one may boot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.os_device import Device, config
from support.os_updates import Computer

from eaves.node.baseos.slots import Phase
from eaves.node.baseos.subsystem import BaseOs
from eaves.node.baseos.trial import Answer
from eaves.node.runtime.os_updates import unsettled


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(Computer(tmp_path / "computer"), tmp_path / "state")
    yield device
    device.close()


def seen(node: BaseOs) -> tuple[Phase, bool]:
    return node.phase, unsettled(node)


async def test_from_the_announcement_of_an_update_to_its_commit(device: Device) -> None:
    assert seen(await device.boot("first start")) == (Phase.IDLE, False)
    assert seen(await device.follow(config("2"))) == (Phase.FETCHING, False)
    device.offer(device.computer.release("2"))
    assert seen(await device.follow(config("2"))) == (Phase.REBOOTING, True)
    assert seen(await device.boot("the update asked for it")) == (Phase.WAITING, True)
    assert seen(await device.passes(60, Answer.WELL)) == (Phase.TESTING, True)
    assert seen(await device.passes(630, Answer.WELL)) == (Phase.IDLE, False)


async def test_also_while_the_trial_is_being_left(device: Device) -> None:
    await device.boot("first start")
    await device.update("2")
    assert seen(await device.passes(330, Answer.NONE)) == (Phase.LEAVING, True)
    assert seen(await device.boot("the fallback asked for it")) == (Phase.FAILED, False)


async def test_before_the_slots_were_looked_at(device: Device) -> None:
    await device.boot("first start")
    node = device.make()
    assert seen(node) == (Phase.START, True)
    await node.start()
    assert seen(node) == (Phase.IDLE, False)


def test_a_machine_without_slots_boots_nothing_else() -> None:
    assert not unsettled(None)
