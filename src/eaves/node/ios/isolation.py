"""Which devices the machine's own drivers may use.  Pure.

Somebody who stands before the device brings a keyboard, a stick or a screen.  Unless the controller
opens them (`debug.enable.usb`, `debug.enable.vga`), the machine itself takes none of them: a USB
interface is let in for the app that it is assigned to, where no driver of the host is asked.
What carries the network stays, and so does the disk that the machine runs from.
Source: node reference, section 11.3.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from eaves.evapi.config_items import ItemValues
from eaves.node.host.isolation import CONSOLES, PLATFORM, USB, Interface, Seen, Write
from eaves.node.refs import Passed, UsbRule

INPUT, IMAGING, STORAGE = 0x03, 0x06, 0x08  # class codes; phones show their storage as imaging
KEPT_AWAY: Final = frozenset({INPUT, IMAGING, STORAGE})


@dataclass(frozen=True, slots=True)
class Access:
    """What the controller leaves open to somebody at the device."""

    usb: bool = True
    display: bool = True
    serial: bool = True  # the text console on a serial line


def access_of(items: ItemValues) -> Access:
    return Access(
        usb=items.flag("debug.enable.usb"),
        display=items.flag("debug.enable.vga"),
        serial=items.flag("debug.enable.console"),
    )


def isolate(seen: Seen, access: Access, passed: Iterable[Passed]) -> tuple[Write, ...]:
    """The writes that make it so, in order; none where all is as it should be.

    What is shut comes first, and what is plugged in later is shut by its bus until it is judged.
    """
    rules = [rule for one in passed for rule in one.usb]
    return (
        *_buses(seen, access),
        *_interfaces(seen.interfaces, access, rules),
        *_display(seen, access),
    )


def _buses(seen: Seen, access: Access) -> Iterator[Write]:
    for name, lets_in in seen.buses:
        if lets_in != access.usb:
            yield Write(f"{USB}/devices/{name}/interface_authorized_default", _flag(access.usb))


def _interfaces(
    interfaces: Sequence[Interface], access: Access, rules: Sequence[UsbRule]
) -> Iterator[Write]:
    opened: list[Interface] = []
    for one in interfaces:
        given = any(rule.means(one.bus, one.port, one.vendor, one.product) for rule in rules)
        wanted = given or access.usb or one.in_use or one.kind not in KEPT_AWAY
        if wanted == one.authorized:
            continue
        yield Write(f"{USB}/devices/{one.name}/authorized", _flag(wanted))
        if wanted and not given:
            opened.append(one)
    for one in opened:  # once all interfaces of a device are open: some drivers want several
        yield Write(f"{USB}/drivers_probe", one.name)


def _display(seen: Seen, access: Access) -> Iterator[Write]:
    """The text consoles let go of the frame buffer before its driver goes, and follow it back."""
    consoles = [
        Write(f"{CONSOLES}/{name}/bind", _flag(access.display))
        for name, bound in seen.consoles
        if bound != access.display
    ]
    verb = "bind" if access.display else "unbind"
    drivers = [
        Write(f"{PLATFORM}/drivers/{one.driver}/{verb}", one.name)
        for one in seen.frame_buffers
        if one.bound != access.display
    ]
    yield from (*drivers, *consoles) if access.display else (*consoles, *drivers)


def _flag(on: bool) -> str:  # noqa: FBT001 - as sysfs writes it
    return "1" if on else "0"
