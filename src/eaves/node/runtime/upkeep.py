"""What a node does for its machine by the clock beside its apps: memory, time, the vault."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from eaves.errors import EavesError
from eaves.evapi.config_items import ItemValues
from eaves.node.host.process import run
from eaves.node.host.time_sources import time_sources
from eaves.node.runtime.guard import forever
from eaves.node.runtime.memory_watch import MemoryWatch
from eaves.node.runtime.parts import Parts, Shared, pace
from eaves.node.runtime.reporter import Reporter
from eaves.node.runtime.schedules import due
from eaves.node.runtime.time_report import time_info, time_pause_s
from eaves.node.uplinks.position import Teller, pauses_of

log = structlog.get_logger(__name__)

MINUTE_S = 60.0
TRIM_S = 3600.0  # a disk that takes longer than this is not waited for
TRIM = "timer.vault.trim.cron"


def trim_due(items: ItemValues, minute: datetime, trimmed: datetime | None) -> bool:
    """`trimmed`: the minute in which it was done last."""
    return minute != trimmed and due(items.text(TRIM), minute)


class Upkeep:
    def __init__(self, parts: Parts, shared: Shared, reporter: Reporter) -> None:
        self._parts = parts
        self._shared = shared
        self._reporter = reporter
        folder = parts.state_dir / "memory"
        self._memory = MemoryWatch(folder, lambda: shared.items, parts.now)
        self._trimmed: datetime | None = None
        self._teller = Teller(lambda message: reporter.say("location", message))

    async def run_forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            host = self._parts.host
            tasks.create_task(forever("memory", lambda: self._memory.run_forever(host)))
            tasks.create_task(forever("time sources", self._tell_time_forever))
            tasks.create_task(forever("position", self._locate_forever))
            geolocation = self._parts.geolocation
            tasks.create_task(forever("geolocation", geolocation.run_forever))
            tasks.create_task(forever("trim vault", self._trim_when_due, lambda: MINUTE_S / 3))

    async def _locate_forever(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            position = self._shared.position = await self._parts.uplinks.locate()
            self._teller.saw(position, clock(), pauses_of(self._shared.items))
            await pace(lambda: pauses_of(self._shared.items).look)

    async def _tell_time_forever(self) -> None:
        await self._parts.conversation.ready.wait()
        while True:
            sources = await time_sources()
            if sources:
                self._reporter.say("ntp-sources", time_info(sources))
            await pace(self._time_pause_s(0.8 + 0.4 * self._parts.conversation.link.chance()))

    def _time_pause_s(self, share: float) -> Callable[[], float]:
        return lambda: time_pause_s(self._shared.items, share)

    async def _trim_when_due(self) -> None:
        """A vault on a disk of its own: blocks that files gave up are given back to the device."""
        minute = self._parts.now().replace(second=0, microsecond=0)
        if not trim_due(self._shared.items, minute, self._trimmed):
            return
        self._trimmed = minute
        vault = self._parts.safekeeping.vault
        if vault.closed() or not vault.on_own_disk:
            return  # the file system is the machine's, and so is when it is trimmed
        try:
            done = await run(["fstrim", "--verbose", str(vault.folder.path)], timeout_s=TRIM_S)
        except EavesError as error:
            log.warning("vault_not_trimmed", error=str(error))
        else:
            log.info("vault_trimmed", said=done.out.strip()[:200])
