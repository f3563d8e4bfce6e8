"""What properties of the node say for all its machines, each from its next start on.  Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from eaves.evapi.config import AppInstanceConfig, ConfigItem, VmConfig, VmMode
from eaves.evapi.config_items import FML_SIZES
from eaves.evapi.evecommon import BootOrder

BOOT_ORDERS = {BootOrder.BOOT_ORDER_USB: "usb", BootOrder.BOOT_ORDER_NOUSB: "nousb"}
SIZES = frozenset(size for size in FML_SIZES if size)
ROM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TRACE_EVENT = re.compile(r"[a-z0-9_*]{1,64}")


@dataclass(frozen=True, slots=True)
class Options:
    boot_order: str = ""
    fml_resolution: str = ""  # of the display
    vnc_everywhere: bool = False  # else on the loopback only
    gdb: bool = False
    pause_on_crash: bool = False
    keep_core: bool = True  # of an emulator that crashes
    guest_in_core: bool = False  # its memory too
    keep_guest_core: bool = False  # the memory of a guest that crashes
    graphics_without_mmap: bool = False
    graphics_rom: str = ""  # base name of an option ROM
    traced: tuple[str, ...] = ()  # events of the emulator
    firmware_log: bool = False
    multipart: bool = False  # parts of user data become files of the seed


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
        keep_core=_on(said.get("debug.qemu.process.core", "true")),
        guest_in_core=_on(said.get("debug.qemu.process.core.guest.ram", "")),
        keep_guest_core=_on(said.get("debug.qemu.guest.core", "")),
        graphics_without_mmap=_on(said.get("debug.qemu.igpu.no.mmap", "")),
        graphics_rom=_name(said.get("igpu.gop", "")),
        traced=_events(said.get("debug.qemu.trace.events", "")),
        firmware_log=_on(said.get("debug.enable.efi", "")),
        multipart=_on(said.get("process.cloud-init.multipart", "")),
    )


def _on(value: str) -> bool:
    return value.lower() in {"true", "t", "1"}


def _name(value: str) -> str:
    return value if ROM_NAME.fullmatch(value) else ""


def _events(value: str) -> tuple[str, ...]:
    """Names or patterns, between commas or spaces; what can be no name of one is left out."""
    return tuple(event for event in re.split(r"[,\s]+", value) if TRACE_EVENT.fullmatch(event))


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
