"""What a browser fetches before the console is usable, as the controller sends it: packed by gzip.

Counted are the scripts that the page names itself (its own and those to be loaded with it), and
apart from them those of the map, which the first view loads after its list.  What another view
needs beyond is fetched when it is gone to.
"""

import re
import sys
from pathlib import Path
from typing import Final

from support.row import finish

from eaves.controller.northbound.console import PAGE, built_folder, read_file

LIMIT_KB: Final = 350.0
MAP_LIMIT_KB: Final = 500.0
MAP: Final = ("WorldMap-*.js", "maplibre-gl-worker-*.mjs")
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
    drawn = [path for pattern in MAP for path in sorted(folder.rglob(pattern))]
    later = sorted(path for path in folder.rglob("*.js") if path not in {*first, *drawn})
    before, of_map = sum(map(packed_kb, sorted(first))), sum(map(packed_kb, drawn))
    if len(drawn) != len(MAP):
        print(f"the map is not of {' and '.join(MAP)} any more; name its files", file=sys.stderr)
        return 1
    told = {
        "name": "console-size",
        "kb_before_the_first_view": round(before, 1),
        "files": len(first),
        "kb_of_the_map": round(of_map, 1),
        "kb_later": round(sum(map(packed_kb, later)), 1),
        "limit": LIMIT_KB,
        "limit_of_the_map": MAP_LIMIT_KB,
        "met": before <= LIMIT_KB and of_map <= MAP_LIMIT_KB,
        "generator_ok": True,  # nothing is sent
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
