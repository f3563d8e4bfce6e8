"""Events about devices and what they carry: in the transaction of what they tell of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from eaves.controller.domain.scope import Scope
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.objects import find_object
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Change
from eaves.evapi.info import ZInfoTypes
from eaves.ids import DeviceId, EnterpriseId

KINDS: Final[Mapping[ZInfoTypes, Kind]] = MappingProxyType(
    {
        ZInfoTypes.ZiDevice: Kind.DEVICE,
        ZInfoTypes.ZiApp: Kind.APP_INSTANCE,
        ZInfoTypes.ZiNetworkInstance: Kind.NETINST,
        ZInfoTypes.ZiVolume: Kind.VOLUME,
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about, in the words of people."""

    enterprise_id: str
    device_id: DeviceId
    kind: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""


async def subject_of(
    db: Db, enterprise_id: str, device_id: DeviceId, kind: Kind | None, object_id: str, name: str
) -> Subject:
    """Look an object up as the enterprise of its device sees it; `name` if it is not (any more)."""
    if kind is None:
        return Subject(enterprise_id, device_id, "", object_id, name)
    found = await find_object(db, Scope(EnterpriseId(enterprise_id)), kind, object_id)
    if found is None:
        return Subject(enterprise_id, device_id, kind.value, object_id, name)
    return Subject(enterprise_id, device_id, kind.value, object_id, found.name, found.project_id)


async def tell(db: Db, subject: Subject, change: Change, now: datetime) -> None:
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=subject.enterprise_id,
            project_id=subject.project_id,
            device_id=subject.device_id,
            event_type=change.event_type,
            description=change.description,
            severity=change.severity,
            object_kind=subject.kind,
            object_id=subject.id,
            object_name=subject.name,
        ),
    )


async def device_event(
    db: Db, enterprise_id: str, device_id: DeviceId, change: Change, now: datetime
) -> None:
    """Tell what happened to a device record."""
    subject = await subject_of(db, enterprise_id, device_id, Kind.DEVICE, device_id, device_id)
    await tell(db, subject, change, now)
