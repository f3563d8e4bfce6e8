"""`make demo NODE=image`: what a device is, is updated to, and falls back from.

    out/key               digest of the source that all of it was made from
    out/update.pem        the key that its updates are signed by
    out/first/disk.raw    a device, already installed
    out/second/           system.eos, and measurements.json with its signature
    out/bad.eos           signed like the others; its kernel panics

Made again when the source differs.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import artifact
import source
import variant

PROJECT = Path(__file__).parents[1]
OUT = PROJECT / "build/image/demo"
FIRST, SECOND, BAD = "1.0-demo", "2.0-demo", "3.0-demo"


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    mark, now = OUT / "key", source.digest()
    if mark.exists() and mark.read_text() == now:
        return 0
    mark.unlink(missing_ok=True)
    print("image: two versions of the system are built; the first time that takes minutes")
    key = OUT / "update.key"
    for name, version, media in (("first", FIRST, "disk"), ("second", SECOND, "none")):
        out = OUT / name
        shutil.rmtree(out, ignore_errors=True)
        argv = [sys.executable, str(PROJECT / "image/build.py"), "--version", version]
        argv += ["--out", str(out), "--key", str(key), "--media", media]
        subprocess.run(argv, cwd=PROJECT, check=True)
    private, _ = artifact.update_key(key)
    variant.make(OUT / "second", BAD, "rdinit=/none", private, OUT / "bad.eos", rootless=True)
    mark.write_text(now)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
