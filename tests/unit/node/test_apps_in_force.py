"""Which version of an app runs: counters, deferred changes and purges."""

from dataclasses import replace

import pytest

from eaves.evapi.config import (
    ACE,
    AppInstanceConfig,
    ContentTree,
    EdgeDevConfig,
    InstanceOpsCmd,
    NetworkAdapter,
    NetworkInstanceConfig,
    UUIDandVersion,
    VmConfig,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    VolumeRef,
)
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.checkpoint import AppRecord
from eaves.node.runtime.apps_in_force import Decided, decide_apps, with_what_is_held

APP = AppInstanceId("9f0b7f2e-1111-4222-8333-444455556666")
VOLUME = "0d9c1d61-aaaa-4bbb-8ccc-ddddeeeeffff"
TREE = "7e0c1d61-aaaa-4bbb-8ccc-ddddeeeeffff"


def app(
    *,
    restart: int = 1,
    purge: int = 1,
    memory: int = 65536,
    generation: int = 0,
    activate: bool = True,
    acls: tuple[ACE, ...] = (),
    version: str = "1",
) -> AppInstanceConfig:
    return AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=APP, version=version),
        displayname="web",
        fixedresources=VmConfig(memory=memory, vcpus=1),
        activate=activate,
        restart=InstanceOpsCmd(counter=restart),
        purge=InstanceOpsCmd(counter=purge),
        interfaces=(NetworkAdapter(name="eth0", acls=acls),),
        volume_ref_list=(VolumeRef(uuid=VOLUME, generation_count=generation),),
    )


def config(one: AppInstanceConfig) -> EdgeDevConfig:
    generation = one.volume_ref_list[0].generation_count
    return EdgeDevConfig(
        apps=(one,),
        volumes=(
            Volume(
                uuid=VOLUME,
                generation_count=generation,
                origin=VolumeContentOrigin(
                    type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
                ),
            ),
        ),
        content_info=(ContentTree(uuid=TREE, url="web.qcow2"),),
    )


def run(*steps: AppInstanceConfig, volumes: set[int] | None = None) -> Decided:
    """The decision after each config in turn; `volumes` are the generations that are there."""
    there = {0} if volumes is None else volumes
    records: dict[AppInstanceId, AppRecord] = {}
    decided: dict[AppInstanceId, Decided] = {}
    for step in steps:
        decided = decide_apps(
            config(step), records, lambda v, g: v == VolumeId(VOLUME) and g in there
        )
        records = {k: d.record for k, d in decided.items()}
    return decided[APP]


def test_the_first_counters_seen_are_a_baseline() -> None:
    assert run(app(restart=7, purge=9)).record.incarnation == 0


def test_the_same_config_again_changes_nothing() -> None:
    once, twice = run(app()), run(app(), app())
    assert once == twice


def test_what_names_a_network_that_never_was_has_not_started_and_waits_for_no_restart() -> None:
    nowhere = NetworkAdapter(name="eth0", network_id="4f0b7f2e-0000-4222-8333-444455556666")
    decided = run(replace(app(), interfaces=(nowhere,)), app())
    assert (decided.config, decided.waits_for, decided.record.incarnation) == (app(), "", 0)


def test_what_names_a_volume_that_never_was_has_not_started_and_waits_for_no_purge() -> None:
    other = replace(app(), volume_ref_list=(VolumeRef(uuid="another"),))
    decided = run(other, app())
    assert (decided.config, decided.waits_for, decided.record.incarnation) == (app(), "", 0)


@pytest.mark.parametrize("counter", [0, 2, 99], ids=["smaller", "next", "far ahead"])
def test_any_other_restart_counter_restarts_once(counter: int) -> None:
    decided = run(app(restart=1), app(restart=counter), app(restart=counter))
    assert decided.record.incarnation == 1


def test_a_restart_counter_that_moved_while_stopped_is_worked_in_without_a_restart() -> None:
    assert run(app(activate=False), app(restart=5, activate=False)).record.incarnation == 0


def test_more_memory_waits_for_a_restart() -> None:
    waiting = run(app(), app(memory=131072))
    assert waiting.config.fixedresources == VmConfig(memory=65536, vcpus=1)
    assert waiting.waits_for == "restart"
    taken = run(app(), app(memory=131072), app(memory=131072, restart=2))
    assert taken.config.fixedresources == VmConfig(memory=131072, vcpus=1)
    assert (taken.waits_for, taken.record.incarnation) == ("", 1)


