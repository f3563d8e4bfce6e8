"""Limits and usage of one app, on cgroup2 and on the older hierarchies.

A group is named by a path such as `eaves/NODE/APP`.  Where systemd rules the tree, workloads live
in scopes made by `systemd-run`, and the limits are set through systemd.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eaves.errors import Transient
from eaves.node.host.files import read_or_none
from eaves.node.host.process import run

ROOT = Path("/sys/fs/cgroup")
V1_CONTROLLERS = ("memory", "cpu", "cpuacct", "pids", "devices", "freezer", "blkio", "cpuset")
PERIOD_US = 100_000
MOST_PIDS = 4096
UNLIMITED_V1 = 1 << 60  # what the kernel shows for "no limit" is above this


class Layout(StrEnum):
    V2 = "cgroup2"
    V1 = "cgroup v1"  # hybrid counts as v1: the controllers are there


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_ns: int
    memory_bytes: int
    oom_kills: int


def layout(root: Path = ROOT) -> Layout:
    return Layout.V2 if (root / "cgroup.controllers").exists() else Layout.V1


def folders(group: str, root: Path = ROOT) -> list[Path]:
    """Where the group is or would be, one folder for each hierarchy that is mounted."""
    if layout(root) is Layout.V2:
        return [root / group]
    hierarchies = [root / name for name in (*V1_CONTROLLERS, "systemd", "unified")]
    return [h / group for h in hierarchies if h.is_dir()]


def _controller(group: str, name: str, root: Path = ROOT) -> Path:
    return root / group if layout(root) is Layout.V2 else root / name / group


def adopt(group: str, pid: int, memory_bytes: int, cpus: int, root: Path = ROOT) -> None:
    """Make the group with its limits (0: none) and move a process of ours into it."""
    try:
        if layout(root) is Layout.V2:
            _enable_v2(group, root)
            targets = [root / group]
        else:
            targets = [
                root / c / group for c in ("memory", "cpu", "cpuacct") if (root / c).is_dir()
            ]
        for target in targets:
            target.mkdir(parents=True, exist_ok=True)
        set_limits(group, memory_bytes, cpus, root)
        for target in targets:
            (target / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise Transient(f"control group {group}: {error}; is {root} writable?") from error


def _enable_v2(group: str, root: Path) -> None:
    at = root
    for part in Path(group).parts:
        with contextlib.suppress(OSError):
            (at / "cgroup.subtree_control").write_text("+memory +cpu +pids")
        at /= part
        at.mkdir(exist_ok=True)


def set_limits(group: str, memory_bytes: int, cpus: int, root: Path = ROOT) -> None:
    quota = cpus * PERIOD_US
    if layout(root) is Layout.V2:
        _write(root / group / "memory.max", str(memory_bytes or "max"))
        _write(root / group / "cpu.max", f"{quota or 'max'} {PERIOD_US}")
        return
    memory = _controller(group, "memory", root)
    wanted = str(memory_bytes or -1)
    # memory+swap may not be below memory: which one goes first depends on the direction.
    for _ in range(2):
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            with contextlib.suppress(OSError):
                _write(memory / name, wanted)
    cpu = _controller(group, "cpu", root)
    _write(cpu / "cpu.cfs_period_us", str(PERIOD_US))
    _write(cpu / "cpu.cfs_quota_us", str(quota or -1))


def usage(group: str, root: Path = ROOT) -> Usage | None:
    """None when there is no such group."""
    if layout(root) is Layout.V2:
        base = root / group
        if not base.is_dir():
            return None
        return Usage(
            _named(base / "cpu.stat", "usage_usec") * 1000,
            _number(base / "memory.current") - _named(base / "memory.stat", "inactive_file"),
            _named(base / "memory.events", "oom_kill"),
        )
    memory = _controller(group, "memory", root)
    if not memory.is_dir():
        return None
    cache = _named(memory / "memory.stat", "total_inactive_file")
    return Usage(
        _number(_controller(group, "cpuacct", root) / "cpuacct.usage"),
        max(0, _number(memory / "memory.usage_in_bytes") - cache),
        _named(memory / "memory.oom_control", "oom_kill"),
    )


def memory_limit(group: str, root: Path = ROOT) -> int:
    """Bytes; 0 when there is no limit or no group."""
    name = "memory.max" if layout(root) is Layout.V2 else "memory.limit_in_bytes"
    limit = _number(_controller(group, "memory", root) / name)
    return 0 if limit > UNLIMITED_V1 else limit


def pids(group: str, root: Path = ROOT) -> frozenset[int]:
    found: set[int] = set()
    for folder in folders(group, root):
        for procs in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(line) for line in procs.read_text().split())
    return frozenset(found)


async def remove(group: str, root: Path = ROOT, timeout_s: float = 10.0) -> None:
    """Kill what is left in the group and delete it, in every hierarchy; none: nothing to do."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while left := _try_remove(group, root):
        if asyncio.get_running_loop().time() >= deadline:
            raise Transient(
                f"control group {left} cannot be removed: processes {sorted(pids(group, root))}"
            )
        await asyncio.sleep(0.02)


def _try_remove(group: str, root: Path) -> Path | None:
    for pid in pids(group, root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    left: Path | None = None
    for folder in folders(group, root):
        for inner in _deepest_first(folder):
            try:
                inner.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left = inner
    return left


def remove_if_empty(group: str, root: Path = ROOT) -> None:
    """For the parent groups: the last app takes them away."""
    for folder in folders(group, root):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _deepest_first(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir():
            yield from _deepest_first(child)
    yield folder


async def limit_scope(unit: str, memory_bytes: int, cpus: int) -> None:
    """The same limits for a scope of systemd."""
    memory = str(memory_bytes) if memory_bytes else "infinity"
    quota = f"{cpus * 100}%" if cpus else ""
    properties = [f"MemoryMax={memory}", f"CPUQuota={quota}"]
    await run(["systemctl", "set-property", "--runtime", f"{unit}.scope", *properties])


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _read(path: Path) -> bytes:
    try:
        return read_or_none(path) or b""
    except OSError:
        return b""


def _number(path: Path) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _named(path: Path, name: str) -> int:
    """The number behind a name, of a file with one such pair a line; 0 for none."""
    _, _, rest = (b"\n" + _read(path)).partition(f"\n{name} ".encode())
    text = rest.partition(b"\n")[0].strip()
    return int(text) if text.isdigit() else 0
