"""The network as the runtime sees it, looked at when there is reason to.

To read links, routes and all rules costs 20 ms; a node at rest would do little else.
"""

import time
from pathlib import Path
from typing import Final

import structlog

from eaves.node.host.kernel_news import KernelNews
from eaves.node.network.observe import observe_ports
from eaves.node.network.subsystem import Look, NetworkSubsystem
from eaves.reconcile.item import Observation

log = structlog.get_logger(__name__)

# How old what was seen may be while neither kernel nor records tell of a change: nobody tells of a
# DNS server that ended, or of a setting below /proc/sys.
OLDEST_S: Final = 10.0


class WatchedNetwork(NetworkSubsystem):
    def __init__(self, table: str, run_dir: Path, look: Look = observe_ports) -> None:
        super().__init__(table, run_dir, look)
        self._news = KernelNews()
        self._deaf = False  # told once
        self._seen: Observation | None = None
        self._seen_at, self._seen_changes = 0.0, 0

    async def observe(self) -> Observation:
        now, changes = time.monotonic(), self._workshop.records.changes
        moved = self._told() or changes != self._seen_changes
        if self._seen is None or moved or now - self._seen_at >= OLDEST_S:
            self._seen = None  # a look that fails is no look
            self._seen_at, self._seen_changes = now, changes
            self._seen = await super().observe()
        return self._seen

    def _told(self) -> bool:
        """A kernel that does not let us listen costs a look each time, and no more."""
        try:
            return self._news.moved()
        except OSError as error:
            if not self._deaf:
                log.warning(
                    "kernel_news_unheard", error=str(error), next="each look is a whole one"
                )
            self._deaf = True
            return True

    async def close(self) -> None:
        self._news.close()
        await super().close()
