"""Cold start to the first answering app: `eaves demo --check` with an empty state folder (root).

Prints one JSON object; "aim_s" is the bound of its "first_answer_s", once packages are
installed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM_S = 60.0


def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "first-app", "skipped": "needs root"}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "eaves", "demo", "--check", "--state-dir", f"{folder}/demo"],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        total = time.monotonic() - begun
    first = re.search(r"([0-9.]+) s from start to the first answering app", done.stdout)
    machine = re.search(r"virtual machine answers at \S+ after ([0-9.]+) s", done.stdout)
    met = done.returncode == 0 and first is not None and float(first[1]) <= AIM_S
    print(
        json.dumps(
            {
                "name": "first-app",
                "ok": met,
                "first_answer_s": float(first[1]) if first else None,
                "machine_answer_s": float(machine[1]) if machine else None,
                "whole_check_s": round(total, 1),
                "aim_s": AIM_S,
            }
        )
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
