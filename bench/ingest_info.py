"""Info of 6 KB, durable and folded; events are in the journal, the status tells of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from support.ingest import Reports, run_row
from support.messages import info_message, number_in
from support.row import Goal

from eaves.evapi.paths import Endpoint

WAITING: Final = "SELECT count(*) FROM device_events"


def told(device_id: str, answers: Sequence[Any]) -> bool:
    """Is every port of the message in the status, and an event in the journal?"""
    status, events = answers
    ports = str(status)
    return all(f"enp{n}s0f{n % 4}" in ports for n in range(42)) and device_id in str(events)


def more(state: Path) -> dict[str, Any]:
    return {"objects": number_in(state, "state", "SELECT count(*) FROM info_latest")}


REPORTS: Final = Reports(
    name="ingest-info",
    endpoint=Endpoint.INFO,
    message=info_message,
    goal=Goal(reach=2000, stretch=3000),
    file="state",
    waiting=WAITING,
    paths=("/v1/devices/id/{id}/status/info", "/v1/devices/id/{id}/events"),
    tells=told,
)


if __name__ == "__main__":
    raise SystemExit(run_row(REPORTS, more))
