"""Are the TLS handshakes of the load generator full ones?  Looked at on the wire.

A resumed handshake costs the server no signature, so a row that is about new connections must
have none.  A proxy between generator and server reads the first record of each direction: in
TLS 1.3 a session is resumed exactly when the ServerHello selects a pre-shared key.
"""

import selectors
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

_TLS_1_3: Final = 0x0304
_SUPPORTED_VERSIONS: Final = 43
_PRE_SHARED_KEY: Final = 41
_RECORD_HEAD: Final = 5
_SERVER_HELLO: Final = 2


@dataclass
class Handshakes:
    """Counted while the proxy runs."""

    port: int
    full: int = 0
    resumed: int = 0
    older: int = 0  # below TLS 1.3
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, record: bytes) -> None:
        extensions = _extensions(record)
        with self.lock:
            if extensions.get(_SUPPORTED_VERSIONS) != _TLS_1_3.to_bytes(2, "big"):
                self.older += 1
            elif _PRE_SHARED_KEY in extensions:
                self.resumed += 1
            else:
                self.full += 1


def _extensions(record: bytes) -> dict[int, bytes]:
    """The extensions of a ServerHello by number; empty when it is something else."""
    hello = record[_RECORD_HEAD:]
    if not hello or hello[0] != _SERVER_HELLO:
        return {}
    at = 4 + 2 + 32  # handshake head, version, random
    at += 1 + hello[at]  # session id
    at += 2 + 1  # cipher suite, compression
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    found: dict[int, bytes] = {}
    while at + 4 <= end:
        number, size = (int.from_bytes(hello[i : i + 2], "big") for i in (at, at + 2))
        found[number] = hello[at + 4 : at + 4 + size]
        at += 4 + size
    return found


@contextmanager
def counting_handshakes(to_port: int) -> Generator[Handshakes]:
    """A port whose connections go on to `to_port`, looked at."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        seen = Handshakes(listening.getsockname()[1])
        stop = threading.Event()
        listening.settimeout(0.1)
        accepting = threading.Thread(target=_accept, args=(listening, to_port, seen, stop))
        accepting.start()
        try:
            yield seen
        finally:
            stop.set()
            accepting.join()


def _accept(
    listening: socket.socket, to_port: int, seen: Handshakes, stop: threading.Event
) -> None:
    threads: list[threading.Thread] = []
    while not stop.is_set():
        try:
            client, _ = listening.accept()
        except TimeoutError:
            continue
        thread = threading.Thread(target=_relay, args=(client, to_port, seen))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def _relay(client: socket.socket, to_port: int, seen: Handshakes) -> None:
    first: bytes | None = b""
    with (
        client,
        socket.create_connection(("127.0.0.1", to_port)) as server,
        selectors.DefaultSelector() as ready,
    ):
        ready.register(client, selectors.EVENT_READ, server)
        ready.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                source, target = key.fileobj, key.data
                try:
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if data:
                        target.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    return
                if source is server and first is not None:
                    first += data
                    size = _RECORD_HEAD + int.from_bytes(first[3:5], "big")
                    if len(first) >= max(size, _RECORD_HEAD + 1):
                        seen.note(first[:size])
                        first = None
