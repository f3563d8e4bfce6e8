"""Events."""

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum, Timestamp
from eaves.controller.domain.contract.envelope import Cursor, Summary


class EventSource(OpenEnum):
    UNSPECIFIED = "EVENT_SOURCE_UNSPECIFIED"
    SYSTEM = "EVENT_SOURCE_SYSTEM"
    USER = "EVENT_SOURCE_USER"


class EventQueryResponseItem(Contract):
    cluster_instance: str = ""
    description: str = ""
    device: str = ""
    event_type: str = ""
    instance: str = ""
    json_data: JsonObject | None = None
    project: str = ""
    resource: str = ""
    resource_name: str = ""
    severity: str = ""
    source: EventSource = EventSource.UNSPECIFIED
    tags: tuple[str, ...] = ()
    timestamp: Timestamp = ""
    user: str = ""


class EventQueryResponse(Contract):
    list: tuple[EventQueryResponseItem, ...] = ()
    next: Cursor | None = None
    summary: Summary | None = None
