"""The OCI runtime configuration of one app.  Pure: golden tests catch every change of it.

Isolation is that of ordinary container engines: own namespaces, a short list of capabilities, no
new privileges, masked kernel files, a deny list of system calls, only harmless device nodes.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eaves.errors import Rejected
from eaves.node.containers.environment import COMMAND_KEY
from eaves.node.containers.items import Container
from eaves.node.containers.service import LABEL, Service, Wishes, number_of, service_of
from eaves.node.containers.service_spec import with_service
from eaves.node.host.cgroups import MOST_PIDS, PERIOD_US
from eaves.node.host.process import APP_OOM_SCORE

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

# Calls that reach the kernel itself or make namespaces and mounts; with the capabilities above many
# would fail anyway, but in a user namespace of its own a process would have all of them.
DENIED_CALLS = (
    "acct",
    "add_key",
    "bpf",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setns",
    "swapoff",
    "swapon",
    "umount",
    "umount2",
    "unshare",
    "userfaultfd",
)
# Flags of clone() that make a namespace: mount, cgroup, uts, ipc, user, pid, net.
_NAMESPACE_FLAGS = (
    0x0002_0000,
    0x0200_0000,
    0x0400_0000,
    0x0800_0000,
    0x1000_0000,
    0x2000_0000,
    0x4000_0000,
)
_EPERM = 1
_ENOSYS = 38

# Character devices (major, minor) a process may use: null, zero, full, random, urandom, tty,
# ptmx and the pts of its own devpts.
_DEVICES = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, None))


class ImageWishes(Protocol):
    """What an OCI image asks to be run as."""

    @property
    def entrypoint(self) -> tuple[str, ...]: ...
    @property
    def cmd(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> tuple[str, ...]: ...
    @property
    def workdir(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def stop_signal(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host made visible in the container."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class User:
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class Place:
    """What the host decides: where things are on this machine."""

    root: Path
    binds: tuple[Bind, ...]
    cgroups_path: str  # a path, or slice:prefix:name for systemd
    netns: Path | None  # None: a new empty one
    cgroup2: bool


def oci_spec(
    item: Container, image: ImageWishes, env: Sequence[str], user: User, place: Place
) -> dict[str, object]:
    """config.json as a value.  `env` is from user data and wins over the image's."""
    if not item.service:
        return _of_app(item, image, env, user, place)
    told = service_of(image.labels.get(LABEL, ""))
    wishes, user = _of_service(image, told)
    return with_service(_of_app(item, wishes, env, user, place), told)


def _of_service(image: ImageWishes, told: Service) -> tuple[ImageWishes, User]:
    """The label's words win over the image's, which have no say about the user."""
    entrypoint, cmd = (image.entrypoint, image.cmd) if told.command is None else (told.command, ())
    env = image.env if told.env is None else told.env
    uid = number_of(told.uid)
    user = User(uid, number_of(told.gid), "/" if uid else "/root")
    return Wishes(entrypoint, cmd, env, told.cwd or image.workdir), user


def _of_app(
    item: Container, image: ImageWishes, env: Sequence[str], user: User, place: Place
) -> dict[str, object]:
    return {
        "ociVersion": "1.0.2",
        "hostname": item.app,
        "process": _process(image, env, user),
        "root": {"path": str(place.root), "readonly": False},
        "mounts": [*_mounts(cgroup2=place.cgroup2), *(_bind(bind) for bind in place.binds)],
        "linux": {
            "cgroupsPath": place.cgroups_path,
            "namespaces": _namespaces(place),
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
            "resources": resources(item.memory_kib, item.vcpus),
            "seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                "syscalls": _denied(),
            },
        },
    }


