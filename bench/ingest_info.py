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
    """Does the status tell what the message said?"""
    (status,) = answers
    return bool(status["hostName"] == device_id and status["dinfo"]["memMB"] == "16000")


def more(state: Path) -> dict[str, Any]:
    return {"objects": number_in(state, "state", "SELECT count(*) FROM info_latest")}


REPORTS: Final = Reports(
    name="ingest-info",
    endpoint=Endpoint.INFO,
    message=info_message,
    goal=Goal(reach=2000, stretch=3000),
    file="state",
    waiting=WAITING,
    paths=("/v1/devices/id/{id}/status/info",),
    tells=told,
)


if __name__ == "__main__":
    raise SystemExit(run_row(REPORTS, more))
