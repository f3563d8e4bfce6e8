"""What a stream sends, as text/event-stream: https://html.spec.whatwg.org/#server-sent-events.

`id` is the place from which to go on: everything up to it was told.  It stands behind the newest
event where events may still become visible that were written earlier; so it is no event's own
number, which is the `id` inside of the data.
"""

import json
from typing import Final

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.store.events import Event

MEDIA: Final = "text/event-stream"
HELLO: Final = "hello"
EVENT: Final = "event"
MISSED: Final = "missed"
ENDED: Final = "ended"


def frame(name: str, data: JsonObject, place: int) -> bytes:
    """One message; JSON has no line end inside, so the data is one line."""
    told = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return f"id: {place}\nevent: {name}\ndata: {told}\n\n".encode()


def heartbeat(place: int) -> bytes:
    """Nothing happened; a client takes the place, and a proxy sees that the connection lives."""
    return f": alive\nid: {place}\n\n".encode()


def shown(event: Event) -> JsonObject:
    """As `GET /v1/events` shows it, with ids in the place of names that had to be looked up."""
    severity = event.severity.upper().removeprefix("SEVERITY_")
    return {
        "id": str(event.row),
        "timestamp": rfc3339(event.at),
        "eventType": event.event_type,
        "description": event.description,
        "severity": f"SEVERITY_{severity}",
        "source": event.source,
        "user": event.user_name,
        "projectId": event.project_id,
        "deviceId": event.device_id,
        "resource": event.object_kind,
        "resourceId": event.object_id,
        "resourceName": event.object_name,
    }
