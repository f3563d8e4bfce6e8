"""CPUs of workloads as the runtime sees them: read from the kernel, and set there."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from eaves.ids import AppInstanceId
from eaves.node.cpus.items import CPUS, CpuSet
from eaves.node.host import affinity
from eaves.reconcile.apply import Configurator, ProgressSink, backoff
from eaves.reconcile.item import Observation

# Processes of what runs: by app and by whether it is a container.
Running = Callable[[], Mapping[tuple[AppInstanceId, bool], frozenset[int]]]


class CpusSubsystem:
    """One for each node."""

    kinds = frozenset({CPUS})

    def __init__(self, running: Running) -> None:
        self._running = running
        self._sets = _CpuSets(running)
        self._looked = False

    def configurators(self) -> Mapping[str, Configurator]:
        return {CPUS: self._sets}

    async def observe(self) -> Observation:
        """Looks once for what an earlier process of the node left; then where one is set."""
        if self._looked and not self._sets.may_be_set:
            return Observation({}, {})
        seen = await asyncio.to_thread(self._see)
        self._looked = True
        self._sets.may_be_set |= bool(seen.present)
        return seen

    def _see(self) -> Observation:
        """A workload is where all its processes may run; the widest of them decides."""
        everywhere = affinity.usable()
        found: list[CpuSet] = []
        for (app, container), pids in self._running().items():
            cpus = affinity.of_processes(pids)
            if cpus and cpus != everywhere:
                found.append(CpuSet(app, container, tuple(sorted(cpus))))
        return Observation({one.ref: one for one in found}, {})

    async def close(self) -> None:
        """Nothing is held open."""


class _CpuSets:
    def __init__(self, running: Running) -> None:
        self._running = running
        self.may_be_set = False  # for any app, since this process began

    async def create(self, item: CpuSet, _: ProgressSink, /) -> None:
        self.may_be_set = True
        await asyncio.to_thread(self._set, item, frozenset(item.cpus))

    async def modify(self, running: CpuSet, item: CpuSet, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._set, item, frozenset(item.cpus))

    async def delete(self, item: CpuSet, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._set, item, affinity.usable())

    def retry_delay(self, item: CpuSet, attempts: int, /) -> timedelta:
        return backoff(attempts)

    def _set(self, item: CpuSet, cpus: frozenset[int]) -> None:
        pids = self._running().get((item.app, item.container), frozenset())
        affinity.set_of_processes(pids, cpus)
