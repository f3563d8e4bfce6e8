"""The base OS beside the running node: its content from storage, its seal in the vault, its words.

Only a machine that booted an image of ours has one.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.config_items import ItemValues
from eaves.evapi.event_log import parse_event_log
from eaves.evapi.info import BootReason
from eaves.node.baseos import ima
from eaves.node.baseos.booted import Booted, disk_of, update_keys
from eaves.node.baseos.bundle import Manifest
from eaves.node.baseos.health import boot_partition, control_groups, state_writable, units_running
from eaves.node.baseos.ports import Around, Content
from eaves.node.baseos.predict import predicted
from eaves.node.baseos.record import LAST_LINES
from eaves.node.baseos.slots import Phase
from eaves.node.baseos.subsystem import BaseOs
from eaves.node.baseos.trial import Limits
from eaves.node.checkpoint import Checkpoint
from eaves.node.host.machine_journal import journals_of_boots
from eaves.node.runtime.engine import Engine
from eaves.node.runtime.failed_system import FailedSystem
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

UNITS = ("eaves-mounts.service", "eaves-measure.service")  # the node needs what they do
FAILED_UNITS = Path("/run/eaves")
JOURNALS = Path("/var/log/journal")


@dataclass(frozen=True, slots=True)
class Boot:
    """This boot of the machine, and the end of the one before."""

    id: str
    reason: BootReason
    text: str
    node_log: str
    kernel_log: str


@dataclass(frozen=True, slots=True)
class Beside:
    """The parts of the node that an update needs."""

    checkpoint: Checkpoint
    storage: StorageSubsystem
    engine: Engine
    safekeeping: Safekeeping
    items: Callable[[], ItemValues]
    reboot: Callable[[BootReason, str], None]
    changed: Callable[[], None]
    now: Callable[[], datetime]
    state_dir: Path
    event_log: Path  # of this boot


def limits_of(items: ItemValues) -> Limits:
    return Limits(
        silence_s=items.seconds("timer.update.fallback.no.network"),
        window_s=items.seconds("timer.test.baseimage.update"),
        vault_s=items.seconds("timer.vault.ready.cutoff"),
    )


def base_os(booted: Booted, boot: Boot, beside: Beside) -> BaseOs:
    """Raises ImageIncomplete, Rejected for a key that cannot be read."""

    async def announce(running: Manifest, coming: Manifest) -> None:
        await let_in(beside.safekeeping, beside.event_log, running, coming)

    disk = disk_of(booted, update_keys())
    failed = FailedSystem(
        beside.state_dir / "logs",
        boot.id,
        boot.node_log,
        boot.kernel_log,
        lambda: journals_of_boots(JOURNALS, LAST_LINES),
    )
    around = Around(
        content=lambda ref: content_of(beside.storage, beside.engine, ref),
        announce=announce,
        settle=beside.safekeeping.settle,
        vault_open=lambda: not beside.safekeeping.vault.closed(),
        limits=lambda: limits_of(beside.items()),
        reboot=beside.reboot,
        checks=(
            state_writable(beside.state_dir),
            boot_partition(disk.states),
            units_running(FAILED_UNITS, UNITS),
            control_groups(),
        ),
        last_words=failed.keep,
        changed=beside.changed,
        clock=time.monotonic,
        now=beside.now,
        boot_id=boot.id,
        boot_reason=boot.reason,
        boot_text=boot.text,
    )
    return BaseOs(disk, beside.checkpoint, around)


def unsettled(system: BaseOs | None) -> bool:
    """May the machine boot another system soon: one that is to be tried, or the one before it?

    As long as it is not known: yes.
    """
    if system is None:
        return False
    return system.on_trial() or system.phase in (Phase.START, Phase.SEALING, Phase.REBOOTING)


def content_of(storage: StorageSubsystem, engine: Engine, ref: ItemRef) -> Content:
    path = storage.content_file(ref)
    if path is not None:
        return Content(path)
    status = engine.reconciler.report().items.get(ref)
    if status is None:
        return Content(error=f"{ref} is not kept; see the refusals of its configuration")
    return Content(None, status.progress, status.fault.text if status.fault else "")


async def let_in(
    safekeeping: Safekeeping, event_log: Path, running: Manifest, coming: Manifest
) -> None:
    """Let the vault open for what `coming` will measure.

    Where that is not known, a share that the controller keeps opens it after the attestation; with
    neither, the update waits: it would come up with its apps locked away.  Raises NotLetIn then.
    """
    try:
        raw = await asyncio.to_thread(event_log.read_bytes)
        values = predicted(parse_event_log(raw), running.measures, coming.measures)
        if safekeeping.sealed_to(ima.IMA_PCR):
            values = ima.with_aggregate(await safekeeping.measured(ima.READ), values)
        await safekeeping.expect(values)
    except (EavesError, OSError) as error:
        unread = f"the log of this boot cannot be read from {event_log}: {error}"
        why = unread if isinstance(error, OSError) else str(error)
        shut = safekeeping.needs_seal()
        if shut:
            raise NotLetIn(coming.version, shut, why) from error
        log.warning("update_not_sealed_for", version=coming.version, error=why)


class NotLetIn(Transient):
    """What it will measure may be known later, and others may come to open the vault."""

    def __init__(self, version: str, shut: str, why: str) -> None:
        super().__init__(
            f"version {version} waits: the vault would stay shut for it. {shut}; {why}"
        )
