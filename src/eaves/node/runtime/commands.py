"""Device commands and what a start of the node means.  Pure.

A command is a counter: the first one ever seen is only stored, a different one later acts once.
Source: EVE API v2, "Command counters"; node reference 8.5 and 12.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from eaves.evapi.config import DeviceOpsCmd, EdgeDevConfig
from eaves.evapi.config_items import ItemValues, Tri
from eaves.evapi.info import BootReason, ZDeviceState
from eaves.node.host.traces import Traces

REBOOT_COUNTER, SHUTDOWN_COUNTER = "reboot_counter", "shutdown_counter"


class Reboot(StrEnum):
    NOTHING = "nothing"
    REMEMBER = "remember"  # a baseline, or the field went away: store and report only
    ACT = "act"


def decide_command(command: DeviceOpsCmd | None, stored: int | None) -> Reboot:
    """What a reboot or shutdown counter asks for, given the counter stored before."""
    if command is None:
        return Reboot.NOTHING if stored is None else Reboot.REMEMBER
    if stored is None:
        return Reboot.REMEMBER
    return Reboot.NOTHING if command.counter == stored else Reboot.ACT


class System(Protocol):
    def on_trial(self) -> bool: ...


def takes_commands(system: System | None) -> bool:
    """Not while a base OS is on trial: to go down then would be its failure, so commands wait."""
    return system is None or not system.on_trial()


def stays_stopped(state: ZDeviceState, *, going_down: bool) -> bool:
    """Apps were stopped for a reboot or to be unplugged: they start at the next start only."""
    return going_down or state == ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF


def maintenance_of(config: EdgeDevConfig, items: ItemValues) -> bool:
    """The property `maintenance.mode` decides when it says anything, else the config's flag."""
    match items.tri("maintenance.mode"):
        case Tri.ENABLED:
            return True
        case Tri.DISABLED:
            return False
        case Tri.NONE:
            return config.maintenance_mode


def cut_off(silence_s: float, items: ItemValues) -> bool:
    """Is a reboot due, as nothing else brought the controller back?  Not where none is expected."""
    expected = items.tri("airgap.mode") is not Tri.ENABLED
    return expected and silence_s >= items.seconds("timer.reboot.no.network")


def commands_of(config: EdgeDevConfig) -> Mapping[str, DeviceOpsCmd | None]:
    """By the name that the counter is kept under, the most urgent first."""
    return {REBOOT_COUNTER: config.reboot, SHUTDOWN_COUNTER: config.shutdown}


def epoch_moved(known: int | None, config: EdgeDevConfig) -> bool:
    """Has the controller lost what it knew, so that everything is to be said again?"""
    return known is not None and known != config.controller_epoch


@dataclass(frozen=True, slots=True)
class Boot:
    """How this start of the node came about."""

    fresh: bool  # the machine, or what stands for it, started anew; else the process alone did
    reason: BootReason
    text: str


PLANNED: Final[Mapping[BootReason, str]] = MappingProxyType(
    {
        BootReason.BOOT_REASON_REBOOT_CMD: "the controller asked for a reboot",
        BootReason.BOOT_REASON_POWEROFF_CMD: "it was told on the spot to power off",
        BootReason.BOOT_REASON_DISCONNECT: "the controller was not heard for too long",
        BootReason.BOOT_REASON_UPDATE: "an update of the base OS was to be tried",
        BootReason.BOOT_REASON_FALLBACK: "a base OS on trial did not pass, the one before it boots",
        BootReason.BOOT_REASON_VAULT_FAILED: "a base OS on trial could not open the vault",
    }
)
NO_TRACES: Final = Traces()


def _left_by(traces: Traces) -> tuple[BootReason, str] | None:
    """How the boot before ended, by what it left behind."""
    if traces.out_of_memory:
        return BootReason.BOOT_REASON_OOM, "the kernel had no memory left"
    if traces.panicked:
        return BootReason.BOOT_REASON_KERNEL, "the kernel panicked"
    if traces.watchdog:
        return BootReason.BOOT_REASON_WATCHDOG_HUNG, "the hardware watchdog reset a hung machine"
    return None


def _from(left: tuple[BootReason, str]) -> Boot:
    return Boot(fresh=True, reason=left[0], text=left[1])


def decide_boot(
    *,
    first: bool,
    same_boot_id: bool,
    run_state_there: bool,
    planned: BootReason | None,
    traces: Traces = NO_TRACES,
    missed: str = "",
) -> Boot:
    """Tell a boot from a restart of the process, and name its reason.

    `planned` is what the node wrote before it went down by itself.
    """
    if first:
        return Boot(
            fresh=True, reason=BootReason.BOOT_REASON_FIRST, text="first start of this node"
        )
    if planned is BootReason.BOOT_REASON_UPDATE and missed:
        text = f"version {missed} was tried and ended before its node started"
        return _from(_left_by(traces) or (BootReason.BOOT_REASON_FALLBACK, text))
    if planned is not None:
        return Boot(fresh=True, reason=planned, text=PLANNED.get(planned, "it was asked to"))
    if same_boot_id and run_state_there:
        return Boot(
            fresh=False,
            reason=BootReason.BOOT_REASON_UNSPECIFIED,
            text="the node process was restarted",
        )
    if not same_boot_id and (left := _left_by(traces)) is not None:
        return _from(left)
    why = "its run-time state is gone" if same_boot_id else "the machine was started again"
    return Boot(fresh=True, reason=BootReason.BOOT_REASON_POWER_FAIL, text=f"power was lost: {why}")
