"""The installer as a unit of the medium starts it: `python -m eaves.node.installer`.

Writes what it does to the console and to `installed` on the new disk's CONFIG; ends with 1 where
nothing was installed, and the medium keeps showing why.
"""

import asyncio
import os
import sys
import uuid
from pathlib import Path

from eaves.errors import EavesError
from eaves.node.baseos.booted import read_words
from eaves.node.host.process import run
from eaves.node.installer.run import Medium, NotInstalled, install
from eaves.node.settings import DEFAULT_BOOT_ENV

CONFIG = Path("/run/eaves/config")


def medium_of(boot_env: Path) -> Medium:
    """Raises NotInstalled."""
    try:
        boot = read_words(boot_env.read_text())
        return Medium(Path(boot["SLOT_A"]), Path(boot["ESP_MOUNT"]), CONFIG, boot["DISK"])
    except (OSError, KeyError) as error:
        raise NotInstalled(f"{boot_env} does not tell what was booted: {error}") from error


def say(text: str) -> None:
    sys.stdout.write(f"eaves: {text}\n")
    sys.stdout.flush()


async def main() -> int:
    try:
        done = await install(medium_of(DEFAULT_BOOT_ENV), uuid.UUID(bytes=os.urandom(16)), say)
    except EavesError as error:
        say(f"NOT installed: {error}")
        return 1
    say(f"version {done.version} is installed on {done.disk.text()}; take the medium out")
    await run(["systemctl", "--no-block", done.after])
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
