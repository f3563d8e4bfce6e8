"""A process that takes an interface over on trial, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

import structlog

from eaves.node.uplinks.takeover import Takeover

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


async def main() -> None:
    folder, ifname, trial_s = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def managed(taken: frozenset[str]) -> None:
        if taken:
            sys.stdout.write("taken\n")
            sys.stdout.flush()

    await Takeover(
        folder / "hand-over",
        f"{folder.name}-guardian",
        (ifname,),
        managed,
        lambda: False,
        trial_s,
    ).run()


asyncio.run(main())
