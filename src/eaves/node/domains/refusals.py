"""Machines that cannot be made as their configuration asks, each with its sentence.  Pure."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from eaves.evapi.config import AppInstanceConfig
from eaves.ids import AppInstanceId
from eaves.node.domains.direct_boot import Volumes, boot_of
from eaves.node.domains.options import SIZES
from eaves.node.refs import AppInForce


def refuse(
    apps: Iterable[AppInForce], containers: AbstractSet[AppInstanceId], volumes: Volumes
) -> dict[AppInstanceId, str]:
    found = {
        app.app: "; ".join(_faults(app.config, volumes))
        for app in apps
        if app.app not in containers
    }
    return {app: text for app, text in found.items() if text}


def _faults(config: AppInstanceConfig, volumes: Volumes) -> Iterator[str]:
    name = config.displayname
    yield from (f"app {name}: {fault}" for fault in boot_of(config, volumes).faults)
    if config.vm_resolution and config.vm_resolution not in SIZES:
        yield (
            f"app {name}: vm_resolution {config.vm_resolution[:80]!r} is unknown; "
            f"use one of {', '.join(sorted(SIZES))}"
        )
