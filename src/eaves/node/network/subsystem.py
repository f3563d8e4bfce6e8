"""The network as the runtime sees it: what it keeps, how it is made, what is there."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from eaves.node.network.configurators import Workshop, configurators
from eaves.node.network.items import KINDS
from eaves.node.network.observe import Counters, read_counters, read_leases, see
from eaves.reconcile.apply import Configurator
from eaves.reconcile.item import Observation


class NetworkSubsystem:
    """One for each node.  `table` names its nftables tables; `run_dir` does not outlive a boot."""

    kinds = KINDS

    def __init__(self, table: str, run_dir: Path) -> None:
        self._workshop = Workshop(table, run_dir / "network", asyncio.Lock())

    def configurators(self) -> Mapping[str, Configurator]:
        return configurators(self._workshop)

    async def observe(self) -> Observation:
        """Items that are there and whole; one that is damaged counts as missing and is re-made."""
        return await see(self._workshop)

    def leases(self) -> Mapping[str, str]:
        """MAC -> address, for leases that were really taken."""
        return read_leases(self._workshop)

    async def counters(self) -> Counters:
        """Interface and rule counters, for metrics."""
        return await read_counters(self._workshop)

    async def close(self) -> None:
        """Nothing is held open; bridges, rules and dnsmasq stay and keep working."""
