"""The memory of a guest whose kernel crashed, kept for who finds out why.

A guest that tells of its crash (pvpanic) stands still from then on.  Its memory is written down,
the last one of each app and only where the disk has room for it; then it goes on with what its own
kernel does in such a case, unless it is to stay as it is (`debug.qemu.pause.on.crash`).
"""

import os
import shutil
from pathlib import Path
from typing import Final

import structlog
from qemu.qmp import ExecuteError, QMPClient

from eaves.node.domains.monitor import monitor, run_state, tell

log = structlog.get_logger(__name__)

PANICKED: Final = "guest-panicked"
NAME: Final = "guest.core"
FORMATS: Final = ("kdump-zlib", "elf")  # not every emulator is built with the first
SPARE_BYTES: Final = 512 << 20  # that the disk keeps


def is_file(file: Path) -> bool:
    return file.exists()


async def keep_core(
    socket: Path, file: Path, memory_bytes: int, timeout_s: float, *, goes_on: bool
) -> bool:
    """Of a guest that crashed; False: it did not.  Raises Transient."""
    async with monitor(socket, timeout_s) as client:
        if await run_state(client) != PANICKED:
            return False
        if not goes_on and is_file(file):
            return False  # it stays as it is, and was written down
        if shutil.disk_usage(file.parent).free < memory_bytes + SPARE_BYTES:
            log.warning("guest_core_not_kept", file=str(file), why="the disk has no room for it")
        else:
            await _dump(client, file)
        if goes_on:
            await tell(client, "cont")
    return True


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
