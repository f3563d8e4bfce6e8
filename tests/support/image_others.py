"""Images that one scenario alone needs: built once for a state of the source."""

import subprocess
import sys
from pathlib import Path

from support.image_builds import OUT, ROOT, script


def build_other(name: str, *options: str) -> Path:
    """An installed disk, update and predictions, of the version `name`."""
    out, now = OUT / name, str(script("source").digest())
    mark = out / "source"
    if not mark.exists() or mark.read_text() != now:
        argv = [sys.executable, "image/build.py", "--version", name, "--media", "disk"]
        argv += ["--out", str(out), "--key", str(OUT / "update.key"), *options]
        subprocess.run(argv, cwd=ROOT, check=True)
        mark.write_text(now)
    return out
