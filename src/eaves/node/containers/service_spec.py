"""The runtime's configuration of a service container: an app's, changed by what its label says.

An app's limits are lifted for what the label names beyond an app, and for nothing else: a system
call with the capability it needs, the kernel's files with CAP_SYS_ADMIN or where the label says
which to keep, devices with a capability or a mount that is for devices.  Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from eaves.node.containers.service import (
    HOST,
    NEW,
    NONE,
    Device,
    Mount,
    Service,
    ServiceUnusable,
    capabilities_of,
    number_of,
)

ADMIN: Final = "CAP_SYS_ADMIN"
LEAST_OOM_SCORE: Final = -800  # the node of our system has -900: no app outlives it
# Calls kept from apps, and the capability for which one of them is there.  CAP_SYS_ADMIN: all.
CALLS: Final[Mapping[str, frozenset[str]]] = {
    "CAP_BPF": frozenset({"bpf"}),
    "CAP_DAC_READ_SEARCH": frozenset({"open_by_handle_at"}),
    "CAP_PERFMON": frozenset({"perf_event_open"}),
    "CAP_SYS_BOOT": frozenset({"kexec_file_load", "kexec_load", "reboot"}),
    "CAP_SYS_MODULE": frozenset({"delete_module", "finit_module", "init_module"}),
    "CAP_SYS_PACCT": frozenset({"acct"}),
}
OF_DEVICES: Final = frozenset({ADMIN, "CAP_SYS_RAWIO", "CAP_MKNOD"})
_TYPES: Final = {"net": "network", "pid": "pid", "ipc": "ipc", "uts": "uts"}
# Kinds of mounts beside bind, with where each of them is without a destination.
_KINDS: Final = {
    "proc": "/proc",
    "devpts": "/dev/pts",
    "sysfs": "/sys",
    "cgroup": "/sys/fs/cgroup",
    "mqueue": "/dev/mqueue",
    "tmpfs": "",
}
_FLAGS: Final = frozenset(
    {
        "ro",
        "rw",
        "bind",
        "rbind",
        "shared",
        "rshared",
        "slave",
        "rslave",
        "private",
        "rprivate",
        "nosuid",
        "suid",
        "nodev",
        "dev",
        "noexec",
        "exec",
        "sync",
        "async",
        "dirsync",
        "atime",
        "noatime",
        "diratime",
        "nodiratime",
        "relatime",
        "norelatime",
        "strictatime",
        "nostrictatime",
        "newinstance",
    }
)
_VALUES: Final = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "ptmxmode", "hidepid"})
_LIMITS: Final = frozenset(
    {
        "CPU",
        "FSIZE",
        "DATA",
        "STACK",
        "CORE",
        "RSS",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "AS",
        "LOCKS",
        "SIGPENDING",
        "MSGQUEUE",
        "NICE",
        "RTPRIO",
        "RTTIME",
    }
)
_UNLIMITED: Final = 2**64 - 1


def with_service(spec: Mapping[str, Any], told: Service) -> dict[str, Any]:
    """`spec` is an app's.  Raises ServiceUnusable."""
    ordinary = frozenset(spec["process"]["capabilities"]["bounding"])
    named = told.capabilities_add if told.capabilities is None else told.capabilities
    effective, ambient = capabilities_of(named), capabilities_of(told.ambient)
    held = tuple(dict.fromkeys((*effective, *ambient)))
    mounts = _mounts(spec["mounts"], told)
    own_name = {} if told.space("uts") == HOST else {"hostname": told.hostname or spec["hostname"]}
    return {
        **{key: value for key, value in spec.items() if key != "hostname"},
        **own_name,
        "process": {
            **_process(spec["process"], told, beyond=bool(set(held) - ordinary)),
            "capabilities": {
                "bounding": list(held),
                "effective": list(effective),
                "permitted": list(held),
                "inheritable": list(ambient),
                "ambient": list(ambient),
            },
        },
        "root": {**spec["root"], "readonly": told.readonly},
        "mounts": mounts,
        "linux": _linux(spec["linux"], told, frozenset(held), mounts),
    }


def _process(process: Mapping[str, Any], told: Service, *, beyond: bool) -> dict[str, Any]:
    groups = [number_of(group) for group in told.additional_gids]
    score, quiet = told.oom_score_adj, told.no_new_privileges
    return {
        **process,
        "user": {**process["user"], **({"additionalGids": groups} if groups else {})},
        "noNewPrivileges": not beyond if quiet is None else quiet,
        "oomScoreAdj": process["oomScoreAdj"] if score is None else max(score, LEAST_OOM_SCORE),
        **({"rlimits": [_limit(text) for text in told.rlimits]} if told.rlimits else {}),
    }


