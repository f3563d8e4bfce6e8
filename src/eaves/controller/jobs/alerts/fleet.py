"""What is known of the nodes of an enterprise now, for rules to look at.

A look reads of each report when it came, and the report itself only where it is a new one: what the
others said is remembered.  The memory is no more than that: after a start it is read again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.alerts.observe import Metered, Node
from eaves.controller.domain.alerts.rules import Rule
from eaves.controller.domain.contract.alerts import AlertCondition
from eaves.controller.store.alerts import WatchedDevice, devices_of
from eaves.controller.store.attestations import Attested, find_attested
from eaves.controller.store.packed import unpack
from eaves.controller.store.reports import is_gone
from eaves.controller.store.tables_telemetry import info_latest, metrics_latest
from eaves.controller.store.unit import Db, snapshot
from eaves.errors import Rejected
from eaves.evapi.info.health import AppHealth, DeviceHealth, read_health
from eaves.evapi.info.states import ZInfoTypes
from eaves.evapi.metrics_usage import Usage, processor_percent, read_usage

log = structlog.get_logger()

DEVICES_AT_ONCE: Final = 250
REPORTS_AT_ONCE: Final = 50  # devices

ATTESTATION: Final = frozenset(
    {AlertCondition.ATTESTATION_FAILED, AlertCondition.ATTESTATION_STALE}
)
Health = DeviceHealth | AppHealth


@dataclass(frozen=True, slots=True)
class _Said:
    at: datetime  # when it came
    health: Health | None


@dataclass(frozen=True, slots=True)
class _Used:
    at: datetime
    usage: Usage | None
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a set of rules looks at, beside the contact that a node has."""

    device: bool
    apps: bool
    attestation: bool
    metrics: bool

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> "Needs":
        conditions = {rule.condition for rule in rules}
        told = {
            AlertCondition.NODE_REBOOT,
            AlertCondition.NODE_ERROR,
            AlertCondition.UPDATE_FAILED,
            AlertCondition.CPU,  # how many processors there are
        }
        return cls(
            device=bool(conditions & told),
            apps=AlertCondition.APP_ERROR in conditions,
            attestation=bool(conditions & ATTESTATION),
            metrics=any(rule.metered for rule in rules),
        )

    @property
    def kinds(self) -> tuple[int, ...]:
        asked = ((self.device, ZInfoTypes.ZiDevice), (self.apps, ZInfoTypes.ZiApp))
        return tuple(int(kind) for wanted, kind in asked if wanted)


_InfoKey = tuple[int, str]
"""Kind and id of an object of a device."""


