"""Run the rows of the bench, one after the other, and print them as a table at the end.

A row is a program below `bench/`; its name has dashes where the file has underscores.  Its last
line is one JSON object.  A row with `FULL = True` takes ten minutes and runs only when asked for
by its name or with FULL=1.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROWS: Final = Path(__file__).parent.parent
_FULL: Final = re.compile(r"^FULL\b.*= True$", re.MULTILINE)
_SHOWN: Final = ("requests_per_s", "server_cpu_us_per_request", "p50_ms", "p99_ms", "rss_mb")
_LIMITS: Final = ("limit", "limit_s", "limit_ms", "aim_s")


def name_of(path: Path) -> str:
    return path.stem.replace("_", "-")


def rows(*, full: bool) -> dict[str, Path]:
    """Programs by name, in the order of their names."""
    found = {name_of(path): path for path in sorted(ROWS.glob("*.py"))}
    return {n: p for n, p in found.items() if full or not _FULL.search(p.read_text())}


def run(name: str, path: Path) -> dict[str, Any]:
    """Run a row, its output passed on; its last line, read."""
    begun = time.monotonic()
    last = ""
    command = ["setpriv", "--pdeathsig", "TERM", sys.executable, str(path)]  # it cleans up then
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as row:
        assert row.stdout is not None
        for line in row.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            last = line.strip() or last
    try:
        told = json.loads(last)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    taken = {"name": name, "status": row.returncode, "took_s": round(time.monotonic() - begun, 1)}
    return {**told, **taken}


def table(done: Sequence[Mapping[str, Any]]) -> str:
    """The summary: a line for each row."""
    head = ("row", "per s", "CPU us", "p50 ms", "p99 ms", "RSS MB", "limit", "met", "took s")
    lines: list[tuple[str, ...]] = [head]
    for row in done:
        shown = [str(row.get(key, "")) for key in _SHOWN]
        limit = next((str(row[key]) for key in _LIMITS if key in row), "")
        lines.append((str(row["name"]), *shown, limit, _met(row), str(row["took_s"])))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _met(row: Mapping[str, Any]) -> str:
    """A row that was made smaller or shorter tells nothing of what its name promises."""
    if "skipped" in row:
        return "skipped"
    met = "yes" if row["status"] == 0 else "NO"
    return f"{met}, short" if row.get("full") is False else met


def main(arguments: Sequence[str]) -> int:
    wanted = next((a for a in arguments if a), "")
    every = rows(full=True)
    if wanted:
        path = every.get(wanted.replace("_", "-"))
        if path is None:
            print(f"bench: no row {wanted}; there are: {' '.join(every)}", file=sys.stderr)
            return 2
        os.execv(sys.executable, [sys.executable, str(path)])  # noqa: S606 - a row of ours
    done = [run(name, path) for name, path in rows(full=bool(os.environ.get("FULL"))).items()]
    print("\n" + table(done))
    print(json.dumps({"rows": len(done), "failed": [r["name"] for r in done if r["status"]]}))
    return 1 if any(row["status"] for row in done) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
