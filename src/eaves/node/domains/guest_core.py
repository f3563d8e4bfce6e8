"""The memory of a guest whose kernel crashed, kept for who finds out why.

A guest that tells of its crash (pvpanic) stands still from then on.  Its memory is written down,
the last one of each app and only within limits, for a guest may tell so whenever it likes; then it
goes on with what its own kernel does in such a case, unless it is to stay as it is
(`debug.qemu.pause.on.crash`).
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from qemu.qmp import ExecuteError, QMPClient

from eaves.errors import EavesError, Transient
from eaves.node.domains.monitor import monitor, run_state, tell

log = structlog.get_logger(__name__)

PANICKED: Final = "guest-panicked"
NAME: Final = "guest.core"
FORMATS: Final = ("kdump-zlib", "elf")  # not every emulator is built with the first
MOST_BYTES: Final = 1 << 30
EVERY_S: Final = 3600.0
DUMP_S: Final = 60.0
SPARE_SHARE: Final = 5  # one of so many parts of the disk stays free


def why_not(memory_bytes: int, total_bytes: int, free_bytes: int, since_s: float) -> str:
    """Why no core is made; empty: it may be.  `since_s` after the one before was tried.  Pure."""
    if memory_bytes > MOST_BYTES:
        return f"the guest has more memory than a core may hold ({MOST_BYTES >> 20} MiB)"
    if since_s < EVERY_S:
        return "one was tried within the last hour"
    if free_bytes - memory_bytes < total_bytes // SPARE_SHARE:
        return "the disk has no room for it"
    return ""


class GuestCores:
    """One for each node."""

    def __init__(
        self,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
        dump_s: float = DUMP_S,
    ) -> None:
        self._usage, self._dump_s = usage, dump_s
        self._tried: dict[Path, float] = {}

    async def keep(
        self, socket: Path, file: Path, memory_bytes: int, answer_s: float, *, goes_on: bool
    ) -> bool:
        """Of a guest that crashed; False: it did not.  Raises Transient."""
        if await _asked(socket, answer_s) != PANICKED:
            return False
        try:
            await self._keep(socket, file, memory_bytes)
        finally:
            if goes_on:
                await _go_on(socket, answer_s)
        return True

    async def _keep(self, socket: Path, file: Path, memory_bytes: int) -> None:
        total, _, free = self._usage(file.parent)
        since_s = time.monotonic() - self._tried.get(file, float("-inf"))
        if refused := why_not(memory_bytes, total, free, since_s):
            log.info("guest_core_not_kept", file=str(file), why=refused)
            return
        self._tried[file] = time.monotonic()
        try:
            async with asyncio.timeout(self._dump_s), monitor(socket, self._dump_s) as client:
                await _dump(client, file)
        except (EavesError, OSError, TimeoutError) as error:
            why = str(error)[:200] or f"not written within {self._dump_s:g} s"
            log.warning("guest_core_not_kept", file=str(file), why=why)


async def _asked(socket: Path, within_s: float) -> str:
    try:
        async with asyncio.timeout(within_s), monitor(socket, within_s) as client:
            return await run_state(client)
    except TimeoutError:
        raise Transient(f"{socket}: no answer within {within_s:g} s") from None


async def _go_on(socket: Path, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s), monitor(socket, within_s) as client:
            await tell(client, "cont")
    except TimeoutError:
        raise Transient(f"{socket}: it does not go on within {within_s:g} s") from None


async def _dump(client: QMPClient, file: Path) -> None:
    """The emulator may open no file here: it is given an open one."""
    made = file.with_suffix(".part")
    fd = os.open(made, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        for form in FORMATS:
            os.ftruncate(fd, 0)
            client.send_fd_scm(fd)
            await tell(client, "getfd", {"fdname": "core"})
            wanted = {"paging": False, "protocol": "fd:core", "format": form}
            try:
                await client.execute("dump-guest-memory", wanted)
            except ExecuteError as error:
                log.info("guest_core_form_refused", form=form, error=str(error)[:200])
                continue
            made.replace(file)
            log.warning("guest_core_kept", file=str(file), bytes=os.fstat(fd).st_size)
            return
        log.warning("guest_core_not_kept", file=str(file), why="the emulator writes no core")
    finally:
        os.close(fd)
        made.unlink(missing_ok=True)
