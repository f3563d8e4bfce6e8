"""What storage keeps: immutable content trees, volumes made from them, and snapshots of volumes.

Items hold plain values only.  A secret never stands in one: `Source.credentials` is a key that
the subsystem hands to the resolver it was given.
"""

from dataclasses import dataclass, field
from typing import Self

from eaves.ids import AppInstanceId, ContentTreeId, DatastoreId, VolumeId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

CONTENT_TREE = "content-tree"
VOLUME = "volume"
SNAPSHOT = "snapshot"

CONTAINER = "CONTAINER"  # the only format that is not one file
CONVERTED = frozenset({"QCOW", "VHD", "VMDK", "VHDX"})  # become qcow2 when a volume is made
DISK_FORMATS = frozenset({"RAW", "QCOW2", "ISO"}) | CONVERTED


@dataclass(frozen=True, slots=True)
class Source:
    """One datastore as a place to fetch from; `base` is an absolute URL without a last slash."""

    datastore: DatastoreId
    kind: str  # "http", "registry" (OCI distribution), "s3", "azure", "google" or "sftp"
    base: str
    credentials: str = ""  # opaque key for the resolver; blank: none
    ca_pem: tuple[str, ...] = ()  # roots besides those of the system; for sftp the host's keys
    region: str = ""  # of an S3 bucket


@dataclass(frozen=True, slots=True)
class ContentTree:
    """An artefact, downloaded and verified; a container image's layers are unpacked too."""

    id: ContentTreeId
    generation: int
    url: str  # relative to a source; "repository:tag" or "repository@sha256:..." for a container
    format: str  # name of the wire's Format: RAW, QCOW2, CONTAINER, ...
    sha256: str  # of the top object; blank only for a container: the tag is resolved once
    max_size_bytes: int = 0  # 0: no limit declared
    sources: tuple[Source, ...] = ()  # tried in this order

    @property
    def ref(self) -> ItemRef:
        return refs.content_tree(self.id, self.generation)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        """Never: volumes stand on it.  Other content needs another generation."""
        return False


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk or a container's root, made from a content tree or blank."""

    id: VolumeId
    generation: int
    tree: ContentTreeId | None  # None: blank
    tree_generation: int = 0
    size_bytes: int = 0  # declared maximum; 0: as large as its content
    format: str = "RAW"  # of its content
    read_only: bool = False
    encrypted: bool = False  # carried for the status; not acted on yet
    as_is: bool = False  # no disk: a file that is read as its content came
    restored: str = ""  # the roll-back that gave it its data: "<snapshot>/<counter>"

    @property
    def ref(self) -> ItemRef:
        return refs.volume(self.id, self.generation)

    @property
    def origin(self) -> ItemRef | None:
        return None if self.tree is None else refs.content_tree(self.tree, self.tree_generation)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset() if self.origin is None else frozenset({self.origin})

    def replaces(self, running: Self, /) -> bool:
        """Never: it would lose what the app wrote.  A new generation is another item."""
        return False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the volumes of an app held when it was taken, and the configuration of that moment."""

    id: str
    app: AppInstanceId
    version: str = field(compare=False)  # of the app's configuration
    type: int  # the wire's SnapshotType
    volumes: tuple[Volume, ...]
    in_force: bytes = field(repr=False, compare=False)  # an EdgeDevConfig, see AppRecord
    taken_at: float = field(default=0.0, compare=False)  # 0: not yet

    @property
    def ref(self) -> ItemRef:
        return refs.snapshot(self.id)

    def needs(self) -> frozenset[ItemRef]:
        """Content that its disks stand on; not its volumes, which it outlives."""
        return frozenset(v.origin for v in self.volumes if v.origin is not None)

    def replaces(self, running: Self, /) -> bool:
        """Always: what was taken once is never another thing."""
        return True
