"""A service container: its image says how much of the machine it needs, and gets that.  Pure.

The image tells it by its label, in the words of LinuxKit.  What of it is not known here is refused:
a service that lacks something would fail later, and far from its cause.  Source: node reference,
section 7.1.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eaves.errors import Rejected

LABEL: Final = "org.mobyproject.config"
ALL: Final = "all"
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
SPACES: Final = {"net": "network", "pid": "pid", "ipc": "ipc", "uts": "uts"}


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of each namespace: `host`, or empty for one of its own."""

    capabilities: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()  # source:target, and ro behind another colon
    net: str = ""
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    readonly: bool = False
    env: tuple[str, ...] = ()


class ServiceUnusable(Rejected):
    def __init__(self, why: str) -> None:
        super().__init__(f"service: the image's label {LABEL} {why}; correct the image")


def service_of(label: str) -> Service:
    if not label.strip():
        raise ServiceUnusable("is missing: nothing says what the service needs")
    try:
        told = msgspec.json.decode(label, type=Service)
    except msgspec.MsgspecError as error:
        raise ServiceUnusable(f"cannot be followed ({str(error)[:200]})") from error
    for name in SPACES:
        if getattr(told, name) not in {"", HOST}:
            raise ServiceUnusable(f"names a {name} namespace that is not here")
    return told


def with_service(spec: Mapping[str, Any], told: Service) -> dict[str, Any]:
    """The runtime's configuration with what the service needs beyond an app."""
    process: dict[str, Any] = spec["process"]
    linux: dict[str, Any] = spec["linux"]
    capabilities: dict[str, Any] = process["capabilities"]
    root: dict[str, Any] = spec["root"]
    more = _capabilities(told)
    held = list(dict.fromkeys((*capabilities["bounding"], *more)))
    own = {space for name, space in SPACES.items() if getattr(told, name) != HOST}
    linux = {
        **linux,
        "namespaces": [
            one for one in linux["namespaces"] if one["type"] in own or one["type"] in OWN_ALWAYS
        ],
    }
    if more:
        # Calls and files that are kept from apps are what these capabilities are for.
        linux = {k: v for k, v in linux.items() if k not in KEPT_FROM_APPS}
        rules = [{"allow": True, "access": "rwm"}]
        linux["resources"] = {**linux["resources"], "devices": rules}
    shared = {} if told.uts != HOST else {"hostname": ""}
    return {
        **{key: value for key, value in spec.items() if key not in shared},
        "process": {
            **process,
            "env": [*process["env"], *(pair for pair in told.env if "=" in pair)],
            "noNewPrivileges": not more,
            "capabilities": {
                **capabilities,
                "bounding": held,
                "effective": held,
                "permitted": held,
            },
        },
        "root": {**root, "readonly": told.readonly},
        "mounts": [*spec["mounts"], *(_bind(text) for text in told.binds)],
        "linux": linux,
    }


OWN_ALWAYS: Final = frozenset({"mount", "cgroup"})
KEPT_FROM_APPS: Final = frozenset({"seccomp", "maskedPaths", "readonlyPaths"})


def _capabilities(told: Service) -> tuple[str, ...]:
    if any(name.lower() == ALL for name in told.capabilities):
        return ALL_CAPABILITIES
    unknown = sorted(set(told.capabilities) - set(ALL_CAPABILITIES))
    if unknown:
        raise ServiceUnusable(f"asks for {unknown[0][:40]!r}, which is no capability")
    return told.capabilities


def _bind(text: str) -> dict[str, object]:
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not source.startswith("/") or not target.startswith("/") or ".." in text.split("/"):
        raise ServiceUnusable(f"binds {text[:80]!r}, which is not source:target in full paths")
    read_only = "ro" in options.split(",")
    return {
        "destination": target,
        "type": "bind",
        "source": source,
        "options": ["rbind", "ro" if read_only else "rw"],
    }
