"""A configuration that is wrong in part, or altogether, leaves the node running."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eaves.errors import Transient
from eaves.evapi.config import (
    AppInstanceConfig,
    CipherBlock,
    EdgeDevConfig,
    EncryptionBlock,
    NetworkInstanceConfig,
    PhysicalIO,
    UUIDandVersion,
    VfList,
    VmConfig,
    Volume,
    ZNetworkInstType,
)
from eaves.evapi.info import ZSwState
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node import refs
from eaves.node.checkpoint import Checkpoint
from eaves.node.domains.items import Domain, Firmware
from eaves.node.host.inventory import Nic, Parts, Pci
from eaves.node.ios.items import VirtualFunctions
from eaves.node.local.state import AppOrders, LocalState
from eaves.node.network.items import Bridge
from eaves.node.refs import Port
from eaves.node.runtime.engine import Engine, Surroundings
from eaves.node.runtime.local_decisions import LocalDecisions
from eaves.node.runtime.reports import AppFacts, app_info, refused_app_infos
from eaves.reconcile.apply import Configurator, ProgressSink, backoff
from eaves.reconcile.item import Graph, Item, ItemRef, Observation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def uuid(n: int) -> UUIDandVersion:
    return UUIDandVersion(uuid=f"00000000-0000-4000-8000-{n:012}", version="1")


def app(name: UUIDandVersion) -> AppInstanceConfig:
    return AppInstanceConfig(
        uuidandversion=name, displayname="app", fixedresources=VmConfig(memory=65536, vcpus=1)
    )


def network(name: UUIDandVersion) -> NetworkInstanceConfig:
    return NetworkInstanceConfig(
        uuidandversion=name,
        displayname="net",
        inst_type=ZNetworkInstType.ZnetInstLocal,
        activate=True,
    )


class Around:
    """Ports that cannot be seen while `broken`."""

    broken = False
    time_s = 1000.0

    def elapsed_s(self) -> float:
        return self.time_s

    async def ports(self, config: EdgeDevConfig) -> tuple[Port, ...]:
        if self.broken:
            raise OSError("no such device")
        return ()


SECRET = "a password of the guest"


def all_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def open_secret(_block: CipherBlock) -> EncryptionBlock:
    return EncryptionBlock(protected_user_data=base64.b64encode(SECRET.encode()).decode())


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
async def engine(tmp_path: Path, around: Around) -> AsyncIterator[Engine]:
    checkpoint = Checkpoint(tmp_path)
    yield Engine(
        checkpoint,
        (),
        Surroundings(around.ports, open_secret, "eaves-test", elapsed_s=around.elapsed_s),
        lambda: NOW,
        lambda: None,
    )
    checkpoint.close()


async def test_what_is_kept_of_an_app_has_no_secret_in_the_clear(
    engine: Engine, tmp_path: Path
) -> None:
    await engine.follow(
        EdgeDevConfig(apps=(replace(app(uuid(1)), activate=True, cipher_data=CipherBlock()),))
    )
    assert engine.wish is not None
    assert SECRET in {getattr(i, "user_data", "") for i in engine.wish.graph.values()}
    kept = all_below(tmp_path)
    assert uuid(1).uuid.encode() in kept
    assert SECRET.encode() not in kept
    assert base64.b64encode(SECRET.encode()) not in kept


@pytest.mark.parametrize("name", ["../../x", "/etc", "", "no-uuid", "x" * 36, f"{uuid(1).uuid}/.."])
async def test_an_object_whose_id_is_no_uuid_is_left_out_by_name(engine: Engine, name: str) -> None:
    wrong = UUIDandVersion(uuid=name, version="1")
    await engine.follow(
        EdgeDevConfig(
            apps=(app(wrong), app(uuid(1))),
            network_instances=(network(wrong), network(uuid(2))),
            volumes=(Volume(uuid=name),),
        )
    )
    assert list(engine.decided) == [uuid(1).uuid]
    assert engine.wish is not None
    assert len(engine.wish.config.network_instances) == 1
    assert not engine.wish.config.volumes
    assert any("no UUID" in text for text in engine.wish.refusals.values())
    assert not any(name in ref.name for ref in engine.wish.graph if name)


async def test_what_is_decided_on_the_spot_is_applied_without_a_new_configuration(
    tmp_path: Path, around: Around
) -> None:
    checkpoint = Checkpoint(tmp_path)
    local = LocalDecisions(checkpoint)
    engine = Engine(
        checkpoint,
        (),
        Surroundings(around.ports, open_secret, "eaves-test", localise=local.localise),
        lambda: NOW,
        lambda: None,
    )
    by_day = replace(app(uuid(1)), activate=True, profile_list=("day",))
    await engine.follow(EdgeDevConfig(apps=(by_day,), local_profile_server="lps"))
    name = AppInstanceId(uuid(1).uuid)
    assert engine.decided[name].config.activate
    local.keep(replace(local.state, profile="night"))
    await engine.again()
    assert not engine.decided[name].config.activate
    assert LocalDecisions(checkpoint).state.profile == "night"
    restarted = LocalState(apps={name: AppOrders(taken=1, restarts=1)})
    before = engine.decided[name].record
    local.keep(restarted)
    await engine.again()
    after = engine.decided[name].record
    assert engine.decided[name].config.activate
    assert after.restart_counter == before.restart_counter + 1
    checkpoint.close()


async def test_too_many_objects_are_refused_one_by_one(engine: Engine) -> None:
    await engine.follow(
        EdgeDevConfig(
            apps=tuple(app(uuid(n)) for n in range(257)),
            network_instances=tuple(network(uuid(1000 + n)) for n in range(256)),
        )
    )
    wish = engine.wish
    assert wish is not None
    assert len(wish.apps) == 255
    assert "no app number is free" in wish.refusals[uuid(256).uuid]
    assert "no bridge number is free" in wish.refusals[uuid(1255).uuid]
    assert [a.app_id for a in refused_app_infos(wish)] == [uuid(255).uuid, uuid(256).uuid]


async def test_a_config_that_could_not_be_applied_is_tried_again(
    engine: Engine, around: Around
) -> None:
    around.broken = True
    with pytest.raises(OSError, match="no such device"):
        await engine.follow(EdgeDevConfig(apps=(app(uuid(1)),)))
    running = asyncio.create_task(engine.run_forever())
    await asyncio.sleep(0)
    assert not running.done()
    around.broken = False
    async with asyncio.timeout(20):
        await engine.reconciler.until(lambda _: engine.wish is not None)
    assert list(engine.decided) == [uuid(1).uuid]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_number_is_given_on_once_nothing_is_called_by_it(engine: Engine) -> None:
    """Names of interfaces, namespaces and bridges are made of numbers."""
    first, then = app(uuid(1)), app(uuid(2))
    await engine.follow(
        EdgeDevConfig(apps=(replace(first, activate=True),), network_instances=(network(uuid(8)),))
    )
    there = engine.reconciler.intended
    engine.reconciler.observed(frozenset(r.kind for r in there), Observation(there, {}))
    other = EdgeDevConfig(
        apps=(replace(then, activate=True),), network_instances=(network(uuid(9)),)
    )
    await engine.follow(other)
    assert names_of(engine) == {("domain", 2), ("bridge", 2)}
    engine.reconciler.observed(frozenset(r.kind for r in there), Observation({}, {}))
    gone = EdgeDevConfig(
        apps=(replace(then, activate=True), replace(app(uuid(3)), activate=True)),
        network_instances=(network(uuid(9)), network(uuid(7))),
    )
    await engine.follow(gone)
    assert names_of(engine) == {("domain", 2), ("bridge", 2), ("domain", 1), ("bridge", 1)}


def names_of(engine: Engine) -> set[tuple[str, int]]:
    graph = engine.reconciler.intended
    return {(r.kind, i.number) for r, i in graph.items() if isinstance(i, Domain | Bridge)}


async def test_the_first_start_of_an_app_waits_for_its_delay(
    engine: Engine, around: Around
) -> None:
    name = AppInstanceId(uuid(1).uuid)
    late = replace(app(uuid(1)), activate=True, start_delay_in_seconds=60)
    config = EdgeDevConfig(apps=(late,))

    def told() -> tuple[ZSwState, bool]:
        assert engine.wish is not None
        (one,) = engine.wish.apps
        report, facts = engine.reconciler.report(), AppFacts()
        info = app_info(one, engine.wish, engine.decided[name], report, facts)
        return info.state, refs.domain(name) in engine.wish.graph

    await engine.follow(config)
    assert told() == (ZSwState.START_DELAYED, False)
    around.time_s += 59
    await engine.again()
    assert told() == (ZSwState.START_DELAYED, False)
    around.time_s += 1
    await engine.again()
    assert told() == (ZSwState.BOOTING, True)


async def test_a_configuration_that_comes_while_everything_stops_starts_nothing(
    engine: Engine,
) -> None:
    config = EdgeDevConfig(apps=(replace(app(uuid(1)), activate=True),))
    await engine.follow(config)
    assert engine.reconciler.intended
    await engine.stop_everything(0.1, 0.1)
    await engine.follow(config)
    await engine.again()
    assert not engine.reconciler.intended


async def test_a_delay_holds_back_nobody_who_runs_or_ran(engine: Engine) -> None:
    name = AppInstanceId(uuid(1).uuid)
    late = replace(app(uuid(1)), activate=True, start_delay_in_seconds=60)
    there: Item = Domain(name, 1, 0, 65536, 1, Firmware.BIOS, (), ())
    engine.reconciler.observed(frozenset({"domain"}), Observation({there.ref: there}, {}))
    await engine.follow(EdgeDevConfig(apps=(late,)))
    assert engine.wish is not None
    assert not engine.wish.delayed
    engine.reconciler.observed(frozenset({"domain"}), Observation({}, {}))
    await engine.again()
    assert not engine.wish.delayed
    assert refs.domain(name) in engine.wish.graph


class Machine:
    """Apps and networks of a machine; what `stuck` names cannot be removed."""

    kinds = frozenset({"domain", "bridge"})

    def __init__(self, there: Graph, stuck: frozenset[ItemRef]) -> None:
        self.there = dict(there)
        self._stuck = stuck

    def configurators(self) -> Mapping[str, Configurator]:
        return dict.fromkeys(self.kinds, self)

    async def observe(self) -> Observation:
        return Observation(dict(self.there), {})

    async def close(self) -> None:
        self.there.clear()

    async def create(self, item: Item, _progress: ProgressSink, /) -> None:
        self.there[item.ref] = item

    async def modify(self, _running: Item, item: Item, _progress: ProgressSink, /) -> None:
        self.there[item.ref] = item

    async def delete(self, item: Item, _progress: ProgressSink, /) -> None:
        if item.ref in self._stuck:
            raise Transient(f"{item.ref}: Device or resource busy")
        self.there.pop(item.ref, None)

    def retry_delay(self, _item: Item, attempts: int, /) -> timedelta:
        return backoff(attempts)


async def stop(tmp_path: Path, stuck: str, apps_s: float, rest_s: float) -> set[str]:
    """Stop a machine with an app and a network; what was still there in the end, by kind."""
    checkpoint = Checkpoint(tmp_path)
    domain = Domain(AppInstanceId(uuid(1).uuid), 1, 0, 65536, 1, Firmware.BIOS, (), ())
    bridge = Bridge(
        NetworkInstanceId(uuid(8).uuid), 1, "bn1", "10.1.0.1/24", "02:00:00:00:00:01", 1500
    )
    there: Graph = {one.ref: one for one in (domain, bridge)}
    machine = Machine(there, frozenset(r for r in there if r.kind == stuck))
    engine = Engine(
        checkpoint,
        (machine,),
        Surroundings(Around().ports, open_secret, "eaves-test"),
        lambda: datetime.now(UTC),
        lambda: None,
    )
    await engine.observe_all()
    running = asyncio.create_task(engine.run_forever())
    async with asyncio.timeout(20):
        await engine.stop_everything(apps_s, rest_s)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    checkpoint.close()
    return {ref.kind for ref in machine.there}


async def test_a_reboot_does_not_wait_for_networks_that_cannot_be_removed(tmp_path: Path) -> None:
    """It took five minutes on the image, where a firewall was in the way; apps have that time."""
    assert await stop(tmp_path, "", 300.0, 300.0) == set()
    assert await stop(tmp_path, "bridge", 300.0, 0.0) == {"bridge"}
    assert await stop(tmp_path, "domain", 0.1, 0.0) >= {"domain"}


CARD = "0000:02:00.0"
MACHINE = Parts(
    (Pci((0, 2, 0, 0), None, 0x8086, 0x1572, 0, 0, 0x020000, "i40e", "12", most_functions=4),),
    (),
    (Nic("eth1", "02:00:00:00:00:01", 0, wireless=False, pci=(0, 2, 0, 0)),),
    (),
    0,
    "",
)


@pytest.mark.parametrize(
    ("addresses", "functions", "cards", "looks"),
    [
        ({"ifname": "eth1"}, VfList(vf_count=2), (VirtualFunctions(CARD, 2),), 1),
        ({"PciLong": CARD}, None, (), 1),
        ({"ifname": "eth1"}, None, (), 0),
    ],
    ids=["virtual functions", "PCI address", "name alone"],
)
async def test_a_model_is_held_against_the_machine_before_an_app_asks(
    tmp_path: Path,
    around: Around,
    addresses: Mapping[str, str],
    functions: VfList | None,
    cards: tuple[VirtualFunctions, ...],
    looks: int,
) -> None:
    looked: list[Parts] = []

    def parts() -> Parts:
        looked.append(MACHINE)
        return MACHINE

    checkpoint = Checkpoint(tmp_path)
    surroundings = Surroundings(around.ports, open_secret, "eaves-test", parts=parts)
    engine = Engine(checkpoint, (), surroundings, lambda: NOW, lambda: None)
    lan = PhysicalIO(logicallabel="lan", phyaddrs=addresses, vflist=functions)
    await engine.follow(EdgeDevConfig(device_io_list=(lan,)))
    assert engine.wish is not None
    assert "lan" not in engine.wish.assigned.errors
    assert engine.wish.assigned.cards == cards
    assert {card.ref for card in cards} <= engine.wish.graph.keys()
    assert len(looked) == looks
    checkpoint.close()
