"""The configuration lock: what is in force stays, what somebody changes waits.

A device is locked by its own record or by the policy of its project.  Commands and debug access
pass, since they are no configuration.  A device that has no configuration yet gets its first one.
"""

from dataclasses import replace
from typing import Final

from eaves.controller.domain.contract.devices import (
    ConfigurationLock,
    DeviceConfig,
    DeviceConfigLock,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.evapi.config import ConfigItem, EdgeDevConfig, config_hash

DEBUG_ITEMS: Final = "debug.enable."
WAITING: Final = (
    "the configuration is locked and changes wait (see config/next); unlock the device or its "
    "project, or push them with PUT /api/v1/devices/id/ID/config"
)


def is_locked(device: DeviceConfig, project: Tag | None) -> bool:
    if device.config_lock is DeviceConfigLock.ENABLED:
        return True
    policy = project.configuration_lock_policy if project is not None else None
    lock = policy.configuration_lock_policy if policy is not None else None
    return lock is not None and lock.config_lock is ConfigurationLock.ENABLED


def under_lock(held: EdgeDevConfig, wanted: EdgeDevConfig) -> tuple[EdgeDevConfig, bool]:
    """What a locked device gets, and whether changes wait.

    `held` is in force; `wanted` is what it would get without the lock.
    """
    served = replace(
        held,
        reboot=wanted.reboot,
        shutdown=wanted.shutdown,
        edgeview=wanted.edgeview,
        config_items=_items(held.config_items, wanted.config_items),
        controllercert_confighash=wanted.controllercert_confighash,
        controller_epoch=wanted.controller_epoch,
        config_timestamp=None,
    )
    return served, config_hash(served) != config_hash(wanted)


def _items(held: tuple[ConfigItem, ...], wanted: tuple[ConfigItem, ...]) -> tuple[ConfigItem, ...]:
    """Sorted by key, as both are."""
    kept = [item for item in held if not item.key.startswith(DEBUG_ITEMS)]
    kept += [item for item in wanted if item.key.startswith(DEBUG_ITEMS)]
    return tuple(sorted(kept, key=lambda item: item.key))
