"""Talking to one emulator over its QMP socket: a connection for each conversation."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from qemu.qmp import ConnectError, ExecInterruptedError, ExecuteError, QMPClient, QMPError

from eaves.errors import Transient

RETRY_S = 0.1


@asynccontextmanager
async def monitor(socket: Path, timeout_s: float) -> AsyncGenerator[QMPClient]:
    """Connected and negotiated; the emulator may still be about to open its socket."""
    client = QMPClient()
    try:
        async with asyncio.timeout(timeout_s):
            await _connect(client, socket)
    except TimeoutError:
        raise Transient(f"{socket}: the emulator does not answer for {timeout_s:g} s") from None
    try:
        yield client
    except (QMPError, EOFError, OSError) as error:
        raise Transient(f"{socket}: {error!r}") from error
    finally:
        # It may have gone away while we talked, which may be just what was asked.
        with contextlib.suppress(QMPError, EOFError, OSError):
            await client.disconnect()


async def _connect(client: QMPClient, socket: Path) -> None:
    while True:
        with contextlib.suppress(ConnectError):
            await client.connect(str(socket))
            return
        await asyncio.sleep(RETRY_S)


class _Status(msgspec.Struct):
    status: str = ""


async def run_state(client: QMPClient) -> str:
    answer = await client.execute("query-status")
    return msgspec.convert(answer, _Status).status


async def tell(
    client: QMPClient, command: str, arguments: Mapping[str, object] | None = None
) -> None:
    """Execute; an emulator that ends at the command has obeyed."""
    try:
        await client.execute(command, arguments)
    except ExecInterruptedError:
        return
    except ExecuteError as error:
        raise Transient(f"{command}: {error}") from error
