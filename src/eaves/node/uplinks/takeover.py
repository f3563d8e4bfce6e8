"""The hand-over of interfaces: on trial, with a guardian that gives them back unless it is told.

The first start of the node after that of the machine is a trial; what was confirmed is kept by the
next ones.  Nothing is taken for good: a restart of the machine ends it.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import structlog

from eaves.errors import EavesError
from eaves.node.host import guardian
from eaves.node.host.files import atomic_write
from eaves.node.host.process import run
from eaves.node.host.uplink_state import routing
from eaves.node.uplinks.handover import (
    TRIAL_S,
    Held,
    Manager,
    networkd_file,
    networkd_text,
    script,
    take_commands,
)

log = structlog.get_logger(__name__)

LOOK_S = 1.0


class Takeover:
    """`reached`: has a test over what was taken succeeded since?"""

    def __init__(
        self,
        folder: Path,
        unit: str,
        wanted: tuple[str, ...],
        managed: Callable[[frozenset[str]], None],
        reached: Callable[[], bool],
        trial_s: int = TRIAL_S,
    ) -> None:
        self._folder = folder
        self._unit = unit
        self._wanted = wanted
        self._managed = managed
        self._reached = reached
        self._trial_s = trial_s
        self.state = "borrowed"

    async def run(self) -> None:
        """Until the trial is over, one way or the other."""
        try:
            await self._run()
        except (EavesError, OSError) as error:
            self.state = f"borrowed: {error}"
            log.warning("hand_over_ended", error=str(error))  # the guardian gives all back

    async def _run(self) -> None:
        if guardian.confirmed(self._folder, self._wanted):
            self.state = "managed"
            self._managed(frozenset(self._wanted))
            return
        try:
            helds = await self._look()
            pid = await self._guard(helds)
        except (EavesError, OSError) as error:
            self.state = f"borrowed: {error}"
            log.warning("not_taken_over", error=str(error))
            return
        self.state = "on trial"
        try:
            await self._take(helds)
        except (EavesError, OSError) as error:
            log.warning("not_taken_over", error=str(error))  # the guardian gives all back
        else:
            self._managed(frozenset(h.ifname for h in helds))
        await self._wait()
        await guardian.ended(pid)

    async def _look(self) -> tuple[Held, ...]:
        seen = {link.name: link for link in (await routing()).links}
        helds: list[Held] = []
        for ifname in self._wanted:
            link = seen.get(ifname)
            if link is None:
                there = ", ".join(sorted(seen))
                raise guardian.HandOverFailed(ifname, f"it is not there (there are: {there})")
            addresses = tuple(a for a in link.addresses if not a.startswith("fe80:"))
            manager = Manager(await guardian.manager_of(ifname))
            routes = await guardian.routes_of(ifname)
            helds.append(Held(ifname, manager, addresses, routes, link.up))
        return tuple(helds)

    async def _guard(self, helds: tuple[Held, ...]) -> int:
        if guardian.on_trial(self._folder):
            # one of the process before us, which died: it gives back what that one took
            await self._until_over()
        clients = [str(self._folder.parent / "dhcp" / h.ifname / "pid") for h in helds]
        text = script(helds, str(self._folder), self._trial_s, clients)
        return await guardian.begin(self._folder, text, self._unit, self._wanted)

    async def _until_over(self) -> None:
        while guardian.on_trial(self._folder):  # noqa: ASYNC110 - a file that another process moves
            await asyncio.sleep(LOOK_S)

    async def _take(self, helds: tuple[Held, ...]) -> None:
        for held in helds:
            if held.manager is Manager.NETWORKD:
                path = Path(networkd_file(held.ifname))
                atomic_write(path, networkd_text(held.ifname).encode(), 0o644)
            for argv in take_commands(held):
                await run(argv)
            for pid in guardian.host_clients(held.ifname):
                os.kill(pid, signal.SIGTERM)
            log.info("taken_over", interface=held.ifname, manager=str(held.manager))

    async def _wait(self) -> None:
        """Confirm as soon as the controller was reached; else the guardian acts, and we follow."""
        while guardian.on_trial(self._folder):
            if self._reached() and guardian.confirm(self._folder):
                self.state = "managed"
                log.info("hand_over_confirmed")
                return
            await asyncio.sleep(LOOK_S)
        self.state = "borrowed: the controller was not reached over what was handed over"
        log.warning("given_back", interfaces=list(self._wanted))
        self._managed(frozenset())
