"""The node's one engine: a configuration in, a machine that follows it.

config, counters, numbers, ports -> wish -> reconciler -> what is there
                                      ^                        |
                                      +--- observation --------+
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import structlog

from eaves.evapi.config import EdgeDevConfig
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node import refs
from eaves.node.checkpoint import Checkpoint
from eaves.node.host.inventory import NO_PARTS, Parts
from eaves.node.ios.model import names_hardware
from eaves.node.network.refusals import Facts
from eaves.node.refs import AppInForce, Port
from eaves.node.runtime.apps_in_force import Decided, decide_apps, with_what_is_held
from eaves.node.runtime.budget import Budget
from eaves.node.runtime.guard import forever
from eaves.node.runtime.refused import keep_well_named, refuse
from eaves.node.runtime.snapshots_in_force import Seen
from eaves.node.runtime.start_delay import begun, delayed, without
from eaves.node.runtime.wish import OpenSecret, Wish, make_wish
from eaves.reconcile.apply import Clock, Configurator, Reconciler
from eaves.reconcile.item import Graph, Observation
from eaves.reconcile.report import Report

log = structlog.get_logger(__name__)

KEPT = ("content-tree", "volume", "snapshot")  # over a reboot
APPS = ("container", "domain")  # what may lose data if the machine goes down under it
REST_S = 20.0  # for what is left once the apps are down; it goes with the boot otherwise
OBSERVE_S = 2.0  # how soon a workload that ended by itself, or a broken part, is noticed


class Subsystem(Protocol):
    @property
    def kinds(self) -> frozenset[str]: ...
    def configurators(self) -> Mapping[str, Configurator]: ...
    async def observe(self) -> Observation: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine asks of the rest of the node."""

    ports: Callable[[EdgeDevConfig], Awaitable[tuple[Port, ...]]]
    open_secret: OpenSecret
    table: str  # name of the node's nftables tables
    facts: Callable[[], Facts] = Facts
    localise: Callable[[EdgeDevConfig], EdgeDevConfig] = lambda config: config  # as it counts here
    budget: Callable[[], Budget] = Budget
    parts: Callable[[], Parts] = lambda: NO_PARTS
    elapsed_s: Callable[[], float] = time.monotonic  # since any moment


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whose interfaces, namespaces or bridges are there.  Their names are made of numbers, so a
    number is given to another only once nothing is called by it any more.
    """

    apps: frozenset[AppInstanceId]
    network_instances: frozenset[NetworkInstanceId]

    @classmethod
    def of(cls, current: Graph) -> Self:
        return cls(
            frozenset(
                AppInstanceId(r.name.partition("/")[0])
                for r in current
                if r.kind in ("vif", "netns", "container", "domain")
            ),
            frozenset(NetworkInstanceId(r.name) for r in current if r.kind in ("bridge", "switch")),
        )


class Engine:
    def __init__(
        self,
        checkpoint: Checkpoint,
        subsystems: tuple[Subsystem, ...],
        surroundings: Surroundings,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._checkpoint = checkpoint
        self._subsystems = subsystems
        self._around = surroundings
        configurators: dict[str, Configurator] = {}
        for one in subsystems:
            configurators.update(one.configurators())
        self.reconciler = Reconciler(configurators, clock, changed)
        self.wish: Wish | None = None
        self.decided: Mapping[AppInstanceId, Decided] = {}
        self.ports: tuple[Port, ...] = ()
        self.facts = Facts()
        self._config: EdgeDevConfig | None = None
        self._followed: EdgeDevConfig | None = None
        self._ready_at: float | None = None  # when it followed a configuration first
        self._begun: frozenset[AppInstanceId] = frozenset()  # apps that ran since then
        self._stopped = False  # until the next start of the node
        self._intended = asyncio.Event()
        self._lock = asyncio.Lock()
        self._changed = changed

    async def observe_all(self) -> None:
        for one in self._subsystems:
            self.reconciler.observed(one.kinds, await one.observe())

    async def follow(self, config: EdgeDevConfig) -> None:
        """Make `config` the intention.  Counters and numbers are on disk before anything moves.

        Once everything was told to stop, nothing may start it again before the node does.
        """
        async with self._lock:
            if self._stopped:
                log.info("config_not_followed", why="everything is being stopped")
                return
            self._config = config
            self.ports = await self._around.ports(config)
            self.facts = self._around.facts()
            self._intend(config)
        self._changed()

    async def again(self) -> None:
        """What counts on this device beside the configuration has changed."""
        async with self._lock:
            if self._config is not None:
                self._intend(self._config)
        self._changed()

    def _intend(self, config: EdgeDevConfig) -> None:
        current = self.reconciler.current
        wanted = config
        config, misnamed = keep_well_named(self._around.localise(config))
        decided = decide_apps(
            config,
            self._checkpoint.apps(),
            lambda volume, generation: refs.volume(volume, generation) in current,
            Seen(current, self.reconciler.intended, self.reconciler.faults),
        )
        held = with_what_is_held(config, decided)
        self._checkpoint.save_apps({app: one.record for app, one in decided.items()})
        leaving = Leaving.of(current)
        numbers = self._checkpoint.app_numbers([*decided, *(leaving.apps - decided.keys())])
        apps = tuple(
            AppInForce(one.config, app, numbers[app], one.config.activate, one.record.incarnation)
            for app, one in decided.items()
            if app in numbers
        )
        waiting = self._waiting(apps, current)
        apps = without(apps, waiting)
        allocations = self._checkpoint.allocate(
            dict.fromkeys(
                (
                    *(
                        NetworkInstanceId(ni.uuidandversion.uuid)
                        for ni in held.network_instances
                        if ni.uuidandversion
                    ),
                    *sorted(leaving.network_instances),
                )
            ),
            (
                (NetworkInstanceId(adapter.network_id), app.app, index)
                for app in apps
                for index, adapter in enumerate(app.config.interfaces)
                if not adapter.addr
            ),
        )
        self.decided = decided
        wish = make_wish(
            held,
            apps,
            allocations,
            self.ports,
            current,
            self._around.open_secret,
            self._around.table,
            self.facts,
            tuple(snapshot for one in decided.values() for snapshot in one.snapshots),
            tuple(volume for one in decided.values() for volume in one.restored),
            self._around.budget(),
            self._around.parts() if _asks_hardware(held, apps) else NO_PARTS,
        )
        unnumbered = [one.config for app, one in decided.items() if app not in numbers]
        refusals = {**wish.refusals, **misnamed, **refuse(unnumbered)}
        self.wish = replace(wish, refusals=refusals, delayed=waiting)
        self.reconciler.intend(self.wish.graph)
        self._followed = wanted
        self._intended.set()

    def _waiting(self, apps: tuple[AppInForce, ...], current: Graph) -> frozenset[AppInstanceId]:
        now = self._around.elapsed_s()
        if self._ready_at is None:
            self._ready_at = now
        self._begun |= begun(apps, current)
        return delayed(apps, self._begun, now - self._ready_at)

    async def stop_everything(self, timeout_s: float, rest_s: float = REST_S) -> Report:
        """Apps down, network away, content and volumes kept: what a reboot command asks for.

        Only apps are waited for with patience.
        """
        keep = {r: i for r, i in self.reconciler.current.items() if r.kind in KEPT}
        async with self._lock:
            self._stopped = True
            self._config = None
            self.wish = None
            self.reconciler.intend(keep)
            self._intended.set()

        def apps_left(report: Report) -> list[str]:
            return [str(s.ref) for s in report.unmet() if s.ref.kind in APPS]

        def left(report: Report) -> list[str]:
            return [str(s.ref) for s in report.unmet() if s.ref not in keep]

        await self._while_left(apps_left, timeout_s)
        await self._while_left(left, rest_s)
        return self.reconciler.report()

    async def _while_left(self, left: Callable[[Report], list[str]], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self.reconciler.until(lambda report: not left(report))
        except TimeoutError:
            there = left(self.reconciler.report())
            log.warning("not_all_stopped", timeout_s=timeout_s, left=there)

    async def run_forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("reconcile", self._reconcile_forever))
            for one in self._subsystems:
                tasks.create_task(self._observe_forever(one), name=f"observe {sorted(one.kinds)}")
            tasks.create_task(forever("reconsider", self._reconsider, lambda: OBSERVE_S))

    async def _reconcile_forever(self) -> None:
        """Nothing moves before there is an intention: no config is not "remove everything"."""
        await self._intended.wait()
        await self.reconciler.run_forever()

    async def _observe_forever(self, one: Subsystem) -> None:
        while True:
            await asyncio.sleep(OBSERVE_S)
            try:
                self.reconciler.observed(one.kinds, await one.observe())
            except Exception:
                # One look that fails must not stop the others; the next one comes soon.
                log.exception("observation_failed", kinds=sorted(one.kinds))

    async def _reconsider(self) -> None:
        """Facts that are no items: ports that come and go, what a purge or a start waits for."""
        config = self._config
        if config is None:
            return
        ports = await self._around.ports(config)
        unsettled = any(d.unsettled for d in self.decided.values())
        locked = self.wish is not None and bool(self.wish.refusals or self.wish.delayed)
        behind = self._followed is not config  # it could not be applied: again, until it can
        facts = self._around.facts()
        same = ports == self.ports and facts == self.facts
        if same and not unsettled and not locked and not behind:
            return
        async with self._lock:
            if self._config is config:
                self.ports, self.facts = ports, facts
                self._intend(config)

    async def close(self) -> None:
        for one in self._subsystems:
            await one.close()


def _asks_hardware(config: EdgeDevConfig, apps: tuple[AppInForce, ...]) -> bool:
    """Reading all parts takes its time: only for a configuration that speaks of them."""
    return names_hardware(config.device_io_list) or any(app.config.adapters for app in apps)
