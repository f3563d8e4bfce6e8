"""Requests that nobody answered are written down, as often and as many as properties say."""

import io
import json
import os
import socket
import struct
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.evapi.flows.steps import NoConnection, Send
from eaves.evapi.paths import Endpoint
from eaves.node.comms.transport import Limits, Transport, Try
from eaves.node.host.capture import FILE_HEADER, Recording
from eaves.node.network.packets import read_packet
from eaves.node.refs import Way
from eaves.node.runtime.captured import header_alone
from eaves.node.runtime.net_traces import LARGEST_TOPIC, NetTraces, surplus, tracing_of
from eaves.node.storage.transfer import HttpError
from eaves.node.uplinks.status import Shown, ShownPort

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = Send(Endpoint.CONFIG, "POST", "/api/v2/edgedevice/config", b"of nobody else")
PROXY = "http://user:hush@proxy.example:3128"
TRIES = (Try(Way("eth0", "eth0", "192.0.2.5", PROXY), NoConnection("no answer within 9 s"), 9.0),)


class Machine:
    def __init__(self, folder: Path, *, onboarded: bool, items: tuple[ConfigItem, ...]) -> None:
        self.now = BEGIN
        self.folder = folder / "netdump"
        values = apply_items(items)[0]
        ports = folder / "uplinks.json"
        given = ShownPort("eth0", "lo", management=True, proxy=PROXY)
        seen = Shown(BEGIN, "https://c", "borrowed", ports=(given,))
        ports.write_bytes(msgspec.json.encode(seen))
        self.traces = NetTraces(
            self.folder, ports, lambda: tracing_of(values, onboarded=onboarded), lambda: self.now
        )

    def fails_after(self, seconds: float) -> int:
        """How many archives there are then."""
        self.now += timedelta(seconds=seconds)
        self.traces.failed(CONFIG, TRIES)
        return len(list(self.folder.glob("config-fail-*.tar.gz")))


def machine(folder: Path, *items: tuple[str, str], onboarded: bool = True) -> Machine:
    told = tuple(ConfigItem(key=key, value=value) for key, value in items)
    return Machine(folder, onboarded=onboarded, items=told)


def test_a_trace_says_what_was_tried_and_holds_no_secret(tmp_path: Path) -> None:
    one = machine(tmp_path)
    assert one.fails_after(0) == 1
    (file,) = one.folder.iterdir()
    with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as tar:
        members = {m.name: tar.extractfile(m) for m in tar.getmembers()}
        texts = {name: data.read().decode() for name, data in members.items() if data}
    (tried,) = json.loads(texts["request.json"])["tries"]
    assert tried["failed"] == "no answer within 9 s"
    assert (tried["port"], tried["proxy"]) == ("eth0", "proxy.example:3128")
    assert json.loads(texts["ports.json"])["ports"][0]["label"] == "eth0"
    assert not any("hush" in text or "of nobody else" in text for text in texts.values())


def test_no_trace_is_taken_where_a_property_says_so(tmp_path: Path) -> None:
    assert machine(tmp_path, ("netdump.enable", "false")).fails_after(0) == 0


@pytest.mark.parametrize(
    ("key", "onboarded"),
    [
        ("netdump.topic.preonboard.interval", False),
        ("netdump.topic.postonboard.interval", True),
    ],
)
def test_a_topic_has_one_trace_in_its_gap(tmp_path: Path, key: str, *, onboarded: bool) -> None:
    one = machine(tmp_path, (key, "100"), onboarded=onboarded)
    assert [one.fails_after(s) for s in (0, 99, 1, 99, 1)] == [1, 1, 2, 2, 3]


def test_so_many_traces_of_a_topic_are_kept(tmp_path: Path) -> None:
    one = machine(tmp_path, ("netdump.topic.maxcount", "2"))
    assert [one.fails_after(90_000) for _ in range(4)] == [1, 2, 2, 2]
    newest = max(one.folder.iterdir()).name
    assert newest.startswith(f"config-fail-{one.now:%Y%m%dT%H%M%S}")


@pytest.mark.parametrize("values", [True, False])
async def test_a_failed_download_is_traced_with_values_of_headers_only_if_asked(
    tmp_path: Path, *, values: bool
) -> None:
    told = [("netdump.downloader.http.with.fieldvalue", "true")] if values else []
    one = machine(tmp_path, *told)
    answer = {"Server": "nginx", "Set-Cookie": "session=1"}
    error = HttpError("https://store.example/a", 403, "check the credentials", headers=answer)
    await one.traces.not_brought("https://store.example", error)
    (file,) = one.folder.glob("downloader-fail-*.tar.gz")
    with tarfile.open(file) as tar:
        data = tar.extractfile("request.json")
        seen: dict[str, Any] = json.loads(data.read() if data else b"{}")
    assert seen["datastore"] == "https://store.example"
    assert seen["failed"] == str(error)
    assert seen["headers"] == (answer if values else dict.fromkeys(answer, ""))


PACKETS = pytest.mark.skipif(os.geteuid() != 0, reason="packets are for root")


