"""Info of 6 KB, durable and folded; events are in the journal, the status tells of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from support.ingest import Reports, run_row
from support.messages import JOURNAL, info_message, number_in, number_of_info
from support.row import Goal

from eaves.evapi.paths import Endpoint


def told(device_id: str, answers: Sequence[Any], payloads: Sequence[bytes]) -> bool:
    """Does the status tell what the last message said?"""
    (status,) = answers
    last = {number_of_info(payload) for payload in payloads}
    return bool(status["hostName"] == device_id and status["dinfo"]["memMB"] in last)


def more(state: Path) -> dict[str, Any]:
    return {"objects": number_in(state, "state", "SELECT count(*) FROM info_latest")}


REPORTS: Final = Reports(
    name="ingest-info",
    endpoint=Endpoint.INFO,
    message=info_message,
    goal=Goal(reach=2000, stretch=3000),
    file="state",
    waiting=JOURNAL,
    paths=("/v1/devices/id/{id}/status/info",),
    tells=told,
)


if __name__ == "__main__":
    raise SystemExit(run_row(REPORTS, more))
