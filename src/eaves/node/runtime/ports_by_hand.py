"""Takes ports from the screen of this machine: from nobody who is not before it.

Who asks is root, on a terminal that is a screen with its keyboard: not a serial line, which leads
elsewhere, and not a login from afar.  Source: node reference, section 8.6.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from eaves.errors import EavesError, Rejected
from eaves.evapi.config import EdgeDevConfig
from eaves.node.host.terminals import is_screen, terminal_of
from eaves.node.uplinks.by_hand import base_of, entry_by_hand, settable
from eaves.node.uplinks.hand import MOST_BYTES, Answer, Ask, Set, Show, Withdraw
from eaves.node.uplinks.model import Entry, Source

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 10.0
PEER: Final = struct.Struct("3i")  # pid, uid, gid
BORROWED: Final = (
    "the network of this machine is set by its own system; hand its interfaces over to the node"
    " (--host-network=managed) or set them there"
)


class Ports(Protocol):
    """The list of candidates, and what of it is in force."""

    @property
    def current(self) -> Entry | None: ...

    @property
    def managed(self) -> frozenset[str]: ...

    def enter(self, entry: Entry) -> None: ...

    def withdraw(self, source: Source) -> None: ...


class PortsByHand:
    def __init__(
        self,
        path: Path,
        ports: Ports,
        told: Callable[[], EdgeDevConfig | None],
        now: Callable[[], datetime],
        terminal: Callable[[int], int] = terminal_of,
    ) -> None:
        """`told`: the configuration of the controller, once there is one."""
        self._path = path
        self._ports = ports
        self._told = told
        self._now = now
        self._terminal = terminal

    async def run_forever(self) -> None:
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._path, limit=MOST_BYTES)
        self._path.chmod(0o600)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = self._answer(writer.get_extra_info("socket"), await reader.readline())
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, OSError) as error:  # ValueError: a line without an end
            log.warning("screen_not_answered", error=str(error))
        finally:
            writer.close()

    def _answer(self, peer: socket.socket, line: bytes) -> Answer:
        try:
            self._check(peer)
            return self.answer(msgspec.json.decode(line, type=Ask))
        except EavesError as error:
            return Answer(refused=str(error))
        except msgspec.MsgspecError as error:
            return Answer(refused=f"this is not asked so: {error}")

    def _check(self, peer: socket.socket) -> None:
        pid, uid, _ = PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        if uid != os.geteuid() or not is_screen(self._terminal(pid)):
            raise Rejected("ports are set on the screen of the machine itself, and nowhere else")

    def answer(self, ask: Ask) -> Answer:
        """Raises EavesError: why it is not done."""
        told, ports = self._told(), self._ports
        if not ports.managed:
            raise Rejected(BORROWED)
        if ports.current is None:
            raise Rejected("the node has not set up any port yet; wait a moment")
        base = base_of(ports.current)
        match ask:
            case Show():
                pass
            case Set(wish):
                entry = entry_by_hand(base, wish, told, self._now())
                log.warning("port_set_by_hand", port=wish.port, dhcp=wish.dhcp)
                ports.enter(entry)
                base = base_of(entry)
            case Withdraw():
                log.warning("ports_by_hand_withdrawn")
                ports.withdraw(Source.MANUAL)
        return Answer(settable(base, told))
