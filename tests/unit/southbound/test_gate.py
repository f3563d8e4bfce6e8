"""Who is let in: devices, enterprises and addresses counted, pressure looked at."""

from dataclasses import replace

import pytest

from eaves.controller.live import LiveDevice
from eaves.controller.settings import Bounds
from eaves.controller.southbound.bodies import InFlight
from eaves.controller.southbound.gate import LASTING_LOOKS, Gate
from eaves.controller.southbound.pressure import Level, Worth
from eaves.evapi.paths import Endpoint
from eaves.ids import ConfigHash, DeviceId

BOUNDS = Bounds(
    device_requests_per_s=1,
    device_requests_burst_s=2,
    enterprise_requests_per_s=1,
    enterprise_requests_per_s_per_device=1,
    enterprise_burst_s=1,
    stranger_requests_per_s=1,
    stranger_requests_burst_s=2,
)
DEVICE = LiveDevice(DeviceId("d"), "noisy", bytes(32), b"", ConfigHash("one"), b"", False, False)


class World:
    """A gate, its clock and its queue."""

    def __init__(self) -> None:
        self.now, self.full = 0.0, 0.0
        self.bodies = InFlight(1000)
        self.gate = Gate(BOUNDS, self.bodies, lambda _: 3, lambda: self.now)
        self.gate.watch(Worth.ALWAYS, lambda: self.full)


@pytest.fixture
def world() -> World:
    return World()


def _of(enterprise: str, number: int) -> LiveDevice:
    return replace(DEVICE, device_id=DeviceId(f"{enterprise}-{number}"), enterprise_id=enterprise)


def test_a_device_that_asks_too_much_waits_and_another_does_not(world: World) -> None:
    assert [world.gate.admits(DEVICE) for _ in range(5)] == [True, True, True, False, False]
    assert world.gate.over(DEVICE)
    assert world.gate.admits(_of("noisy", 1))
    world.now = 1.0
    assert not world.gate.over(DEVICE)
    assert world.gate.refused["device"] == 3


def test_an_enterprise_is_held_to_its_rate_only_under_pressure(world: World) -> None:
    many = [_of("noisy", number) for number in range(100)]
    assert all(world.gate.admits(device) for device in many)
    for _ in range(LASTING_LOOKS):
        world.gate.look(lag_s=0.2)
    assert world.gate.level is Level.DEBUG_LOGS
    admitted = sum(world.gate.admits(device) for device in many)
    assert 4 <= admitted <= 6  # 1 and 1 for each of its 3 devices, for a second
    assert world.gate.admits(_of("quiet", 1))


def test_a_single_pause_of_the_loop_is_no_overload(world: World) -> None:
    world.gate.look(lag_s=5.0)
    world.gate.look(lag_s=0.0)
    for _ in range(LASTING_LOOKS - 1):
        world.gate.look(lag_s=5.0)
        assert not world.gate.refuses(Worth.DEBUG_LOGS)
    world.gate.look(lag_s=5.0)
    assert world.gate.refuses(Worth.METRICS)
    world.gate.look(lag_s=0.0)
    assert not world.gate.refuses(Worth.DEBUG_LOGS)


def test_a_level_ends_with_its_cause_even_between_two_looks(world: World) -> None:
    world.full = 1.0
    world.gate.look(lag_s=0.0)
    assert world.gate.refuses_endpoint(Endpoint.METRICS)
    assert not world.gate.refuses_endpoint(Endpoint.INFO)
    world.full = 0.0
    assert not world.gate.refuses_endpoint(Endpoint.METRICS)
    assert world.gate.level is Level.CALM


def test_an_address_that_failed_too_often_is_refused_before_anything_is_read(
    world: World,
) -> None:
    assert not world.gate.refuses_address(lambda: "10.0.0.1")
    for _ in range(5):
        world.gate.admits_stranger("10.0.0.1")
    assert world.gate.refuses_address(lambda: "10.0.0.1")
    assert not world.gate.refuses_address(lambda: "10.0.0.2")
    world.now = 2.0
    world.gate.look(lag_s=0.0)
    assert not world.gate.refuses_address(lambda: "10.0.0.1")


def test_bodies_in_memory_are_pressure_too(world: World) -> None:
    share = world.bodies.one()
    share.add(900)
    world.gate.look(lag_s=0.0)
    assert world.gate.refuses(Worth.METRICS)
    share.give_back()
    world.gate.look(lag_s=0.0)
    assert not world.gate.refuses(Worth.DEBUG_LOGS)