def test_acls_apply_to_a_running_app() -> None:
    rule = ACE(id=4)
    decided = run(app(), app(acls=(rule,)))
    assert decided.config.interfaces[0].acls == (rule,)
    assert (decided.waits_for, decided.record.incarnation) == ("", 0)


def test_a_new_volume_waits_for_a_purge_even_over_a_restart() -> None:
    decided = run(app(), app(generation=1, restart=2), volumes={0, 1})
    assert decided.config.volume_ref_list[0].generation_count == 0
    assert (decided.waits_for, decided.record.incarnation) == ("purge", 1)


def test_a_purge_keeps_the_old_app_until_its_new_volumes_are_there() -> None:
    purge = app(purge=2, generation=1)
    waiting = run(app(), purge, volumes={0})
    assert waiting.purging
    assert waiting.config.volume_ref_list[0].generation_count == 0
    done = run(app(), purge, volumes={0, 1})
    assert not done.purging
    assert done.config.volume_ref_list[0].generation_count == 1
    assert done.record.incarnation == 1


def version_of(decided: Decided) -> str:
    assert decided.config.uuidandversion is not None
    return decided.config.uuidandversion.version


def test_a_version_is_told_when_nothing_of_it_waits_any_more() -> None:
    assert version_of(run(app(), app(version="2"))) == "2", "a text"
    waits = app(memory=131072, version="2")
    assert version_of(run(app(), waits)) == "1", "for a restart"
    assert version_of(run(app(), waits, replace(waits, restart=InstanceOpsCmd(counter=2)))) == "2"
    volumes = app(generation=1, version="2")
    assert version_of(run(app(), volumes, volumes={0, 1})) == "1", "for a purge"
    restarted = replace(volumes, restart=InstanceOpsCmd(counter=2))
    assert version_of(run(app(), volumes, restarted, volumes={0, 1})) == "1", "for a purge still"
    purged = replace(volumes, purge=InstanceOpsCmd(counter=2))
    assert version_of(run(app(), volumes, purged, volumes={0})) == "1", "for the new volumes"
    assert version_of(run(app(), volumes, purged, volumes={0, 1})) == "2"
    assert version_of(run(app(activate=False), app(generation=1, version="2"))) == "2"


def test_a_purge_of_an_app_that_never_ran_completes_at_once() -> None:
    done = run(app(activate=False), app(purge=2, generation=1, activate=False), volumes=set())
    assert not done.purging
    assert done.config.volume_ref_list[0].generation_count == 1


def test_the_old_generation_stays_in_the_config_while_it_is_in_force() -> None:
    purge = app(purge=2, generation=1)
    decided = run(app(), purge, volumes={0})
    merged = with_what_is_held(config(purge), {APP: decided})
    assert sorted(v.generation_count for v in merged.volumes) == [0, 1]
    assert [t.uuid for t in merged.content_info] == [TREE]


def test_what_is_in_force_survives_being_stored() -> None:
    decided = run(app(), app(memory=131072))
    again = decide_apps(config(app(memory=131072)), {APP: decided.record}, lambda _v, g: g == 0)[
        APP
    ]
    assert again == decided
    assert replace(again.config, restart=None).fixedresources == VmConfig(memory=65536, vcpus=1)


def test_a_network_instance_stays_for_the_app_that_uses_it() -> None:
    """Taken away under a running app it is kept until the app lets go of it."""
    named = UUIDandVersion(uuid="5b1f7f2e-2222-4222-8333-444455556666", version="1")
    network = NetworkInstanceConfig(uuidandversion=named, displayname="floor")
    wanted = replace(app(), interfaces=(NetworkAdapter(name="eth0", network_id=named.uuid),))

    def decide(one: EdgeDevConfig, records: dict[AppInstanceId, AppRecord]) -> list[Decided]:
        return list(decide_apps(one, records, lambda _v, _g: True).values())

    [first] = decide(replace(config(wanted), network_instances=(network,)), {})
    gone = config(wanted)
    [kept] = decide(gone, {APP: first.record})
    assert with_what_is_held(gone, {APP: kept}).network_instances == (network,)
    [again] = decide(gone, {APP: kept.record})
    assert with_what_is_held(gone, {APP: again}).network_instances == (network,)
    off = config(replace(wanted, activate=False))
    [stopped] = decide(off, {APP: again.record})
    assert with_what_is_held(off, {APP: stopped}).network_instances == ()
