"""Time of `make image` for x86-64 from cached packages, and the size of a slot (root).

FULL=1 builds it a second time with an empty cache, from the mirrors of this machine.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from support.row import finish, work_folder

PROJECT: Final = Path(__file__).parent.parent
CACHED_LIMIT_S, EMPTY_LIMIT_S = 120.0, 360.0
SLOT_LIMIT_MB: Final = 350.0


def build_s(out: Path, key: Path, *words: str) -> float:
    argv = [sys.executable, "image/build.py", "--version", "1.0-bench"]
    argv += ["--out", str(out), "--key", str(key), *words]
    begun = time.monotonic()
    subprocess.run(argv, cwd=PROJECT, check=True, stdout=sys.stderr)
    return time.monotonic() - begun


def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "image-build", "skipped": "needs root"}))
        return 0
    full = bool(os.environ.get("FULL"))
    with work_folder() as folder:
        key = folder / "update.key"
        if not full:
            build_s(folder / "before", key, "--media", "none")  # the cache has what it needs
        empty = build_s(folder / "empty", key, "--cache", str(folder / "cache")) if full else 0.0
        cache = ("--cache", str(folder / "cache")) if full else ()
        cached = build_s(folder / "cached", key, *cache)
        built = folder / "cached"
        slot = sum((built / name).stat().st_size for name in ("root.img", "uki.efi")) / 1e6
    told = {
        "name": "image-build",
        "cached_s": round(cached, 1),
        "slot_mb": round(slot, 1),
        "slot_limit_mb": SLOT_LIMIT_MB,
        "limit_s": CACHED_LIMIT_S,
        "met": cached <= CACHED_LIMIT_S and slot <= SLOT_LIMIT_MB and empty <= EMPTY_LIMIT_S,
        "generator_ok": True,  # nothing is sent
    }
    if full:
        told |= {"empty_cache_s": round(empty, 1), "empty_cache_limit_s": EMPTY_LIMIT_S}
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
