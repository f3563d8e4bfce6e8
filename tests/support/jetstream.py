"""A real cluster of three NATS servers with JetStream, on free ports, its stores on a disk that
syncs every write.

The packaged server is older than the setting `sync_interval: always`, so each server gets a file
system of its own that is mounted with the option `sync`: what it writes is on the disk when the
write returns, which is what the setting promises.  The mounts live in the mount namespaces of the
servers and end with them.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.controller import free_port
from support.tied import start_tied

SERVER = "/usr/sbin/nats-server"
DEADLINE_S = 90.0
MIB = 1024 * 1024


def jetstream_is_there() -> bool:
    """Root, because a synced mount needs it."""
    return Path(SERVER).exists() and os.geteuid() == 0


@dataclass
class NatsServer:
    """One server; `start` and `kill` may follow each other, its store stays."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    monitor_port: int = field(default_factory=free_port)
    route_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    def write_config(self, routes: list[str], *, store_mib: int, authorization: str) -> None:
        (self.folder / "server.conf").write_text(
            f"""
            server_name: {self.name}
            listen: "127.0.0.1:{self.port}"
            http: "127.0.0.1:{self.monitor_port}"
            max_payload: 8MB
            {authorization}
            jetstream {{
              store_dir: "{self.folder / "store"}"
              max_memory_store: {16 * MIB}
              max_file_store: {store_mib * MIB}
            }}
            cluster {{
              name: eaves-test
              listen: "127.0.0.1:{self.route_port}"
              routes: [{", ".join(routes)}]
            }}
            """,
            encoding="utf-8",
        )

    def make_disk(self, disk_mib: int) -> None:
        """A file that holds a file system; without a journal, since no test loses power."""
        (self.folder / "store").mkdir(parents=True)
        image = self.folder / "disk"
        with image.open("wb") as file:
            file.truncate(disk_mib * MIB)
        subprocess.run(
            ["/sbin/mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0", str(image)],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        script = 'mount -o loop,sync "$1/disk" "$1/store" && exec "$2" -c "$1/server.conf"'
        with (self.folder / "log").open("ab") as log:
            self.process = start_tied(
                ["unshare", "-m", "sh", "-c", script, "sh", str(self.folder), SERVER],
                stdout=log,
                stderr=log,
            )

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait(DEADLINE_S)
        self.process = None

    def asked(self, path: str) -> dict[str, Any]:
        """What the monitoring port answers; empty while the server is not there."""
        try:
            with urllib.request.urlopen(self.monitor_url + path, timeout=2) as reply:  # noqa: S310 - our own http URL
                answer: dict[str, Any] = json.load(reply)
                return answer
        except (OSError, ValueError):
            return {}


@dataclass
class Cluster:
    servers: list[NatsServer]

    @property
    def url(self) -> str:
        """What `EAVES_STREAM_URL` takes."""
        return ",".join(server.url for server in self.servers)

    @property
    def monitor_url(self) -> str:
        return ",".join(server.monitor_url for server in self.servers)

    def running(self) -> list[NatsServer]:
        return [server for server in self.servers if server.process is not None]

    def wait_ready(self) -> None:
        """Until the servers that run agree on who leads."""
        end = time.monotonic() + DEADLINE_S
        while not all(self._in_order(server) for server in self.running()):
            if time.monotonic() > end:
                logs = "\n".join(
                    (server.folder / "log").read_text(errors="replace")[-1000:]
                    for server in self.servers
                )
                raise AssertionError(f"the JetStream cluster has no leader:\n{logs}")
            time.sleep(0.05)  # a process of its own is asked, there is nothing to await

    @staticmethod
    def _in_order(server: NatsServer) -> bool:
        return server.asked("/healthz").get("status") == "ok" and bool(
            server.asked("/jsz").get("meta_cluster", {}).get("leader")
        )

    def leader(self, stream: str) -> NatsServer:
        """The server that leads a stream now."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for server in self.running():
                for account in server.asked("/jsz?streams=1").get("account_details", ()):
                    for detail in account.get("stream_detail", ()):
                        name = detail.get("cluster", {}).get("leader")
                        found = [s for s in self.running() if s.name == name]
                        if detail["name"] == stream and found:
                            return found[0]
            time.sleep(0.05)  # as above
        raise AssertionError(f"nobody leads the stream {stream}")


@contextmanager
def jetstream_cluster(
    *, store_mib: int = 4096, disk_mib: int = 4352, authorization: str = ""
) -> Generator[Cluster]:
    """Three servers that are ready; ended with their stores at the exit."""
    folder = Path(tempfile.mkdtemp(prefix="eaves-js-"))
    servers = [NatsServer(f"js{number}", folder / f"js{number}") for number in (1, 2, 3)]
    cluster = Cluster(servers)
    try:
        for server in servers:
            server.make_disk(disk_mib)
            routes = [f'"nats://127.0.0.1:{s.route_port}"' for s in servers if s is not server]
            server.write_config(routes, store_mib=store_mib, authorization=authorization)
            server.start()
        cluster.wait_ready()
        yield cluster
    finally:
        try:
            for server in servers:
                server.kill()
        finally:
            shutil.rmtree(folder)
