"""What a browser fetches before the console is usable, as the controller sends it: packed by gzip.

Counted are the scripts that the page names itself (its own and those to be loaded with it); what a
view needs beyond is fetched when it is gone to, and counted apart.
"""

import re
import sys
from pathlib import Path
from typing import Final

from support.row import finish

from eaves.controller.northbound.console import PAGE, built_folder, read_file

LIMIT_KB: Final = 350.0
NAMED: Final = re.compile(r'(?:src|href)="(/[^"]+\.js)"')


def packed_kb(path: Path) -> float:
    file = read_file(path, "")
    return len(file.packed or file.body) / 1000


def main() -> int:
    folder = built_folder()
    if not (folder / PAGE).is_file():
        print("the console is not built: make console", file=sys.stderr)
        return 1
    page = (folder / PAGE).read_text(encoding="utf-8")
    first = {folder / name.lstrip("/") for name in NAMED.findall(page)}
    later = sorted(path for path in folder.rglob("*.js") if path not in first)
    before = sum(map(packed_kb, sorted(first)))
    told = {
        "name": "console-size",
        "kb_before_the_first_view": round(before, 1),
        "files": len(first),
        "kb_later": round(sum(map(packed_kb, later)), 1),
        "limit": LIMIT_KB,
        "met": before <= LIMIT_KB,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
