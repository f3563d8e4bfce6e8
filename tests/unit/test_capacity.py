"""The arithmetic of docs/reference/capacity.md."""

import json
import subprocess
import sys
from pathlib import Path

from support.generated import REPOSITORY

SCRIPT = REPOSITORY / "bench/support/capacity.py"
COSTS = {
    "poll-unchanged": 200,
    "poll-unchanged-newconn": 500,
    "ingest-metrics": 300,
    "ingest-info": 400,
}


def printed(folder: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    results = folder / "results.jsonl"
    results.write_text("\n".join(lines))
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(results)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def row(name: str, cost: float) -> str:
    return json.dumps({"name": name, "server_cpu_us_per_request": cost, "requests_per_s": 1})


def test_machines_follow_from_the_cost_of_requests(tmp_path: Path) -> None:
    done = printed(tmp_path, ["a line of the log", *(row(n, c) for n, c in COSTS.items())])
    assert done.returncode == 0, done.stderr
    # 10,000 devices: (0.025 x 500 + 0.025 x (300 + 300) + (400 + 300) / 600) us a second each
    assert "| 10,000 | 517 | 0.29 | not measured | 1 |" in done.stdout
    assert "| 100,000 | 5,167 | 2.87 | not measured | 6 |" in done.stdout


def test_a_whole_fleet_that_was_measured_counts_where_it_costs_more(tmp_path: Path) -> None:
    whole = {"name": "fleet-10min", "devices": 10_000, "server_cpu_share": 0.5}
    engines = {"name": "fleet-postgres", "devices": 10_000, "cores_by_kind": {"database": 0.7}}
    lines = [*(row(n, c) for n, c in COSTS.items()), json.dumps(whole), json.dumps(engines)]
    done = printed(tmp_path, lines)
    assert done.returncode == 0, done.stderr
    # 5.0 cores at 60 % of one each are nine controllers, and one that may be lost
    assert "| 100,000 | 5,167 | 2.87 | 5.00 | 10 |" in done.stdout
    assert "| 100,000 | 7.00 |" in done.stdout


def test_a_row_that_was_not_measured_is_not_made_up(tmp_path: Path) -> None:
    done = printed(tmp_path, [row("poll-unchanged", 200)])
    assert done.returncode == 0, done.stderr
    assert "| 10,000 | 517 | not measured | not measured |  |" in done.stdout


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    assert "holds no row" in printed(tmp_path, ["nothing"]).stderr
