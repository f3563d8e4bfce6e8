"""What is really on disk.

A record is believed when what it speaks for is still what was verified: size, mtime and inode of
each blob, not its hash, or a start would read every disk.
"""

from datetime import datetime

from eaves.node.host.files import named
from eaves.node.storage.blobs import BlobStore
from eaves.node.storage.layers import LayerStore
from eaves.node.storage.records import Layout, TreeRecord, load
from eaves.node.storage.snapshots import SnapshotStore
from eaves.node.storage.volumes import VolumeStore
from eaves.reconcile.item import Fault, Item, ItemRef, Observation


def complete_trees(layout: Layout, blobs: BlobStore, layers: LayerStore) -> tuple[TreeRecord, ...]:
    found = (load(layout.trees / name, TreeRecord) for name in named(layout.trees, ".json"))
    return tuple(
        record
        for record in found
        if record is not None
        and all(blobs.size(member.sha256) is not None for member in record.members)
        and all(layers.record(sha256) is not None for sha256 in record.layers)
    )


def look(
    layout: Layout,
    blobs: BlobStore,
    layers: LayerStore,
    volumes: VolumeStore,
    snapshots: SnapshotStore,
    now: datetime,
) -> Observation:
    present: dict[ItemRef, Item] = {}
    faults: dict[ItemRef, Fault] = {}
    for tree in complete_trees(layout, blobs, layers):
        present[tree.item.ref] = tree.item
    for volume in volumes.all():
        ref = volume.item.ref
        path = volumes.data(volume)
        present[ref] = volume.item
        if not path.exists():
            faults[ref] = Fault(
                f"{ref}: its data {path} is gone; purge the app to make it anew", now, final=True
            )
    for snapshot in snapshots.all():
        present[snapshot.item.ref] = snapshot.item
    return Observation(present, faults)
