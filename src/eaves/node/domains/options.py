"""What properties of the node say for all its machines, each from its next start on.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from eaves.evapi.config import AppInstanceConfig, ConfigItem, VmConfig, VmMode
from eaves.evapi.config_items import FML_SIZES
from eaves.evapi.evecommon import BootOrder

BOOT_ORDERS = {BootOrder.BOOT_ORDER_USB: "usb", BootOrder.BOOT_ORDER_NOUSB: "nousb"}
SIZES = frozenset(size for size in FML_SIZES if size)


@dataclass(frozen=True, slots=True)
class Options:
    boot_order: str = ""
    fml_resolution: str = ""  # of the display
    vnc_everywhere: bool = False  # else on the loopback only
    gdb: bool = False
    pause_on_crash: bool = False


def options_of(items: Iterable[ConfigItem]) -> Options:
    """A value that is none of those known is as if it were not there."""
    said = {item.key: item.value.strip() for item in items}
    order, size = said.get("app.boot.order", ""), said.get("app.fml.resolution", "")
    return Options(
        boot_order=order if order in BOOT_ORDERS.values() else "",
        fml_resolution=size if size in SIZES else "",
        vnc_everywhere=_on(said.get("app.allow.vnc", "")),
        gdb=_on(said.get("debug.qemu.gdb", "")),
        pause_on_crash=_on(said.get("debug.qemu.pause.on.crash", "")),
    )


def _on(value: str) -> bool:
    return value.lower() == "true"


def boot_order(config: AppInstanceConfig, node: Options) -> str:
    """The app's own wish wins over the node's property."""
    resources = config.fixedresources or VmConfig()
    return BOOT_ORDERS.get(resources.boot_order, "") or node.boot_order


def resolution(config: AppInstanceConfig, node: Options) -> str:
    """The app's own, else that of the node for FML; blank: as the firmware chooses."""
    resources = config.fixedresources or VmConfig()
    own = config.vm_resolution if config.vm_resolution in SIZES else ""
    of_node = node.fml_resolution if resources.virtualization_mode == VmMode.FML else ""
    return own or of_node
