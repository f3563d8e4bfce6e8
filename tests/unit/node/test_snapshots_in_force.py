"""When snapshots are taken, and the steps back to one, decided anew from what is there."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    InstanceOpsCmd,
    SnapshotConfig,
    SnapshotDesc,
    SnapshotType,
    UUIDandVersion,
    VmConfig,
    VolumeRef,
)
from eaves.evapi.config import Volume as VolumeConfig
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.checkpoint import AppRecord
from eaves.node.domains.items import Domain, Firmware
from eaves.node.runtime.apps_in_force import Decided, decide_apps, with_what_is_held
from eaves.node.runtime.snapshots_in_force import Seen
from eaves.node.storage.items import Snapshot, Volume
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import Fault, Item, ItemRef

NOW = datetime(2026, 1, 1, tzinfo=UTC)
APP = AppInstanceId("9f0b7f2e-1111-4222-8333-444455556666")
OTHER = "9f0b7f2e-1111-4222-8333-777777777777"
DISK = VolumeId("0d9c1d61-aaaa-4bbb-8ccc-ddddeeeeffff")
ONE, TWO, THREE = (f"5a5a5a5a-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
NOW_TYPE = SnapshotType.SNAPSHOT_TYPE_IMMEDIATE
UPDATE_TYPE = SnapshotType.SNAPSHOT_TYPE_APP_UPDATE


def app(
    *listed: tuple[str, SnapshotType],
    purge: int = 0,
    generation: int = 0,
    memory: int = 65536,
    version: str = "1",
    active: str = "",
    rollback: int = 0,
    most: int = 2,
    name: str = APP,
) -> AppInstanceConfig:
    return AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=name, version=version),
        displayname="web",
        fixedresources=VmConfig(memory=memory, vcpus=1),
        activate=True,
        purge=InstanceOpsCmd(counter=purge),
        volume_ref_list=(VolumeRef(uuid=DISK, generation_count=generation),),
        snapshot=SnapshotConfig(
            active_snapshot=active,
            rollback_cmd=InstanceOpsCmd(counter=rollback),
            max_snapshots=most,
            snapshots=tuple(SnapshotDesc(id=i, type=t) for i, t in listed),
        ),
    )


class World:
    """What would be there if every wish came true at once; `run` is one decision."""

    def __init__(self) -> None:
        self.there: dict[ItemRef, Item] = {}
        self.intended: dict[ItemRef, Item] = {}
        self.faults: dict[ItemRef, Fault] = {}
        self.records: dict[AppInstanceId, AppRecord] = {}
        self.clock = 0.0

    def volume(self, generation: int, restored: str = "") -> Volume:
        return Volume(DISK, generation, None, size_bytes=1, restored=restored)

    def decide(self, wanted: AppInstanceConfig, *others: AppInstanceConfig) -> Decided:
        generation = wanted.volume_ref_list[0].generation_count
        config = EdgeDevConfig(
            apps=(wanted, *others),
            volumes=(VolumeConfig(uuid=DISK, generation_count=generation),),
        )
        seen = Seen(dict(self.there), dict(self.intended), dict(self.faults))
        decided = decide_apps(
            config, self.records, lambda v, g: refs.volume(v, g) in self.there, seen
        )
        self.records = {k: d.record for k, d in decided.items()}
        one = decided[APP]
        stored = with_what_is_held(config, decided)
        going_back = {v.ref: v for v in one.restored}
        volumes: list[Item] = []
        for wish in stored.volumes:
            ref = refs.volume(VolumeId(wish.uuid), wish.generation_count)
            kept = self.there.get(ref, self.volume(wish.generation_count))
            volumes.append(going_back.get(ref, kept))
        self.intended = dict(graph_of(volumes, one.snapshots))
        if one.config.activate:
            self.intended[refs.domain(APP)] = Domain(
                APP, 1, one.record.incarnation, 1, 1, Firmware.BIOS, (), ()
            )
        return one

    def carry_out(self) -> None:
        for ref in set(self.there) - set(self.intended):
            del self.there[ref]
        for ref, item in self.intended.items():
            if isinstance(item, Snapshot) and ref not in self.there:
                self.clock += 1
                self.there[ref] = replace(item, taken_at=self.clock)
            elif not isinstance(item, Snapshot):
                self.there[ref] = item

    def settle(self, wanted: AppInstanceConfig) -> Decided:
        decided = self.decide(wanted)
        for _ in range(8):
            self.carry_out()
            again = self.decide(wanted)
            if again == decided and not again.unsettled:
                return again
            decided = again
        pytest.fail(f"it does not settle: {decided}")

    @property
    def taken(self) -> list[str]:
        return sorted(ref.name for ref in self.there if ref.kind == "snapshot")


def test_an_immediate_snapshot_is_taken_once_its_volumes_are_whole() -> None:
    world = World()
    first = world.decide(app((ONE, NOW_TYPE)))
    assert not first.snapshots
    assert first.waiting
    done = world.settle(app((ONE, NOW_TYPE)))
    assert [s.id for s in done.snapshots] == world.taken == [ONE]
    assert done.record.incarnation == 0, "nothing was restarted"


def test_a_snapshot_for_an_update_is_taken_while_the_app_is_down_for_the_purge() -> None:
    world = World()
    world.settle(app((ONE, UPDATE_TYPE)))
    assert world.taken == []
    update = app((ONE, UPDATE_TYPE), purge=1, generation=1, version="2")
    world.decide(update)
    world.carry_out()  # the new volume is made while the old app runs
    assert refs.domain(APP) in world.there
    down = world.decide(update)
    assert (down.config.activate, down.snapshots) == (False, ())
    world.carry_out()
    taking = world.decide(update)
    assert [s.id for s in taking.snapshots] == [ONE]
    assert not taking.config.activate
    done = world.settle(update)
    assert done.config.activate
    assert world.taken == [ONE]
    assert refs.volume(DISK, 0) not in world.there, "the old volume is kept by its snapshot only"
    held = next(i for i in world.there.values() if isinstance(i, Snapshot))
    assert (held.version, held.volumes[0].generation) == ("1", 0)


def test_a_snapshot_that_cannot_be_taken_is_told_and_the_update_goes_on() -> None:
    world = World()
    world.settle(app((ONE, UPDATE_TYPE)))
    update = app((ONE, UPDATE_TYPE), purge=1, generation=1)
    world.decide(update)
    world.carry_out()
    world.decide(update)
    world.carry_out()
    world.decide(update)
    world.faults[refs.snapshot(ONE)] = Fault("no space: remaining 1", NOW)
    done = world.settle(update)
    assert done.config.volume_ref_list[0].generation_count == 1
    assert done.record.snapshots == {ONE: "no space: remaining 1"}
    assert world.taken == []


def test_the_oldest_gives_way_and_is_not_taken_again() -> None:
    world = World()
    for listed in ([ONE], [ONE, TWO], [ONE, TWO, THREE]):
        world.settle(app(*((name, NOW_TYPE) for name in listed)))
    assert world.taken == [TWO, THREE]
    world.settle(app((TWO, NOW_TYPE)))
    assert world.taken == [TWO], "what leaves the list is deleted"


def test_a_snapshot_whose_id_is_a_path_is_refused() -> None:
    world = World()
    done = world.settle(app(("../../etc", NOW_TYPE)))
    assert "no UUID" in done.record.snapshots["../../etc"]
    assert not done.snapshots


def version(decided: Decided) -> str:
    return decided.config.uuidandversion.version if decided.config.uuidandversion else ""


def updated() -> World:
    """Version 2 runs on generation 1; the snapshot holds version 1 on generation 0."""
    world = World()
    world.settle(app((ONE, UPDATE_TYPE)))
    world.settle(app((ONE, UPDATE_TYPE), purge=1, generation=1, version="2", memory=131072))
    return world


BACK = app((ONE, UPDATE_TYPE), active=ONE, rollback=1)


def test_a_roll_back_brings_back_volumes_and_configuration() -> None:
    world = updated()
    done = world.settle(BACK)
    assert version(done) == "1"
    assert done.config.fixedresources == VmConfig(memory=65536, vcpus=1)
    volume = world.there[refs.volume(DISK, 0)]
    assert isinstance(volume, Volume)
    assert volume.restored == f"{ONE}/1"
    assert refs.volume(DISK, 1) not in world.there, "no second copy"
    incarnation = done.record.incarnation
    assert world.settle(BACK).record.incarnation == incarnation, "one counter, one action"


def test_a_roll_back_restores_nothing_while_the_app_runs() -> None:
    world = updated()
    stop = world.decide(BACK)
    assert not stop.config.activate
    assert not stop.restored
    world.carry_out()
    restore = world.decide(BACK)
    assert [v.restored for v in restore.restored] == [f"{ONE}/1"]
    assert not restore.config.activate, "the app starts only on what is restored"


@pytest.mark.parametrize("cut", range(4))
def test_a_node_that_dies_in_any_step_of_a_roll_back_ends_the_same(cut: int) -> None:
    world, straight = updated(), updated()
    for _ in range(cut):
        world.decide(BACK)
        world.carry_out()
    world.intended, world.faults = {}, {}
    world.there.pop(refs.domain(APP), None)
    done, expected = world.settle(BACK), straight.settle(BACK)
    assert done == expected
    assert world.there.keys() == straight.there.keys()


def test_a_second_roll_back_to_the_same_snapshot_restores_again() -> None:
    world = updated()
    world.settle(BACK)
    world.settle(replace(BACK, snapshot=replace_counter(BACK, 2)))
    volume = world.there[refs.volume(DISK, 0)]
    assert isinstance(volume, Volume)
    assert volume.restored == f"{ONE}/2"


def replace_counter(one: AppInstanceConfig, counter: int) -> SnapshotConfig:
    assert one.snapshot is not None
    return replace(one.snapshot, rollback_cmd=InstanceOpsCmd(counter=counter))


def test_a_roll_back_to_a_missing_snapshot_is_told_and_the_app_goes_on() -> None:
    """Node reference 22, row 54."""
    world = World()
    world.settle(app((TWO, NOW_TYPE)))
    done = world.settle(app((TWO, NOW_TYPE), (ONE, UPDATE_TYPE), active=ONE, rollback=1))
    assert done.config.activate
    assert "is not on this node" in done.record.snapshots[ONE]
    assert done.record.incarnation == 0


def test_a_volume_that_cannot_be_restored_leaves_the_app_on_what_it_has() -> None:
    world = updated()
    world.decide(BACK)
    world.there.pop(refs.domain(APP))
    assert world.decide(BACK).restored
    world.faults[refs.volume(DISK, 0)] = Fault("disk is broken", NOW, attempts=2)
    done = world.decide(BACK)
    assert done.config.activate
    assert version(done) == "2"
    assert "disk is broken" in done.record.snapshots[ONE]


def test_a_volume_of_two_apps_is_not_changed_under_the_other() -> None:
    world = updated()
    done = world.decide(BACK, app(name=OTHER))
    assert done.config.activate
    assert "app web uses a volume of it too" in done.record.snapshots[ONE]


def test_an_app_that_never_started_is_purged_without_its_snapshot() -> None:
    """Node reference 22, row 53."""
    world = World()
    world.decide(app((ONE, UPDATE_TYPE)))
    done = world.settle(app((ONE, UPDATE_TYPE), purge=1, generation=1))
    assert done.config.volume_ref_list[0].generation_count == 1
    assert not done.purging
