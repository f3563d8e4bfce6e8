"""One TLS listener: Granian in this process, on the loop that starts it.

Three things differ from Granian as it comes.  The listening socket is one, made once and shared by
successive workers, so that a worker exchanged for a new certificate loses no connection that
waits in the queue.  The port is known after binding, so that port 0 may be asked for.  And a
worker is given certificate and key that were seen to fit: two files are never changed at one
moment, and Granian ends the process over a pair that does not.
"""

import asyncio
import os
import resource
import socket
import ssl
import time
from pathlib import Path
from typing import Any, Literal

import structlog
from granian import net
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server

from eaves.controller.settings import Endpoint
from eaves.errors import Rejected


class CannotListen(Rejected):
    """The address is taken or is not ours."""


log = structlog.get_logger()

PAIR_TRIES = 25
PAIR_AGAIN_S = 0.02  # certificate and key are written one right after the other

_socket_spec: Any = net.SocketSpec  # type: ignore[attr-defined]  # re-exported by its use
_socket_holder: Any = net.SocketHolder  # type: ignore[attr-defined]  # re-exported by its use


class Listener:
    """A listener of its own loop: `serve` runs until `stop`, `reload` takes the files anew."""

    def __init__(
        self,
        target: Any,
        *,
        interface: Literal["rsgi", "asgi"],
        listen: Endpoint,
        certificate: Path,
        key: Path,
        concurrent: int,
    ) -> None:
        self._listen = listen
        self._certificate, self._key = certificate, key
        self._server: Any = _Shared(
            target,
            address=listen.host,
            port=listen.port,
            interface=Interfaces.RSGI if interface == "rsgi" else Interfaces.ASGINL,
            http=HTTPModes.http1 if interface == "rsgi" else HTTPModes.auto,
            websockets=interface == "asgi",
            backlog=4096,
            backpressure=concurrent,
            runtime_threads=1,
            log_enabled=False,
            ssl_cert=certificate,
            ssl_key=key,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._server.respawn_interval = 0.2
        self._server.workers_kill_timeout = None

    def bind(self) -> Endpoint:
        """Open the socket; connections wait in its queue until `serve`.  Raises CannotListen."""
        try:
            port = self._server.open_socket()
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {self._listen}: {error}; "
                "stop what holds the port, or choose another one"
            ) from error
        return Endpoint(self._listen.host, port)

    async def serve(self) -> None:
        try:
            await self._server.serve()
        finally:
            self._server.close_socket()

    def stop(self) -> None:
        """Finish what is in flight, then let `serve` return; on the loop of the listener."""
        self._server.stop()

    def reload(self) -> None:
        """Serve new connections with what the certificate files hold now; on its loop."""
        try:
            self._server.build_ssl_context(
                self._certificate, self._key, None, SSLProtocols.tls12, None, [], False
            )
        except (ssl.SSLError, OSError) as error:
            # Granian would take the whole process down over a file that it cannot use
            log.warning(
                "certificate_not_reloaded", certificate=str(self._certificate), why=str(error)
            )
            return
        self._server.reload()


class _Shared(Server):
    _pairs: tuple[
        int, ...
    ] = ()  # descriptors of files that hold certificate and key, the newest last

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listening: Any = None

    def build_ssl_context(
        self,
        cert: Path | None,
        key: Path | None,
        password: str | None,
        proto: SSLProtocols,
        ca: Path | None,
        crl: list[Path],
        client_verify: bool,  # noqa: FBT001 - Granian's own
    ) -> None:
        """Raises ssl.SSLError and OSError."""
        super().build_ssl_context(None, None, password, proto, ca, crl, client_verify)
        if cert is None or key is None:
            return
        pair = _read_pair(cert, key)
        # a worker that starts at this moment may still read the pair before
        self._pairs = (*self._pairs, pair)
        for old in self._pairs[:-2]:
            os.close(old)
        self._pairs = self._pairs[-2:]
        path: Any = f"/proc/self/fd/{pair}"
        self.ssl_ctx = (True, path, path, *self.ssl_ctx[3:])

    def open_socket(self) -> int:
        if self._listening is None:
            self._refuse_a_shared_port()
            self._listening = _socket_spec(self.bind_addr, self.bind_port, self.backlog).build()
            with socket.socket(fileno=os.dup(self._listening.get_fd())) as view:
                self.bind_port = int(view.getsockname()[1])
                view.listen(self.backlog)  # connections wait here until a worker takes them
        return self.bind_port

    def _refuse_a_shared_port(self) -> None:
        """Granian sets SO_REUSEPORT, and two such sockets share a port; a plain one tells."""
        family = socket.AF_INET6 if ":" in self.bind_addr else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((self.bind_addr, self.bind_port))

    def close_socket(self) -> None:
        if self._listening is not None:
            os.close(self._listening.get_fd())
            self._listening = None
        for pair in self._pairs:
            os.close(pair)
        self._pairs = ()

    def _init_shared_socket(self) -> None:
        self.open_socket()

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> Any:
        # a worker closes its descriptor when it ends, so each gets one of its own
        if self._listening is not None:
            self._shd = _socket_holder(os.dup(self._listening.get_fd()), False, self.backlog)
        spawn: Any = super()._spawn_worker  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # Granian's is untyped
        return spawn(*args, **kwargs)


def _read_pair(certificate: Path, key: Path) -> int:
    """A file of memory alone that holds both, seen to fit.  Raises ssl.SSLError and OSError."""
    for left in reversed(range(PAIR_TRIES)):
        pair = os.memfd_create("tls")
        try:
            with open(pair, "wb", closefd=False) as both:
                both.write(certificate.read_bytes() + b"\n" + key.read_bytes())
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{pair}")
        except (ssl.SSLError, OSError):
            os.close(pair)
            if not left:
                raise
            time.sleep(PAIR_AGAIN_S)
        else:
            return pair
    raise AssertionError  # the last try raises


def raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files to `wanted` where allowed; tells the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < goal:
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
        return goal
    return soft if soft != resource.RLIM_INFINITY else goal


async def wait_listening(endpoint: Endpoint) -> None:
    """Wait until a listener takes connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
