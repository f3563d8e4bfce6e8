"""Making and removing content trees and volumes, as the reconciler asks."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from eaves.errors import EavesError, Rejected, Transient
from eaves.node.storage.collect import Collector
from eaves.node.storage.content import ContentFetcher
from eaves.node.storage.items import ContentTree, Volume
from eaves.node.storage.records import Layout, TreeRecord, load, save
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.snapshots import SnapshotStore
from eaves.node.storage.space import NoSpace
from eaves.node.storage.volumes import VolumeStore
from eaves.reconcile.apply import ProgressSink, backoff
from eaves.reconcile.item import ItemRef, Progress

FIRST_RETRY_S = 5.0


class Journal:
    """What the status needs beyond the reconciler's report: how far things came, since when not."""

    def __init__(self, clock: Callable[[], datetime], retry: Callable[[ItemRef], None]) -> None:
        self._clock = clock
        self._retry = retry
        self.reached: dict[ItemRef, Progress] = {}
        self.failing_since: dict[ItemRef, datetime] = {}
        self.starved: set[ItemRef] = set()  # turned away for want of space

    async def work(
        self, ref: ItemRef, sink: ProgressSink, job: Callable[[ProgressSink], Awaitable[object]]
    ) -> None:
        def note(progress: Progress) -> None:
            self.reached[ref] = progress
            sink(progress)

        try:
            await job(note)
        except EavesError as error:
            self.failing_since.setdefault(ref, self._clock())
            if isinstance(error, NoSpace):
                self.starved.add(ref)
            raise
        self.forget(ref)

    def forget(self, ref: ItemRef) -> None:
        self.reached.pop(ref, None)
        self.failing_since.pop(ref, None)
        self.starved.discard(ref)

    def freed(self) -> None:
        """Space came back: who was turned away may try now."""
        starved, self.starved = self.starved, set()
        for ref in sorted(starved):
            self._retry(ref)


class ContentTreeConfigurator:
    def __init__(
        self,
        layout: Layout,
        fetcher: ContentFetcher,
        collector: Collector,
        journal: Journal,
        settings: Callable[[], StorageSettings],
    ) -> None:
        self._layout = layout
        self._fetcher = fetcher
        self._collector = collector
        self._journal = journal
        self._settings = settings

    async def create(self, item: ContentTree, progress: ProgressSink, /) -> None:
        await self._journal.work(item.ref, progress, lambda note: self._fetcher.bring(item, note))

    async def modify(self, running: ContentTree, item: ContentTree, _: ProgressSink, /) -> None:
        """Other sources are only noted.  Other content is refused: volumes stand on this one."""
        same_name = bool(item.sha256) or running.url == item.url
        if running.sha256 != item.sha256 or running.format != item.format or not same_name:
            raise Rejected(
                f"{item.ref}: changed its content without a new generation; volumes were made "
                "from what it was: raise generation_count"
            )
        path = self._layout.tree_record(item.ref)
        record = load(path, TreeRecord)
        if record is None:
            raise Transient(f"{item.ref}: its record is gone; it is checked and written again")
        save(path, replace(record, item=item))

    async def delete(self, item: ContentTree, progress: ProgressSink, /) -> None:
        await self._collector.drop_tree(item.ref)
        self._journal.forget(item.ref)
        self._journal.freed()

    def retry_delay(self, item: ContentTree, attempts: int, /) -> timedelta:
        return backoff(attempts, FIRST_RETRY_S, float(self._settings().download_retry_s))


class VolumeConfigurator:
    def __init__(
        self,
        layout: Layout,
        volumes: VolumeStore,
        snapshots: SnapshotStore,
        collector: Collector,
        journal: Journal,
        settings: Callable[[], StorageSettings],
    ) -> None:
        self._layout = layout
        self._volumes = volumes
        self._snapshots = snapshots
        self._collector = collector
        self._journal = journal
        self._settings = settings

    async def create(self, item: Volume, progress: ProgressSink, /) -> None:
        async def job(note: ProgressSink) -> None:
            note(Progress(0, None, "CREATING_VOLUME"))
            if item.restored:
                await self._snapshots.restore(item)
                return
            tree: TreeRecord | None = None
            if item.origin is not None:
                tree = load(self._layout.tree_record(item.origin), TreeRecord)
                if tree is None:
                    raise Transient(f"{item.ref}: {item.origin} is not here yet")
            await self._volumes.make(item, tree)

        await self._journal.work(item.ref, progress, job)

    async def modify(self, running: Volume, item: Volume, _: ProgressSink, /) -> None:
        if (running.tree, running.size_bytes) != (item.tree, item.size_bytes):
            raise Rejected(
                f"{item.ref}: changed its origin or size without a new generation; what the app "
                "wrote would be lost: raise generationCount"
            )
        if item.restored != running.restored:
            await self._snapshots.restore(item)
        else:
            self._volumes.note(item)

    async def delete(self, item: Volume, progress: ProgressSink, /) -> None:
        await self._collector.drop_content(await self._volumes.remove(item.ref))
        self._journal.forget(item.ref)
        self._journal.freed()

    def retry_delay(self, item: Volume, attempts: int, /) -> timedelta:
        return backoff(attempts, FIRST_RETRY_S, float(self._settings().download_retry_s))
