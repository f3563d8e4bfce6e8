"""What the status is told about what is on disk, by value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eaves.reconcile.item import ItemRef, Progress


@dataclass(frozen=True, slots=True)
class BlobFact:
    sha256: str
    size_bytes: int  # here; of a partial one: so far
    total_bytes: int | None
    verified: bool
    users: int
    at: datetime | None = None  # since when it is here


@dataclass(frozen=True, slots=True)
class TreeFact:
    digest: str
    components: tuple[str, ...]
    size_bytes: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class VolumeFact:
    max_bytes: int
    used_bytes: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class StorageFacts:
    trees: Mapping[ItemRef, TreeFact] = field(default_factory=dict[ItemRef, TreeFact])
    volumes: Mapping[ItemRef, VolumeFact] = field(default_factory=dict[ItemRef, VolumeFact])
    blobs: tuple[BlobFact, ...] = ()
    # Of what is not complete:
    reached: Mapping[ItemRef, Progress] = field(default_factory=dict[ItemRef, Progress])
    failing_since: Mapping[ItemRef, datetime] = field(default_factory=dict[ItemRef, datetime])
    starved: frozenset[ItemRef] = frozenset()  # waiting for space
    total_bytes: int = 0
    remaining_bytes: int = 0  # 0: ask for maintenance mode
