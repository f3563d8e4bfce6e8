"""When the memory of a guest is written down, and that it goes on whatever comes of that."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from eaves.node.domains.guest_core import MOST_BYTES, PANICKED, GuestCores, why_not

GIB = 1 << 30
WITHIN_S = 60.0


@pytest.mark.parametrize(
    ("memory", "free", "since_s", "said"),
    [
        (GIB, 30 * GIB, 3600.0, ""),
        (GIB, 30 * GIB, float("inf"), ""),
        (GIB, 30 * GIB, 3599.0, "within the last hour"),
        (MOST_BYTES + 1, 90 * GIB, float("inf"), "more memory"),
        (GIB, 21 * GIB - 1, float("inf"), "no room"),
    ],
)
def test_a_core_is_made_only_within_limits(
    memory: int, free: int, since_s: float, said: str
) -> None:
    refused = why_not(memory, 100 * GIB, free, since_s)
    assert said in refused
    assert bool(refused) is bool(said)


@dataclass
class Emulator:
    """Answers on a monitor's socket; what it has no answer for, it never answers."""

    answers: Mapping[str, object]
    asked: list[str] = field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = {"qemu": {"major": 9, "minor": 0, "micro": 0}, "package": ""}
        self._say(writer, {"QMP": {"version": version, "capabilities": []}})
        with suppress(ConnectionError):  # who waited long enough is gone
            await self._obey(reader, writer)
        writer.close()

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command at a time, without a line's end; a lone space brings a file with it."""
        answers: dict[str, object] = {"qmp_capabilities": {}, **self.answers}
        while data := await reader.read(65536):
            if not data.strip():
                continue
            told = json.loads(data)
            if told["execute"] != "qmp_capabilities":
                self.asked.append(told["execute"])
            if told["execute"] in answers:
                self._say(writer, {"return": answers[told["execute"]], "id": told.get("id")})

    @staticmethod
    def _say(writer: asyncio.StreamWriter, said: object) -> None:
        writer.write(json.dumps(said).encode() + b"\r\n")


@asynccontextmanager
async def serving(emulator: Emulator, socket: Path) -> AsyncGenerator[None]:
    server = await asyncio.start_unix_server(emulator.serve, socket)
    async with server:
        yield


def left_of(core: Path) -> list[bool]:
    return [core.exists(), core.with_suffix(".part").exists()]


async def test_a_guest_goes_on_though_its_memory_cannot_be_written(tmp_path: Path) -> None:
    emulator = Emulator({"query-status": {"status": PANICKED}, "getfd": {}, "cont": {}})
    socket, core = tmp_path / "s", tmp_path / "guest.core"
    cores = GuestCores(lambda _: (100 * GIB, 0, 100 * GIB), dump_s=0.2)
    async with serving(emulator, socket):
        assert await cores.keep(socket, core, GIB, WITHIN_S, goes_on=True)
        assert emulator.asked[-1] == "cont"
        emulator.asked.clear()
        assert await cores.keep(socket, core, GIB, WITHIN_S, goes_on=True)
    assert emulator.asked == ["query-status", "cont"], "one core an hour"
    assert not any(left_of(core))


async def test_a_guest_that_runs_is_left_alone(tmp_path: Path) -> None:
    emulator = Emulator({"query-status": {"status": "running"}})
    async with serving(emulator, tmp_path / "s"):
        cores = GuestCores()
        assert not await cores.keep(tmp_path / "s", tmp_path / "c", 1, WITHIN_S, goes_on=True)
    assert emulator.asked == ["query-status"]
