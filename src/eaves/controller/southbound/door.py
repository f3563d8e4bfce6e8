"""A second door for devices, for balancers that say by the PROXY protocol whom they forward.

TLS is that of the listener of the devices: the door takes the header off a connection and passes
the rest through to that listener, from an address of this machine.  It notes which connection is
whose, so that limits and logs go by the address that the balancer told.  Only who was named is
believed: anybody else is hung up on, as is a balancer that sends no header, since what it forwards
would count as its own.
"""

import asyncio
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from eaves.controller.domain.trusted import Network, address_of, is_trusted
from eaves.controller.server import CannotListen
from eaves.controller.settings import Endpoint
from eaves.controller.southbound.http import Answer, Answering, Charge, Request
from eaves.controller.southbound.proxied import (
    HEAD_BYTES,
    NotProxied,
    read_head,
    read_source,
)
from eaves.controller.southbound.streams import closed, copied, peer_of

log = structlog.get_logger()

HEADER_S: Final = 5.0  # balancers write it at once
BACKLOG: Final = 4096
TOLD_EVERY_S: Final = 60.0  # of refusals, whoever knocks

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(slots=True)
class Door:
    """Lives on the loop of the devices; `listen` with port 0 takes a free one."""

    listen: Endpoint
    trusted: Sequence[Network]
    bound: Endpoint | None = field(default=None, init=False)
    _socket: socket.socket | None = field(default=None, init=False)
    _behind: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _refused: int = field(default=0, init=False)
    _told_at: float = field(default=float("-inf"), init=False)

    def telling(self, answering: Answering) -> Answering:
        """The same endpoints; requests that came through here tell who is behind the balancer."""

        def answer(request: Request) -> Awaitable[Answer]:
            client = self._behind.get(request.client)
            return answering(request if client is None else Forwarded(request, client))

        return answer

    def bind(self) -> Endpoint:
        """Open the socket; connections wait in its queue until `serve`.  Raises CannotListen."""
        try:
            self._socket = socket.create_server(
                (self.listen.host, self.listen.port),
                family=socket.AF_INET6 if ":" in self.listen.host else socket.AF_INET,
                backlog=BACKLOG,
                dualstack_ipv6=self.listen.host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {self.listen} for balancers: {error}; stop what holds the port, "
                "or choose another one (EAVES_DEVICE_PROXY_LISTEN)"
            ) from error
        self.bound = Endpoint(self.listen.host, int(self._socket.getsockname()[1]))
        return self.bound

    async def serve(self, listener: Endpoint) -> None:
        """Take connections for that listener until it is cancelled; after `bind`."""
        to = Endpoint(_ANY.get(listener.host, listener.host), listener.port)
        async with asyncio.TaskGroup() as tasks:

            def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.create_task(self._forward((reader, writer), to), name="forwarded")

            server = await asyncio.start_server(come, sock=self._socket, backlog=BACKLOG)
            try:
                await server.serve_forever()
            finally:
                server.close()

    async def _forward(self, balancer: Streams, to: Endpoint) -> None:
        peer = ""
        try:
            peer = peer_of(balancer[1])
            source = await self._admitted(balancer[0], peer)
            devices = await asyncio.open_connection(to.host, to.port)
            try:
                await self._passed(balancer, devices, source)
            finally:
                await closed(devices[1])
        except NotProxied as error:
            self._refuse(peer, str(error))
        except (OSError, EOFError, TimeoutError) as error:
            log.debug("forwarding_ended", why=str(error))
        except Exception:
            # one connection; the others and those who poll without a balancer go on
            log.exception("forwarding_failed")
        finally:
            await closed(balancer[1])

    async def _admitted(self, reader: asyncio.StreamReader, peer: str) -> str | None:
        """Who comes; None: the balancer itself.  Raises NotProxied."""
        if not is_trusted(address_of(peer), self.trusted):
            raise NotProxied("it is not named in EAVES_DEVICE_PROXIES")
        async with asyncio.timeout(HEADER_S):
            head = read_head(await reader.readexactly(HEAD_BYTES))
            return read_source(head, await reader.readexactly(head.rest))

    async def _passed(self, balancer: Streams, devices: Streams, source: str | None) -> None:
        own = devices[1].get_extra_info("sockname")
        name = str(Endpoint(own[0], own[1]))
        if source is not None:
            self._behind[name] = source  # before the first byte, so before the first request
        try:
            async with asyncio.TaskGroup() as both:
                asking = both.create_task(copied(balancer[0], devices[1]))
                await copied(devices[0], balancer[1])
                asking.cancel()  # the listener hung up, and takes no more
        except* OSError as group:  # one side went; the other one has nobody to talk to
            log.debug("forwarding_cut", why=str(group.exceptions[0]))
        finally:
            self._behind.pop(name, None)  # before the port may be another connection's

    def _refuse(self, peer: str, why: str) -> None:
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TOLD_EVERY_S:
            log.warning("not_forwarded", client=peer, why=why, refused=self._refused)
            self._told_at, self._refused = now, 0


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A request that came through a balancer; `client` is whom that named."""

    request: Request
    client: str

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def content_length(self) -> int | None:
        return self.request.content_length

    async def read_body(self, limit: int, charge: Charge) -> bytes:
        return await self.request.read_body(limit, charge)

    async def disconnected(self) -> None:
        await self.request.disconnected()
