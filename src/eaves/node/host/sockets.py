"""TCP sockets that leave by a given port, and that notice when nobody is at the other end.

A request that waits for the controller is silent for most of a minute.  The kernel asks the peer
every five seconds whether it is still there, which costs no request: a path that swallows packets
is known within `DEAD_S`, and the next path can be taken.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import cast

HEARTBEAT_S = 5  # of silence, before the first question
REPEAT_S = 3
DEAD_S = 11.0  # without an answer to a question, or to what was sent

AddressInfo = Sequence[object]
"""An entry of getaddrinfo."""


def bound(
    info: AddressInfo, interface: str, source: str, own: Callable[[str], bool] = lambda _: False
) -> socket.socket:
    """Not connected yet.  Raises OSError, also when `source` is of another family than `info`.

    What is on this machine (`own`, and loopback) is reached inside it, whatever the port.
    """
    family, kind, protocol = cast("tuple[int, int, int]", tuple(info[:3]))  # so getaddrinfo has it
    address = cast("tuple[object, ...]", info[4])
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        if kind == socket.SOCK_STREAM:
            _watch(made)
        peer = str(address[0]).partition("%")[0] if address else ""
        local = inside(peer) or own(peer)
        if not local or interface == "lo" or inside(source):
            _bind(made, family, interface, source)
    except BaseException:
        made.close()
        raise
    return made


def inside(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False


def _bind(made: socket.socket, family: int, interface: str, source: str) -> None:
    if interface:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    if not source:
        return
    needed = socket.AF_INET6 if ":" in source else socket.AF_INET
    if family != needed:
        raise OSError(f"{source} cannot reach an address of another family")
    made.bind((source, 0))


def _watch(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, HEARTBEAT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, REPEAT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_S * 1000))
