"""What the composition root built, and the little state that the parts of the service share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import MaintenanceModeReason, ZDeviceState, ZInfoConfigItemStatus
from eaves.node.baseos.subsystem import BaseOs
from eaves.node.checkpoint import Checkpoint
from eaves.node.enrolment.enroller import Enroller
from eaves.node.host.journal import LogGate
from eaves.node.host.machine import Host
from eaves.node.host.notify import Notifier
from eaves.node.refs import Position
from eaves.node.runtime.conversation import Conversation
from eaves.node.runtime.device_status import Identity
from eaves.node.runtime.engine import Engine
from eaves.node.runtime.geolocation import Geolocation
from eaves.node.runtime.giving_usb import GivingUsb
from eaves.node.runtime.isolating import Isolating
from eaves.node.runtime.light import Light
from eaves.node.runtime.local_decisions import LocalDecisions
from eaves.node.runtime.log_store import LogStore
from eaves.node.runtime.patch_shelf import PatchShelf
from eaves.node.runtime.route_probes import RouteProber
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.runtime.security_module import SecurityModule
from eaves.node.runtime.workloads import Workloads
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.node.uplinks.owner import Owner
from eaves.node.uplinks.service import Uplinks
from eaves.node.uplinks.takeover import Takeover

NO_NOTIFIER = Notifier("", 0.0)


class Ending(StrEnum):
    """What follows when the node has stopped in order."""

    RESTART = "restart"
    POWER_OFF = "power off"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root built."""

    engine: Engine
    conversation: Conversation
    checkpoint: Checkpoint
    storage: StorageSubsystem
    workloads: Workloads
    host: Host
    logs: LogStore
    log_gate: LogGate
    identity: Identity
    security: SecurityModule
    safekeeping: Safekeeping
    uplinks: Uplinks
    takeover: Takeover | Owner | None  # None: this machine keeps its network
    config_dir: Path  # what the node was given at the start
    powers_off: bool  # this machine is the node's to switch off
    state_dir: Path
    run_dir: Path
    now: Callable[[], datetime]
    version: str
    table: str  # name of the node's nftables tables
    prober: RouteProber
    local: LocalDecisions
    patches: PatchShelf
    enroller: Enroller
    geolocation: Geolocation
    giving_usb: GivingUsb
    diagnose: Callable[[], str]  # how the node is, for a person; nothing of its apps
    base_os: BaseOs | None = None  # of a machine that booted an image of ours
    isolating: Isolating | None = None  # of such a machine too: elsewhere its owner decides
    light: Light | None = None  # likewise
    notifier: Notifier = NO_NOTIFIER


@dataclass(slots=True)
class Shared:
    """Written by the service, read by what reports on it."""

    followed_at: datetime  # when the configuration in force was taken
    state: ZDeviceState = ZDeviceState.ZDEVICE_STATE_BOOTING
    items: ItemValues = field(default_factory=ItemValues.before_any_config)
    item_status: ZInfoConfigItemStatus = field(default_factory=ZInfoConfigItemStatus)
    maintenance: tuple[MaintenanceModeReason, ...] = ()
    position: Position | None = None  # where a modem says that the node stands
    dirty: asyncio.Event = field(default_factory=asyncio.Event)  # a report may differ


async def pace(length_s: Callable[[], float]) -> None:
    """Wait as long as the properties in force say, also when they change meanwhile."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while (left := begun + length_s() - clock()) > 0:  # noqa: ASYNC110 - waits for time, not for an event
        await asyncio.sleep(min(left, 1.0))
