"""A system bus with one program on it, as far as a caller sees them: D-Bus on a socket, by hand.

It reads what arrives by the specification and shares no code with the node; what it does not
understand ends the connection, as a bus does.
"""

import contextlib
import os
import socketserver
import struct
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

Told = str | int
ACKNOWLEDGED = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Call:
    destination: str
    path: str
    member: str  # with its interface
    arguments: Mapping[str, Told | bool]


class Refused(Exception):
    """The program says no, and why."""


Answerer = Callable[[Call], None]


class Reader:
    """Little-endian, as the callers of these tests are."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def align(self, to: int) -> None:
        padding = -self.at % to
        assert not any(self.data[self.at : self.at + padding]), "padding holds something"
        self.at += padding

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        assert len(taken) == size, "the message ends too early"
        self.at += size
        return taken

    def number(self) -> int:
        self.align(4)
        return int.from_bytes(self.take(4), "little")

    def text(self) -> str:
        return self._ended(self.number())

    def signature(self) -> str:
        return self._ended(self.take(1)[0])

    def _ended(self, size: int) -> str:
        raw = self.take(size + 1)
        assert raw[-1] == 0
        return raw[:-1].decode()

    def variant(self) -> Told | bool:
        kind = self.signature()
        if kind in {"s", "o"}:
            return self.text()
        if kind == "g":
            return self.signature()
        number = self.number()
        assert kind == "u" or (kind == "b" and number < 2), kind
        return bool(number) if kind == "b" else number


def read_call(head: bytes, rest: bytes) -> tuple[int, Call]:
    """And its serial number."""
    order, kind, flags, version, body, serial, length = struct.unpack("<4B3I", head)
    assert (order, kind, flags, version) == (ord("l"), 1, 0, 1)
    reader, fields = Reader(rest), dict[int, str]()
    while reader.at < length:
        reader.align(8)
        number = reader.take(1)[0]
        fields[number] = str(reader.variant())
    assert reader.at == length
    reader.align(8)
    assert len(rest) - reader.at == body
    assert fields.get(8, "") in {"", "a{sv}"}
    arguments = read_dictionary(rest[reader.at :]) if body else {}
    return serial, Call(fields[6], fields[1], f"{fields[2]}.{fields[3]}", arguments)


def read_dictionary(body: bytes) -> dict[str, Told | bool]:
    reader, found = Reader(body), dict[str, Told | bool]()
    length = reader.number()
    reader.align(8)
    assert length == len(body) - reader.at
    while reader.at < len(body):
        reader.align(8)
        key = reader.text()
        found[key] = reader.variant()
    return found


def told(kind: int, reply_to: int, error: str = "", said: str = "") -> bytes:
    """A message of the bus: 2 answers, 3 refuses, 4 is news that nobody asked for."""
    fields = b"\x05\x01u\x00" + struct.pack("<I", reply_to) if reply_to else b""
    body = struct.pack("<I", len(said)) + said.encode() + b"\0" if said else b""
    for number, type_, text in ((4, "s", error), (8, "g", "s" if said else "")):
        if text:
            fields += bytes(-len(fields) % 8) + bytes([number, 1]) + type_.encode() + b"\0"
            size = struct.pack("<I", len(text)) if type_ == "s" else bytes([len(text)])
            fields += size + text.encode() + b"\0"
    head = struct.pack("<4B3I", ord("l"), kind, 1, 1, len(body), 7, len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answerer: Answerer
    failed: list[BaseException]


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("_Server", self.server)  # it is made by it alone
        try:
            self._authenticate()
            while head := self.rfile.read(16):
                length, fields = struct.unpack("<I4xI", head[4:])
                rest = self.rfile.read(fields + -fields % 8 + length)
                self.wfile.write(self._answered(*read_call(head, rest), server.answerer))
        except (AssertionError, KeyError, UnicodeDecodeError, struct.error) as error:
            server.failed.append(error)

    def _authenticate(self) -> None:
        who = str(os.getuid()).encode().hex().encode()
        assert self.rfile.readline() == b"\0AUTH EXTERNAL " + who + b"\r\n"
        self.wfile.write(f"OK {ACKNOWLEDGED}\r\n".encode())
        assert self.rfile.readline() == b"BEGIN\r\n"

    @staticmethod
    def _answered(serial: int, call: Call, answerer: Answerer) -> bytes:
        if call.member == "org.freedesktop.DBus.Hello":
            return told(2, serial, said=":1.7") + told(4, 0, said=":1.7")
        try:
            answerer(call)
        except Refused as refused:
            return told(3, serial, "org.freedesktop.DBus.Error.Failed", str(refused))
        return told(2, serial)


@contextlib.contextmanager
def serving(path: Path, answerer: Answerer) -> Generator[str]:
    """Its address; fails at the end for what a bus would not have passed on."""
    server = _Server(str(path), _Connection)
    server.answerer, server.failed = answerer, []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"unix:path={path}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert server.failed == []
