"""How this start of the node came about: a boot of the machine or of the process, and why."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from eaves.evapi.info import BootReason
from eaves.node.baseos.booted import Booted
from eaves.node.baseos.record import TRIAL_FACT, read_trial
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.host.traces import Traces
from eaves.node.runtime.commands import Boot, decide_boot
from eaves.node.runtime.os_updates import Boot as BootOfMachine

log = structlog.get_logger(__name__)

RECORD_FACT = "kernel_record"  # digest of the last one that was seen, and the boot that saw it


def note_boot(
    run_dir: Path,
    checkpoint: Checkpoint,
    boot_id: str,
    began: Callable[[], datetime],
    *,
    traces: Traces | None = None,
    missed: str = "",
) -> Boot:
    """Tell a boot from a restart of the process, count it, and keep its reason.

    `missed`: the version that was to be tried and is not what runs.
    """
    planned = checkpoint.number("planned_boot")
    marker = run_dir / "boot"
    boot = decide_boot(
        first=checkpoint.fact("boot_id") is None,
        same_boot_id=checkpoint.fact("boot_id") == boot_id,
        run_state_there=marker.exists(),
        planned=None if planned is None else BootReason(planned),
        traces=traces or Traces(),
        missed=missed,
    )
    if boot.fresh:
        try:
            checkpoint.remember(
                last_reboot_time=checkpoint.fact("went_down") or checkpoint.fact("boot_time"),
                went_down=None,
                boot_id=boot_id,
                planned_boot=None,
                restart_counter=(checkpoint.number("restart_counter") or 0) + 1,
                boot_reason=int(boot.reason),
                boot_text=boot.text,
                boot_time=began().isoformat(),
            )
        except StateNotWritable as error:
            # Apps that were configured before start all the same.
            log.warning("boot_not_counted", error=str(error))
    marker.touch()
    return boot


def boot_of(
    run_dir: Path,
    checkpoint: Checkpoint,
    boot_id: str,
    began: Callable[[], datetime],
    *,
    booted: Booted | None,
    traces: Callable[[], Traces],
    ended: str,
) -> BootOfMachine:
    """How the machine came up; `ended`: the end of the log of the node's runs before.

    What a kernel leaves behind belongs to somebody else on a machine without an image of ours.
    """
    left = _new(checkpoint, boot_id, traces()) if booted is not None else Traces()
    note = read_trial(checkpoint.fact(TRIAL_FACT)) if booted is not None else None
    missed = note.version if note and booted and note.version != booted.running.version else ""
    boot = note_boot(run_dir, checkpoint, boot_id, began, traces=left, missed=missed)
    log.info("node_started", fresh=boot.fresh, why=boot.text)
    reason = BootReason(checkpoint.number("boot_reason") or 0)
    text = checkpoint.fact("boot_text") or boot.text
    return BootOfMachine(boot_id, reason, text, ended, left.last_words)


def _new(checkpoint: Checkpoint, boot_id: str, traces: Traces) -> Traces:
    """Without the kernel's words that an earlier boot had read: a record stays where it is."""
    if not traces.last_words:
        return traces
    digest = hashlib.sha256(traces.last_words.encode()).hexdigest()
    seen, _, by = (checkpoint.fact(RECORD_FACT) or "").partition(" ")
    if seen == digest and by != boot_id:
        return Traces(traces.watchdog)
    if seen != digest:
        try:
            checkpoint.remember(**{RECORD_FACT: f"{digest} {boot_id}"})
        except StateNotWritable as error:
            log.warning("record_not_noted", error=str(error))
    return traces
