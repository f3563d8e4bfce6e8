"""Who may start, by what is declared; whoever waits knows who holds what it needs."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from eaves.evapi.config import AppInstanceConfig, UUIDandVersion, VmConfig
from eaves.evapi.config_items import ItemValues
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.containers.items import Container, Mount
from eaves.node.cpus.items import CpuSet
from eaves.node.cpus.subsystem import CpusSubsystem
from eaves.node.domains.items import Domain, Firmware
from eaves.node.host import affinity
from eaves.node.refs import AppInForce
from eaves.node.runtime.budget import Budget, admit, budget_of
from eaves.reconcile.item import Item, ItemRef

MIB = 1024
A, B, C = (AppInstanceId(f"00000000-0000-4000-8000-00000000000{n}") for n in "abc")
ROOM = Budget(memory_kib=4096 * MIB, reserve_kib=800 * MIB)


def app(
    name: AppInstanceId,
    memory: int = 1024,
    *,
    activate: bool = True,
    incarnation: int = 0,
    vcpus: int = 1,
    pin: bool = False,
    vmm: int = 0,
) -> AppInForce:
    resources = VmConfig(memory=memory * MIB, vcpus=vcpus, pin_cpu=pin, vmm_maxmem=vmm)
    config = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=name), displayname=name[-1], fixedresources=resources
    )
    return AppInForce(config, name, "abc".index(name[-1]) + 1, activate, incarnation)


def machine(name: AppInstanceId, memory: int = 1024, incarnation: int = 0) -> Domain:
    return Domain(name, 1, incarnation, memory * MIB, 1, Firmware.BIOS, (), (), name=name[-1])


def there(*items: Item) -> dict[ItemRef, Item]:
    return {item.ref: item for item in items}


def test_what_does_not_fit_waits_and_is_told_who_holds_the_memory() -> None:
    grants = admit((app(A), app(B), app(C)), frozenset(), {}, ROOM)
    assert list(grants.refusals) == [C]
    said = grants.refusals[C]
    assert said.startswith("memory: app c needs 1423 MiB (1024 MiB and 399 MiB for its emulator)")
    assert "451 MiB of 4096 MiB are left" in said
    assert "the node keeps 800 MiB, app a holds 1423 MiB, app b holds 1423 MiB" in said
    assert "starts by itself" in said


def test_what_runs_goes_before_a_lower_number() -> None:
    apps = (app(A), app(B), app(C))
    grants = admit(apps, frozenset(), there(machine(B), machine(C)), ROOM)
    assert list(grants.refusals) == [A]


def test_a_stopped_app_frees_its_budget_once_it_is_gone() -> None:
    apps = (app(A, activate=False), app(B), app(C))
    leaving = admit(apps, frozenset(), there(machine(A), machine(B)), ROOM)
    assert "app a, which is going down holds 1423 MiB" in leaving.refusals[C]
    assert not admit(apps, frozenset(), there(machine(B)), ROOM).refusals


def test_an_app_that_grows_beyond_the_machine_does_not_start_again() -> None:
    grown = app(A, 8192, incarnation=1)
    assert list(admit((grown,), frozenset(), there(machine(A)), ROOM).refusals) == [A]
    assert not admit((app(A, 2048, incarnation=1),), frozenset(), there(machine(A)), ROOM).refusals


def test_a_container_has_no_emulator_and_no_limit_of_its_own_takes_nothing() -> None:
    inside = frozenset({A, B})
    assert not admit((app(A, 3296), app(B, 0)), inside, {}, ROOM).refusals
    assert "app a needs 3297 MiB, 3296 MiB" in admit((app(A, 3297),), inside, {}, ROOM).refusals[A]
    held = Container(A, 1, 0, 3000 * MIB, 1, Mount(VolumeId("root"), 0, "/"), (), 0, name="a")
    assert admit((app(B, 512),), inside, there(held), ROOM).refusals, "a is going down"


def test_the_overhead_is_the_nodes_else_the_apps_else_estimated() -> None:
    tight = replace(ROOM, memory_kib=(800 + 1024 + 100) * MIB)
    assert admit((app(A),), frozenset(), {}, tight).refusals
    assert not admit((app(A, vmm=100 * MIB),), frozenset(), {}, tight).refusals
    assert not admit((app(A),), frozenset(), {}, replace(tight, overhead_mib=100)).refusals
    assert not admit((app(A),), frozenset(), {}, replace(tight, unchecked=True)).refusals


@pytest.mark.parametrize(
    ("limits", "reserve"),
    [
        ({}, 800 * MIB),
        ({"memory.eve.limit.MiB": 500}, 500 * MIB),
        ({"memory.eve.limit.MiB": 500, "memory.eve.limit.bytes": 2**30}, 1024 * MIB),
    ],
    ids=["detected", "MiB", "bytes win"],
)
def test_the_node_keeps_what_its_properties_say(limits: dict[str, int], reserve: int) -> None:
    items = ItemValues.before_any_config()
    items = replace(items, values={**items.values, **limits})
    assert budget_of(items, 8192, {0, 1}).reserve_kib == reserve
    assert budget_of(items, 8192, {1, 0}).cpus == (0, 1)
    more = {"memory.vmm.limit.MiB": 99, "memory.apps.ignore.check": True}
    told = budget_of(replace(items, values={**items.values, **more}), 8192, {0})
    assert (told.overhead_mib, told.unchecked) == (99, True)


CPUS = Budget(cpus=(0, 1, 2, 3))


def cpus(*apps: AppInForce, current: dict[ItemRef, Item] | None = None) -> dict[str, object]:
    grants = admit(apps, frozenset(), current or {}, CPUS)
    return {
        **{one.app[-1]: one.cpus for one in grants.cpus},
        **{name[-1]: text for name, text in grants.refusals.items()},
    }


def test_a_pinned_app_has_cpus_of_its_own_and_the_others_share_the_rest() -> None:
    assert cpus(app(A), app(B)) == {}, "nobody pins: nothing is set"
    assert cpus(app(A), app(B, pin=True, vcpus=2)) == {"a": (0, 3), "b": (1, 2)}


def test_a_pinned_app_keeps_its_cpus_when_a_neighbour_comes() -> None:
    current = there(CpuSet(B, container=False, cpus=(1, 2)))
    apps = (app(A, pin=True), app(B, pin=True, vcpus=2), app(C))
    assert cpus(*apps, current=current) == {"a": (3,), "b": (1, 2), "c": (0,)}


def test_too_few_cpus_are_told_with_their_holders() -> None:
    said = cpus(app(A, pin=True, vcpus=3), app(B, pin=True))
    assert said["a"] == (1, 2, 3)
    assert "CPUs: app b wants 1 of its own, 0 of 4 are free" in str(said["b"])
    assert "the node keeps 1, app a holds 3" in str(said["b"])


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


async def test_a_process_is_moved_and_let_go(sleeper: int) -> None:
    everywhere = affinity.usable()
    subsystem = CpusSubsystem(lambda: {(A, False): frozenset({sleeper})})
    assert not (await subsystem.observe()).present
    if len(everywhere) == 1:
        pytest.skip("one CPU: there is nothing to share")
    wish = CpuSet(A, container=False, cpus=(max(everywhere),))
    configurator = subsystem.configurators()["cpus"]
    await configurator.create(wish, lambda _: None)
    assert affinity.of_processes({sleeper}) == {max(everywhere)}
    assert (await subsystem.observe()).present == {wish.ref: wish}
    await configurator.delete(wish, lambda _: None)
    assert not (await subsystem.observe()).present
