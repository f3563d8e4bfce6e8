#!/usr/bin/env python3
"""Machines for a fleet, by arithmetic from measured rows.

    bench/support/capacity.py RESULTS.jsonl        prints the tables of docs/reference/capacity.md

RESULTS holds one JSON object a line, as `make bench` prints them last (others are passed over; of
two rows of one name the later counts).
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLEETS = (10_000, 100_000, 1_000_000)
BUSY = 0.6  # of a core at most: the rest is for what comes all at once
SPARE = 1  # controllers more than the load needs, so that one may be lost
POLLS_AND_METRICS_PER_S = 0.05  # of one EVE device, each on a new connection


@dataclass(frozen=True)
class Traffic:
    """Requests of one device, by the row that measured their cost; `per_s` in requests a second."""

    row: str
    per_s: float
    bytes_kept: float  # of one request, before retention drops it


# an EVE device polls and sends metrics once a minute each, info and logs when something happens
TRAFFIC = (
    Traffic("poll-unchanged-newconn", POLLS_AND_METRICS_PER_S / 2, 0),
    Traffic("ingest-metrics", POLLS_AND_METRICS_PER_S / 2, 2_000),
    Traffic("ingest-info", 1 / 600, 6_000),
)


def rows_in(lines: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The last row of each name."""
    found: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        text = line.strip()
        if not text.startswith("{"):
            continue
        row = json.loads(text)
        if "name" in row:
            found[row["name"]] = row
    return found


def handshake_us(rows: Mapping[str, Mapping[str, Any]]) -> float:
    """What a new TLS connection costs more than a kept one."""
    new, kept = rows.get("poll-unchanged-newconn"), rows.get("poll-unchanged")
    if new is None or kept is None:
        return 0.0
    return max(new["server_cpu_us_per_request"] - kept["server_cpu_us_per_request"], 0.0)


def cost_us(rows: Mapping[str, Mapping[str, Any]], traffic: Traffic) -> float | None:
    """Processor time of one such request on a connection of its own; None where not measured."""
    row = rows.get(traffic.row)
    if row is None:
        return None
    extra = 0.0 if traffic.row.endswith("-newconn") else handshake_us(rows)
    return float(row["server_cpu_us_per_request"]) + extra


def cores(rows: Mapping[str, Mapping[str, Any]], devices: int) -> float | None:
    """Cores of controllers that are busy with a fleet; None while a row is missing."""
    busy = 0.0
    for traffic in TRAFFIC:
        cost = cost_us(rows, traffic)
        if cost is None:
            return None
        busy += devices * traffic.per_s * cost / 1e6
    return busy


def controllers(busy: float) -> int:
    """Processes of one core each, none above `BUSY`, and spare ones where there are several."""
    needed = max(math.ceil(busy / BUSY), 1)
    return needed if needed == 1 else needed + SPARE


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def measured(rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = ("requests_per_s", "server_cpu_us_per_request", "p50_ms", "p99_ms", "rss_mb")
    head = ("row", "requests/s", "processor, us each", "p50, ms", "p99, ms", "memory, MiB")
    return table(
        head,
        (
            [f"`{name}`", *(f"{row[key]:g}" if key in row else "" for key in names)]
            for name, row in rows.items()
        ),
    )


def per_device(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[list[str]] = []
    for traffic in TRAFFIC:
        cost = cost_us(rows, traffic)
        shown = "not measured" if cost is None else f"{cost:.0f}"
        busy = "" if cost is None else f"{traffic.per_s * cost:.2f}"
        kept = traffic.per_s * traffic.bytes_kept * 86_400 / 1e6
        lines.append([f"`{traffic.row}`", f"{traffic.per_s:.4f}", shown, busy, f"{kept:.1f}"])
    return table(
        ("request", "per second", "us each, new connection", "us a second", "MB kept a day"), lines
    )


def of_fleet(rows: Mapping[str, Mapping[str, Any]], devices: int) -> float | None:
    """Cores by the row of a whole fleet, whose requests come in small batches and bring logs."""
    row = rows.get("fleet-10min")
    if row is None:
        return None
    return float(row["server_cpu_share"]) * devices / float(row["devices"])


def fleets(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[list[str]] = []
    for devices in FLEETS:
        found = [cores(rows, devices), of_fleet(rows, devices)]
        shown = ["not measured" if busy is None else f"{busy:.2f}" for busy in found]
        most = max((busy for busy in found if busy is not None), default=None)
        requests = devices * sum(traffic.per_s for traffic in TRAFFIC)
        kept = devices * sum(t.per_s * t.bytes_kept for t in TRAFFIC) * 86_400 / 1e9
        needed = "" if most is None else str(controllers(most))
        lines.append([f"{devices:,}", f"{requests:,.0f}", *shown, needed, f"{kept:,.0f}"])
    by = ("cores busy, by requests", "cores busy, by `fleet-10min`")
    return table(("devices", "requests/s", *by, "controllers", "GB a day, raw"), lines)


def engines(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Cores of what stands beside the controllers, by the row that runs them all."""
    row = rows.get("fleet-postgres", {})
    kinds: Mapping[str, float] = row.get("cores_by_kind", {})
    lines = [
        [f"{devices:,}", *(f"{busy * devices / row['devices']:.2f}" for busy in kinds.values())]
        for devices in FLEETS
    ]
    return table(("devices", *kinds), lines)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    rows = rows_in(Path(arguments[0]).read_text(encoding="utf-8").splitlines())
    if not rows:
        sys.stderr.write(f"{arguments[0]} holds no row; give what `make bench` printed\n")
        return 1
    for title, text in (
        ("Measured", measured(rows)),
        ("One device", per_device(rows)),
        ("Fleets", fleets(rows)),
        ("Engines, cores", engines(rows)),
    ):
        print(f"## {title}\n\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
