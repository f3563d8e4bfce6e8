"""What the screen of a device and its node tell each other about ports."""

from typing import Final

import msgspec

SOCKET: Final = "hand.sock"  # in the run directory
MOST_BYTES: Final = 64 * 1024  # of one line
AS_CONFIGURED: Final = "as configured"  # a proxy that has more to it than a host and a port


class PortByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one port reaches its network.  Empty: there is none, or DHCP tells it."""

    port: str  # label
    dhcp: bool = True
    address: str = ""  # with the length of its subnet
    gateway: str = ""
    dns: tuple[str, ...] = ()
    proxy: str = ""  # host:port for HTTP and HTTPS


class Settable(msgspec.Struct, frozen=True):
    now: PortByHand
    refused: str = ""  # why it may not be changed here
    by_hand: bool = False  # the settings in force were made here


class Show(msgspec.Struct, frozen=True, tag_field="ask", tag="show"):
    """Ports as they are set."""


class Set(msgspec.Struct, frozen=True, tag_field="ask", tag="set"):
    wish: PortByHand


class Withdraw(msgspec.Struct, frozen=True, tag_field="ask", tag="withdraw"):
    """All as before anything was set by hand."""


Ask = Show | Set | Withdraw


class Answer(msgspec.Struct, frozen=True):
    ports: tuple[Settable, ...] = ()
    refused: str = ""  # why it was not done
