"""Looking names up at the DNS servers of one port, over that port.

What `/etc/hosts` says comes first, then the static names of the port's network.  A server that
says nothing is asked once more, then the next one; so a dead server on one port neither stops nor
slows what goes over another.
"""

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

TRY_S = 2.0
TRIES = 2
KEEP_S = 30.0  # an answer is used so long at most: the path is tested all the time
MOST_KEPT = 64
A, AAAA = 1, 28
HOSTS = Path("/etc/hosts")


class NameUnknown(OSError):
    """No server of the port gave an address."""


@dataclass(frozen=True, slots=True)
class Servers:
    addresses: tuple[str, ...]
    interface: str = ""
    source: str = ""
    port: int = 53


class Resolver:
    """Of one port; keeps what it heard for a short time."""

    def __init__(
        self,
        servers: Servers,
        clock: Callable[[], float],
        hosts: Path = HOSTS,
        names: Iterable[tuple[str, tuple[str, ...]]] = (),
    ) -> None:
        self._servers = servers
        self._names = {name.rstrip(".").lower(): found for name, found in names}
        self._clock = clock
        self._hosts = hosts
        self._kept: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """All addresses of `host`, IPv4 first.  Raises NameUnknown."""
        name = host.rstrip(".").lower()
        known = static_addresses(name, self._hosts) or self._names.get(name, ())
        if known:
            return known
        until, kept = self._kept.get(name, (0.0, ()))
        if kept and until > self._clock():
            return kept
        found = await self._ask(name)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[name] = (self._clock() + KEEP_S, found)
        return found

    async def _ask(self, name: str) -> tuple[str, ...]:
        if not self._servers.addresses:
            return await _by_the_machine(name)
        said: list[str] = []
        for _ in range(TRIES):
            for server in self._servers.addresses:
                try:
                    async with asyncio.timeout(TRY_S):
                        four, six = await asyncio.gather(
                            self._query(server, name, A), self._query(server, name, AAAA)
                        )
                except TimeoutError:
                    said.append(f"{server} is silent")
                except (OSError, ValueError) as error:
                    said.append(f"{server}: {error}")
                else:
                    if four or six:
                        return (*four, *six)
                    said.append(f"{server} knows no address of it")
        over = f" over {self._servers.interface}" if self._servers.interface else ""
        raise NameUnknown(f"{name} cannot be looked up{over}: {'; '.join(dict.fromkeys(said))}")

    async def _query(self, server: str, name: str, kind: int) -> tuple[str, ...]:
        number = secrets.randbelow(1 << 16)
        loop = asyncio.get_running_loop()
        with self._socket(server) as sock:
            await loop.sock_connect(sock, (server, self._servers.port))
            await loop.sock_sendall(sock, question(number, name, kind))
            while True:
                answer = await loop.sock_recv(sock, 4096)
                if answer[:2] == number.to_bytes(2, "big"):
                    return read_answer(answer, kind)

    def _socket(self, server: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if not ip_address(server).is_loopback:
                self._bind(sock, family)
        except BaseException:
            sock.close()
            raise
        return sock

    def _bind(self, sock: socket.socket, family: int) -> None:
        if self._servers.interface:
            name = self._servers.interface.encode()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        source = self._servers.source
        if source and (":" in source) == (family == socket.AF_INET6):
            sock.bind((source, 0))


async def _by_the_machine(name: str) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(f"{name} cannot be looked up by the machine: {error}") from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in sorted(found)))


def is_literal(host: str) -> bool:
    """Is it an address already?"""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def static_addresses(name: str, hosts: Path) -> tuple[str, ...]:
    try:
        lines = hosts.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    found: list[str] = []
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if name in (n.lower() for n in names):
            found.append(address)
    return tuple(found)


def question(number: int, name: str, kind: int) -> bytes:
    """One DNS question.  Raises ValueError for what is no host name."""
    try:
        labels = [part.encode("ascii" if part.isascii() else "idna") for part in name.split(".")]
    except UnicodeError as error:
        raise ValueError(f"{name!r} is no host name") from error
    if any(not 1 <= len(label) <= 63 for label in labels) or len(name) > 253:
        raise ValueError(f"{name!r} is no host name")
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + asked + struct.pack(">2H", kind, 1)


def read_answer(message: bytes, kind: int) -> tuple[str, ...]:
    """The addresses of that kind.  Raises ValueError for what is no answer."""
    try:
        _, flags, questions, answers, _, _ = struct.unpack_from(">6H", message)
        if not flags & 0x8000:
            raise ValueError("what came is no answer")
        code = flags & 0xF
        if code not in (0, 3):
            raise ValueError(f"it refuses (code {code})")
        at = 12
        for _ in range(questions):
            at = _after_name(message, at) + 4
        found: list[str] = []
        for _ in range(answers):
            at = _after_name(message, at)
            type_, class_, _, length = struct.unpack_from(">2HIH", message, at)
            data = message[at + 10 : at + 10 + length]
            at += 10 + length
            if type_ == kind and class_ == 1 and len(data) in (4, 16):
                found.append(str(ip_address(data)))
    except (struct.error, IndexError) as error:
        raise ValueError("its answer cannot be read") from error
    return tuple(found)


def _after_name(message: bytes, at: int) -> int:
    while True:
        length = message[at]
        if length & 0xC0 == 0xC0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at


class PortResolver:
    """What aiohttp asks for addresses."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[Mapping[str, object]]:
        found: Sequence[str] = await self._resolver.addresses(host)
        both = [(a, socket.AF_INET6 if ":" in a else socket.AF_INET) for a in found]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": one,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address, one in both
            if family in (socket.AF_UNSPEC, one)
        ]

    async def names(self, host: str) -> tuple[str, ...]:
        """Addresses of `host`.  Raises NameUnknown, an OSError."""
        return await self._resolver.addresses(host)

    async def close(self) -> None:
        """Nothing is open between two questions."""


def port_resolver(
    servers: tuple[str, ...],
    interface: str,
    source: str,
    names: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> PortResolver | None:
    """None: the port has neither servers nor `names` of its own; the machine looks names up."""
    if not servers and not names:
        return None
    clock = asyncio.get_running_loop().time
    return PortResolver(Resolver(Servers(servers, interface, source), clock, names=names))
