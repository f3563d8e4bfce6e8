"""Sends prepared requests, each on a new TLS 1.3 connection, and counts what comes back.

Run as a program with the arguments and the JSON line of `wrk.lua`: port, seconds, connections,
file of requests, expected status, least length of a body.  `wrk` cannot be used here: its OpenSSL
takes a millisecond of processor time for a handshake, so that the generator would be measured.
Latencies begin before the connection is opened.  It rests before it would take more of its core
than a row allows: what is measured then is what was offered.

With a rate as the last argument, connections are opened at that rate and not when others end;
SIGINT is the end of the time then.
"""

import gc
import json
import select
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from support.tls13 import TLS_1_3, BrokenHandshake, Exchange, KeyShare

_HOST: Final = "127.0.0.1"
_AT_ONCE: Final = 65536  # bytes
_TIMEOUT_S: Final = 10.0
_BUSY: Final = 0.8  # of its core at most; what the kernel does for its packets comes on top


@dataclass(slots=True)
class Seen:
    """What is counted."""

    sent: int = 0
    short: int = 0
    exhausted: bool = False
    statuses: Counter[int] = field(default_factory=Counter[int])
    errors: Counter[str] = field(default_factory=Counter[str])
    handshakes: Counter[str] = field(default_factory=Counter[str])
    latencies_s: list[float] = field(default_factory=list[float])


@dataclass(slots=True)
class Connection:
    socket: socket.socket
    exchange: Exchange
    begun: float


def prepared(path: Path) -> Iterator[bytes]:
    """The requests of a file, one after the other."""
    with path.open("rb") as file:
        while head := file.read(4):
            yield file.read(int.from_bytes(head, "little"))


def answer_parts(answer: bytes) -> tuple[int, int] | None:
    """Status and length of the body of a whole HTTP answer; None while something is missing."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None
    status, length = int(answer[9:12]), 0
    if status != 304:  # that has no body, whatever its head says
        for line in answer[:end].lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
    return (status, length) if len(answer) - end - 4 >= length else None


class Generator:
    """Keeps a number of connections busy on one thread."""

    def __init__(self, port: int, requests: Iterator[bytes], expected: int, least: int) -> None:
        self._address = (_HOST, port)
        self._requests, self._expected, self._least = requests, expected, least
        self._share = KeyShare("localhost")
        self._open: dict[int, Connection] = {}
        self._ready = select.epoll()
        self.seen = Seen()
        self.stopped = False

    def run(self, connections: int, seconds: float) -> float:
        """Send for so long; tells how long it took."""
        begun = time.monotonic()
        started, end = begun - time.process_time() / _BUSY, begun + seconds
        for _ in range(connections):
            self._next()
        while (now := time.monotonic()) < end and self._open:
            for number, _ in self._ready.poll(0.1):
                if self._readable(self._open[number]):
                    self._next()
            ahead_s = time.process_time() / _BUSY - (time.monotonic() - started)
            if ahead_s > 0:
                time.sleep(ahead_s)
        late = [one for one in self._open.values() if now - one.begun > _TIMEOUT_S]
        self.seen.errors["timeouts"] += len(late)
        for one in self._open.values():
            one.socket.close()
        return now - begun

    def run_at(self, per_s: float, seconds: float) -> float:
        """Open so many a second for so long, and wait for their answers; how long it took."""
        begun, opened = time.monotonic(), 0
        while (now := time.monotonic()) < begun + seconds or self._open:
            if self.stopped:
                seconds = min(seconds, now - begun)
            due = min(int((now - begun) * per_s) + 1, int(per_s * seconds))
            for _ in range(opened, due):
                self._next()
            opened = max(opened, due)
            for number, _ in self._ready.poll(1 / per_s):
                self._readable(self._open[number])
            if now > begun + seconds + _TIMEOUT_S:
                break
        self.seen.errors["timeouts"] += len(self._open)
        return seconds

    def stop(self) -> None:
        """Let `run_at` end as soon as the last answers are there."""
        self.stopped = True

    def _next(self) -> None:
        """Open the next connection."""
        request = next(self._requests, None)
        if request is None:
            self.seen.exhausted = True
            return
        begun = time.monotonic()
        exchange = Exchange(self._share, request)
        opened = socket.socket()
        try:
            opened.connect(self._address)
        except OSError:
            opened.close()
            self.seen.errors["connect_errors"] += 1
            return
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(exchange.first)
        self._open[opened.fileno()] = Connection(opened, exchange, begun)
        self._ready.register(opened, select.EPOLLIN)
        self.seen.sent += 1

    def _readable(self, connection: Connection) -> bool:
        """Read and reply; is the connection at its end?"""
        exchange = connection.exchange
        try:
            data = connection.socket.recv(_AT_ONCE)
            reply = exchange.take(data)
            if reply:
                connection.socket.sendall(reply)
        except (OSError, BrokenHandshake, InvalidTag) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            self.seen.errors["read_errors"] += 1
            return self._ended(connection)
        if reply:
            self._note_handshake(exchange)
        parts = answer_parts(exchange.answer) if exchange.answer else None
        if parts is not None:
            self.seen.latencies_s.append(time.monotonic() - connection.begun)
            self.seen.statuses[parts[0]] += 1
            self.seen.short += parts[0] == self._expected and parts[1] < self._least
            return self._ended(connection)
        if not data:
            self.seen.errors["read_errors"] += 1
            return self._ended(connection)
        return False

    def _note_handshake(self, exchange: Exchange) -> None:
        full = exchange.version == TLS_1_3 and not exchange.resumed
        self.seen.handshakes["full" if full else "other"] += 1

    def _ended(self, connection: Connection) -> bool:
        del self._open[connection.socket.fileno()]
        connection.socket.close()
        return True


def told(seen: Seen, took_s: float) -> dict[str, object]:
    ordered = sorted(seen.latencies_s)

    def at(share: float) -> float:
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3 if ordered else 0.0

    return {
        "sent": seen.sent,
        "answered": len(ordered),
        "short": seen.short,
        "exhausted": seen.exhausted,
        "statuses": {str(status): n for status, n in seen.statuses.items()},
        "seconds": took_s,
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "mean_ms": sum(ordered) / max(len(ordered), 1) * 1e3,
        **{
            name: seen.errors[name]
            for name in ("connect_errors", "read_errors", "write_errors", "timeouts")
        },
        "handshakes": {"full": seen.handshakes["full"], "other": seen.handshakes["other"]},
    }


def main(port: str, seconds: str, connections: str, requests: str, *wanted: str) -> int:
    expected, least, *rate = (int(number) for number in wanted)
    gc.disable()  # what lives here lives until the end
    generator = Generator(int(port), prepared(Path(requests)), expected, least)
    if rate:
        signal.signal(signal.SIGINT, lambda _number, _frame: generator.stop())
        took_s = generator.run_at(rate[0], float(seconds))
    else:
        took_s = generator.run(int(connections), float(seconds))
    print(json.dumps(told(generator.seen, took_s)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
