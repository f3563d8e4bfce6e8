"""The network as the runtime sees it: what it keeps, how it is made, what is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config import ZNetworkInstType as NiType
from eaves.node.network.configurators import configurators
from eaves.node.network.items import KINDS, Tracking
from eaves.node.network.learning import Learned, Leases, together
from eaves.node.network.observe import (
    Counters,
    find_tracking,
    observe_ports,
    read_counters,
    read_leases,
    see,
)
from eaves.node.network.workshop import Workshop
from eaves.node.refs import Port
from eaves.reconcile.apply import Configurator
from eaves.reconcile.item import Observation

Look = Callable[[EdgeDevConfig], Awaitable[tuple[Port, ...]]]


class NetworkSubsystem:
    """One for each node.  `table` names its nftables tables; `run_dir` does not outlive a boot."""

    kinds = KINDS

    def __init__(self, table: str, run_dir: Path, look: Look = observe_ports) -> None:
        """`look` sees the ports of a configuration."""
        self._look = look
        self._workshop = Workshop(table, run_dir / "network", asyncio.Lock())
        self._tracking: Tracking | None = None
        self.learned = Learned()

    async def tracking(self) -> Tracking:
        """What follows connections within a bridge here; asked once, a kernel does not change."""
        if self._tracking is None:
            self._tracking = await find_tracking(self._workshop.table)
        return self._tracking

    @property
    def known_tracking(self) -> Tracking:
        return self._tracking or Tracking.NONE

    async def ports(self, config: EdgeDevConfig) -> tuple[Port, ...]:
        """As they are now.  The first switch of a configuration asks what the kernel can."""
        if any(ni.inst_type == NiType.ZnetInstSwitch for ni in config.network_instances):
            await self.tracking()
        return await self._look(config)

    def configurators(self) -> Mapping[str, Configurator]:
        return configurators(self._workshop)

    async def observe(self) -> Observation:
        """Items that are there and whole; one that is damaged counts as missing and is re-made."""
        return await see(self._workshop)

    def leases(self) -> Leases:
        """MAC -> addresses: leases that were really taken, and what was heard on switches."""
        return together(self.learned.addresses(time.monotonic()), read_leases(self._workshop))

    async def counters(self) -> Counters:
        """Interface and rule counters, for metrics."""
        return await read_counters(self._workshop)

    async def close(self) -> None:
        """Nothing is held open; bridges, rules and dnsmasq stay and keep working."""
