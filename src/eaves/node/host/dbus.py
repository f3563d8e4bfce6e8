"""Calls to programs of this machine over D-Bus, for what no argument of a process may hold.

Everybody on the machine reads the arguments of every process; the bus carries a message to the one
program that it is for.  One connection for each call; its argument is one dictionary of variants,
or one list of texts.
Source: D-Bus specification, "Authentication Protocol" and "Message Protocol".
"""

import asyncio
import contextlib
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from eaves.errors import Rejected, Transient

Value = str | bool | int  # a number is an unsigned one of 32 bits

SYSTEM_BUS: Final = "unix:path=/run/dbus/system_bus_socket"
MOST_BYTES: Final = 1 << 20  # of a message that is read
METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SIGNATURE = 1, 2, 3, 4, 5, 6, 8
DICTIONARY: Final = "a{sv}"
TEXTS: Final = "as"
_ORDERS = {ord("l"): "<", ord("B"): ">"}
_HEAD: Final = 16  # bytes: order, type, flags, version; body's length, serial, length of the fields


class BusUnreachable(Transient):
    """Nobody answered."""


class BusRefused(Rejected):
    """The program that was called, or the bus, says no."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{said or 'no reason given'} ({name})")


@dataclass(frozen=True, slots=True)
class Method:
    destination: str
    path: str
    interface: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    kind: int
    reply_to: int
    error: str
    said: str  # of an error


HELLO = Method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")


async def call(
    method: Method, arguments: Mapping[str, Value] | tuple[str, ...], timeout_s: float
) -> None:
    """Until it is done.  Raises BusRefused, BusUnreachable; neither holds the arguments."""
    if isinstance(arguments, tuple):
        asking = message(method, 2, texts(arguments), TEXTS)
    else:
        asking = message(method, 2, dictionary(arguments), DICTIONARY)
    address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(socket_path(address))
            try:
                await _authenticate(reader, writer)
                writer.write(message(HELLO, 1))
                await _answered(reader, 1)
                writer.write(asking)
                await _answered(reader, 2)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise BusUnreachable(f"no answer to {method.name} after {timeout_s:g} s") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise BusUnreachable(f"D-Bus at {address}: {error}; is dbus running?") from error


def socket_path(address: str) -> str:
    for one in address.split(";"):
        kind, _, rest = one.partition(":")
        for pair in rest.split(","):
            key, _, value = pair.partition("=")
            if (kind, key) == ("unix", "path"):
                return unquote(value)
    raise BusUnreachable(f"the address of D-Bus, {address!r}, names no socket by its path")


async def _authenticate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The kernel tells the bus who we are; this only says that it should be asked."""
    writer.write(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    said = await reader.readuntil(b"\r\n")
    if not said.startswith(b"OK"):
        raise BusRefused("AUTH", said.decode(errors="replace").strip()[:100])
    writer.write(b"BEGIN\r\n")


async def _answered(reader: asyncio.StreamReader, serial: int) -> None:
    """What else arrives on the connection, as the news of its own name, is passed over."""
    while True:
        head = await reader.readexactly(_HEAD)
        answer = read_answer(head, await reader.readexactly(left(head)))
        if answer.reply_to == serial and answer.kind == ERROR:
            raise BusRefused(answer.error, answer.said)
        if answer.reply_to == serial and answer.kind == METHOD_RETURN:
            return


# What is sent


def message(method: Method, serial: int, body: bytes = b"", signature: str = "") -> bytes:
    fields = bytearray()
    for number, kind, value in (
        (PATH, "o", method.path),
        (INTERFACE, "s", method.interface),
        (MEMBER, "s", method.name),
        (DESTINATION, "s", method.destination),
        (SIGNATURE, "g", signature),
    ):
        if value:
            _align(fields, 8)
            fields.append(number)
            _variant(fields, kind, value)
    head = struct.pack("<4BIII", ord("l"), METHOD_CALL, 0, 1, len(body), serial, len(fields))
    _align(fields, 8)
    return head + fields + body


def dictionary(arguments: Mapping[str, Value]) -> bytes:
    """A body of one `a{sv}`."""
    entries = bytearray()
    for key, value in arguments.items():
        _align(entries, 8)
        _string(entries, key)
        _variant(entries, _kind(value), value)
    return struct.pack("<II", len(entries), 0) + entries  # the first entry stands at 8, too


def texts(words: Iterable[str]) -> bytes:
    """A body of one `as`."""
    entries = bytearray()
    for word in words:
        _string(entries, word)
    return struct.pack("<I", len(entries)) + entries


def _kind(value: Value) -> str:
    if isinstance(value, str):
        return "s"
    return "b" if isinstance(value, bool) else "u"


def _variant(out: bytearray, kind: str, value: Value) -> None:
    _signature(out, kind)
    if kind == "g":
        _signature(out, str(value))
    elif isinstance(value, str):
        _string(out, value)
    else:
        _align(out, 4)
        out += struct.pack("<I", value)


def _string(out: bytearray, text: str) -> None:
    raw = text.encode()
    _align(out, 4)
    out += struct.pack("<I", len(raw)) + raw + b"\0"


def _signature(out: bytearray, text: str) -> None:
    out += bytes([len(text)]) + text.encode() + b"\0"


def _align(out: bytearray, to: int) -> None:
    out += bytes(-len(out) % to)


# What is read


def left(head: bytes) -> int:
    """How much of a message follows its head.  Raises BusUnreachable."""
    order = _ORDERS.get(head[0])
    if order is None:
        raise BusUnreachable("D-Bus: what arrived is no message")
    body, _, fields = struct.unpack_from(f"{order}III", head, 4)
    length = int(body) + int(fields) + -int(fields) % 8
    if length > MOST_BYTES:
        raise BusUnreachable(f"D-Bus: a message of {length} bytes, which is too long")
    return length


def read_answer(head: bytes, rest: bytes) -> Answer:
    """Raises BusUnreachable."""
    order = _ORDERS[head[0]]
    (length,) = struct.unpack_from(f"{order}I", head, 12)
    try:
        fields = _fields(rest[:length], order)
        error, signature = str(fields.get(ERROR_NAME, "")), str(fields.get(SIGNATURE, ""))
        body = length + -length % 8
        said = _text(rest, body, order)[0] if error and signature.startswith("s") else ""
    except (struct.error, IndexError, ValueError) as broken:
        raise BusUnreachable(f"D-Bus: a message cannot be read: {broken}") from broken
    return Answer(head[1], int(fields.get(REPLY_SERIAL, 0)), error, said)


def _fields(data: bytes, order: str) -> dict[int, str | int]:
    """Of its header; a kind that is not known ends them."""
    found: dict[int, str | int] = {}
    at = 0
    while at < len(data):
        number, size = data[at], data[at + 1]
        kind = data[at + 2 : at + 2 + size]
        at += size + 3
        if kind in {b"s", b"o"}:
            found[number], at = _text(data, at, order)
        elif kind == b"u":
            at += -at % 4
            (found[number],) = struct.unpack_from(f"{order}I", data, at)
            at += 4
        elif kind == b"g":
            found[number] = data[at + 1 : at + 1 + data[at]].decode()
            at += data[at] + 2
        else:
            break
        at += -at % 8
    return found


def _text(data: bytes, at: int, order: str) -> tuple[str, int]:
    """And where it ends."""
    at += -at % 4
    (size,) = struct.unpack_from(f"{order}I", data, at)
    return data[at + 4 : at + 4 + size].decode(), at + 5 + size
