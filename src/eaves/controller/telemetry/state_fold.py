"""What becomes of info and health reports: the latest of each object, and events of what is news.

What each object last said is remembered, so that the usual repeat without news costs no look at
the message before.  With PostgreSQL other processes write too: there a memory counts only while
the row in the database is the one that it was made from.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from eaves.controller.store import state_store
from eaves.controller.store.state_store import DeviceEvent, InfoRow, Key
from eaves.controller.store.sync import is_postgresql, lock_devices
from eaves.controller.telemetry.reports import (
    DIGEST_BYTES,
    DeviceForgotten,
    HealthReport,
    InfoReport,
)
from eaves.errors import Rejected
from eaves.evapi.info_said import Said

StateReport = InfoReport | HealthReport | DeviceForgotten

REMEMBERED: Final = 100_000  # objects
NAME: Final = "{name}"
"""Stands in the text of an event for what people call the object."""

_Memory = tuple[int, Said | None]  # when it came, what it said; None: the object is gone


class StateFold:
    """Folding a batch twice changes nothing: an event is known by what it tells."""

    def __init__(self, *, health_kept: int, news: Callable[[], None] = lambda: None) -> None:
        """`health_kept`: reports of each device; `news`: called when events were stored."""
        self._health_kept, self._news = health_kept, news
        self._said: OrderedDict[Key, _Memory] = OrderedDict()

    def fold(self, connection: Connection, batch: Sequence[StateReport], /) -> Sequence[None]:
        # what an object said before is read, compared and written: one process at a time
        lock_devices(connection, (report.device_id for report in batch))
        infos: list[InfoReport] = []
        health: list[tuple[str, str, int, bytes, bytes]] = []
        for report in batch:
            match report:
                case InfoReport():
                    infos.append(report)
                case HealthReport():
                    owner = (report.enterprise_id, report.device_id)
                    health.append((*owner, report.received_at, report.digest, report.message))
                case DeviceForgotten():
                    self._fold_infos(connection, infos)
                    infos = []
                    self._forget_device(connection, report)
        self._fold_infos(connection, infos)
        state_store.put_health(connection, health, self._health_kept)
        return [None] * len(batch)

    def forget(self) -> None:
        self._said.clear()

    def _fold_infos(self, connection: Connection, infos: Sequence[InfoReport]) -> None:
        if not infos:
            return
        stored = self._stored(connection, infos)
        rows: dict[Key, InfoRow] = {}
        events: list[DeviceEvent] = []
        for report in infos:
            key = _key(report)
            before = self._before(connection, key, stored, rows)
            if before is not None and before[0] > report.received_at:
                continue  # an old batch again
            said = report.said
            if said is not None:
                events += _events(report, said, None if before is None else before[1])
            if said is not None and said.gone:
                # the row stays without its message: an older one may still be under way
                rows[key] = InfoRow(key, report.at, report.received_at, b"")
                self._remember(key, (report.received_at, None))
                continue
            rows[key] = InfoRow(key, report.at, report.received_at, report.message)
            if said is not None:
                self._remember(key, (report.received_at, said))
        state_store.put_info(connection, list(rows.values()))
        if events:
            state_store.put_events(connection, events)
            self._news()

    def _stored(self, connection: Connection, infos: Sequence[InfoReport]) -> dict[Key, int | None]:
        """When the rows of these objects came, as far as the memory does not tell."""
        keys = {_key(report) for report in infos if report.said is not None}
        said = self._said  # may be long: it is asked for the keys, not the other way round
        asked = keys if is_postgresql(connection) else {key for key in keys if key not in said}
        found: Mapping[Key, int] = state_store.received(connection, asked) if asked else {}
        return {key: found.get(key) for key in asked}

    def _before(
        self,
        connection: Connection,
        key: Key,
        stored: dict[Key, int | None],
        rows: Mapping[Key, InfoRow],
    ) -> _Memory | None:
        """When the object was heard of before, and what it said."""
        memory = self._said.get(key)
        if key in rows or key not in stored:
            return memory
        at = stored[key]
        if at is None:
            return None
        if memory is not None and memory[0] == at:
            return memory
        return at, _read(state_store.message_of(connection, key))

    def _remember(self, key: Key, memory: _Memory) -> None:
        self._said[key] = memory
        self._said.move_to_end(key)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)

    def _forget_device(self, connection: Connection, report: DeviceForgotten) -> None:
        owner = (report.enterprise_id, report.device_id)
        state_store.forget_device(connection, *owner, report.received_at)
        for key in [key for key in self._said if key[:2] == owner]:
            del self._said[key]


def _key(report: InfoReport) -> Key:
    return report.enterprise_id, report.device_id, report.kind, report.object_id


def _read(message: bytes) -> Said | None:
    # imported here: a start need not wait for the messages, which no poll uses
    from eaves.evapi.info.fold import fold_info  # noqa: PLC0415 - see above

    try:
        return fold_info(message).said
    except Rejected:
        return None


def _events(report: InfoReport, said: Said, before: Said | None) -> list[DeviceEvent]:
    if before is not None and _what(before) == _what(said):
        return []
    from eaves.controller.telemetry.changes import changes  # noqa: PLC0415 - as in _read

    found: list[DeviceEvent] = []
    for change in changes(before, said, NAME):
        told = (
            *(report.device_id, str(report.received_at), str(report.kind), report.object_id),
            *(change.event_type, change.description),
        )
        found.append(
            DeviceEvent(
                enterprise_id=report.enterprise_id,
                device_id=report.device_id,
                origin=hashlib.sha256("\0".join(told).encode()).digest()[:DIGEST_BYTES],
                at=report.received_at,
                kind=said.kind,
                object_id=report.object_id,
                name=said.name,
                event_type=change.event_type,
                severity=change.severity.value,
                state=report.state,
                text=change.description,
            )
        )
    return found


def _what(said: Said) -> tuple[object, ...]:
    return said.state, said.errors, said.boots, said.update, said.gone
