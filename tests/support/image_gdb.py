"""A machine in QEMU that hangs: its processors are stopped dead by QEMU's stub for gdb.

Each of them spins where it stands, with interrupts shut: no kernel ends that, only a watchdog.
Source: GDB manual, remote protocol.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 30.0
RIP, EFLAGS = 0x10, 0x11  # as amd64's registers are counted
INTERRUPTS = 1 << 9  # of EFLAGS: they are let in
SPIN = b"\xeb\xfe"  # a jump to itself


class GdbFault(Exception):
    """The stub did not take what it was told."""


def door_words(door: Path) -> tuple[str, ...]:
    """For QEMU: who comes to `door` finds the machine stopped."""
    return ("-gdb", f"unix:{door},server=on,wait=off")


def hang(door: Path) -> int:
    """Answers how many processors there are."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        line.connect(str(door))
        stub = _Stub(line)
        stub.ask("qXfer:features:read:target.xml:0,1")  # who asks this may ask for one register
        processors = tuple(stub.processors())
        for one in processors:
            stub.order(f"Hg{one}")
            at = stub.register(RIP, 8)
            stub.order(f"M{at:x},{len(SPIN)}:{SPIN.hex()}")
            flags = stub.register(EFLAGS, 4)
            stub.order(f"P{EFLAGS:x}={(flags & ~INTERRUPTS).to_bytes(4, 'little').hex()}")
        stub.send("c")
        return len(processors)


class _Stub:
    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._stream = line.makefile("rb")

    def processors(self) -> Iterator[str]:
        """A letter, then the name of one; at last another letter."""
        told = self.ask("qfThreadInfo")
        while told.startswith("m"):
            yield from told[1:].split(",")
            told = self.ask("qsThreadInfo")

    def register(self, number: int, size: int) -> int:
        told = bytes.fromhex(self.ask(f"p{number:x}"))
        if len(told) != size:
            raise GdbFault(f"register {number:#x} has {len(told)} bytes, not {size}")
        return int.from_bytes(told, "little")

    def order(self, text: str) -> None:
        told = self.ask(text)
        if told != "OK":
            raise GdbFault(f"{text}: {told!r}")

    def ask(self, text: str) -> str:
        self.send(text)
        while True:
            told = self._packet()
            if not told.startswith("T"):  # that it stopped is told unasked
                return told

    def send(self, text: str) -> None:
        """Until it is taken."""
        self._line.sendall(_framed(text))
        while (byte := self._byte()) != b"+":
            if byte == b"$":
                self._rest()

    def _packet(self) -> str:
        while self._byte() != b"$":
            pass
        return self._rest()

    def _rest(self) -> str:
        held = bytearray()
        while (byte := self._byte()) != b"#":
            held += byte
        self._stream.read(2)  # the line is a socket: nothing on it is damaged
        self._line.sendall(b"+")
        return held.decode("latin-1")

    def _byte(self) -> bytes:
        byte = self._stream.read(1)
        if not byte:
            raise GdbFault("QEMU ended the line")
        return byte


def _framed(text: str) -> bytes:
    return f"${text}#{sum(text.encode()) % 256:02x}".encode()
