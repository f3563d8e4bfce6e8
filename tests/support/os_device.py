"""A device with two slots that are files, and the node on it; it goes down when a test says so."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.os_updates import Computer, Release

from eaves.evapi.config import BaseOS, ContentTree, DeviceOpsCmd, EdgeDevConfig
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import BootReason
from eaves.node.baseos.bundle import Manifest
from eaves.node.baseos.health import Check, boot_partition
from eaves.node.baseos.ports import Around, Content
from eaves.node.baseos.slots import Phase
from eaves.node.baseos.subsystem import BaseOs
from eaves.node.baseos.trial import Answer, Limits
from eaves.node.checkpoint import Checkpoint
from eaves.reconcile.item import ItemRef

TREE = "8f0d7c1e-0000-4000-8000-000000000001"
LIMITS = Limits(silence_s=300, window_s=600, vault_s=300)


def config(
    version: str, *, activate: bool = True, retry: int | None = None, tree: str = TREE
) -> EdgeDevConfig:
    return EdgeDevConfig(
        baseos=BaseOS(
            content_tree_uuid=tree,
            base_os_version=version,
            activate=activate,
            retry_update=None if retry is None else DeviceOpsCmd(counter=retry),
        ),
        content_info=(ContentTree(uuid=TREE, generation_count=1),),
    )


@dataclass
class Device:
    """A device with a node on it; a boot makes the node anew, on what is on its disk."""

    computer: Computer
    state: Path
    clock: float = 0.0
    boots: Iterator[int] = field(default_factory=itertools.count)
    boot_id: str = ""
    content: Path | None = None
    vault_open: bool = True
    ill: str = ""
    seal: Exception | None = None
    announced: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    settled: int = 0
    words: str = "kernel: last line"
    asked_for: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    reboots: list[BootReason] = field(default_factory=list[BootReason])
    checkpoint: Checkpoint | None = None
    node: BaseOs | None = None

    async def boot(self, text: str = "power was lost", *, forced: int = 0) -> BaseOs:
        self.computer.boot()
        self.boot_id = f"boot-{next(self.boots)}"
        return await self.start(text, forced=forced)

    async def start(
        self, text: str = "the node process was restarted", *, forced: int = 0
    ) -> BaseOs:
        """The node alone."""
        node = self.make(text)
        await node.start()
        return node

    def make(self, text: str = "the node process was restarted") -> BaseOs:
        """A node that has looked at nothing yet."""
        self.close()
        self.checkpoint = Checkpoint(self.state)
        reason = self.reboots[-1] if self.reboots else BootReason.BOOT_REASON_POWER_FAIL
        disk = self.computer.disk()
        around = Around(
            content=self._content,
            announce=self._announce,
            settle=self._settle,
            vault_open=lambda: self.vault_open,
            limits=lambda: LIMITS,
            reboot=lambda reason, _: self.reboots.append(reason),
            checks=(boot_partition(disk.states), Check("units", lambda: self.ill)),
            last_words=self._last_words,
            changed=lambda: None,
            clock=lambda: self.clock,
            now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
            boot_id=self.boot_id,
            boot_reason=reason,
            boot_text=text,
        )
        self.node = BaseOs(disk, self.checkpoint, around)
        return self.node

    def close(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.close()

    def _content(self, ref: ItemRef) -> Content:
        assert ref.kind == "content-tree"
        return Content(self.content)

    async def _announce(self, running: Manifest, coming: Manifest) -> None:
        if self.seal is not None:
            raise self.seal
        self.announced.append((running.version, coming.version))

    async def _last_words(self, version: str, begun_by: str) -> str:
        self.asked_for.append((version, begun_by))
        return self.words

    async def _settle(self) -> None:
        self.settled += 1

    def offer(self, release: Release) -> None:
        self.content = self.computer.update(release)

    async def follow(self, wanted: EdgeDevConfig, forced: int = 0) -> BaseOs:
        assert self.node is not None
        self.node.follow(wanted, ItemValues({"force.fallback.counter": forced}))
        await self.node.round()
        return self.node

    async def passes(self, seconds: float, answer: Answer, every: float = 30) -> BaseOs:
        """Time with the controller."""
        assert self.node is not None
        end = self.clock + seconds
        while self.clock < end:
            self.clock += every
            self.node.heard(answer)
            await self.node.round()
        return self.node

    async def update(self, version: str) -> BaseOs:
        """As far as the trial boot of another version."""
        self.offer(self.computer.release(version))
        node = await self.follow(config(version))
        assert node.phase is Phase.REBOOTING
        return await self.boot("the update asked for it")
