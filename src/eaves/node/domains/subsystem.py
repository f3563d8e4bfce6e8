"""Virtual machines as the runtime sees them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from eaves.errors import EavesError
from eaves.ids import AppInstanceId
from eaves.node.app_metrics import AppFacts
from eaves.node.domains.configurators import Domains
from eaves.node.domains.items import DOMAIN
from eaves.node.domains.observe import see
from eaves.node.domains.workshop import DiskProvider, Workshop
from eaves.node.host import cgroups
from eaves.node.host.accel import Accel
from eaves.node.host.applogs import LogSource
from eaves.node.host.held import Holds
from eaves.node.host.workloads import Run
from eaves.reconcile.apply import Configurator
from eaves.reconcile.item import Observation

log = structlog.get_logger(__name__)

STOP_GRACE_S = 60.0
CRASHES_S = 20.0  # between two looks at guests whose crash is kept: they stand still until then


class DomainsSubsystem:
    """One for each node.  `boot_retry` follows the property timer.boot.retry."""

    kinds = frozenset({DOMAIN})

    def __init__(
        self,
        node: str,
        state_dir: Path,
        run_dir: Path,
        disks: DiskProvider,
        clock: Callable[[], datetime],
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        self.boot_retry = timedelta(seconds=600)
        self._holds = Holds()
        self._workshop = Workshop(node, state_dir, run_dir, disks, clock, stop_grace_s)

    def configurators(self) -> Mapping[str, Configurator]:
        return {DOMAIN: Domains(self._workshop, self._holds, lambda: self.boot_retry)}

    async def observe(self) -> Observation:
        for app in self._workshop.known_apps():
            folder = self._workshop.folder(app)
            if self._holds.is_left(folder) and app in self._running():
                await self._holds.let_go_left(folder, partial(self._workshop.go_on, app))
        return await asyncio.to_thread(see, self._workshop, self.boot_retry)

    @asynccontextmanager
    async def held(self, app: AppInstanceId) -> AsyncGenerator[None]:
        """The guest stands still, and what it wrote is on disk; one that is down stays so."""
        async with self._holds.held(
            self._workshop.folder(app),
            lambda: app in self._running(),
            lambda: self._workshop.monitored(app, "stop"),
            lambda: self._go_on(app),
        ):
            yield

    async def _go_on(self, app: AppInstanceId) -> None:
        if app in self._running():
            await self._workshop.monitored(app, "cont")

    async def watch_crashes_forever(self) -> None:
        while True:
            await asyncio.sleep(CRASHES_S)
            await self.keep_cores(self._running())

    async def keep_cores(self, apps: Iterable[AppInstanceId]) -> None:
        """Side by side: a machine that does not answer keeps none of the others waiting."""
        async with asyncio.TaskGroup() as tasks:
            for app in apps:
                tasks.create_task(self._keep_core(app), name=f"core of {app}")

    async def _keep_core(self, app: AppInstanceId) -> None:
        try:
            await self._workshop.keep_core(app)
        except (EavesError, OSError) as error:
            log.info("guest_not_asked", app=app, error=str(error)[:200])

    async def accelerator(self) -> Accel:
        """Which one machines get here, and why; the first call may take a minute."""
        return await self._workshop.probe.choose()

    def running(self) -> dict[AppInstanceId, frozenset[int]]:
        """The process of each machine."""
        runs = ((app, self._workshop.run_of(app)) for app in self._workshop.known_apps())
        return {app: frozenset({run.pid}) for app, run in runs if run is not None and run.alive}

    def run(self, app: AppInstanceId) -> Run | None:
        """None when it does not run.  Its note names the accelerator."""
        run = self._workshop.run_of(app)
        return run if run is not None and run.alive else None

    def facts(self, app: AppInstanceId) -> AppFacts | None:
        """Usage of a running machine; None when it does not run."""
        run, item = self.run(app), self._workshop.recorded(app)
        if run is None or item is None:
            return None
        usage = cgroups.usage(self._workshop.cgroup(app))
        return AppFacts(run, usage, item.memory_kib * 1024)

    def log_source(self, app: AppInstanceId) -> LogSource:
        return self._workshop.log_source(app)

    def forget(self, app: AppInstanceId) -> None:
        """The app was deleted and its last lines are uploaded: drop what is kept of it."""
        self._workshop.forget(app)

    async def close(self) -> None:
        """Nothing is held open: machines go on under their keepers."""

    def _running(self) -> frozenset[AppInstanceId]:
        return frozenset(self.running())
