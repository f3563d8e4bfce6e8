"""Is what devices got acknowledged there?  Counted for all of them, asked through REST for some."""

import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
from support.messages import DUE, JOURNAL, until_none_left
from support.person import client_of
from support.server import Server

ASKED: Final = 40  # devices
WITHIN_S: Final = 60.0
ALL_KINDS: Final = ("log lines", "metrics", "info")

Ledger = Mapping[str, Mapping[str, int]]
"""By device and kind: messages that were acknowledged, and lines of logs."""

Held = Callable[[str], Mapping[str, int]]
"""What is stored of a kind, by device."""

HELD: Final = {
    "log lines": ("logs", "SELECT device_id, sum(lines) FROM log_chunks GROUP BY device_id"),
    "metrics": ("metrics", "SELECT device_id, count(*) FROM metric_samples GROUP BY device_id"),
    "info": ("state", "SELECT device_id, count(*) FROM info_latest GROUP BY device_id"),
}


def read_ledger(path: Path) -> Ledger:
    """As `eaves fleet run --ledger` writes it."""
    told: Ledger = json.loads(path.read_text())
    return told


def merged(*ledgers: Ledger) -> Ledger:
    whole: dict[str, Counter[str]] = {}
    for ledger in ledgers:
        for device_id, counts in ledger.items():
            whole.setdefault(device_id, Counter()).update(counts)
    return whole


def in_files(state_dir: Path) -> Held:
    """The telemetry files of a running controller."""

    def held(kind: str) -> Mapping[str, int]:
        file, sql = HELD[kind]
        path = state_dir / "telemetry" / f"{file}.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return dict(database.execute(sql).fetchall())

    return held


def settle(state_dir: Path) -> None:
    """Wait until everything that is due is rolled up, and events are in the journal."""
    until_none_left(state_dir, "state", JOURNAL)
    until_none_left(state_dir, "metrics", DUE)


def kept(
    server: Server, token: str, ledger: Ledger, held: Held, *kinds: str, by_rest: bool = True
) -> dict[str, Any]:
    """Members of a row: what was compared and what is missing.

    `kept_met` is false when anything is missing, and when there was nothing to compare.  Of info
    only the latest is kept: a device that got one acknowledged must have at least one.
    """
    compared: dict[str, int] = {}
    missing: dict[str, int] = {}
    end = time.monotonic() + WITHIN_S
    for kind in kinds or ALL_KINDS:
        wanted = {d: counts.get(kind, 0) for d, counts in ledger.items()}
        if kind == "info":
            wanted = {d: min(n, 1) for d, n in wanted.items()}
        compared[kind] = sum(wanted.values())
        while (missing_now := _missing(wanted, held(kind))) and time.monotonic() < end:
            time.sleep(0.5)  # other processes work meanwhile
        missing[kind] = missing_now
    told = {"acknowledged_compared": compared, "acknowledged_missing": missing}
    by_hand = asked(server, token, ledger) if by_rest else {}
    met = all(compared.values()) and not any(missing.values()) and not any(by_hand.values())
    return {**told, "missing_by_rest": by_hand, "kept_met": met}


def _missing(wanted: Mapping[str, int], there: Mapping[str, int]) -> int:
    return sum(max(0, number - there.get(device_id, 0)) for device_id, number in wanted.items())


def asked(server: Server, token: str, ledger: Ledger) -> dict[str, int]:
    """What REST does not show, of the devices with most lines of logs and some at random."""
    chance = random.Random(len(ledger))  # noqa: S311 - which devices are looked at
    most = sorted(ledger, key=lambda d: ledger[d].get("log lines", 0), reverse=True)[: ASKED // 2]
    some = chance.sample(sorted(ledger), min(ASKED // 2, len(ledger)))
    lost = Counter[str](dict.fromkeys(ALL_KINDS, 0))
    with client_of(server, token) as client:
        for device_id in {*most, *some}:
            counts = ledger[device_id]
            if lines := counts.get("log lines", 0):
                lost["log lines"] += max(0, lines - log_lines(client, device_id))
            if counts.get("metrics", 0):
                path = f"/v1/devices/id/{device_id}/timeSeries/MEMORY_UTILIZATION?interval=60"
                points = _get(client, path)["list"]
                lost["metrics"] += not any(any(point["values"]) for point in points)
            if counts.get("info", 0):
                told = _get(client, f"/v1/devices/id/{device_id}/status/info")
                lost["info"] += not told.get("dinfo")
    return dict(lost)


def log_lines(client: httpx.Client, device_id: str) -> int:
    """How many lines of the device are shown, through all pages."""
    found, token = 0, ""
    while True:
        query = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": "500"}
        if token:
            query["next.pageToken"] = token
        page = _get(client, f"/v1/eaves/devices/id/{device_id}/logs", query)
        found += len(page["list"])
        token = page["next"].get("pageToken") or ""
        if not token:
            return found


def _get(client: httpx.Client, path: str, query: Mapping[str, str] | None = None) -> Any:
    answer = client.get(path, params=query)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()
