"""PCI devices for guests as the runtime sees them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from eaves.ids import AppInstanceId
from eaves.node.host.process import run
from eaves.node.host.vfio import DRIVER, PciTaker
from eaves.node.ios.items import PCI_DEVICE, PciDevice
from eaves.reconcile.apply import Configurator, ProgressSink, backoff
from eaves.reconcile.item import Item, ItemRef, Observation


class IosSubsystem:
    """One for each node."""

    kinds = frozenset({PCI_DEVICE})

    def __init__(self, taker: PciTaker) -> None:
        self._taker = taker

    def configurators(self) -> Mapping[str, Configurator]:
        return {PCI_DEVICE: _PciDevices(self._taker)}

    async def observe(self) -> Observation:
        present: dict[ItemRef, Item] = {}
        for taken in await asyncio.to_thread(self._taker.taken):
            one = PciDevice(taken.address, AppInstanceId(taken.owner if taken.whole else ""))
            present[one.ref] = one
        return Observation(present, {})

    async def close(self) -> None:
        """Devices stay with the guests that have them."""


class _PciDevices:
    def __init__(self, taker: PciTaker) -> None:
        self._taker = taker

    async def create(self, item: PciDevice, _: ProgressSink, /) -> None:
        await run(["modprobe", DRIVER], check=False)  # built in, or told by what comes next
        await asyncio.to_thread(self._taker.take, item.address, item.app)

    async def modify(self, running: PciDevice, item: PciDevice, _: ProgressSink, /) -> None:
        """Never planned: another owner replaces it."""

    async def delete(self, item: PciDevice, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._taker.give_back, item.address)

    def retry_delay(self, item: PciDevice, attempts: int, /) -> timedelta:
        return backoff(attempts)
