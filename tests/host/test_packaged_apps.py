"""Entries of the catalogue that are made of Debian packages do what they are for.

Each runs as the node runs it, with the template of its entry, and is used from another network
namespace by a client of its protocol.
"""

import base64
import hashlib
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

import pytest
from support.entries import entry, filled
from support.images import CACHE, LocalVolumes

from eaves.cli.packaged import packaged_image
from eaves.controller.domain.contract.apps import App
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.containers.items import Container, Mount
from eaves.node.containers.subsystem import ContainersSubsystem
from eaves.node.host import cgroups
from eaves.node.host.applogs import read_lines

pytestmark = pytest.mark.host

NUMBER = 232
MIB_KIB = 1024
ADDRESS = "10.98.0.2"
DEADLINE_S = 60.0
T = TypeVar("T")


class Runner:
    """A container subsystem with one app in a namespace that a peer can reach."""

    def __init__(self, folder: Path) -> None:
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.run_dir = Path("/run") / f"eaves-{self.name}"
        self.volumes = LocalVolumes(folder / "volumes")
        self.subsystem = ContainersSubsystem(
            self.name, folder / "state", self.run_dir, self.volumes, now, stop_grace_s=5
        )
        self.app = AppInstanceId(str(uuid.uuid4()))
        self.peer = f"{self.name}-peer"
        self.netns = refs.netns_name(refs.node_prefix(self.name), NUMBER)

    def item(self, bundle: App, values: Mapping[str, str], data: str = "") -> Container:
        mounts = (Mount(VolumeId("data"), 0, data),) if data else ()
        return Container(
            app=self.app,
            number=NUMBER,
            incarnation=1,
            memory_kib=bundle.memory,
            vcpus=1,
            root=Mount(VolumeId("root"), 0, "/"),
            mounts=mounts,
            vifs=1,
            user_data=filled(bundle, values),
        )

    async def start(self, item: Container) -> None:
        await self.subsystem.configurators()["container"].create(item, lambda _: None)

    async def stop(self, item: Container) -> None:
        await self.subsystem.configurators()["container"].delete(item, lambda _: None)

    def run(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A client, on the other side of the wire."""
        return subprocess.run(
            ["ip", "netns", "exec", self.peer, *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
            env={**os.environ, **environment},
        )

    def until(self, ask: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + DEADLINE_S
        while not (answer := ask()):
            source = self.subsystem.log_source(self.app)
            said = [line.text for line in read_lines(source, "").lines][-15:]
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return answer


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    made = Runner(tmp_path)
    with wired(made):
        yield made
        if made.subsystem.facts(made.app) is not None:
            await made.stop(made.item(entry("debian-nginx"), {"PAGE": ""}))
    assert not [p for p in cgroups.folders(f"eaves/{made.name}") if p.exists()]
    shutil.rmtree(made.run_dir, ignore_errors=True)


def wired(runner: Runner) -> "Wire":
    return Wire(runner.netns, runner.peer)


class Wire:
    def __init__(self, ns: str, peer: str) -> None:
        self.ns, self.peer = ns, peer

    def __enter__(self) -> None:
        ns, peer = self.ns, self.peer
        for command in (
            f"ip netns add {ns}",
            f"ip netns add {peer}",
            f"ip -n {peer} link add v0 type veth peer name eth0 netns {ns}",
            f"ip -n {peer} addr add 10.98.0.1/24 dev v0",
            f"ip -n {ns} addr add {ADDRESS}/24 dev eth0",
            f"ip -n {peer} link set v0 up",
            f"ip -n {ns} link set eth0 up",
            f"ip -n {ns} link set lo up",
        ):
            subprocess.run(command.split(), check=True)

    def __exit__(self, *_: object) -> None:
        for name in (self.ns, self.peer):
            subprocess.run(["ip", "netns", "del", name], check=True)


def curl(runner: Runner, *words: str) -> str:
    return runner.run("curl", "-s", "-m", "3", *words).stdout


async def test_the_web_server_serves_the_page_of_its_template(runner: Runner) -> None:
    runner.volumes.add_container("root", packaged_image(CACHE, "debian-nginx"))
    page = "<h1>plant 7</h1>\n" * 20
    bundle = entry("debian-nginx")
    item = runner.item(bundle, {"PAGE": base64.b64encode(page.encode()).decode()})
    await runner.start(item)
    assert runner.until(lambda: curl(runner, f"http://{ADDRESS}/")) == page
    assert curl(runner, "-r", "0-15", f"http://{ADDRESS}/index.html") == page[:16]
    status = ("-o", "/dev/null", "-w", "%{http_code} %{content_type}")
    assert curl(runner, *status, f"http://{ADDRESS}/index.html") == "200 text/html"
    assert curl(runner, *status, f"http://{ADDRESS}/../etc/passwd").startswith("404")
    await runner.stop(item)


async def test_the_database_keeps_rows_over_a_restart_and_refuses_a_wrong_password(
    runner: Runner,
) -> None:
    runner.volumes.add_container("root", packaged_image(CACHE, "debian-postgresql"))
    runner.volumes.add_blank("data", 256 * 1024 * 1024)
    bundle, password = entry("debian-postgresql"), secrets.token_hex(12)
    values = {"USERNAME": "owner", "DATABASE": "plant", "PASSWORD": password}
    item = runner.item(bundle, values, data="/var/lib/postgresql/data")

    def query(sql: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        known = {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "3", **environment}
        return runner.run(
            *("psql", "-h", ADDRESS, "-U", "owner", "-d", "plant", "-Atc", sql), **known
        )

    await runner.start(item)
    runner.until(lambda: query("select 1").stdout.strip() == "1")
    made = query("create table points as select n, n * n as square from generate_series(1, 1000) n")
    assert made.stdout.strip() == "SELECT 1000", made
    assert "password authentication failed" in query("select 1", PGPASSWORD="wrong").stderr
    await runner.stop(item)
    await runner.start(item)
    runner.until(lambda: query("select 1").stdout.strip() == "1")
    assert query("select sum(square) from points").stdout.strip() == "333833500"
    await runner.stop(item)


MQTT_CLIENT = """
import sys
from host.test_packaged_apps import Mqtt

address, user, password = sys.argv[1:4]
with Mqtt(address, "listener", user, password) as listener:
    listener.subscribe("plant/+/temperature")
    with Mqtt(address, "sensor", user, password) as sensor:
        sensor.publish("plant/7/pressure", b"not for us")
        sensor.publish("plant/7/temperature", b"21.5")
    print(*listener.message())
"""


class Mqtt:
    """As much of MQTT 3.1.1 as a sensor needs.  Source: its sections 3.1 to 3.8."""

    def __init__(self, address: str, client: str, user: str, password: str) -> None:
        self._socket = socket.create_connection((address, 1883), 5)
        flags = 0x02 | (0xC0 if user else 0)
        body = text("MQTT") + bytes([4, flags]) + struct.pack(">H", 30) + text(client)
        body += text(user) + text(password) if user else b""
        self._send(0x10, body)
        kind, answer = self._receive()
        if kind != 0x20 or answer[1] != 0:
            raise ConnectionRefusedError(f"the broker answers {answer[1]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._send(0xE0, b"")
        self._socket.close()

    def subscribe(self, topic: str) -> None:
        self._send(0x82, struct.pack(">H", 1) + text(topic) + b"\0")
        kind, _ = self._receive()
        assert kind == 0x90

    def publish(self, topic: str, payload: bytes) -> None:
        self._send(0x30, text(topic) + payload)

    def message(self) -> tuple[str, str]:
        kind, body = self._receive()
        assert kind & 0xF0 == 0x30
        size = struct.unpack(">H", body[:2])[0]
        return body[2 : 2 + size].decode(), body[2 + size :].decode()

    def _send(self, kind: int, body: bytes) -> None:
        assert len(body) < 128
        self._socket.sendall(bytes([kind, len(body)]) + body)

    def _receive(self) -> tuple[int, bytes]:
        kind, size = self._exactly(2)
        return kind, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._socket.recv(size - len(found))
            if not part:
                raise ConnectionResetError("the broker has ended the connection")
            found += part
        return found


def text(word: str) -> bytes:
    return struct.pack(">H", len(word.encode())) + word.encode()


def mqtt(runner: Runner, user: str, password: str) -> "subprocess.CompletedProcess[str]":
    words = (sys.executable, "-c", MQTT_CLIENT, ADDRESS, user, password)
    return runner.run(*words, PYTHONPATH=f"src:tests:{os.environ.get('PYTHONPATH', '')}")


async def test_the_broker_delivers_to_who_subscribed_and_asks_for_a_name(runner: Runner) -> None:
    runner.volumes.add_container("root", packaged_image(CACHE, "debian-mosquitto"))
    runner.volumes.add_blank("data", 32 * 1024 * 1024)
    passwords = base64.b64encode(mosquitto_password("sensor", "s3same").encode()).decode()
    values = {"ANONYMOUS": "false", "PASSWORDS": passwords}
    item = runner.item(entry("debian-mosquitto"), values, data="/mosquitto/data")
    await runner.start(item)
    done = runner.until(lambda: answered(mqtt(runner, "sensor", "s3same")))
    assert done.stdout.split() == ["plant/7/temperature", "21.5"]
    assert "the broker answers 5" in mqtt(runner, "sensor", "wrong").stderr
    assert "the broker answers 5" in mqtt(runner, "", "").stderr
    await runner.stop(item)


def answered(
    done: "subprocess.CompletedProcess[str]",
) -> "subprocess.CompletedProcess[str] | None":
    return done if done.returncode == 0 else None


def mosquitto_password(user: str, password: str) -> str:
    """A line as mosquitto_passwd makes it: PBKDF2 with SHA-512, 101 rounds."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    parts = (base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
    return f"{user}:$7$101${parts[0]}${parts[1]}\n"
