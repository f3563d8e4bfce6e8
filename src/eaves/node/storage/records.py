"""Where things lie below the vault, and the small records that make them trustworthy.

    downloads/<sha256>.part .progress   on their way; survive any cut
    blobs/sha256/<sha256> .verified     whole and verified: the record names size, mtime and inode
    layers/<24 hex>/ .layer             an unpacked image layer, shared by all images that hold it
    trees/<id>#<gen>.json .tag          a content tree that is complete; what a tag was resolved to
    volumes/<id>#<gen>.json             a volume that is complete
    volumes/<id>#<gen>.qcow2 .raw .container/ .making
    volumes/<id>#<gen>.restoring .before  what a roll-back brings, and what it takes away
    snapshots/<id>/ .making/            the same files as they were, with a record of all of them

A record is written after all that it speaks for is on disk.  A volume without one is half made
when its `.making` marker is there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from eaves.node.host.files import atomic_write
from eaves.node.host.kept import KEPT
from eaves.node.storage.items import ContentTree, Snapshot, Volume
from eaves.node.storage.ondisk import ImageConfig
from eaves.reconcile.item import ItemRef

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layout:
    vault: Path

    @property
    def downloads(self) -> Path:
        return self.vault / "downloads"

    @property
    def blobs(self) -> Path:
        return self.vault / "blobs" / "sha256"

    @property
    def layers(self) -> Path:
        return self.vault / "layers"

    @property
    def trees(self) -> Path:
        return self.vault / "trees"

    @property
    def volumes(self) -> Path:
        return self.vault / "volumes"

    @property
    def snapshots(self) -> Path:
        return self.vault / "snapshots"

    def make(self) -> None:
        self.vault.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = (self.blobs, self.layers, self.trees, self.volumes, self.snapshots)
        for folder in (self.downloads, *kept):
            folder.mkdir(parents=True, exist_ok=True)

    def blob(self, sha256: str) -> Path:
        return self.blobs / sha256

    def layer(self, sha256: str) -> Path:
        """Named by part of the digest: the options of a long overlay must fit into one page."""
        return self.layers / sha256[:24]

    def layer_record(self, sha256: str) -> Path:
        return self.layers / f"{sha256[:24]}.layer"

    def tree_record(self, ref: ItemRef) -> Path:
        return self.trees / f"{ref.name}.json"

    def tag_record(self, ref: ItemRef) -> Path:
        return self.trees / f"{ref.name}.tag"

    def volume(self, ref: ItemRef, suffix: str) -> Path:
        """`suffix`: json, making, qcow2, raw or container."""
        return self.volumes / f"{ref.name}.{suffix}"


@dataclass(frozen=True, slots=True)
class Member:
    """One blob of a content tree."""

    sha256: str
    size_bytes: int
    role: str  # "file", "index", "manifest", "config", "layer"


@dataclass(frozen=True, slots=True)
class TagRecord:
    """What a tag meant when it was first asked for; a moved tag does not move a running app."""

    url: str
    digest: str


@dataclass(frozen=True, slots=True)
class TreeRecord:
    item: ContentTree
    digest: str  # sha256 of the top object
    members: tuple[Member, ...]
    made_at: float
    image: ImageConfig | None = None
    disk_format: str = ""  # what a disk image proved to be: "raw" or "qcow2"...
    virtual_size: int = 0  # of a disk image

    @property
    def size_bytes(self) -> int:
        return sum(m.size_bytes for m in self.members)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(m.sha256 for m in self.members if m.role == "layer")


@dataclass(frozen=True, slots=True)
class LayerRecord:
    sha256: str
    size_bytes: int  # unpacked
    made_at: float


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    item: Volume
    kind: str  # "disk" or "container"
    file: str  # name below volumes/, or below blobs/sha256/ for `shared`
    format: str
    size_bytes: int  # what the guest sees; declared maximum of a container
    blobs: tuple[str, ...]  # content it stands on, for as long as it exists
    made_at: float
    layers: tuple[str, ...] = ()  # bottom first
    image: ImageConfig | None = None
    digest: str = ""
    shared: bool = False  # an ISO: the content itself, read only


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    item: Snapshot
    volumes: tuple[VolumeRecord, ...]
    size_bytes: int  # what its files occupy; it never grows


def save(path: Path, record: object) -> None:
    atomic_write(path, msgspec.json.encode(record))


def load(path: Path, of: type[T]) -> T | None:
    """None when it is missing, empty or garbage: then its object is made again."""
    try:
        return KEPT.read(path, of)
    except msgspec.MsgspecError:
        return None
