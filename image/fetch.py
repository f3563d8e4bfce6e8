"""The packages of packages.lock, in a cache, each with the digest that the lock names."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import foreign
from plain import write_plain

SUITE = "bookworm"
MOST_MISSING = 10  # told by name
NOT_HERE = os.EX_TEMPFAIL  # status of who cannot get a package: no fault of the source


class Locked(NamedTuple):
    arch: str
    name: str
    version: str
    sha256: str
    how: str = ""  # "unpack": without its scripts and dependencies

    @property
    def file(self) -> str:
        return f"{self.sha256[:16]}_{self.name}.deb"


def read_lock(path: Path, arch: str) -> tuple[Locked, ...]:
    lines = (line.split() for line in path.read_text().splitlines())
    return tuple(Locked(*words) for words in lines if words and words[0] == arch)


def wanted_names(lists: Iterable[Path], arch: str) -> tuple[str, ...]:
    """What the lists ask for; the rest of the lock is what these need."""
    found: list[str] = []
    for path in lists:
        for line in path.read_text().splitlines():
            name, *archs = line.partition("#")[0].split() or [""]
            if name and (not archs or arch in archs):
                found.append(name)
    return tuple(found)


def fetch(locked: Iterable[Locked], cache: Path) -> tuple[Path, ...]:
    """Files of all packages; those of the cache are used again.  Fails by name."""
    cache.mkdir(parents=True, exist_ok=True)
    every = tuple(locked)
    missing = [one for one in every if not _is_right(cache / one.file, one.sha256)]
    if missing:
        _download(missing, cache)
    wrong = [one for one in every if not _is_right(cache / one.file, one.sha256)]
    if wrong:
        names = ", ".join(f"{one.name} {one.version}" for one in wrong[:MOST_MISSING])
        print(
            f"image: {len(wrong)} packages of packages.lock cannot be had: {names}; where a mirror"
            " dropped them, run image/lock and look at what changed",
            file=sys.stderr,
        )
        raise SystemExit(NOT_HERE)
    return tuple(cache / one.file for one in every)


def _download(missing: Iterable[Locked], cache: Path) -> None:
    """Apt takes each from a mirror or from its own cache; what it cannot get is told by `fetch`."""
    asked = {f"{one.name}:{one.arch}={one.version}": one for one in missing}
    work = cache / "partial"
    work.mkdir(exist_ok=True)
    apt = foreign.apt(next(iter(asked.values())).arch, cache)
    done = subprocess.run([*apt, "download", *asked], cwd=work, check=False)
    if done.returncode:  # one that is missing stops all: take them one by one
        failed = 0
        for name in asked:
            failed += bool(
                subprocess.run([*apt, "download", name], cwd=work, check=False).returncode
            )
            if failed == MOST_MISSING:
                break  # it is the mirror that is missing
    by_digest = {one.sha256: one for one in asked.values()}
    for path in work.glob("*.deb"):
        one = by_digest.get(digest(path))
        if one is not None:
            path.replace(cache / one.file)
        else:
            path.unlink()


def _is_right(path: Path, sha256: str) -> bool:
    return path.exists() and digest(path) == sha256


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_repository(packages: Iterable[Path], folder: Path, arch: str) -> None:
    """A flat repository of exactly these, so that nothing else can be chosen."""
    folder.mkdir(parents=True)
    entries: list[str] = []
    for path in sorted(packages):
        here = folder / path.name
        if arch == foreign.native():
            here.hardlink_to(path)
        else:
            write_plain(path, here)
        told = subprocess.run(
            ["dpkg-deb", "--field", str(path)], check=True, capture_output=True, text=True
        ).stdout.strip()
        size = here.stat().st_size
        entries.append(f"{told}\nFilename: ./{path.name}\nSize: {size}\nSHA256: {digest(here)}\n")
    index = folder / "Packages"
    index.write_text("\n".join(entries))
    # mmdebstrap takes the essential packages of the suite that it was asked for.
    (folder / "Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nDate: Thu, 01 Jan 1970 00:00:00 UTC\n"
        f"SHA256:\n {digest(index)} {index.stat().st_size} Packages\n"
    )
