"""Images for tests: built once, or taken as they were built before; and how long to test them."""

import importlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).parents[2]
OUT = Path(os.environ.get("EAVES_IMAGE", ROOT / "build/image/test"))
SHORT, USUAL, FULL = "short", "usual", "full"
HOW_LONG = os.environ.get("EAVES_IMAGE_TESTS", SHORT)


@dataclass(frozen=True)
class Images:
    """Two versions of one system, signed by one key; each the folder that image/build.py wrote."""

    first: Path
    second: Path

    @property
    def installer(self) -> Path:
        return self.first / "installer.raw"


@dataclass(frozen=True)
class Store:
    """What guests fetch from."""

    files: Path
    url: str  # as guests see it


def why_not() -> str:
    """Why no image can be had here; empty: it can."""
    if os.geteuid() != 0:
        return "an image is built by root"
    if not (ROOT / "image/packages.lock").exists():
        return "image/packages.lock is missing: run image/lock"
    missing = [
        p
        for p in ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/mmdebstrap")
        if not Path(p).exists()
    ]
    if missing:
        return f"{missing[0]} is missing: run packaging/ensure-packages --with-image"
    return ""


def both() -> Images:
    return Images(build("1.0-test"), build("2.0-test"))


def variant(
    images: Images,
    version: str,
    words: str,
    folder: Path,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Path:
    """The second system under another version, whose kernel gets more words; answers its update.

    Without a key of its own it is signed as all are.
    """
    sys.path.insert(0, str(ROOT / "image"))
    try:
        make = importlib.import_module("variant").make
        own, _ = importlib.import_module("artifact").update_key(OUT / "update.key")
    finally:
        sys.path.remove(str(ROOT / "image"))
    target: Path = make(images.second, version, words, key or own, folder / f"{version}.eos")
    return target


def build(version: str) -> Path:
    out = OUT / version
    if not (out / "installer.raw").exists():
        argv = [sys.executable, "image/build.py", "--version", version]
        argv += ["--out", str(out), "--key", str(OUT / "update.key")]
        subprocess.run(argv, cwd=ROOT, check=True)
    return out
