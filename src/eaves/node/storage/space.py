"""Who may still write how much: decided before the first byte, from declared sizes.

A sparse volume counts with what it was declared to be, or ten of them would fit where one does.
The host keeps a reserve of its own, so that a full disk never stops the node itself.
"""

from dataclasses import dataclass

from eaves.errors import Transient
from eaves.node.storage.settings import StorageSettings


@dataclass(frozen=True, slots=True)
class Usage:
    """What is measured and declared, in bytes."""

    total: int  # size of the file system
    free: int  # what it still takes from us
    ours: int  # blocks that content and volumes really occupy
    content: int  # sizes of content here, and announced sizes of content on its way
    volumes: int  # declared sizes of volumes from "creating" on


class NoSpace(Transient):
    def __init__(self, what: str, remaining: int, needed: int) -> None:
        super().__init__(
            f"{what}: no space: remaining {remaining} bytes, needs {needed}; "
            "remove a volume or an image, or declare smaller sizes"
        )
        self.remaining, self.needed = remaining, needed


def host_reserve(usage: Usage, settings: StorageSettings) -> int:
    """Log quota, and the host's own share: measured when it is known, else a percentage."""
    host_use = max(0, usage.total - usage.free - usage.ours)
    share = usage.total * settings.host_min_percent // 100
    measured = host_use > settings.host_max_bytes or host_use < share
    return settings.log_quota_bytes + (host_use if measured else share)


def remaining(usage: Usage, settings: StorageSettings) -> int:
    """What may still be declared; 0 asks for maintenance mode."""
    declared = usage.total - host_reserve(usage, settings) - usage.content - usage.volumes
    return max(0, declared)


def admit(
    what: str, needed: int, written: int, usage: Usage, settings: StorageSettings
) -> NoSpace | None:
    """Why `what` may not begin, or None.

    `needed` is declared; `written` is what will really be written soon and has to fit now.
    """
    if settings.ignore_disk_check:
        return None
    left = remaining(usage, settings)
    if needed > left:
        return NoSpace(what, left, needed)
    if written > usage.free:
        return NoSpace(what, usage.free, written)
    return None