def _linux(
    linux: Mapping[str, Any], told: Service, held: frozenset[str], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    resources = linux["resources"]
    rules = [*resources["devices"], *_rules(told, held, mounts)]
    files = [_device_file(device) for device in told.devices if device.path != "all"]
    return {
        **{key: value for key, value in linux.items() if key != "seccomp"},
        "namespaces": list(_namespaces(linux["namespaces"], told)),
        "maskedPaths": _kept(told.masked_paths, linux["maskedPaths"], held),
        "readonlyPaths": _kept(told.readonly_paths, linux["readonlyPaths"], held),
        "resources": {**resources, "devices": rules},
        **_seccomp(linux["seccomp"], held),
        **({"devices": files} if files else {}),
    }


def _kept(told: tuple[str, ...] | None, ordinary: list[str], held: frozenset[str]) -> list[str]:
    if told is not None:
        return list(told)
    return [] if ADMIN in held else ordinary


def _seccomp(filters: Mapping[str, Any], held: frozenset[str]) -> dict[str, Any]:
    if ADMIN in held:
        return {}
    lifted = frozenset[str]().union(*(CALLS.get(name, ()) for name in held))
    rules = [
        {**rule, "names": [name for name in rule["names"] if name not in lifted]}
        for rule in filters["syscalls"]
    ]
    return {"seccomp": {**filters, "syscalls": [rule for rule in rules if rule["names"]]}}


def _namespaces(ordinary: list[dict[str, str]], told: Service) -> Iterator[dict[str, str]]:
    spaces = {_TYPES[name]: told.space(name) for name in _TYPES}
    for one in ordinary:
        space = spaces.get(one["type"], NEW)
        if space == NONE:  # one without the app's interfaces
            yield {"type": one["type"]}
        elif space == NEW:
            yield one


def _rules(
    told: Service, held: frozenset[str], mounts: list[dict[str, Any]]
) -> Iterator[dict[str, object]]:
    for device in told.devices:
        if device.path == "all":
            _check_type(device)
            yield {"allow": True, "type": device.type, "access": "rwm"}
        else:
            numbers = {"major": device.major, "minor": device.minor}
            yield {"allow": True, "type": device.type, **numbers, "access": "rwm"}
    if held & OF_DEVICES:
        yield {"allow": True, "access": "rwm"}
    elif any(_shows_devices(mount) for mount in mounts):
        # those it sees; it makes none
        for kind in ("b", "c"):
            yield {"allow": True, "type": kind, "access": "rw"}


def _shows_devices(mount: Mapping[str, Any]) -> bool:
    place = mount["source"]
    return (
        mount["type"] == "bind"
        and "nodev" not in mount["options"]
        and (place.rstrip("/") == "/dev" or place.startswith("/dev/"))
    )


def _check_type(device: Device) -> None:
    if device.type not in {"b", "c"}:
        raise ServiceUnusable(f"names a device of type {device.type[:20]!r}; b and c are known")


def _device_file(device: Device) -> dict[str, object]:
    _check_type(device)
    _check_path(device.path)
    try:
        mode = int(device.mode, 8)
    except ValueError as error:
        why = f"gives the device {device.path[:80]!r} no octal mode"
        raise ServiceUnusable(why) from error
    return {
        "path": device.path,
        "type": device.type,
        "major": device.major,
        "minor": device.minor,
        "fileMode": mode & 0o777,
    }


def _mounts(ordinary: list[dict[str, Any]], told: Service) -> list[dict[str, Any]]:
    """One for each destination, the label's before the app's; what is above comes before."""
    binds = told.binds_add if told.binds is None else told.binds
    asked = (
        *(_tmpfs(text) for text in told.tmpfs),
        *(_bind(text) for text in binds),
        *(_mount(mount) for mount in told.mounts),
    )
    found = {mount["destination"]: mount for mount in (*ordinary, *asked)}
    return sorted(found.values(), key=lambda mount: mount["destination"].split("/"))


def _tmpfs(text: str) -> dict[str, Any]:
    target, _, options = text.partition(":")
    return _made("tmpfs", "tmpfs", target, tuple(options.split(",")) if options else ())


def _bind(text: str) -> dict[str, Any]:
    match text.split(":"):
        case [source, target]:
            return _made("bind", source, target, ("rw", "rbind", "rshared"))
        case [source, target, options]:
            return _made("bind", source, target, (*options.split(","), "rbind"))
        case _:
            raise ServiceUnusable(f"binds {text[:80]!r}, which is not source:target in full paths")


def _mount(told: Mount) -> dict[str, Any]:
    kind = told.type or (told.source if told.source in _KINDS else "")
    if not kind and told.destination == "/dev":
        kind = "tmpfs"
    if kind != "bind" and kind not in _KINDS:
        raise ServiceUnusable(f"mounts {kind[:40]!r}, which is no kind of mount that is known here")
    if kind == "bind" and not {"bind", "rbind"} & set(told.options):
        raise ServiceUnusable(f"binds {told.source[:80]!r} with neither bind nor rbind")
    target = told.destination or _KINDS.get(kind, "")
    return _made(kind, told.source or kind, target, told.options)


def _made(kind: str, source: str, target: str, options: tuple[str, ...]) -> dict[str, Any]:
    _check_path(target)
    if not target.strip("/"):
        raise ServiceUnusable("mounts something over the image itself")
    if kind == "bind":
        _check_path(source)
    for option in options:
        name, equals, _ = option.partition("=")
        if name not in (_VALUES if equals else _FLAGS):
            raise ServiceUnusable(f"mounts {target[:80]!r} with {option[:40]!r}, which is unknown")
    return {
        "destination": target.rstrip("/"),
        "type": kind,
        "source": source,
        "options": list(options),
    }


def _check_path(path: str) -> None:
    if not path.startswith("/") or ".." in path.split("/"):
        raise ServiceUnusable(f"names {path[:80]!r}, which is not one of the full paths it needs")


def _limit(text: str) -> dict[str, object]:
    parts = [part.strip() for part in text.split(",")]
    name = parts[0].upper().removeprefix("RLIMIT_")
    if len(parts) != 3 or name not in _LIMITS:
        raise ServiceUnusable(f"limits {text[:80]!r}, which is not a known name,soft,hard")
    soft, hard = (_amount(part, text) for part in parts[1:])
    return {"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}


def _amount(text: str, limit: str) -> int:
    if text.lower() == "unlimited":
        return _UNLIMITED
    if text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= _UNLIMITED:
        return int(text)
    raise ServiceUnusable(f"limits {limit[:80]!r}, where {text[:40]!r} is no number")
