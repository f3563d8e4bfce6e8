"""Create, change and delete virtual machines."""

from collections.abc import Callable
from datetime import timedelta

from eaves.node.domains.items import Domain
from eaves.node.domains.workshop import Workshop
from eaves.node.host.held import Holds
from eaves.reconcile.apply import ProgressSink
from eaves.reconcile.item import Progress

FIRST_TRIES = 3
BETWEEN_FIRST_TRIES = timedelta(seconds=5)


class Domains:
    def __init__(
        self, workshop: Workshop, holds: Holds, boot_retry: Callable[[], timedelta]
    ) -> None:
        self._workshop = workshop
        self._holds = holds
        self._boot_retry = boot_retry

    async def create(self, item: Domain, progress: ProgressSink, /) -> None:
        progress(Progress(0, 1, "BOOTING"))
        # not while its disks are copied
        async with self._holds.starting(self._workshop.folder(item.app)):
            await self._workshop.start(item)

    async def modify(self, running: Domain, item: Domain, progress: ProgressSink, /) -> None:
        """Never planned: every difference of a machine replaces it."""

    async def delete(self, item: Domain, progress: ProgressSink, /) -> None:
        progress(Progress(0, 1, "HALTING"))
        await self._workshop.stop(item.app)

    def retry_delay(self, item: Domain, attempts: int, /) -> timedelta:
        return BETWEEN_FIRST_TRIES if attempts < FIRST_TRIES else self._boot_retry()
