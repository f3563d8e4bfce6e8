"""Storage as the runtime sees it: what it keeps, how it is made, what is there."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from eaves.ids import AppInstanceId, VolumeId
from eaves.node.storage import layers as layer_files
from eaves.node.storage.blobs import BlobStore
from eaves.node.storage.collect import Collector
from eaves.node.storage.configurators import (
    ContentTreeConfigurator,
    Journal,
    VolumeConfigurator,
)
from eaves.node.storage.content import ChooseUplinks, ContentFetcher, ResolveCredentials
from eaves.node.storage.door import Door, Guarded, open_door
from eaves.node.storage.facts import BlobFact, StorageFacts, TreeFact, VolumeFact
from eaves.node.storage.items import CONTENT_TREE, SNAPSHOT, VOLUME
from eaves.node.storage.layers import LayerStore
from eaves.node.storage.ledger import Ledger
from eaves.node.storage.observe import complete_trees, look
from eaves.node.storage.ondisk import RootFs, VolumeOnDisk
from eaves.node.storage.records import Layout, TreeRecord, VolumeRecord, load
from eaves.node.storage.registry import Platform
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.snapshots import Pause, SnapshotConfigurator, SnapshotStore
from eaves.node.storage.space import remaining
from eaves.node.storage.transfer import (
    Failed,
    Pace,
    Uplink,
    Watched,
    at_once,
    nobody_looks,
    nobody_told,
)
from eaves.node.storage.volumes import VolumeStore
from eaves.reconcile.apply import Clock, Configurator
from eaves.reconcile.item import ItemRef, Observation


async def any_uplink(_url: str) -> tuple[Uplink, ...]:
    """The kernel chooses."""
    return (Uplink(),)


@asynccontextmanager
async def nobody_runs(_app: AppInstanceId) -> AsyncGenerator[None]:
    """There is nothing to hold still."""
    yield


class StorageSubsystem:
    """One for each node; owns everything below its vault folder.

    `retry` is told which items may be tried again because space came back.  `credentials` turns
    the key of a source (`datastore/<id>`) into a secret when it is used; `uplinks` names the ways
    out for downloads, best first.  `door` says why nothing below the folder can be used now: what
    is asked for waits with that sentence, and nothing is seen or removed.  `pause` holds an app
    still while a snapshot of its volumes is taken.
    """

    kinds = frozenset({CONTENT_TREE, VOLUME, SNAPSHOT})

    def __init__(
        self,
        vault: Path,
        clock: Clock,
        *,
        retry: Callable[[ItemRef], None] = lambda _: None,
        credentials: ResolveCredentials = lambda _: None,
        uplinks: ChooseUplinks = any_uplink,
        pace: Pace = at_once,
        failed: Failed = nobody_told,
        watched: Watched = nobody_looks,
        settings: StorageSettings | None = None,
        door: Door = open_door,
        pause: Pause = nobody_runs,
    ) -> None:
        self._clock = clock
        self._door = door
        self._settings = settings or StorageSettings()
        self._layout = Layout(vault)
        if not door():
            self._layout.make()
        self._blobs = BlobStore(self._layout, self._now)
        self._layers = LayerStore(self._layout, self._now)
        self._ledger = Ledger(self._layout, lambda: self._settings)
        self._volumes = VolumeStore(self._layout, self._ledger, self._now)
        self._snapshots = SnapshotStore(self._layout, self._ledger, self._volumes, pause, self._now)
        self._journal = Journal(clock, retry)
        self._fetcher = ContentFetcher(
            self._layout,
            self._blobs,
            self._layers,
            self._ledger,
            lambda: self._settings,
            credentials=credentials,
            uplinks=uplinks,
            pace=pace,
            failed=failed,
            watched=watched,
            now=self._now,
            platform=Platform.here(),
        )
        self._collector = Collector(
            self._layout,
            self._blobs,
            self._layers,
            self._volumes,
            self._snapshots,
            self._fetcher.claims,
            lambda: self._settings,
        )

    def configure(self, settings: StorageSettings) -> None:
        """Obey other properties from now on; transfers under way keep theirs."""
        self._settings = settings

    def configurators(self) -> Mapping[str, Configurator]:
        return {
            CONTENT_TREE: Guarded(
                ContentTreeConfigurator(
                    self._layout,
                    self._fetcher,
                    self._collector,
                    self._journal,
                    lambda: self._settings,
                ),
                self._door,
            ),
            VOLUME: Guarded(
                VolumeConfigurator(
                    self._layout,
                    self._volumes,
                    self._snapshots,
                    self._collector,
                    self._journal,
                    lambda: self._settings,
                ),
                self._door,
            ),
            SNAPSHOT: Guarded(
                SnapshotConfigurator(
                    self._snapshots, self._collector.drop_content, self._journal.freed
                ),
                self._door,
            ),
        }

    def opened(self) -> None:
        """What the door kept out may be used now."""
        self._layout.make()

    async def observe(self) -> Observation:
        if self._door():
            return Observation({}, {})
        await asyncio.to_thread(self._volumes.remove_half_made)
        await asyncio.to_thread(self._snapshots.remove_half_made)
        return await asyncio.to_thread(
            look,
            self._layout,
            self._blobs,
            self._layers,
            self._volumes,
            self._snapshots,
            self._clock(),
        )

    async def collect(self) -> int:
        """Remove unclaimed content that is old enough.  Not before a configuration arrived."""
        if self._door():
            return 0
        gone = await self._collector.collect(self._now())
        if gone:
            self._journal.freed()
        return gone

    def content_file(self, ref: ItemRef) -> Path | None:
        """The one file of a content tree: itself, or the one layer of an image; None: not here."""
        record = None if self._door() else load(self._layout.tree_record(ref), TreeRecord)
        if record is None:
            return None
        files = [m.sha256 for m in record.members if m.role in ("file", "layer")]
        if len(files) != 1 or self._blobs.size(files[0]) is None:
            return None
        return self._layout.blob(files[0])

    def volume_paths(self, volume: VolumeId, generation: int) -> VolumeOnDisk:
        """A finished volume; Transient while it is not."""
        return self._volumes.on_disk(volume, generation)

    def container_rootfs(self, volume: VolumeId, generation: int) -> RootFs:
        """The parts of a container volume; Rejected for a disk."""
        return self._volumes.rootfs(volume, generation)

    async def mount_rootfs(self, rootfs: RootFs, target: Path) -> None:
        """Overlay the parts at `target` (made if missing); mounted already: nothing to do."""
        await layer_files.mount_rootfs(self._layout, rootfs, target)

    async def unmount_rootfs(self, target: Path) -> None:
        """Take it off again; not mounted: nothing to do."""
        await layer_files.unmount_rootfs(target)

    async def facts(self) -> StorageFacts:
        """What the status reports beside the reconciler's view; walks container volumes."""
        return await asyncio.to_thread(self._facts)

    async def close(self) -> None:
        """Nothing is held open between two steps."""

    def _now(self) -> float:
        return self._clock().timestamp()

    def _facts(self) -> StorageFacts:
        if self._door():
            return StorageFacts(
                reached=dict(self._journal.reached),
                failing_since=dict(self._journal.failing_since),
            )
        usage = self._ledger.usage()
        return StorageFacts(
            trees={
                record.item.ref: TreeFact(
                    record.digest,
                    tuple(member.sha256 for member in record.members),
                    record.size_bytes,
                    _moment(record.made_at),
                )
                for record in complete_trees(self._layout, self._blobs, self._layers)
            },
            volumes={r.item.ref: self._volume_fact(r) for r in self._volumes.all()},
            blobs=self._blob_facts(),
            reached=dict(self._journal.reached),
            failing_since=dict(self._journal.failing_since),
            starved=frozenset(self._journal.starved),
            total_bytes=usage.total,
            remaining_bytes=remaining(usage, self._settings),
        )

    def _volume_fact(self, record: VolumeRecord) -> VolumeFact:
        path = self._volumes.data(record)
        used = 0
        if record.kind == "container":
            used = _used_below(path)
            self._ledger.container_bytes[record.item.ref.name] = used
        elif not record.shared and path.exists():
            used = path.stat().st_blocks * 512
        return VolumeFact(record.size_bytes, used, _moment(record.made_at))

    def _blob_facts(self) -> tuple[BlobFact, ...]:
        users = self._collector.users()
        facts: list[BlobFact] = []
        for sha256 in self._blobs.all():
            size = self._blobs.size(sha256)
            if size is not None:
                at = _moment(self._blobs.verified_at(sha256))
                facts.append(BlobFact(sha256, size, size, True, users.get(sha256, 0), at))
        for sha256, (here, total) in self._blobs.under_way.copy().items():
            facts.append(BlobFact(sha256, here, total, False, users.get(sha256, 0)))
        return tuple(facts)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _used_below(folder: Path) -> int:
    used = 0
    for at, _, files in os.walk(folder):
        for name in files:
            try:
                used += os.lstat(Path(at, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return used
