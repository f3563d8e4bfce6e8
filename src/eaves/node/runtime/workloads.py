"""Machines and containers side by side: what the service asks of either."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from eaves.evapi.config import VolumeRef
from eaves.evapi.metrics import AppDiskMetric, AppMetric, ZMetricNetworkInstance
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.app_metrics import app_metric
from eaves.node.containers.subsystem import ContainersSubsystem
from eaves.node.domains.subsystem import DomainsSubsystem
from eaves.node.host.applogs import LogFormat, LogSource
from eaves.node.host.workloads import Run
from eaves.node.network import status as network_status
from eaves.node.network.items import NetworkItem
from eaves.node.network.learning import Learned, Leases
from eaves.node.network.subsystem import NetworkSubsystem
from eaves.node.runtime.wish import Wish
from eaves.node.storage.facts import StorageFacts

DEVICE = AppInstanceId("device")  # the name under which the node's own log is a source


class Workloads:
    def __init__(
        self,
        domains: DomainsSubsystem,
        containers: ContainersSubsystem,
        network: NetworkSubsystem,
        device_log: Path,
    ) -> None:
        self._domains = domains
        self._containers = containers
        self._network = network
        self._device_log = LogSource(DEVICE, device_log, LogFormat.RAW)

    def set_boot_retry(self, delay: timedelta) -> None:
        """timer.boot.retry: how long a workload that ended by itself stays down."""
        self._domains.boot_retry = delay
        self._containers.boot_retry = delay

    @property
    def learned(self) -> Learned:
        """What is heard of addresses on switches goes here."""
        return self._network.learned

    def leases(self) -> Leases:
        return self._network.leases()

    async def watch_crashes_forever(self) -> None:
        """Of guests, where the node keeps their memory."""
        await self._domains.watch_crashes_forever()

    @asynccontextmanager
    async def held(self, app: AppInstanceId) -> AsyncGenerator[None]:
        """Whatever runs of the app stands still."""
        async with self._domains.held(app), self._containers.held(app):
            yield

    def running(self) -> dict[tuple[AppInstanceId, bool], frozenset[int]]:
        """Processes by app, and whether it is a container."""
        return {
            **{(app, False): pids for app, pids in self._domains.running().items()},
            **{(app, True): pids for app, pids in self._containers.running().items()},
        }

    def run(self, app: AppInstanceId) -> Run | None:
        """Of a running app; its note says what carries it: the accelerator, or the OCI runtime."""
        return self._containers.run(app) or self._domains.run(app)

    def device_log(self) -> LogSource:
        return self._device_log

    def log_source(self, app: AppInstanceId, *, container: bool) -> LogSource:
        return (self._containers if container else self._domains).log_source(app)

    def forget(self, app: AppInstanceId) -> None:
        """The app is gone and its last lines are taken over."""
        self._containers.forget(app)
        self._domains.forget(app)

    async def metrics(
        self, wish: Wish | None, stored: StorageFacts
    ) -> tuple[tuple[AppMetric, ...], tuple[ZMetricNetworkInstance, ...]]:
        if wish is None:
            return (), ()
        counters = await self._network.counters()
        items = network_items(wish)
        found: list[AppMetric] = []
        for app in wish.apps:
            traffic = network_status.app_metrics(app.app, items, counters)
            disks = tuple(_disks(app.config.volume_ref_list, stored))
            carrier = self._containers if app.app in wish.containers else self._domains
            found.append(app_metric(app, carrier.facts(app.app), traffic, disks))
        return tuple(found), network_status.network_instance_metrics(wish.config, items, counters)


def network_items(wish: Wish) -> list[NetworkItem]:
    return [item for item in wish.graph.values() if isinstance(item, NetworkItem)]


def _disks(volumes: Iterable[VolumeRef], stored: StorageFacts) -> Iterable[AppDiskMetric]:
    for one in volumes:
        fact = stored.volumes.get(refs.volume(VolumeId(one.uuid), one.generation_count))
        if fact is not None:
            yield AppDiskMetric(
                disk=one.uuid,
                provisioned=fact.max_bytes >> 20,
                used=fact.used_bytes >> 20,
            )
