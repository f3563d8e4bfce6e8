"""Where a container's parts are, and the two long ways: from nothing to running, and back."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import structlog

from eaves.errors import Rejected, Transient
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.containers.environment import SeedFile, parse_user_data
from eaves.node.containers.items import Container, Mount
from eaves.node.containers.spec import Bind, ImageWishes, Place, User, oci_spec, user_of
from eaves.node.host import cgroups, runtimes
from eaves.node.host.applogs import LogFormat, LogSource
from eaves.node.host.files import atomic_write, below, read_or_none, subfolders, sync_folder
from eaves.node.host.held import mark_held, mark_let_go
from eaves.node.host.kept import KEPT
from eaves.node.host.process import run, systemd_runs, wait_gone
from eaves.node.host.runtimes import Bundle, Runtime
from eaves.node.host.workloads import Run, kill_all_with, read_run, write_run
from eaves.node.refs import netns_name, node_prefix

log = structlog.get_logger(__name__)

NETNS = Path("/run/netns")
MOST_PASSWD_BYTES = 1024 * 1024
FORMATTING = ".formatting"  # beside a disk; storage removes what a cut left
PAGE = 4096
SPARE_FOR_FILES = 1024 * 1024  # how far a container may make files of its user data grow


class Volume(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def format(self) -> str: ...
    @property
    def read_only(self) -> bool: ...


class RootFs(Protocol):
    @property
    def image(self) -> ImageWishes: ...


R = TypeVar("R", bound=RootFs)


class RootFsProvider(Protocol[R]):
    """What a container needs from those who keep volumes."""

    def volume_paths(self, volume: VolumeId, generation: int, /) -> Volume:
        """A finished volume; Transient while it is not."""
        ...

    def container_rootfs(self, volume: VolumeId, generation: int, /) -> R:
        """The parts of a container volume; Rejected for a disk."""
        ...

    async def mount_rootfs(self, rootfs: R, target: Path, /) -> None: ...

    async def unmount_rootfs(self, target: Path, /) -> None:
        """Not mounted: nothing to do."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """Run state of one container; all of it may vanish with a power cut."""

    path: Path

    @property
    def item(self) -> Path:
        return self.path / "item.json"

    @property
    def root(self) -> Path:
        return self.path / "rootfs"

    @property
    def mounts(self) -> Path:
        return self.path / "volumes"

    @property
    def seed(self) -> Path:
        return self.path / "seed"

    @property
    def files(self) -> Path:
        """What user data asks for: a file system of its own, as the container may write there."""
        return self.path / "files"


class Workshop:
    """One for each node.  `run_dir` does not outlive a boot, `state_dir` does."""

    def __init__(
        self,
        node: str,
        state_dir: Path,
        run_dir: Path,
        rootfs: RootFsProvider[R],
        clock: Callable[[], datetime],
        stop_grace_s: float,
    ) -> None:
        self.node = node
        self.clock = clock
        self.stop_grace_s = stop_grace_s
        self.folder = run_dir / "containers"
        self.state_dir = state_dir / "containers"
        self._rootfs = rootfs
        self._volumes = rootfs.volume_paths

        async def mount(mount: Mount, target: Path) -> ImageWishes:
            parts = rootfs.container_rootfs(mount.volume, mount.generation)
            await rootfs.mount_rootfs(parts, target)
            return parts.image

        self._mount_rootfs = mount
        self._runtime: Runtime | None = None

    def runtime(self) -> Runtime:
        """Chosen at first use: a node without containers needs none."""
        if self._runtime is None:
            self._runtime = runtimes.choose_runtime(self.folder / ".oci")
        return self._runtime

    def place(self, app: AppInstanceId) -> Folder:
        return Folder(below(self.folder, app))

    def bundle(self, app: AppInstanceId) -> Bundle:
        unit = f"eaves-{self.node}-{app}-conmon"
        return Bundle(app, self.place(app).path, self.log_file(app), unit)

    def log_file(self, app: AppInstanceId) -> Path:
        return below(self.state_dir, app) / "stdout.log"

    def log_source(self, app: AppInstanceId) -> LogSource:
        return LogSource(app, self.log_file(app), LogFormat.K8S_FILE)

    def cgroup(self, app: AppInstanceId) -> str:
        if systemd_runs():
            return f"system.slice/eaves-{self.node}-{app}.scope"
        return f"eaves/{self.node}/{app}"

    def _cgroups_path(self, app: AppInstanceId) -> str:
        if systemd_runs():
            return f"system.slice:eaves:{self.node}-{app}"
        return f"/{self.cgroup(app)}"

    def recorded(self, app: AppInstanceId) -> Container | None:
        try:
            return KEPT.read(self.place(app).item, Container)
        except msgspec.MsgspecError:
            return None

    def run_of(self, app: AppInstanceId) -> Run | None:
        return read_run(self.place(app).path)

    async def start(self, item: Container) -> None:
        """From nothing, or from any half-made state, to a running container."""
        await self.remove(item.app, grace_s=0)
        place, bundle, runtime = self.place(item.app), self.bundle(item.app), self.runtime()
        place.path.mkdir(parents=True, mode=0o700)
        atomic_write(place.item, msgspec.json.encode(item))
        bundle.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        image = await self._mount_rootfs(item.root, place.root)
        (place.path / "stop-signal").write_text(image.stop_signal)
        seed = parse_user_data(item.user_data)
        binds = (
            *await self._mount_volumes(item),
            *_write_resolver(item, place),
            *await _write_files(seed.files, place),
        )
        user = _user(image.user, place.root)
        netns = NETNS / netns_name(node_prefix(self.node), item.number) if item.vifs else None
        spec = oci_spec(
            item,
            image,
            seed.env,
            user,
            Place(
                place.root,
                binds,
                self._cgroups_path(item.app),
                netns,
                cgroups.layout() is cgroups.Layout.V2,
            ),
        )
        atomic_write(place.path / "config.json", msgspec.json.encode(spec))
        runtime.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        process = await runtimes.create(runtime, bundle)
        # Recorded before it may run: a node that dies here finds it and needs not start another,
        # and by its mark that it stands still.
        mark_held(place.path)
        started = Run(process.pid, process.start_ticks, self.clock(), runtime.name)
        write_run(place.path, started)
        try:
            await runtimes.start(runtime, item.app)
        except (Transient, OSError, asyncio.CancelledError):
            # Alive and not let go, it would be taken for one that runs.
            if started.alive:
                await self.remove(item.app, grace_s=0)
            raise
        mark_let_go(place.path)
        log.info("container_started", app=item.app, pid=process.pid, runtime=runtime.name)

    async def limit(self, item: Container) -> None:
        """New limits for a running container."""
        memory = item.memory_kib * 1024
        if systemd_runs():
            unit = f"eaves-{self.node}-{item.app}"
            await cgroups.limit_scope(unit, memory, item.vcpus)
        else:
            cgroups.set_limits(self.cgroup(item.app), memory, item.vcpus)
        atomic_write(self.place(item.app).item, msgspec.json.encode(item))

    async def stop(self, app: AppInstanceId) -> None:
        await self.remove(app, grace_s=self.stop_grace_s)

    async def remove(self, app: AppInstanceId, grace_s: float) -> None:
        """Take down all there is, whole or half made; nothing there: nothing to do."""
        place = self.place(app)
        known = self.run_of(app)
        if known is not None and known.alive and grace_s:
            await self._ask_to_end(app, known, grace_s)
        if (self.folder / ".oci" / app).exists():
            await runtimes.delete(self.runtime(), app)
        await cgroups.remove(self.cgroup(app))
        if place.path.exists():
            await kill_all_with(f"--bundle={place.path}")
            await self._unmount(place)
            await asyncio.to_thread(_remove_tree, place.path)
        cgroups.remove_if_empty(f"eaves/{self.node}")
        cgroups.remove_if_empty("eaves")

    async def _ask_to_end(self, app: AppInstanceId, known: Run, grace_s: float) -> None:
        await runtimes.kill(self.runtime(), app, self._stop_signal(app))
        if not await wait_gone(known.process, grace_s):
            log.warning("container_killed", app=app, grace_s=grace_s)
            await runtimes.kill(self.runtime(), app, signal.SIGKILL)

    def _stop_signal(self, app: AppInstanceId) -> signal.Signals:
        name = (read_or_none(self.place(app).path / "stop-signal") or b"").decode()
        return signal.Signals.__members__.get(name, signal.SIGTERM)

    async def _mount_volumes(self, item: Container) -> list[Bind]:
        binds: list[Bind] = []
        for number, mount in enumerate(item.mounts):
            volume = self._volumes(mount.volume, mount.generation)
            target = self.place(item.app).mounts / str(number)
            target.mkdir(parents=True)
            if volume.kind == "container":
                await self._mount_rootfs(mount, target)
            else:
                await mount_disk(volume, target)
            binds.append(Bind(target, mount.mount_dir, volume.read_only))
        return binds

    async def _unmount(self, place: Folder) -> None:
        for target in (*sorted(place.mounts.glob("*")), place.files, place.root):
            if _is_mounted(target):
                await self._rootfs.unmount_rootfs(target)
            while _is_mounted(target):
                await run(["umount", "--lazy", str(target)])

    def known_apps(self) -> list[AppInstanceId]:
        return [AppInstanceId(name) for name in subfolders(self.folder) if not name.startswith(".")]

    def forget(self, app: AppInstanceId) -> None:
        """The app is gone for good: its log goes too."""
        _remove_tree(below(self.state_dir, app))


async def mount_disk(volume: Volume, target: Path) -> None:
    """Mount a raw disk as one ext4 file system; one that was never written gets it first."""
    if volume.format.lower() != "raw":
        raise Rejected(
            f"volume {volume.path.name} is a {volume.format} disk, which cannot be mounted into a "
            "container; use a blank raw volume or a container image"
        )
    probe = await run(["blkid", "-p", "-o", "value", "-s", "TYPE", str(volume.path)], check=False)
    found = probe.out.strip()
    if not found and volume.path.stat().st_blocks == 0:
        await _format(volume.path)
    elif found != "ext4":
        raise Rejected(
            f"volume {volume.path.name} holds {found or 'data without a file system'}; a container "
            "mounts ext4 only: give it a blank volume, or attach this one to a machine"
        )
    options = "loop,nosuid,nodev" + (",ro" if volume.read_only else "")
    await run(["mount", "-t", "ext4", "-o", options, str(volume.path), str(target)])


async def _format(disk: Path) -> None:
    """In a copy that takes its place when whole: half a file system would count as data."""
    making = disk.with_suffix(FORMATTING)
    await asyncio.to_thread(_empty_copy, disk, making)
    await run(["mkfs.ext4", "-q", "-m", "0", str(making)], timeout_s=120)
    await asyncio.to_thread(_take_its_place, making, disk)


def _empty_copy(disk: Path, making: Path) -> None:
    making.unlink(missing_ok=True)
    with making.open("xb") as file:
        making.chmod(0o600)
        file.truncate(disk.stat().st_size)


def _take_its_place(making: Path, disk: Path) -> None:
    with making.open("rb") as file:
        os.fsync(file.fileno())
    making.rename(disk)
    sync_folder(disk.parent)


def _write_resolver(item: Container, place: Folder) -> list[Bind]:
    """Read-only: they are files of the host's, and of its /run."""
    place.seed.mkdir()
    binds: list[Bind] = []
    if item.name_servers:
        lines = "".join(f"nameserver {server}\n" for server in item.name_servers)
        path = _put(place.seed / "resolv.conf", lines.encode(), 0o644)
        binds.append(Bind(path, "/etc/resolv.conf", read_only=True))
    hosts = f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {item.app}\n"
    path = _put(place.seed / "hosts", hosts.encode(), 0o644)
    return [*binds, Bind(path, "/etc/hosts", read_only=True)]


