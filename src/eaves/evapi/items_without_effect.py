"""Configuration properties that change nothing on a node, each with why.

A property is either read by the node or stands here; a test holds the two against each other.
Who sets one to something is told why it changes nothing, as the error of the property.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_GO = "tunes the Go runtime of EVE-OS; this node is written in Python"
_CLUSTER = "of the Kubernetes variant of EVE-OS; this node is part of no cluster"
_ZFS = "of ZFS pools; storage of this node is a directory of the file system that it is given"

WITHOUT_EFFECT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timer.vault.trim.max.secs": _ZFS,
        "timer.zfs.pool.trim.cron": _ZFS,
        "debug.disable.dhcp.all-ones.netmask": "has no effect in EVE-OS either",
        "debug.enable.ssh": "the node opens no SSH server; that of the host has keys of its own",
        "debug.enable.vnc.shim.vm": "no machine is made around a container with such a console",
        "storage.zfs.reserved.percent": _ZFS,
        "storage.longhorn.disk.reserved.gigabytes": _CLUSTER,
        "storage.longhorn.snapshot.cron": _CLUSTER,
        "storage.longhorn.node-drain-policy": _CLUSTER,
        "edgeview.authen.publickey": "there is no remote access yet",
        "gogc.memory.limit.bytes": _GO,
        "gogc.percent": _GO,
        "gogc.forced.interval.seconds": _GO,
        "gogc.forced.growth.memory.MiB": _GO,
        "gogc.forced.growth.memory.percent": _GO,
        "goroutine.leak.detection.threshold": _GO,
        "goroutine.leak.detection.check.interval.minutes": _GO,
        "goroutine.leak.detection.check.window.minutes": _GO,
        "goroutine.leak.detection.keep.stats.hours": _GO,
        "goroutine.leak.detection.cooldown.minutes": _GO,
        "kubernetes.drain.timeout": _CLUSTER,
        "kubernetes.drain.allnodes.config.multiple": _CLUSTER,
        "drain.skip.k8sapinotreachable.timeout": _CLUSTER,
        "k3s.config.override": _CLUSTER,
        "k3s.version": _CLUSTER,
        "kubernetes.vmi.deschedule.events": _CLUSTER,
    }
)

AS_ASKED: Final = frozenset({"app.boot.order", "debug.disable.dhcp.all-ones.netmask"})
"""Nothing is missing where these are set: what they ask for is so without them, or as in EVE-OS."""


def missing(key: str, value: int | str) -> str:
    """Why what `value` asks for is not done; empty: it is, or it asks for nothing (false, 0, no
    text).
    """
    return WITHOUT_EFFECT.get(key, "") if value and key not in AS_ASKED else ""
