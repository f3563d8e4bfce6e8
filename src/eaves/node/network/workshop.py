"""What all that makes network items shares: where things are, one lock, and the record of each."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from eaves.errors import Transient
from eaves.node.host import links
from eaves.node.host.files import read_or_none
from eaves.node.network.records import Records
from eaves.reconcile.apply import ProgressSink, backoff

LONGEST_RETRY_S = 60.0


class BridgeGone(Transient):
    def __init__(self, name: str) -> None:
        super().__init__(f"interface {name} is gone; it is made again first")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all configurators share.  nftables transactions read before they write: `lock`."""

    table: str
    folder: Path
    lock: asyncio.Lock
    # Map entries, by family, map and key, that were led from one item's rules to another's: the
    # record of the first still says that they are its own.
    moved: set[tuple[str, str, tuple[str, ...]]] = field(default_factory=set, init=False)
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", Records(self.folder / "items"))

    def dnsmasq_folder(self, bridge: str) -> Path:
        return self.folder / "dnsmasq" / bridge

    def dhcp_folder(self, vif: str) -> Path:
        return self.folder / "dhcp" / vif

    def netns_inode_file(self, name: str) -> Path:
        return self.folder / "netns" / name

    async def adopt_netns(self, name: str) -> bool:
        """Is the namespace there?  One that only lost its name gets it back."""
        written = read_or_none(self.netns_inode_file(name)) or b"0"
        return await links.adopt_netns(name, int(written) if written.isdigit() else 0)


class Made(ABC):
    """Keeps the record; the subclasses know how it is done."""

    def __init__(self, workshop: Workshop) -> None:
        self.shop = workshop

    @abstractmethod
    async def make(self, item: Any, running: Any) -> None: ...

    @abstractmethod
    async def unmake(self, item: Any) -> None: ...

    def begun(self, item: Any) -> Any:
        """The record while it is being made: enough to take down what a cut leaves.

        Where the kernel does not show that an item is whole, it has an attribute that no
        intention has, so that it is made again.
        """
        return item

    def _begin(self, item: Any) -> Any:
        """What was recorded so far, which goes on to say what there is to take down."""
        written = self.shop.records.get(item.ref)
        begun = self.begun(item if written is None else written)
        if begun != written:
            self.shop.records.put(begun)
        return written

    async def create(self, item: Any, progress: ProgressSink, /) -> None:
        running = self._begin(item)
        await self.make(item, running)
        self.shop.records.put(item)

    async def modify(self, running: Any, item: Any, progress: ProgressSink, /) -> None:
        self._begin(item)
        await self.make(item, running)
        self.shop.records.put(item)

    async def delete(self, item: Any, progress: ProgressSink, /) -> None:
        await self.unmake(item)
        self.shop.records.drop(item.ref)

    def retry_delay(self, item: Any, attempts: int, /) -> timedelta:
        return backoff(attempts, most_s=LONGEST_RETRY_S)
