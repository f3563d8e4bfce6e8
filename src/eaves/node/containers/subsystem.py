"""Containers as the runtime sees them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from eaves.ids import AppInstanceId
from eaves.node.app_metrics import AppFacts
from eaves.node.containers.configurators import Containers
from eaves.node.containers.items import CONTAINER
from eaves.node.containers.observe import see
from eaves.node.containers.workshop import RootFs, RootFsProvider, Workshop
from eaves.node.host import cgroups, runtimes
from eaves.node.host.applogs import LogSource
from eaves.node.host.held import Holds
from eaves.node.host.workloads import Run
from eaves.reconcile.apply import Configurator
from eaves.reconcile.item import Observation

STOP_GRACE_S = 10.0

R = TypeVar("R", bound=RootFs)


class ContainersSubsystem:
    """One for each node.  `boot_retry` follows the property timer.boot.retry."""

    kinds = frozenset({CONTAINER})

    def __init__(
        self,
        node: str,
        state_dir: Path,
        run_dir: Path,
        rootfs: RootFsProvider[R],
        clock: Callable[[], datetime],
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        self.boot_retry = timedelta(seconds=600)
        self._holds = Holds()
        self._workshop = Workshop(node, state_dir, run_dir, rootfs, clock, stop_grace_s)

    def configurators(self) -> Mapping[str, Configurator]:
        return {CONTAINER: Containers(self._workshop, self._holds, lambda: self.boot_retry)}

    async def observe(self) -> Observation:
        for app in self._workshop.known_apps():
            place = self._workshop.place(app).path
            if self._holds.is_left(place) and app in self._running():
                await self._holds.let_go_left(place, partial(self._go_on, app))
        return await asyncio.to_thread(see, self._workshop, self.boot_retry)

    @asynccontextmanager
    async def held(self, app: AppInstanceId) -> AsyncGenerator[None]:
        """Its processes stand still; one that is down stays so."""
        async with self._holds.held(
            self._workshop.place(app).path,
            lambda: app in self._running(),
            lambda: runtimes.pause(self._workshop.runtime(), self._workshop.bundle(app).id),
            lambda: self._go_on(app),
        ):
            yield

    async def _go_on(self, app: AppInstanceId) -> None:
        if app in self._running():
            await runtimes.resume(self._workshop.runtime(), self._workshop.bundle(app).id)

    def running(self) -> dict[AppInstanceId, frozenset[int]]:
        """The processes of each container."""
        return {
            app: frozenset({run.pid}) | cgroups.pids(self._workshop.cgroup(app))
            for app in self._running()
            if (run := self._workshop.run_of(app)) is not None
        }

    def run(self, app: AppInstanceId) -> Run | None:
        """None when it does not run.  Its note names the runtime."""
        run = self._workshop.run_of(app)
        if run is None or not run.alive:
            return None
        return replace(run, note=f"OCI runtime {run.note}")

    def facts(self, app: AppInstanceId) -> AppFacts | None:
        """Usage of a running container; None when it does not run."""
        run = self.run(app)
        if run is None:
            return None
        group = self._workshop.cgroup(app)
        return AppFacts(run, cgroups.usage(group), cgroups.memory_limit(group))

    def log_source(self, app: AppInstanceId) -> LogSource:
        return self._workshop.log_source(app)

    def forget(self, app: AppInstanceId) -> None:
        """The app was deleted and its last lines are uploaded: drop its log."""
        self._workshop.forget(app)

    async def close(self) -> None:
        """Nothing is held open: containers go on under conmon."""

    def _running(self) -> frozenset[AppInstanceId]:
        runs = ((app, self._workshop.run_of(app)) for app in self._workshop.known_apps())
        return frozenset(app for app, run in runs if run is not None and run.alive)
