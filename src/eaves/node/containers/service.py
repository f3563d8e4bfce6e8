"""A service container: its image says how much of the machine it needs, and gets that.  Pure.

The image tells it by its label, in the words of LinuxKit and with the meaning they have there: what
is not said is the host's network, message queues and name, a process tree of its own, the user root
and no capability at all.  What of it is not known here is refused: a service that lacks something
would fail later, and far from its cause.  Source: node reference, section 7.1; LinuxKit's
`moby/config.go`, as EVE calls it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from eaves.errors import Rejected

LABEL: Final = "org.mobyproject.config"
NONE: Final = "none"
NEW: Final = "new"
HOST: Final = "host"
ALL_CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
# What each word of a namespace means.  Without a word only the process tree is its own.
SPACES: Final[Mapping[str, Mapping[str, str]]] = {
    "net": {"": HOST, "host": HOST, "root": HOST, "new": NEW, "none": NONE},
    "pid": {"": NEW, "host": HOST, "root": HOST, "new": NEW},
    "ipc": {"": HOST, "host": HOST, "root": HOST, "new": NEW},
    "uts": {"": HOST, "host": HOST, "root": HOST, "new": NEW},
    "userns": {"": HOST, "host": HOST, "root": HOST},
}

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 2)] | str


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The path `all` stands for all devices of its type, which need no file."""

    path: str
    type: str
    major: Annotated[int, msgspec.Meta(ge=0)] = 0
    minor: Annotated[int, msgspec.Meta(ge=0)] = 0
    mode: str = ""  # octal


class Mount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    destination: str = ""
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The label.  None: not said."""

    capabilities: tuple[str, ...] | None = None
    capabilities_add: tuple[str, ...] = msgspec.field(name="capabilities.add", default=())
    ambient: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    binds: tuple[str, ...] | None = None  # source:target, and options behind another colon
    binds_add: tuple[str, ...] = msgspec.field(name="binds.add", default=())
    tmpfs: tuple[str, ...] = ()  # target, and options behind a colon
    devices: tuple[Device, ...] = ()
    command: tuple[str, ...] | None = None
    env: tuple[str, ...] | None = None
    cwd: str = ""
    net: str = ""
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    userns: str = ""
    hostname: str = ""
    readonly: bool = False
    masked_paths: tuple[str, ...] | None = msgspec.field(name="maskedPaths", default=None)
    readonly_paths: tuple[str, ...] | None = msgspec.field(name="readonlyPaths", default=None)
    uid: Id = 0
    gid: Id = 0
    additional_gids: tuple[Id, ...] = msgspec.field(name="additionalGids", default=())
    no_new_privileges: bool | None = msgspec.field(name="noNewPrivileges", default=None)
    oom_score_adj: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] | None = msgspec.field(
        name="oomScoreAdj", default=None
    )
    rlimits: tuple[str, ...] = ()  # name,soft,hard
    runtime: dict[str, Any] | None = None  # for LinuxKit's own init: EVE passes over it as well

    def space(self, name: str) -> str:
        """HOST, NEW or NONE."""
        word: str = getattr(self, name)
        try:
            return SPACES[name][word]
        except KeyError:
            why = f"names the {name} namespace {word[:40]!r}, which is not here"
            raise ServiceUnusable(why) from None


class ServiceUnusable(Rejected):
    def __init__(self, why: str) -> None:
        super().__init__(f"service: the image's label {LABEL} {why}; correct the image")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the image asks to be run as, with the label's words in place of its own."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: tuple[str, ...]
    workdir: str
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def service_of(label: str) -> Service:
    if not label.strip():
        raise ServiceUnusable("is missing: nothing says what the service needs")
    try:
        told = msgspec.convert(_read(label), type=Service)
    except msgspec.MsgspecError as error:
        raise ServiceUnusable(f"cannot be followed ({str(error)[:200]})") from error
    for name in SPACES:
        told.space(name)
    if told.hostname and told.space("uts") == HOST:
        raise ServiceUnusable("names a hostname without a uts namespace of its own")
    return told


def _read(label: str) -> object:
    """JSON as a rule; LinuxKit takes any YAML."""
    try:
        return msgspec.json.decode(label)
    except (msgspec.DecodeError, RecursionError):
        import yaml  # noqa: PLC0415 - a node starts without it

        from eaves.bounded_yaml import load_bounded  # noqa: PLC0415 - as above
    try:
        return load_bounded(label)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise ServiceUnusable(f"cannot be followed ({why})") from error


def capabilities_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """`all` and `none` are words only where they stand alone."""
    match [name.lower() for name in names]:
        case ["none"]:
            return ()
        case ["all"]:
            return ALL_CAPABILITIES
        case _:
            unknown = sorted(set(names) - set(ALL_CAPABILITIES))
    if unknown:
        raise ServiceUnusable(f"asks for {unknown[0][:40]!r}, which is no capability")
    return tuple(dict.fromkeys(names))


def number_of(told: int | str) -> int:
    if isinstance(told, int):
        return told
    if told in {"", "root"}:
        return 0
    raise ServiceUnusable(f"names the user or group {told[:40]!r}: only root and numbers are known")
