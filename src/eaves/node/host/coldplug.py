"""The devices of a machine that has just been started."""

from typing import Final

import structlog

from eaves.node.host.process import CommandFailed, run

log = structlog.get_logger(__name__)

MOST_S: Final = 30.0  # one that takes longer is found later, as one that is plugged in


async def devices_there() -> None:
    """Until each that was there at the start has its driver, or was tried in vain.

    Whether guests run on hardware, and what may be given to them, is looked at once.
    """
    try:
        await run(["udevadm", "settle", f"--timeout={MOST_S:g}"], timeout_s=MOST_S + 10)
    except CommandFailed as error:
        log.warning("devices_not_settled", why=str(error))