@dataclass
class FleetMemory:
    """Of all enterprises that have rules; lives on one event loop."""

    engine: AsyncEngine
    _said: dict[str, dict[_InfoKey, _Said]] = field(default_factory=dict)  # by device
    _used: dict[str, _Used] = field(default_factory=dict)

    async def nodes(self, enterprise_id: str, rules: Sequence[Rule]) -> AsyncIterator[list[Node]]:
        """All nodes of an enterprise, some hundred at a time."""
        needs, after = Needs.of(rules), ""
        while True:
            async with snapshot(self.engine) as db:
                devices = await devices_of(db, enterprise_id, after=after, limit=DEVICES_AT_ONCE)
                ids = [device.id for device in devices if device.last_seen is not None]
                nodes = await self._read(db, devices, ids, needs)
            yield nodes
            if len(devices) < DEVICES_AT_ONCE:
                return
            after = devices[-1].id

    def forget_others(self, known: frozenset[str]) -> None:
        """Keep the memory of these devices only."""
        for device_id in self._said.keys() - known:
            del self._said[device_id]
        for device_id in self._used.keys() - known:
            del self._used[device_id]

    async def _read(
        self, db: Db, devices: Sequence[WatchedDevice], ids: Sequence[str], needs: Needs
    ) -> list[Node]:
        if needs.kinds:
            await self._hear(db, ids, needs.kinds)
        attested: Mapping[str, Attested] = {}
        if needs.attestation and ids:
            attested = await find_attested(db, ids)
        if needs.metrics:
            await self._measure(db, ids)
        return [self._node(device, needs, attested) for device in devices]

    def _node(self, device: WatchedDevice, needs: Needs, attested: Mapping[str, Attested]) -> Node:
        node = Node(device.id, device.name, device.project_id, _tags(device.tags), device.last_seen)
        if device.last_seen is None:
            return node
        said = self._said.get(device.id, {})
        own = said.get((int(ZInfoTypes.ZiDevice), ""))
        health = own.health if own is not None else None
        tried = attested.get(device.id, Attested(""))
        used = self._used.get(device.id) if needs.metrics else None
        return replace(
            node,
            health=health if isinstance(health, DeviceHealth) else None,
            told_at=own.at if own is not None else None,
            apps=tuple(one.health for one in said.values() if isinstance(one.health, AppHealth)),
            attested=tried.state,
            attestation=tried.detail,
            attested_at=tried.at,
            metered=None if used is None else _metered(used),
        )

    async def _hear(self, db: Db, ids: Sequence[str], kinds: Sequence[int]) -> None:
        c = info_latest.c
        query = select(c.device_id, c.kind, c.object_id, c.received_at).where(
            c.device_id.in_(ids), c.kind.in_(kinds), ~is_gone
        )
        rows = (await db.execute(query)).all()
        news: list[str] = []
        kept: dict[str, dict[_InfoKey, _Said]] = {device_id: {} for device_id in ids}
        for device_id, kind, object_id, at in rows:
            known = self._said.get(device_id, {}).get((kind, object_id))
            if known is not None and known.at == at:
                kept[device_id][kind, object_id] = known
            elif not news or news[-1] != device_id:
                news.append(device_id)
        columns = select(c.device_id, c.kind, c.object_id, c.received_at, c.message)
        for start in range(0, len(news), REPORTS_AT_ONCE):
            some = news[start : start + REPORTS_AT_ONCE]
            wanted = columns.where(c.device_id.in_(some), c.kind.in_(kinds), ~is_gone)
            for device_id, kind, object_id, at, message in await db.execute(wanted):
                known = kept[device_id].get((kind, object_id))
                if known is None or known.at != at:
                    health = _health_of(device_id, unpack(message))
                    kept[device_id][kind, object_id] = _Said(at, health)
            await asyncio.sleep(0)  # others of this loop have their turn
        self._said.update(kept)

    async def _measure(self, db: Db, ids: Sequence[str]) -> None:
        c = metrics_latest.c
        query = select(c.device_id, c.received_at).where(c.device_id.in_(ids))
        rows = (await db.execute(query)).all()
        news = [
            device_id
            for device_id, at in rows
            if (known := self._used.get(device_id)) is None or known.at != at
        ]
        for start in range(0, len(news), REPORTS_AT_ONCE):
            some = news[start : start + REPORTS_AT_ONCE]
            wanted = select(c.device_id, c.received_at, c.message).where(c.device_id.in_(some))
            for device_id, at, message in await db.execute(wanted):
                self._used[device_id] = self._used_now(device_id, at, unpack(message))
            await asyncio.sleep(0)

    def _used_now(self, device_id: str, at: datetime, message: bytes) -> _Used:
        try:
            usage = read_usage(message)
        except Rejected as error:
            log.info("metrics_not_read", device_id=device_id, why=str(error))
            return _Used(at, None)
        own = self._said.get(device_id, {}).get((int(ZInfoTypes.ZiDevice), ""))
        health = own.health if own is not None else None
        processors = health.processors if isinstance(health, DeviceHealth) else 0
        before = self._used.get(device_id)
        cpu = None
        if before is not None and before.usage is not None:
            cpu = processor_percent(before.usage, usage, processors)
        return _Used(at, usage, cpu)


def _tags(text: str) -> Mapping[str, str]:
    if len(text) <= len("{}"):
        return {}
    tags: dict[str, str] = json.loads(text)
    return tags


def _metered(used: _Used) -> Metered:
    usage = used.usage or Usage()
    return Metered(used.at, used.cpu, usage.memory_percent, usage.disk_percent, usage.disk)


def _health_of(device_id: str, message: bytes) -> Health | None:
    try:
        return read_health(message)
    except Rejected as error:
        log.info("info_not_read", device_id=device_id, why=str(error))
        return None
