"""The memory of the hot path.

A poll reads here and nowhere else: certificate hash -> device, device -> config hash, token,
policy.  The database is the truth; an entry is what a row said when it was last read.  The loop
that serves devices owns the memory; other threads only say which device changed
(`device_changed`), and the owner reads the rows again and wakes who waits.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from eaves.controller.live.waiter import Waiter
from eaves.evapi.keys import Verifier
from eaves.evapi.pem import certificate_key
from eaves.ids import ConfigHash, DeviceId


@dataclass(frozen=True, slots=True)
class LiveDevice:
    """What the memory keeps of one device."""

    device_id: DeviceId
    enterprise_id: str
    certificate_hash: bytes  # SHA-256 over the DER certificate
    certificate_der: bytes
    config_hash: ConfigHash  # empty: nothing rendered yet
    integrity_token: bytes  # empty: none given out yet
    attestation_required: bool
    gone: bool  # deleted or off-boarded: a verified envelope gets 404
    config_timestamp: datetime | None = None  # a hash comes back when a change is taken back
    _verifier: Verifier | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.certificate_der)

    @property
    def has_to_attest(self) -> bool:
        """It gets no configuration, whatever token it shows."""
        return self.attestation_required and not self.integrity_token

    @property
    def verifier(self) -> Verifier:
        """Checks what the device signed.  Raises UnusableKey.

        Made at first use, because thousands of devices start with the controller, and then kept:
        to read the key takes a fourth of the time of a check.
        """
        if self._verifier is not None:
            return self._verifier
        made = Verifier(certificate_key(self.certificate))
        object.__setattr__(self, "_verifier", made)  # frozen to others: what it says stays the same
        return made

    def hand_verifier_to(self, after: "LiveDevice") -> None:
        """What was made for a certificate is not made again for the same one."""
        if self.certificate_der == after.certificate_der:
            object.__setattr__(after, "_verifier", self._verifier)  # as above


ReadRows = Callable[[Sequence[DeviceId]], Awaitable[Sequence[LiveDevice]]]

HASH16: Final = 16
REFRESH_BATCH: Final = 500
RETRY_S: Final = 0.5
# whoever has to attest again makes five requests: a fleet that is told at once comes at once
WAKE_PER_S: Final = 200.0  # ten thousand nodes in 50 s
WAKE_EVERY_S: Final = 0.02
WAKE_LATE_S: Final = 0.1  # of the pace that a loop which was held up catches up with
MOST_WOKEN: Final = 64  # that are under way: more of them only wait for each other
WOKEN_S: Final = 0.35  # until one that does not come, or has a slow TPM, makes room for others


class NoWaiterPlace(Exception):  # an answer, not a failure: the device polls instead
    """Every place of the long poll is taken."""


class Live:
    """See the module text.  Made before its loop runs; `bind` gives it the loop."""

    def __init__(self, *, waiters: int) -> None:
        self._devices: dict[DeviceId, LiveDevice] = {}
        self._by_hash: dict[bytes, LiveDevice] = {}
        self._by_hash16: dict[bytes, LiveDevice] = {}
        self._of_enterprise: Counter[str] = Counter()
        self._waiting: dict[DeviceId, set[Waiter]] = {}
        self._waiters = waiters
        self._waiter_count = 0
        self._to_wake: deque[DeviceId] = deque()  # those that have to attest
        self._in_line: set[DeviceId] = set()  # the same
        self._missed: set[DeviceId] = set()  # those that did not wait when it was their turn
        self._told: set[DeviceId] = set()  # those that waited, and did not come yet
        self._some_to_wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: set[DeviceId] = set()
        self._lock = threading.Lock()  # guards _changed and _loop only
        self._wake = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._failed = False
        self._closed = False

    # --- called from any thread -------------------------------------------------------------

    def device_changed(self, device_id: DeviceId) -> None:
        """Say that rows of this device were committed: made, changed, rendered, deleted."""
        self.devices_changed((device_id,))

    def devices_changed(self, device_ids: Iterable[DeviceId]) -> None:
        """As `device_changed`, for many; returns at once."""
        with self._lock:
            self._changed.update(device_ids)
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._wake.set)

    def known(self) -> tuple[DeviceId, ...]:
        """The ids of all entries as they are now."""
        return tuple(self._devices.copy())

    def snapshot(self) -> tuple[LiveDevice, ...]:
        """All entries as they are now."""
        return tuple(self._devices.copy().values())

    # --- called on the loop that serves devices -----------------------------------------------

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._loop = loop
            if self._changed:
                self._wake.set()

    def unbind(self) -> None:
        with self._lock:
            self._loop = None

    def put(self, device: LiveDevice) -> None:
        """Take in what a row says now, and wake who waits for a change of its config."""
        before = self._devices.get(device.device_id)
        if before is not None and before.certificate_hash != device.certificate_hash:
            self._forget_hash(before)
        if before is not None:
            before.hand_verifier_to(device)
            self._of_enterprise[before.enterprise_id] -= 1
        self._of_enterprise[device.enterprise_id] += 1
        self._devices[device.device_id] = device
        holder = self._by_hash.get(device.certificate_hash)
        taken = holder is not None and holder.device_id != device.device_id and not holder.gone
        if not (device.gone and taken):
            # a deleted device that came back under a new record: the living record answers
            self._by_hash[device.certificate_hash] = device
            self._by_hash16[device.certificate_hash[:HASH16]] = device
        if not device.has_to_attest:
            self._missed.discard(device.device_id)
            self._told.discard(device.device_id)
        if before is not None and (
            before.config_hash != device.config_hash or before.gone != device.gone
        ):
            self._wake_waiters(device.device_id)
        elif device.has_to_attest and before is not None and not before.has_to_attest:
            if device.device_id not in self._in_line:
                self._to_wake.append(device.device_id)
                self._in_line.add(device.device_id)
            self._some_to_wake.set()

    def remove(self, device_id: DeviceId) -> None:
        """Forget a device whose row is no more, certificate included."""
        device = self._devices.pop(device_id, None)
        if device is not None:
            self._of_enterprise[device.enterprise_id] -= 1
            self._forget_hash(device)
            self._missed.discard(device_id)
            self._told.discard(device_id)
            self._wake_waiters(device_id)

    def find(self, device_id: DeviceId) -> LiveDevice | None:
        return self._devices.get(device_id)

    def find_by_hash(self, sender_hash: bytes) -> LiveDevice | None:
        """Find the sender of an envelope; its hash has 32 bytes, or 16 in the short form."""
        if len(sender_hash) == HASH16:
            return self._by_hash16.get(sender_hash)
        return self._by_hash.get(sender_hash)

    def count_of(self, enterprise_id: str) -> int:
        """How many entries are of this enterprise."""
        return self._of_enterprise[enterprise_id]

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def in_doubt(self) -> bool:
        """True while a change is known of, but the database could not be read."""
        return self._failed

    @property
    def waiter_count(self) -> int:
        return self._waiter_count

    async def wait_for_change(
        self,
        device_id: DeviceId,
        known: str,
        timeout_s: float,
        leaving: "asyncio.Future[None] | None" = None,
    ) -> bool:
        """Wait until the config hash differs from `known`, or the device has to attest again.

        False after `timeout_s` and when `leaving` is done, but for a device that has to attest and
        stands in no line of those to be told.  Raises NoWaiterPlace when every place is taken.
        """
        if self._differs(device_id, known):
            return True
        if device_id in self._missed:
            self._missed.discard(device_id)
            return True
        with self.place():
            waiter = Waiter(asyncio.get_running_loop(), timeout_s)
            if leaving is not None:
                leaving.add_done_callback(waiter.end)
            self._waiting.setdefault(device_id, set()).add(waiter)
            try:
                return await self._until_news(waiter, device_id, known)
            finally:
                waiter.close()
                waiting = self._waiting[device_id]
                waiting.discard(waiter)
                if not waiting:
                    del self._waiting[device_id]

    async def _until_news(self, waiter: Waiter, device_id: DeviceId, known: str) -> bool:
        while await waiter.news():
            if self._closed:
                raise NoWaiterPlace
            # one that was refused attests again by itself: only news wake it
            if self._differs(device_id, known) or self._has_to_attest(device_id):
                return True
        return self._has_to_attest(device_id) and device_id not in self._in_line

    def was_told(self, device_id: DeviceId) -> bool:
        """Was it told to attest, when it was its turn, and comes now?  True once."""
        if device_id not in self._told:
            return False
        self._told.discard(device_id)
        return True

    @contextmanager
    def place(self) -> Generator[None]:
        """A place of those whose request is kept for long.  Raises NoWaiterPlace."""
        if self._closed or self._waiter_count >= self._waiters:
            raise NoWaiterPlace
        self._waiter_count += 1
        try:
            yield
        finally:
            self._waiter_count -= 1

    async def wake_forever(self) -> None:
        """Tell waiters that they have to attest, as fast as those told before have done so."""
        now = asyncio.get_running_loop().time
        woken: dict[DeviceId, float] = {}
        while True:
            await self._some_to_wake.wait()
            self._some_to_wake.clear()
            paid_until = 0.0  # of those told before, at their pace
            while self._to_wake:
                paid_until = max(paid_until, now() - WAKE_LATE_S)
                woken = {
                    one: until
                    for one, until in woken.items()
                    if until > now() and self._has_to_attest(one)
                }
                room = MOST_WOKEN - len(woken)
                while self._to_wake and room > 0 and paid_until <= now():
                    device_id = self._to_wake.popleft()
                    self._in_line.discard(device_id)
                    if not self._has_to_attest(device_id):
                        continue  # it did so while it stood in line, or is no more
                    if self._wake_waiters(device_id):
                        self._told.add(device_id)
                        woken[device_id] = now() + WOKEN_S
                        paid_until += 1 / WAKE_PER_S
                        room -= 1
                    else:
                        self._missed.add(device_id)
                await asyncio.sleep(WAKE_EVERY_S)

    def limit_waiters(self, waiters: int) -> None:
        """Take fewer waiters than was asked for: the machine does not allow more."""
        self._waiters = min(self._waiters, waiters)

    def close(self) -> None:
        """Let every waiter answer: the controller stops."""
        self._closed = True
        for waiting in self._waiting.values():
            for waiter in waiting:
                waiter.tell()

    async def refresh(self, read_rows: ReadRows, device_ids: Iterable[DeviceId]) -> None:
        """Read these devices again, now."""
        wanted = tuple(device_ids)
        async with self._refreshing:  # else rows read earlier could be put over newer ones
            rows = {row.device_id: row for row in await read_rows(wanted)}
            for device_id in wanted:
                row = rows.get(device_id)
                if row is None:
                    self.remove(device_id)
                else:
                    self.put(row)

    async def follow_forever(self, read_rows: ReadRows, failed: Callable[[], None]) -> None:
        """Read again whatever was said to have changed; `failed` tells of a round to repeat."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._take_changed():
                try:
                    await self.refresh(read_rows, batch)
                except Exception:  # noqa: BLE001 - a task boundary: the batch is kept for later
                    self._failed = True
                    with self._lock:
                        self._changed.update(batch)
                    failed()
                    await asyncio.sleep(RETRY_S)
                else:
                    self._failed = False

    # --- inside ---------------------------------------------------------------------------

    def _take_changed(self) -> tuple[DeviceId, ...]:
        with self._lock:
            batch = tuple(self._changed)[:REFRESH_BATCH]
            self._changed.difference_update(batch)
        return batch

    def _differs(self, device_id: DeviceId, known: str) -> bool:
        device = self._devices.get(device_id)
        return device is None or device.gone or device.config_hash != known

    def _has_to_attest(self, device_id: DeviceId) -> bool:
        device = self._devices.get(device_id)
        return device is not None and device.has_to_attest

    def _forget_hash(self, device: LiveDevice) -> None:
        if self._by_hash.get(device.certificate_hash) is device:
            del self._by_hash[device.certificate_hash]
        short = device.certificate_hash[:HASH16]
        if self._by_hash16.get(short) is device:
            del self._by_hash16[short]

    def _wake_waiters(self, device_id: DeviceId) -> int:
        """How many there were."""
        waiting = self._waiting.get(device_id, ())
        for waiter in waiting:
            waiter.tell()
        return len(waiting)
