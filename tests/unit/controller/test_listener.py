"""A listener whose certificate and key change below it, one after the other."""

import asyncio
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eaves.controller.keys import issue
from eaves.controller.server import Listener
from eaves.controller.settings import Endpoint

NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def put(files: tuple[Path, Path], name: str) -> None:
    made = issue.issue_tls([name, "localhost"], issue.issue_root(NOW), NOW)
    files[0].write_bytes(made.pem)
    files[1].write_bytes(made.key_pem)


async def answer(_scope: Any, protocol: Any) -> None:
    protocol.response_empty(204, [])


def listener(files: tuple[Path, Path]) -> Listener:
    return Listener(
        answer,
        interface="rsgi",
        listen=Endpoint("127.0.0.1", 0),
        certificate=files[0],
        key=files[1],
        concurrent=64,
    )


async def shown(port: int) -> str:
    """The first name of the certificate that a fresh connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    text: bytes = der
    return "one" if b"one.example" in text else "two" if b"two.example" in text else "?"


async def until_shown(port: int, name: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if await shown(port) == name:
                    return
            except OSError:  # a worker is exchanged for another
                pass
            await asyncio.sleep(0.05)


async def test_a_pair_that_does_not_fit_ends_nothing(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    put(files, "one.example")
    serving = listener(files)
    port = serving.bind().port
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(serving.serve())
        await until_shown(port, "one")
        put(files, "two.example")
        files[1].write_bytes(issue.issue_root(NOW).key_pem)
        serving.reload()
        assert "certificate_not_reloaded" in capsys.readouterr().out
        assert await shown(port) == "one"
        put(files, "two.example")
        serving.reload()
        await until_shown(port, "two")
        assert not running.done()
        serving.stop()


async def test_a_pair_that_is_being_written_is_waited_for(files: tuple[Path, Path]) -> None:
    put(files, "one.example")
    made = issue.issue_tls(["two.example", "localhost"], issue.issue_root(NOW), NOW)
    files[0].write_bytes(made.pem)
    later = threading.Timer(0.1, files[1].write_bytes, (made.key_pem,))
    later.start()
    serving = listener(files)
    later.join()
    port = serving.bind().port
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serving.serve())
        await until_shown(port, "two")
        serving.stop()