async def _write_files(files: Sequence[SeedFile], place: Folder) -> list[Bind]:
    """Files that user data asks for, each bound over its path.

    Bound, not written into the root: a path within an image may lead out of it by a link, and
    the runtime resolves a mount target inside the container.  The container may write to them, so
    they are not kept in the host's /run but where they can fill nothing else.
    """
    if not files:
        return []
    pages = sum(1 + len(file.content) // PAGE for file in files)
    limits = f"size={pages * PAGE + SPARE_FOR_FILES},nr_inodes={len(files) + 16}"
    place.files.mkdir()
    options = f"{limits},mode=0700,nosuid,nodev"
    await run(["mount", "-t", "tmpfs", "-o", options, "eaves-files", str(place.files)])
    return [
        Bind(_put(place.files / str(number), file.content, file.mode), file.path)
        for number, file in enumerate(files)
    ]


def _put(path: Path, data: bytes, mode: int) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def _user(asked: str, root: Path) -> User:
    return user_of(asked, _inside(root, "passwd"), _inside(root, "group"))


def _inside(root: Path, name: str) -> str:
    """A file of the image's /etc; never one that a link leads to."""
    try:
        folder = os.open(root / "etc", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return ""
    finally:
        os.close(folder)
    with os.fdopen(fd, "rb") as file:
        return file.read(MOST_PASSWD_BYTES).decode(errors="replace")


def _is_mounted(target: Path) -> bool:
    wanted = str(target).replace(" ", "\\040")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split(" ")[4] == wanted for line in lines)


def _remove_tree(path: Path) -> None:
    """Delete a folder of ours.  Refuses to cross into another file system."""
    if not path.exists():
        return
    device = path.lstat().st_dev
    for root, folders, files in os.walk(path, topdown=False):
        at = Path(root)
        if at.lstat().st_dev != device:
            raise Rejected(f"{at} is still mounted; unmount it and try again")
        for name in files:
            (at / name).unlink()
        for name in folders:
            inner = at / name
            if inner.is_symlink():
                inner.unlink()
            else:
                inner.rmdir()
    path.rmdir()
