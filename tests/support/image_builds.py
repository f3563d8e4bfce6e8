"""Images for tests: built once for a state of the source; and how long to test them."""

import fcntl
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.scenarios import Floor, Ledger

ROOT = Path(__file__).parents[2]
OUT = Path(os.environ.get("EAVES_IMAGE", ROOT / "build/image/test"))
SHORT, USUAL, FULL = "short", "usual", "full"
HOW_LONG = os.environ.get("EAVES_IMAGE_TESTS", SHORT)
FIRST, SECOND = "1.0-test", "2.0-test"
REPORT = OUT.parent / "report.md"
FLOORS = {USUAL: Floor(boots=25, checks=2000), FULL: Floor(boots=500, checks=10_000)}
NEEDED = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/mmdebstrap")


class PackagesMissing(Exception):
    """No mirror has what the image is made of: nothing is known of the image."""


@dataclass(frozen=True)
class Images:
    """Two versions of one system, signed by one key."""

    first: Path  # as image/build.py wrote it
    second: Path  # as image/variant.py did

    @property
    def installer(self) -> Path:
        return self.first / "installer.raw"


@dataclass(frozen=True)
class Store:
    """What guests fetch from."""

    files: Path
    url: str  # as guests see it


def ledger() -> Ledger:
    """Of tests of this length."""
    return Ledger(OUT.parent / f"{HOW_LONG}.jsonl", str(script("source").digest()))


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Of runs side by side: another one finds what was built."""
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def left_out(why: str) -> NoReturn:
    """Where every test has to run, what one lacks is a fault."""
    if os.environ.get("EAVES_TESTS_ALL"):
        pytest.fail(why)
    pytest.skip(why)


def why_not() -> str:
    """Why no image can be had here; empty: it can."""
    if os.geteuid() != 0:
        return "an image is built by root"
    if not (ROOT / "image/packages.lock").exists():
        return "image/packages.lock is missing: run image/lock"
    missing = [path for path in NEEDED if not Path(path).exists()]
    if missing:
        return f"{missing[0]} is missing: run packaging/ensure-packages --with-image"
    return ""


def both() -> Images:
    """Raises PackagesMissing."""
    with one_at_a_time():
        return _both()


def _both() -> Images:
    mark, now = OUT / "source", str(script("source").digest())
    images = Images(OUT / FIRST, OUT / SECOND)
    if mark.exists() and mark.read_text() == now:
        return images
    mark.unlink(missing_ok=True)
    for folder in (images.first, images.second):
        shutil.rmtree(folder, ignore_errors=True)
    build(images.first, FIRST)
    script("variant").renamed(images.first, SECOND, update_key(), images.second)
    mark.write_text(now)
    return images


def build(out: Path, version: str) -> None:
    argv = [sys.executable, "image/build.py", "--version", version, "--media", "installer"]
    argv += ["--out", str(out), "--key", str(OUT / "update.key")]
    done = subprocess.run(argv, cwd=ROOT, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode == script("fetch").NOT_HERE:
        raise PackagesMissing(done.stderr.strip())
    assert done.returncode == 0, f"image/build.py ended with {done.returncode}: {done.stderr}"


def variant(
    images: Images,
    version: str,
    words: str,
    folder: Path,
    key: ec.EllipticCurvePrivateKey | None = None,
    *,
    rootless: bool = False,
    epoch: int | None = None,
) -> Path:
    """The second system under another version, whose kernel gets more words; answers its update.

    Without a key of its own it is signed as all are.  `rootless`: for one whose root nobody reads.
    One with words whose version has as many letters as the second's is what it says, so that it is
    left for those words alone.
    """
    if words and not rootless and len(version) == len(SECOND):
        return another(images, version, folder, words)
    target = folder / f"{version}.eos"
    kept = {"rootless": rootless, "epoch": epoch}
    script("variant").make(images.second, version, words, key or update_key(), target, **kept)
    return target


def another(images: Images, version: str, folder: Path, words: str = "") -> Path:
    """A good version, of as many letters as the first; answers its update."""
    made = script("variant").renamed(images.first, version, update_key(), folder / version, words)
    target = folder / f"{version}.eos"
    (made / "system.eos").rename(target)
    shutil.rmtree(made)
    return target


def update_key() -> ec.EllipticCurvePrivateKey:
    key, _ = script("artifact").update_key(OUT / "update.key")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def script(name: str) -> ModuleType:
    """Of image/, whose files are scripts."""
    sys.path.insert(0, str(ROOT / "image"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "image"))
