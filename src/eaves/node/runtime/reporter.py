"""Saying what the node is and does: info messages, and the status file."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from eaves.evapi.config_items import Tri
from eaves.evapi.flows.report import Fate
from eaves.evapi.info import (
    MaintenanceModeReason,
    ZDeviceState,
    ZInfoApp,
    ZInfoMsg,
    decode_z_info_msg,
    encode_z_info_msg,
)
from eaves.evapi.paths import Endpoint
from eaves.ids import AppInstanceId
from eaves.node.comms.outbox import Outbox
from eaves.node.host.inventory import Sysfs
from eaves.node.host.process import identify
from eaves.node.ios.assign import Assigned, with_unplugged
from eaves.node.ios.isolation import access_of
from eaves.node.network import status as network_status
from eaves.node.runtime.commands import REBOOT_COUNTER, SHUTDOWN_COUNTER
from eaves.node.runtime.device_status import Moment, device_info
from eaves.node.runtime.geolocation import located
from eaves.node.runtime.guard import forever
from eaves.node.runtime.hardware import hardware_info
from eaves.node.runtime.log_policy import console_level
from eaves.node.runtime.paces import device_info_pause_s
from eaves.node.runtime.parts import Parts, Shared, pace
from eaves.node.runtime.reports import (
    AppFacts,
    Said,
    app_info,
    farewell,
    refused_app_infos,
    say,
    with_patches,
)
from eaves.node.runtime.status_file import (
    ControllerStatus,
    DeviceStatus,
    NodeStatus,
    PortStatus,
    app_statuses,
    unmet,
    write_status,
)
from eaves.node.runtime.vault_status import data_sec_at_rest, vault_text
from eaves.node.runtime.workloads import network_items
from eaves.node.storage import status as storage_status
from eaves.node.storage.facts import StorageFacts
from eaves.node.storage.items import Snapshot

log = structlog.get_logger(__name__)

REPORT_PAUSE_S = 0.25  # a burst of changes makes one message for each object
FRESH_S = 5.0  # age of the status file at most
STORED_S = 30.0  # age of what is told of the disk, while nothing changes
RAN = "ran/"  # facts: apps that ran since they were deployed


class Reporter:
    def __init__(self, parts: Parts, shared: Shared, outbox: Outbox) -> None:
        self._parts = parts
        self._shared = shared
        self._outbox = outbox
        self._machine = parts.host.machine()
        # Once for each start: what is plugged in later is seen at the next.
        self._hardware = hardware_info(self._machine, Sysfs().parts())
        self._said: dict[str, bytes] = {}
        self._states: dict[str, str] = {}
        self._stored_at, self._stored = float("-inf"), StorageFacts()
        self.apps: tuple[ZInfoApp, ...] = ()  # as told last
        self._ran = {
            AppInstanceId(a) for a in parts.checkpoint.apps() if parts.checkpoint.fact(RAN + a)
        }

    def reachable(self) -> None:
        """The controller answers again."""
        self._outbox.kick()
        self._shared.dirty.set()

    def say_all_again(self) -> None:
        """The controller lost what it knew of us."""
        self._said.clear()

    def gone(self, keys: frozenset[str]) -> None:
        """Objects that the configuration dropped."""
        for key in keys:
            self._said.pop(key, None)
            message = farewell(key)
            if message is not None:
                self._queue(key, message, 5)

    def say(self, key: str, message: ZInfoMsg) -> None:
        """A message that somebody else composed; a newer one under its key replaces it."""
        self._queue(key, message, 5)

    def device_message(self) -> bytes | None:
        """What was last said of the device itself, dated now; None: nothing yet."""
        if (said := self._said.get("device")) is None:
            return None
        return self._stamped(decode_z_info_msg(said))

    async def run_forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("report", self._report_forever))
            tasks.create_task(forever("send info", self._send_forever))
            tasks.create_task(forever("device info", self._repeat_device_info_forever))

    async def _report_forever(self) -> None:
        self._shared.dirty.set()
        while True:
            moved = await self._dirty_within(FRESH_S)
            try:
                await self._report(moved=moved)
            except Exception:
                # A message that cannot be built must not end the node; the next change retries.
                log.exception("report_failed")
            await asyncio.sleep(REPORT_PAUSE_S)

    async def _dirty_within(self, seconds: float) -> bool:
        """The status file stays fresh also when nothing changes."""
        try:
            async with asyncio.timeout(seconds):
                await self._shared.dirty.wait()
        except TimeoutError:
            return False
        self._shared.dirty.clear()
        return True

    async def _report(self, *, moved: bool) -> None:
        said = await self._compose(await self._stored_facts(moved=moved))
        self._write_status()
        if self._parts.conversation.link.device_id is None:
            return
        for key, message in said.messages.items():
            plain = encode_z_info_msg(message)
            if self._said.get(key) != plain:
                self._said[key] = plain
                self._queue(key, message, said.priority(key))

    def _queue(self, key: str, message: ZInfoMsg, priority: int) -> None:
        stamped = self._stamped(message)
        if stamped is not None:
            self._outbox.put(key, stamped, priority)

    def _stamped(self, message: ZInfoMsg) -> bytes | None:
        device_id = self._parts.conversation.link.device_id
        if device_id is None:
            return None
        stamped = replace(message, dev_id=device_id, at_time_stamp=self._parts.now())
        return encode_z_info_msg(stamped)

    async def _send_forever(self) -> None:
        await self._parts.conversation.ready.wait()

        async def send(payload: bytes) -> Fate:
            return await self._parts.conversation.link.report(Endpoint.INFO, payload)

        await self._outbox.send_forever(send)

    async def _repeat_device_info_forever(self) -> None:
        """The device's own message goes also without a change: 0.8 to 1.2 of its interval."""
        while True:
            share = 0.8 + 0.4 * self._parts.conversation.link.chance()
            await pace(self._device_info_pause_s(share))
            self._said.pop("device", None)
            self._shared.dirty.set()

    def _device_info_pause_s(self, share: float) -> Callable[[], float]:
        return lambda: device_info_pause_s(self._shared.items, share)

    async def _stored_facts(self, *, moved: bool) -> StorageFacts:
        """They walk all volumes of containers."""
        now = asyncio.get_running_loop().time()
        if moved or now - self._stored_at >= STORED_S:
            self._stored_at, self._stored = now, await self._parts.storage.facts()
        return self._stored

    async def _compose(self, stored: StorageFacts) -> Said:
        parts, engine = self._parts, self._parts.engine
        report, wish = engine.reconciler.report(), engine.wish
        me = parts.conversation.link.device_id
        identity = replace(parts.identity, host_name=me) if me else parts.identity
        device = device_info(self._machine, identity, self._moment())
        hardware = self._hardware
        if wish is None:
            return say(device, hardware, (), (), (), ())
        facts = self._app_facts()
        apps = [
            app_info(app, wish, engine.decided[app.app], report, facts)
            for app in wish.apps
            if app.app in engine.decided
        ]
        self.apps = (*apps, *refused_app_infos(wish))
        self._states = {app.app_id: app.state.name for app in apps}
        said = say(
            device,
            hardware,
            self.apps,
            network_status.network_instance_infos(
                wish.config,
                network_items(wish),
                report,
                refusals=wish.refusals,
                ports=engine.ports,
                leases=facts.leases,
                now=self._shared.followed_at,
            ),
            storage_status.volume_infos(wish.config, wish.storage, report, stored),
            storage_status.content_tree_infos(wish.config, wish.storage, report, stored),
        )
        return with_patches(said, parts.patches.infos())

    def _app_facts(self) -> AppFacts:
        parts = self._parts
        wish = parts.engine.wish
        apps = wish.apps if wish else ()
        boots: dict[AppInstanceId, datetime] = {}
        notes: dict[AppInstanceId, str] = {}
        for app in apps:
            run = parts.workloads.run(app.app)
            if run is not None:
                boots[app.app], notes[app.app] = run.started_at, run.note
                self._note_ran(app.app)
        taken = tuple(
            item
            for item in parts.engine.reconciler.current.values()
            if isinstance(item, Snapshot) and item.taken_at
        )
        return AppFacts(parts.workloads.leases(), boots, frozenset(self._ran), notes, taken)

    def _note_ran(self, app: AppInstanceId) -> None:
        if app not in self._ran:
            self._ran.add(app)
            self._parts.checkpoint.remember(**{RAN + app: 1})

    def _moment(self) -> Moment:
        heard = self._parts.conversation.heard
        proof = self._parts.conversation.attesting.proof
        counts = self._parts.conversation.link.transport.counts
        system = self._parts.base_os
        return Moment(
            config=heard.config,
            ports=self._parts.engine.ports,
            disk=self._parts.host.disk(self._parts.state_dir),
            state=self.state(),
            attestation=proof.state,
            attestation_error=proof.error,
            config_items=self._shared.item_status,
            reboot_counter=self._parts.checkpoint.number(REBOOT_COUNTER) or 0,
            shutdown_counter=self._parts.checkpoint.number(SHUTDOWN_COUNTER) or 0,
            maintenance=self.maintenance(),
            last_controller_success=counts.last_success,
            last_controller_error=self._controller_error(heard.unreachable or counts.last_error),
            security=self._parts.security,
            at_rest=data_sec_at_rest(self._parts.safekeeping.seen()),
            software=system.software() if system else (),
            update_counter=system.counter() if system else 0,
            system_adapter=located(self._parts.uplinks.info(), self._parts.geolocation.places()),
            assigned=self._assigned(),
            local_profile=self._parts.local.state.profile,
            enrolled=self._parts.enroller.info(),
        )

    def _assigned(self) -> Assigned:
        wish = self._parts.engine.wish
        if wish is None or not any(one.usb for one in wish.assigned.passed.values()):
            return wish.assigned if wish else Assigned()
        return with_unplugged(wish.assigned, wish.config.device_io_list, Sysfs().usb())

    def _controller_error(self, error: str) -> str:
        """airgap.mode: where no controller is expected, its absence is no error."""
        return "" if self._shared.items.tri("airgap.mode") is Tri.ENABLED else error

    def maintenance(self) -> tuple[MaintenanceModeReason, ...]:
        cutoff_s = self._shared.items.seconds("timer.vault.ready.cutoff")
        return (*self._shared.maintenance, *self._parts.safekeeping.reasons(cutoff_s))

    def state(self) -> ZDeviceState:
        """An update is told where nothing graver is."""
        state, system = self._shared.state, self._parts.base_os
        if state is not ZDeviceState.ZDEVICE_STATE_ONLINE or system is None:
            return state
        updates = system.about_to_boot() or system.on_trial()
        return ZDeviceState.ZDEVICE_STATE_BASEOS_UPDATING if updates else state

    def _write_status(self) -> None:
        parts, heard = self._parts, self._parts.conversation.heard
        link, proof = parts.conversation.link, parts.conversation.attesting.proof
        report, wish = parts.engine.reconciler.report(), parts.engine.wish
        me, access = identify(os.getpid()), access_of(self._shared.items)
        status = NodeStatus(
            at=parts.now().isoformat(timespec="seconds"),
            version=parts.version,
            pid=me.pid if me else 0,
            start_ticks=me.start_ticks if me else 0,
            device=DeviceStatus(
                uuid=link.device_id or "",
                name=heard.config.device_name if heard.config else "",
                serial=parts.identity.soft_serial or self._machine.serial,
                state=self._shared.state.name,
                boot=parts.identity.boot_text,
                restarts=parts.identity.restart_counter,
                keys=parts.security.text(),
                vault=vault_text(parts.safekeeping.seen()),
                system=parts.base_os.text() if parts.base_os else "",
                screen=access.display,
                serial_line=access.serial,
                console_level=console_level(self._shared.items),
            ),
            controller=ControllerStatus(
                url=link.transport.base_url,
                phase=link.standing.phase,
                waiting_for=link.standing.waiting_for,
                problem=heard.unreachable or link.transport.counts.last_error,
                last_success=_iso(link.transport.counts.last_success),
                config_received=_iso(heard.received),
                config_hash=heard.config_hash,
                attestation=proof.state.name,
                attested_at=_iso(proof.at),
                attestation_error=proof.error,
                messages_waiting=len(self._outbox),
            ),
            ports=[
                PortStatus(p.logical_label, p.ifname, p.up, list(p.addresses))
                for p in parts.engine.ports
            ],
            apps=app_statuses(wish, report, self._states),
            unmet=unmet(report, wish),
            steps=parts.engine.reconciler.steps_run,
        )
        write_status(parts.run_dir, status)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