def _denied() -> list[dict[str, object]]:
    def deny(name: str, error: int, **more: object) -> dict[str, object]:
        return {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": error, **more}

    def has(flag: int) -> list[dict[str, object]]:
        return [{"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}]

    return [
        {"names": list(DENIED_CALLS), "action": "SCMP_ACT_ERRNO", "errnoRet": _EPERM},
        *(deny("clone", _EPERM, args=has(flag)) for flag in _NAMESPACE_FLAGS),
        # Its flags are behind a pointer, where no filter looks; C libraries fall back to clone().
        deny("clone3", _ENOSYS),
    ]


def environment(image: ImageWishes, env: Sequence[str], user: User) -> dict[str, str]:
    """Later ones win: defaults, the image, user data."""
    pairs = [DEFAULT_PATH, f"HOME={user.home}", "TERM=dumb", *image.env, *env]
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def arguments(image: ImageWishes, env: Mapping[str, str]) -> tuple[str, ...]:
    """The command line: the image's, unless user data replaces it."""
    replaced = env.get(COMMAND_KEY, "")
    try:
        argv = tuple(shlex.split(replaced)) if replaced else (*image.entrypoint, *image.cmd)
    except ValueError as error:
        raise Rejected(f"user data: {COMMAND_KEY} is not a command line: {error}") from error
    if not argv:
        raise Rejected(
            f"the image has neither entrypoint nor command; set {COMMAND_KEY} in the user data"
        )
    return argv


def resources(memory_kib: int, vcpus: int) -> dict[str, object]:
    """Also the body of `update`: 0 takes a limit away."""
    memory = memory_kib * 1024 or -1
    devices: list[dict[str, object]] = [{"allow": False, "access": "rwm"}]
    for major, minor in _DEVICES:
        rule: dict[str, object] = {"allow": True, "type": "c", "major": major, "access": "rwm"}
        devices.append(rule if minor is None else {**rule, "minor": minor})
    return {
        "devices": devices,
        "memory": {"limit": memory, "swap": memory},
        "cpu": {"quota": vcpus * PERIOD_US or -1, "period": PERIOD_US},
        "pids": {"limit": MOST_PIDS},
    }


def _process(image: ImageWishes, env: Sequence[str], user: User) -> dict[str, object]:
    variables = environment(image, env, user)
    argv = arguments(image, variables)
    variables.pop(COMMAND_KEY, None)
    held = list(CAPABILITIES)
    # Beyond root a process gets none by itself, and may not win any.
    effective = held if user.uid == 0 else []
    return {
        "terminal": False,
        "user": {"uid": user.uid, "gid": user.gid},
        "args": list(argv),
        "env": [f"{key}={value}" for key, value in variables.items()],
        "cwd": image.workdir or "/",
        "noNewPrivileges": True,
        "capabilities": {
            "bounding": held,
            "effective": effective,
            "permitted": effective,
            "inheritable": [],
            "ambient": [],
        },
        "oomScoreAdj": APP_OOM_SCORE,
    }


def _namespaces(place: Place) -> list[dict[str, str]]:
    spaces: list[dict[str, str]] = [{"type": t} for t in ("pid", "ipc", "uts", "mount")]
    if place.cgroup2:
        spaces.append({"type": "cgroup"})
    network = {"type": "network"}
    return [*spaces, network if place.netns is None else {**network, "path": str(place.netns)}]


def _mounts(*, cgroup2: bool) -> list[dict[str, object]]:
    def mount(target: str, kind: str, source: str, *options: str) -> dict[str, object]:
        return {
            "destination": target,
            "type": kind,
            "source": source,
            "options": ["nosuid", *options],
        }

    mounts = [
        mount("/proc", "proc", "proc", "noexec", "nodev"),
        mount("/dev", "tmpfs", "tmpfs", "strictatime", "mode=755", "size=65536k"),
        mount(
            "/dev/pts", "devpts", "devpts", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"
        ),
        mount("/dev/shm", "tmpfs", "shm", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108 - a path inside the container
        mount("/dev/mqueue", "mqueue", "mqueue", "noexec", "nodev"),
        mount("/sys", "sysfs", "sysfs", "noexec", "nodev", "ro"),
    ]
    if cgroup2:
        mounts.append(mount("/sys/fs/cgroup", "cgroup", "cgroup", "noexec", "nodev", "ro"))
    return mounts


def _bind(bind: Bind) -> dict[str, object]:
    return {
        "destination": bind.target,
        "type": "bind",
        "source": str(bind.source),
        "options": ["rbind", "nosuid", "nodev", "ro" if bind.read_only else "rw"],
    }


def user_of(asked: str, passwd: str, group: str) -> User:
    """`uid[:gid]` or names, looked up in the image's own files; blank is root."""
    name, _, group_name = asked.partition(":")
    rows = [line.split(":") for line in passwd.splitlines()]
    entry = next(
        (r for r in rows if len(r) >= 6 and (r[2] if name.isdigit() else r[0]) == (name or "root")),
        None,
    )
    if entry is not None and entry[2].isdigit() and entry[3].isdigit():
        uid, gid, home = int(entry[2]), int(entry[3]), entry[5] or "/"
    elif name.isdigit() or name in {"", "root"}:
        uid, gid, home = int(name or 0) if name != "root" else 0, 0, "/"
    else:
        raise Rejected(f"the image asks for user {name!r}, which its /etc/passwd does not have")
    if not group_name:
        return User(uid, gid, home)
    if group_name.isdigit():
        return User(uid, int(group_name), home)
    for line in group.splitlines():
        row = line.split(":")
        if len(row) >= 3 and row[0] == group_name and row[2].isdigit():
            return User(uid, int(row[2]), home)
    raise Rejected(f"the image asks for group {group_name!r}, which its /etc/group does not have")
