"""Rendered configurations on their way to devices: read from the database in batches, kept a while.

A change makes many devices ask at once.  Each reading of the database takes all who wait, so that
a thousand polls cost a few readings; and what was read is kept, up to a bound in bytes, for those
who ask again (a device that attests first, or whose answer was lost on the way).  Once it was
sealed, the envelope is kept instead: who asks again for the same gets the same bytes, for as long
as the same key seals.

What is kept is told apart by its hash and its time: a change that is taken back makes the hash of
before again, with a later time, and a node refuses what is older than what it has.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from eaves.controller.store.rendered import RenderedConfig
from eaves.evapi.envelope import Sender
from eaves.ids import ConfigHash, DeviceId

READ_AT_ONCE: Final = 64
# Where a reading is slow (a busy PostgreSQL answers after a second), 64 at a time let the fleet
# wait for minutes: each reading that leaves others waiting lets the next one take twice as many.
MOST_AT_ONCE: Final = 256
# A reading of one costs 1.5 ms of processor time, one of 64 costs 2.3 ms: a fleet that begins
# would take half of a core for its readings, so a few wait until more have come; one who asks
# alone does not.
FEW: Final = 16
GATHER_S: Final = 0.02  # between the begins of two readings
GATHER_FROM_SERVER_S: Final = (
    0.1  # of a database that is a process of its own: it is woken for each
)
_OVERHEAD: Final = 600  # bytes of memory beside the configuration, about

ReadConfigs = Callable[[Sequence[DeviceId]], Awaitable[Mapping[DeviceId, RenderedConfig]]]
"""Reads what is in force for these devices; those without a configuration are left out."""


@dataclass(frozen=True, slots=True)
class SealedConfig:
    """What a device was answered; `sender` is whose envelope it is."""

    config_hash: ConfigHash
    config_timestamp: datetime
    sender: Sender = field(repr=False)
    envelope: bytes = field(repr=False)


Kept = RenderedConfig | SealedConfig


class Configs:
    """Lives on the loop that serves devices; `read_forever` must run there."""

    def __init__(self, read: ReadConfigs, *, kept_bytes: int, gather_s: float = GATHER_S) -> None:
        self._read, self._kept_bytes, self._gather_s = read, kept_bytes, gather_s
        self._kept: OrderedDict[DeviceId, Kept] = OrderedDict()
        self._size = 0
        self._waiting: dict[DeviceId, list[asyncio.Future[RenderedConfig | None]]] = {}
        self._served: dict[DeviceId, ConfigHash] = {}
        self._wake = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes held, about."""
        return self._size

    async def find(
        self, device_id: DeviceId, in_force: ConfigHash, at: datetime | None
    ) -> RenderedConfig | None:
        """What is in force for the device, at least as new as `in_force` of `at`; None: none.

        Raises what the database raises.
        """
        kept = self._kept.get(device_id)
        if isinstance(kept, RenderedConfig) and _is(kept, in_force, at):
            self._kept.move_to_end(device_id)
            return kept
        answer: asyncio.Future[RenderedConfig | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(device_id, []).append(answer)
        self._wake.set()
        return await answer

    def sealed(
        self, device_id: DeviceId, in_force: ConfigHash, at: datetime | None, sender: Sender
    ) -> bytes | None:
        """The envelope in which the device was given what is in force; None: make one."""
        kept = self._kept.get(device_id)
        if (
            not isinstance(kept, SealedConfig)
            or not _is(kept, in_force, at)
            or kept.sender is not sender
        ):
            return None
        self._kept.move_to_end(device_id)
        return kept.envelope

    def keep_sealed(self, device_id: DeviceId, sealed: SealedConfig) -> None:
        """In place of the configuration in it."""
        self._keep(device_id, sealed)

    def first_served(self, device_id: DeviceId, config_hash: ConfigHash) -> bool:
        """Is this news?  A device that asks again and again for the same is told of once."""
        if self._served.get(device_id) == config_hash:
            return False
        self._served[device_id] = config_hash
        return True

    async def read_forever(self) -> None:
        """Serve who waits, one reading after the other; a few gather before the next one."""
        now = asyncio.get_running_loop().time
        began, size, most = 0.0, 0, READ_AT_ONCE  # of the last reading
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                soon = began + self._gather_s - now()
                if size > 1 and len(self._waiting) < FEW and soon > 0:
                    await asyncio.sleep(soon)
                began, wanted = now(), tuple(self._waiting)[:most]
                size = len(wanted)
                left = len(self._waiting) > size
                most = min(most * 2, MOST_AT_ONCE) if left else READ_AT_ONCE
                asking = {device_id: self._waiting.pop(device_id) for device_id in wanted}
                try:
                    found = await self._read(wanted)
                except Exception as error:  # noqa: BLE001 - a task boundary: each asker is told
                    for answers in asking.values():
                        _fail(answers, error)
                else:
                    for device_id, answers in asking.items():
                        rendered = found.get(device_id)
                        self._keep(device_id, rendered)
                        _tell(answers, rendered)

    def _keep(self, device_id: DeviceId, what: Kept | None) -> None:
        before = self._kept.pop(device_id, None)
        if before is not None:
            self._size -= _size(before)
        if what is None:
            return
        self._kept[device_id] = what
        self._size += _size(what)
        while self._size > self._kept_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size -= _size(oldest)


def _is(kept: Kept, in_force: ConfigHash, at: datetime | None) -> bool:
    return kept.config_hash == in_force and kept.config_timestamp == at


def _size(kept: Kept) -> int:
    held = kept.config if isinstance(kept, RenderedConfig) else kept.envelope
    return len(held) + _OVERHEAD


Answers = Sequence["asyncio.Future[RenderedConfig | None]"]


def _tell(answers: Answers, rendered: RenderedConfig | None) -> None:
    for answer in answers:
        if not answer.done():  # else its asker has gone
            answer.set_result(rendered)


def _fail(answers: Answers, error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
