"""PCI devices and CAN interfaces for guests as the runtime sees them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from eaves.ids import AppInstanceId
from eaves.node.host.can import CanKeeper, CanSetting
from eaves.node.host.process import run
from eaves.node.host.sriov import Function, FunctionMaker, set_function
from eaves.node.host.vfio import DRIVER, PciTaker
from eaves.node.ios.items import (
    CAN_INTERFACE,
    PCI_DEVICE,
    VIRTUAL_FUNCTIONS,
    CanInterface,
    PciDevice,
    VirtualFunctions,
)
from eaves.reconcile.apply import Configurator, ProgressSink, backoff
from eaves.reconcile.item import Item, ItemRef, Observation


class IosSubsystem:
    """One for each node."""

    kinds = frozenset({PCI_DEVICE, VIRTUAL_FUNCTIONS, CAN_INTERFACE})

    def __init__(self, taker: PciTaker, maker: FunctionMaker, cans: CanKeeper) -> None:
        self._taker, self._maker, self._cans = taker, maker, cans

    def configurators(self) -> Mapping[str, Configurator]:
        return {
            PCI_DEVICE: _PciDevices(self._taker, self._maker),
            VIRTUAL_FUNCTIONS: _Cards(self._maker),
            CAN_INTERFACE: _Cans(self._cans),
        }

    async def observe(self) -> Observation:
        present: dict[ItemRef, Item] = {}
        for taken in await asyncio.to_thread(self._taker.taken):
            owner = AppInstanceId(taken.owner if taken.whole else "")
            one = PciDevice(taken.address, owner, _function(taken.note))
            present[one.ref] = one
        for card, count in (await asyncio.to_thread(self._maker.made)).items():
            made = VirtualFunctions(card, count)
            present[made.ref] = made
        for kept in await asyncio.to_thread(self._cans.kept):
            can = CanInterface(kept.ifname, kept.virtual, kept.words)
            present[can.ref] = can
        return Observation(present, {})

    async def close(self) -> None:
        """Devices stay with the guests that have them."""


def _function(note: str) -> Function | None:
    return msgspec.json.decode(note, type=Function) if note else None


class _PciDevices:
    def __init__(self, taker: PciTaker, maker: FunctionMaker) -> None:
        self._taker, self._maker = taker, maker

    async def create(self, item: PciDevice, _: ProgressSink, /) -> None:
        await self._set(item)
        await run(["modprobe", DRIVER], check=False)  # built in, or told by what comes next
        await asyncio.to_thread(self._taker.take, item.address, item.app)
        await self._note(item)

    async def modify(self, running: PciDevice, item: PciDevice, _: ProgressSink, /) -> None:
        """A virtual function is another to its card; the guest sees a new MAC when it restarts."""
        await self._set(item)
        await self._note(item)

    async def _set(self, item: PciDevice) -> None:
        if item.function is not None:
            ifname = await asyncio.to_thread(self._maker.interface, item.function.card)
            await set_function(ifname, item.function)

    async def _note(self, item: PciDevice) -> None:
        text = msgspec.json.encode(item.function).decode() if item.function else ""
        await asyncio.to_thread(self._taker.note, item.address, text)

    async def delete(self, item: PciDevice, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._taker.give_back, item.address)

    def retry_delay(self, item: PciDevice, attempts: int, /) -> timedelta:
        return backoff(attempts)


class _Cards:
    def __init__(self, maker: FunctionMaker) -> None:
        self._maker = maker

    async def create(self, item: VirtualFunctions, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._maker.make, item.card, item.count)

    async def modify(
        self, running: VirtualFunctions, item: VirtualFunctions, _: ProgressSink, /
    ) -> None:
        await asyncio.to_thread(self._maker.make, item.card, item.count)

    async def delete(self, item: VirtualFunctions, _: ProgressSink, /) -> None:
        await asyncio.to_thread(self._maker.unmake, item.card)

    def retry_delay(self, item: VirtualFunctions, attempts: int, /) -> timedelta:
        return backoff(attempts)


class _Cans:
    def __init__(self, keeper: CanKeeper) -> None:
        self._keeper = keeper

    async def create(self, item: CanInterface, _: ProgressSink, /) -> None:
        await self._keeper.set_up(CanSetting(item.ifname, item.virtual, item.words))

    async def modify(self, running: CanInterface, item: CanInterface, _: ProgressSink, /) -> None:
        """Also under a guest, which sees its bus go and come back."""
        await self._keeper.set_up(CanSetting(item.ifname, running.virtual, item.words))

    async def delete(self, item: CanInterface, _: ProgressSink, /) -> None:
        await self._keeper.take_down(item.ifname)

    def retry_delay(self, item: CanInterface, attempts: int, /) -> timedelta:
        return backoff(attempts)
