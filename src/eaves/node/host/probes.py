"""Does something answer by this interface?  ICMP echo and TCP, each with a deadline."""

import asyncio
import os
import socket
import struct

ECHO, ECHO_REPLY = 8, 0


def checksum(data: bytes) -> int:
    """Of IP, over whole words."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(identifier: int, sequence: int) -> bytes:
    body = struct.pack(">BBHHH", ECHO, 0, 0, identifier, sequence) + b"eaves-probe"
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def answers(packet: bytes, identifier: int, sequence: int) -> bool:
    """Is it the reply to that request?  `packet` begins with its IP header."""
    if len(packet) < 20:
        return False
    start = (packet[0] & 15) * 4
    if len(packet) < start + 8:
        return False
    kind, _, _, who, which = struct.unpack_from(">BBHHH", packet, start)
    return (kind, who, which) == (ECHO_REPLY, identifier, sequence)


async def answers_ping(address: str, ifname: str, timeout_s: float) -> bool:
    """`address` is IPv4.  An interface that is gone answers nothing."""
    identifier, sequence = os.getpid() & 0xFFFF, int.from_bytes(os.urandom(2), "big")
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as probe:
            probe.setblocking(False)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
            async with asyncio.timeout(timeout_s):
                await loop.sock_sendto(probe, echo_request(identifier, sequence), (address, 0))
                while True:
                    packet, sender = await loop.sock_recvfrom(probe, 1500)
                    if sender[0] == address and answers(packet, identifier, sequence):
                        return True
    except OSError:  # a timeout is one as well
        return False


async def answers_tcp(host: str, port: int, ifname: str, timeout_s: float) -> bool:
    """`host` is an address or a name, which the node's own resolver is asked for."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(
                host, port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
            for *_, address in found[:4]:
                if await _connects(loop, (str(address[0]), port), ifname):
                    return True
    except OSError:
        return False
    return False


async def _connects(loop: asyncio.AbstractEventLoop, address: tuple[str, int], ifname: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
        try:
            await loop.sock_connect(probe, address)
        except OSError:
            return False
        return True
