"""Where a machine's parts are, and the two long ways: from nothing to running, and back."""

import asyncio
import shutil
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from eaves.errors import Transient
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.domains.guest_core import NAME as GUEST_CORE
from eaves.node.domains.guest_core import GuestCores
from eaves.node.domains.items import Disk, Domain, Firmware
from eaves.node.domains.monitor import monitor, run_state, tell
from eaves.node.domains.qemu import DiskFile, Ovmf, Place, keeper_argv, memory_limit_bytes
from eaves.node.domains.seed import write_seed
from eaves.node.domains.vtpm import TpmProbe, make_tpm_state, tpm_state_name
from eaves.node.host import cgroups
from eaves.node.host.accel import AccelProbe
from eaves.node.host.applogs import LogFormat, LogSource
from eaves.node.host.files import atomic_write, below, read_or_none, subfolders
from eaves.node.host.held import mark_held, mark_let_go
from eaves.node.host.process import (
    ProcessId,
    identify,
    reap,
    send_signal,
    spawn_detached,
    systemd_runs,
    wait_gone,
)
from eaves.node.host.workloads import Run, kill_all_with, read_run, write_run

log = structlog.get_logger(__name__)

OVMF = (
    (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")),
    (Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd")),
)
LICENCE = (Path("/sys/firmware/acpi/tables/MSDM"), Path("/sys/firmware/acpi/tables/SLIC"))
LAUNCH_TIMEOUT_S = 60.0
FIRST_ANSWER_S = 30.0  # of an emulator that has just begun, on a busy machine
ANSWER_TIMEOUT_S = 5.0
QUIT_TIMEOUT_S = 10.0


class Volume(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def cdrom(self) -> bool: ...


class DiskProvider(Protocol):
    """What a machine needs from those who keep volumes."""

    def volume_paths(self, volume: VolumeId, generation: int, /) -> Volume:
        """A finished volume; Transient while it is not."""
        ...


class Workshop:
    """One for each node.  `run_dir` does not outlive a boot, `state_dir` does."""

    def __init__(
        self,
        node: str,
        state_dir: Path,
        run_dir: Path,
        disks: DiskProvider,
        clock: Callable[[], datetime],
        stop_grace_s: float,
    ) -> None:
        self.node = node
        self.clock = clock
        self.stop_grace_s = stop_grace_s
        self.probe = AccelProbe(state_dir / "domains")
        self.tpm_probe = TpmProbe(state_dir / "domains", run_dir)
        self._folder = run_dir / "domains"
        self._state_dir = state_dir / "domains"
        self._disks = disks
        self._guest_cores = GuestCores()

    def folder(self, app: AppInstanceId) -> Path:
        return below(self._folder, app)

    def exit_file(self, app: AppInstanceId) -> Path:
        return self.folder(app) / "exit"

    def keeper_pid_file(self, app: AppInstanceId) -> Path:
        return self.folder(app) / "keeper.pid"

    def unit(self, app: AppInstanceId) -> str:
        return f"eaves-{self.node}-{app}-vm"

    def cgroup(self, app: AppInstanceId) -> str:
        if systemd_runs():
            return f"system.slice/{self.unit(app)}.scope"
        return f"eaves/{self.node}/{app}"

    def log_source(self, app: AppInstanceId) -> LogSource:
        return LogSource(app, below(self._state_dir, app) / "console.log", LogFormat.RAW)

    def known_apps(self) -> list[AppInstanceId]:
        return [AppInstanceId(name) for name in subfolders(self._folder)]

    def recorded(self, app: AppInstanceId) -> Domain | None:
        data = read_or_none(self.folder(app) / "item.json")
        try:
            return None if data is None else msgspec.json.decode(data, type=Domain)
        except msgspec.MsgspecError:
            return None

    def run_of(self, app: AppInstanceId) -> Run | None:
        return read_run(self.folder(app))

    async def start(self, item: Domain) -> None:
        """From nothing, or from any half-made state, to a running machine."""
        await self.remove(item.app, grace_s=0)
        place = await self._place(item)
        argv = keeper_argv(item, place)
        place.folder.mkdir(parents=True, mode=0o700)
        atomic_write(place.folder / "item.json", msgspec.json.encode(item))
        if place.tpm_state is not None:
            await asyncio.to_thread(make_tpm_state, place.tpm_state)
        if place.seed is not None:
            await asyncio.to_thread(write_seed, place.seed, item)
        place.console.touch(mode=0o600)
        output = place.folder / "qemu.out"
        keeper = await spawn_detached(argv, unit=self.unit(item.app), output=output)
        self.keeper_pid_file(item.app).write_text(str(keeper))
        process = await self._launched(place, keeper, output)
        # Recorded while the guest is still paused: a node that dies here finds this one again, and
        # by its mark that it stands still.
        mark_held(place.folder)
        note = f"{place.accel.name}: {place.accel.reason}"
        if item.vtpm and place.tpm_state is None:
            note += f"; without a TPM: {await self.tpm_probe.fault()}"
        write_run(place.folder, Run(process.pid, process.start_ticks, self.clock(), note))
        try:
            state = await self._let_go(item, process, FIRST_ANSWER_S, kvm=place.accel.kvm)
        except (Transient, OSError, asyncio.CancelledError):
            # Alive and paused, it would be taken for a machine that runs.
            if (known := self.run_of(item.app)) is not None and known.alive:
                await self.remove(item.app, grace_s=0)
            raise
        mark_let_go(place.folder)
        log.info("domain_started", app=item.app, pid=process.pid, state=state, accel=note)

    async def go_on(self, app: AppInstanceId) -> None:
        """What an earlier process left standing still does what it was to do next."""
        item, run = self.recorded(app), self.run_of(app)
        if run is None or not run.alive:
            return
        if item is None:
            at = self.folder(app) / "item.json"
            raise Transient(f"{at}: cannot be read, so its guest stays paused; restart the app")
        kvm = run.note.startswith("KVM: ")
        state = await self._let_go(item, run.process, ANSWER_TIMEOUT_S, kvm=kvm)
        log.info("domain_goes_on", app=app, pid=run.pid, state=state)

    async def _let_go(self, item: Domain, process: ProcessId, within_s: float, *, kvm: bool) -> str:
        """The guest was paused until now; answers its state."""
        await self._limit(item, process, kvm=kvm)
        qmp = self.folder(item.app) / "qmp.sock"
        async with monitor(qmp, within_s) as client, asyncio.timeout(within_s):
            if item.vnc is not None and item.vnc.password:
                secret = {"protocol": "vnc", "password": item.vnc.password}
                await tell(client, "set_password", secret)
            await tell(client, "cont")
            return await run_state(client)

    async def _place(self, item: Domain) -> Place:
        folder = self.folder(item.app)
        kept = below(self._state_dir, item.app)
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        disks = (self._volume(disk) for disk in item.disks)
        tpm = item.vtpm and not await self.tpm_probe.fault()
        return Place(
            folder=folder,
            console=self.log_source(item.app).path,
            accel=await self.probe.choose(),
            disks=tuple(DiskFile(d.path, d.format, d.read_only, d.cdrom) for d in disks),
            seed=folder / "cidata.iso" if item.seed else None,
            ovmf=_firmware(kept) if item.firmware is Firmware.UEFI else None,
            licence=tuple(table for table in LICENCE if table.exists()),
            kernel=self._volume(item.kernel).path if item.kernel else None,
            ramdisk=self._volume(item.ramdisk).path if item.ramdisk else None,
            tpm_state=kept / tpm_state_name(item) if tpm else None,
        )

    def _volume(self, disk: Disk) -> Volume:
        return self._disks.volume_paths(disk.volume, disk.generation)

    async def _launched(self, place: Place, keeper: int, output: Path) -> ProcessId:
        """QEMU writes its pid once it is set up; before that it may end with a reason."""
        deadline = asyncio.get_running_loop().time() + LAUNCH_TIMEOUT_S
        while True:
            text = read_or_none(place.pid_file)
            process = identify(int(text)) if text and text.strip().isdigit() else None
            if process is not None:
                return process
            late = asyncio.get_running_loop().time() >= deadline
            if late or identify(keeper) is None:
                said = (read_or_none(output) or b"").decode(errors="replace").strip()
                raise Transient(f"QEMU did not start: {said[-500:] or 'no output'}")
            await asyncio.sleep(0.05)

    async def _limit(self, item: Domain, process: ProcessId, *, kvm: bool) -> None:
        memory = memory_limit_bytes(item)
        # Without hardware help the emulator's own threads need time beside the guest's.
        cpus = item.vcpus if kvm else 0
        if systemd_runs():
            await cgroups.limit_scope(self.unit(item.app), memory, cpus)
        else:
            cgroups.adopt(self.cgroup(item.app), process.pid, memory, cpus)

    async def keep_core(self, app: AppInstanceId) -> bool:
        """Of a guest that crashed; False: it did not, or nobody wants it."""
        item, run = self.recorded(app), self.run_of(app)
        if item is None or not item.keep_guest_core or run is None or not run.alive:
            return False
        return await self._guest_cores.keep(
            self.folder(app) / "qmp.sock",
            below(self._state_dir, app) / GUEST_CORE,
            item.memory_kib * 1024,
            ANSWER_TIMEOUT_S,
            goes_on=not item.pause_on_crash,
        )

    async def monitored(self, app: AppInstanceId, command: str) -> None:
        """Tell a running machine's monitor one command."""
        async with monitor(self.folder(app) / "qmp.sock", ANSWER_TIMEOUT_S) as client:
            await tell(client, command)

    async def stop(self, app: AppInstanceId) -> None:
        await self.remove(app, grace_s=self.stop_grace_s)

    async def remove(self, app: AppInstanceId, grace_s: float) -> None:
        """Take down all there is, whole or half made; nothing there: nothing to do."""
        folder, known = self.folder(app), self.run_of(app)
        if known is not None and known.alive and grace_s:
            await self._power_down(folder, known, grace_s)
        if folder.exists():
            await kill_all_with(f"{folder}/")
            # A keeper of this very process that ended by itself is waiting to be collected.
            keeper = read_or_none(self.keeper_pid_file(app))
            if keeper and keeper.isdigit():
                reap(int(keeper))
        await cgroups.remove(self.cgroup(app))
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        cgroups.remove_if_empty(f"eaves/{self.node}")
        cgroups.remove_if_empty("eaves")

    async def _power_down(self, folder: Path, known: Run, grace_s: float) -> None:
        """The power button, then the plug, then the axe."""
        socket = folder / "qmp.sock"
        try:
            async with monitor(socket, ANSWER_TIMEOUT_S) as client:
                await tell(client, "system_powerdown")
            if await wait_gone(known.process, grace_s):
                return
            log.warning("guest_ignores_power_button", pid=known.pid, grace_s=grace_s)
            async with monitor(socket, ANSWER_TIMEOUT_S) as client:
                await tell(client, "quit")
        except Transient as error:
            log.warning("monitor_failed", pid=known.pid, error=str(error))
        if not await wait_gone(known.process, QUIT_TIMEOUT_S):
            send_signal(known.process, signal.SIGKILL)
            await wait_gone(known.process, QUIT_TIMEOUT_S)

    def forget(self, app: AppInstanceId) -> None:
        """The app is gone for good: its log, firmware variables and TPM go too."""
        shutil.rmtree(below(self._state_dir, app), ignore_errors=True)


def _firmware(kept: Path) -> Ovmf | None:
    """The installed firmware with the app's own variables; None when there is none."""
    for code, template in OVMF:
        if code.exists() and template.exists():
            variables = kept / f"{template.name}"
            if not variables.exists():
                atomic_write(variables, template.read_bytes())
            return Ovmf(code, variables)
    return None
