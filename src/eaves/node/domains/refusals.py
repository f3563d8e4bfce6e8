"""Machines that cannot be made as their configuration asks, each with its sentence.  Pure."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from eaves.evapi.config import AppInstanceConfig, VmConfig
from eaves.ids import AppInstanceId
from eaves.node.domains.options import SIZES
from eaves.node.refs import AppInForce


def refuse(
    apps: Iterable[AppInForce], containers: AbstractSet[AppInstanceId]
) -> dict[AppInstanceId, str]:
    found = {app.app: "; ".join(_faults(app.config)) for app in apps if app.app not in containers}
    return {app: text for app, text in found.items() if text}


def _faults(config: AppInstanceConfig) -> Iterator[str]:
    resources, name = config.fixedresources or VmConfig(), config.displayname
    for what, value in (
        ("kernel", resources.kernel),
        ("ramdisk", resources.ramdisk),
        ("extraargs", resources.extraargs),
    ):
        if value:
            yield (
                f"app {name}: {what} {value[:80]!r} cannot be given to a virtual machine, which "
                f"boots from its first volume; put it there and leave {what} blank"
            )
    if config.vm_resolution and config.vm_resolution not in SIZES:
        yield (
            f"app {name}: vm_resolution {config.vm_resolution[:80]!r} is unknown; "
            f"use one of {', '.join(sorted(SIZES))}"
        )
