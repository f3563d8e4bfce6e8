"""A browser in a network of its own: it ends its requests whenever an address of its machine
changes, and tests beside it change them all the time.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

from console.browser import CHROMIUM
from support.tied import TIED

INSIDE = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=64)
with socket.socket(fileno=int(sys.argv[1])) as parent:
    socket.send_fds(parent, [b"listening"], [listener.fileno()])
    parent.recv(1)  # until the parent has gone
"""
PART = 1 << 16


@contextlib.contextmanager
def apart(folder: Path, port: int) -> Generator[Path]:
    """Inside, as outside, the port of localhost is that of the controller.

    What is told is the program to start in the place of Chromium; without root, itself.
    """
    if os.geteuid() != 0:
        yield CHROMIUM
        return
    here, there = socket.socketpair()
    words = ["unshare", "--net", sys.executable, "-c", INSIDE, str(there.fileno()), str(port)]
    with here, subprocess.Popen([*TIED, *words], pass_fds=(there.fileno(),)) as holder:
        there.close()
        _told, fds, _flags, _address = socket.recv_fds(here, 16, 1)
        with socket.socket(fileno=fds[0]) as listener:
            relay = threading.Thread(target=_accept, args=(listener, port), daemon=True)
            relay.start()
            started = folder / "chromium"
            space = f"--net=/proc/{holder.pid}/ns/net"
            started.write_text(
                f'#!/bin/sh\nexec nsenter {space} {shlex.quote(str(CHROMIUM))} "$@"\n'
            )
            started.chmod(0o755)
            try:
                yield started
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                relay.join()
                here.close()


def _accept(listener: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):  # the listener was shut
        while True:
            inner, _address = listener.accept()
            threading.Thread(target=_relay, args=(inner, port), daemon=True).start()


def _relay(inner: socket.socket, port: int) -> None:
    with (
        contextlib.suppress(OSError),
        inner,
        socket.create_connection(("127.0.0.1", port)) as outer,
    ):
        back = threading.Thread(target=_carry, args=(outer, inner), daemon=True)
        back.start()
        _carry(inner, outer)
        back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # either side has gone
        while part := source.recv(PART):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
