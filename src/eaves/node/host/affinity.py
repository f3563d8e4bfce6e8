"""On which CPUs processes may run."""

import os
from collections.abc import Iterable
from pathlib import Path

from eaves.errors import Transient


def usable() -> frozenset[int]:
    """All that this node may give: those it may run on itself."""
    return frozenset(os.sched_getaffinity(0))


def of_processes(pids: Iterable[int]) -> frozenset[int]:
    """CPUs that any thread of these may use; those that ended meanwhile say nothing."""
    found: set[int] = set()
    for pid in pids:
        for thread in _threads(pid):
            try:
                found |= os.sched_getaffinity(thread)
            except ProcessLookupError:
                continue
    return frozenset(found)


def set_of_processes(pids: Iterable[int], cpus: frozenset[int]) -> None:
    """All threads that are there; later ones are born with the CPUs of their parents."""
    for pid in pids:
        for thread in _threads(pid):
            try:
                os.sched_setaffinity(thread, cpus)
            except ProcessLookupError:
                continue
            except OSError as error:
                names = ", ".join(str(cpu) for cpu in sorted(cpus))
                raise Transient(f"process {pid} cannot run on CPUs {names}: {error}") from error


def _threads(pid: int) -> list[int]:
    try:
        return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return []