@PACKETS
@pytest.mark.parametrize("asked", [True, False])
async def test_packets_of_a_failed_download_are_kept_if_asked(
    tmp_path: Path, *, asked: bool
) -> None:
    told = [("netdump.downloader.with.pcap", "true")] if asked else []
    one = machine(tmp_path, *told)
    with (
        socket.create_server(("127.0.0.1", 0)) as there,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port, another = (one.getsockname()[1] for one in (there, other))
        base = f"http://127.0.0.1:{port}"
        with suppress(ConnectionError), one.traces.captures.around(base):
            for server in (there, other):
                with socket.create_connection(server.getsockname()) as client:
                    client.sendall(b"hush")
            raise ConnectionError
    await one.traces.not_brought(base, HttpError(base, 503, "try again"))
    (file,) = one.folder.iterdir()  # what was captured is in the archive alone
    with tarfile.open(file) as tar:
        data = tar.extractfile("packets.pcap") if asked else None
        assert ("packets.pcap" in tar.getnames()) is asked
        packets = list(packets_of(data.read() if data else b""))
        seen = [read_packet(packet) for packet in packets]
    ports = {end for one in seen if one for end in (one.ends.source_port, one.ends.dest_port)}
    assert (port in ports) is asked
    assert another not in ports
    assert not any(b"hush" in packet for packet in packets)


async def test_packets_of_a_download_that_came_are_not_kept(tmp_path: Path) -> None:
    one = machine(tmp_path, ("netdump.downloader.with.pcap", "true"))
    with (
        one.traces.captures.around("https://store.example"),
        one.traces.captures.taken("https://store.example") as packets,
    ):
        assert packets is None
    with one.traces.captures.taken("https://store.example") as packets:
        assert packets is None
    assert list(one.folder.iterdir()) == []


def ipv4(payload: bytes, port: int = 443, protocol: int = 6, offset: int = 5) -> bytes:
    transport = struct.pack(">HHIIBBHHH", port, 50_000, 1, 1, offset << 4, 16, 512, 0, 0)
    length = 20 + len(transport) + len(payload)
    ends = bytes((192, 0, 2, 1, 192, 0, 2, 2))
    header = struct.pack(">BBHHHBBH", 0x45, 0, length, 1, 0, 64, protocol, 0) + ends
    return header + transport + payload


def test_of_packets_only_headers_of_tcp_at_the_port_are_kept() -> None:
    bare = ipv4(b"")
    assert header_alone(bare, 443) == bare
    assert header_alone(bare + b"padding", 443) == bare
    others = (
        ipv4(b"GET /"),
        ipv4(b"", port=80),
        ipv4(b"", protocol=17),
        ipv4(b"secret", offset=1),
        ipv4(b"", offset=15),
        bare[:-1],
        bare[:24],
        b"",
    )
    assert [header_alone(packet, 443) for packet in others] == [None] * len(others)


async def test_one_trace_in_its_gap_leaves_no_packets_of_the_next(tmp_path: Path) -> None:
    one = machine(tmp_path, ("netdump.downloader.with.pcap", "true"))
    base = "https://store.example"
    for _ in range(2):
        with suppress(ConnectionError), one.traces.captures.around(base):
            raise ConnectionError
        await one.traces.not_brought(base, HttpError(base, 503, "try again"))
    assert [file.name.partition("-")[0] for file in one.folder.iterdir()] == ["downloader"]


async def test_a_full_disk_ends_the_recording_and_no_download(tmp_path: Path) -> None:
    full = tmp_path / "netdump" / "download.pcap"
    full.parent.mkdir()
    full.symlink_to("/dev/full")
    one = machine(tmp_path, ("netdump.downloader.with.pcap", "true"))
    with one.traces.captures.around("https://store.example"):
        pass
    assert list(one.folder.iterdir()) == []


def test_a_recording_ends_where_it_is_full_or_cannot_be_written(tmp_path: Path) -> None:
    with (tmp_path / "a.pcap").open("w+b") as file:
        recording = Recording(file, len(FILE_HEADER) + 2 * (16 + 40))
        for _ in range(3):
            assert not recording.ended
            recording.add(ipv4(b""))
        assert recording.ended
        recording.close()
    assert len(list(packets_of((tmp_path / "a.pcap").read_bytes()))) == 2
    with Path("/dev/full").open("wb", buffering=0) as file:
        assert Recording(file, 1000).ended


@pytest.mark.parametrize(
    ("sizes", "most", "gone"),
    [
        ([], 2, 0),
        ([1, 1, 1], 2, 1),
        ([1, LARGEST_TOPIC, 1], 9, 2),
        ([1, 2 * LARGEST_TOPIC], 9, 1),
    ],
)
def test_archives_of_a_topic_have_a_size_together(sizes: list[int], most: int, gone: int) -> None:
    assert surplus(sizes, most) == gone


def packets_of(data: bytes) -> Iterator[bytes]:
    at = len(FILE_HEADER)
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        yield data[at + 16 : at + 16 + length]
        at += 16 + length


async def test_a_request_that_nobody_answers_is_told_with_its_ways() -> None:
    transport = Transport("http://127.0.0.1:9", b"", lambda: BEGIN, Limits())
    told: list[tuple[Send, int]] = []
    transport.failed = lambda send, tries: told.append((send, len(tries)))
    await transport.perform(CONFIG)
    await transport.close()
    assert told == [(CONFIG, 1)]
