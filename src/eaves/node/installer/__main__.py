"""The installer as a unit of the medium starts it: `python -m eaves.node.installer`.

What it does is shown on every console, and kept on the new disk and on the medium.  Where the rules
of the medium take no disk, a person at a console is asked.  Ends with 1 when nothing was installed.
"""

import asyncio
import os
import uuid
from pathlib import Path

from eaves.errors import EavesError
from eaves.node.baseos.booted import read_words
from eaves.node.host.process import run
from eaves.node.installer.consoles import Consoles
from eaves.node.installer.record import record_now
from eaves.node.installer.run import (
    InstalledAlready,
    Medium,
    NotInstalled,
    install,
    restart_without,
    tell_medium,
)
from eaves.node.settings import DEFAULT_BOOT_ENV

CONFIG = Path("/run/eaves/config")


def medium_of(boot_env: Path) -> Medium:
    """Raises NotInstalled."""
    try:
        boot = read_words(boot_env.read_text())
        slot, esp, config = Path(boot["SLOT_A"]), Path(boot["ESP_MOUNT"]), Path(boot["CONFIG"])
        return Medium(slot, esp, CONFIG, boot["DISK"], config)
    except (OSError, KeyError) as error:
        raise NotInstalled(f"{boot_env} does not tell what was booted: {error}") from error


async def main() -> int:
    consoles = Consoles.open()
    try:
        medium = medium_of(DEFAULT_BOOT_ENV)
    except NotInstalled as error:
        consoles.say(f"NOT installed: {error}")
        return 1
    try:
        done = await install(medium, uuid.UUID(bytes=os.urandom(16)), consoles)
    except InstalledAlready as error:
        consoles.say(str(error))
        if medium.disk.startswith("/dev/pmem"):
            consoles.say(
                "it came over the network: put the disk first in the firmware's boot order"
            )
        else:
            await asyncio.to_thread(restart_without, medium)
        return 0
    except (EavesError, OSError) as error:
        consoles.say(f"NOT installed: {error}")
        await tell_medium(medium, record_now("", "", "", consoles.said, ()))
        return 1
    consoles.say(f"version {done.version} is installed on {done.disk.text()}; take the medium out")
    await run(["systemctl", "--no-block", done.after])
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
