"""What holds for every test: nothing of it stays behind, and time is not slept away."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap tests first, so that a broken rule is known before a machine boots."""
    order = ["unit", "property", "wire", "store", "host", "system"]

    def rank(item: pytest.Item) -> int:
        parts = Path(str(item.path)).parts
        return next((n for n, name in enumerate(order) if name in parts), len(order))

    items.sort(key=rank)
    if os.geteuid() != 0:
        root = pytest.mark.skip(reason="changes kernel state: needs root")
        for item in items:
            if item.get_closest_marker("host") or item.get_closest_marker("vm"):
                item.add_marker(root)


def _mounts() -> set[str]:
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def _namespaces() -> set[str]:
    folder = Path("/run/netns")
    return {p.name for p in folder.iterdir()} if folder.is_dir() else set()


def _children() -> set[int]:
    me = os.getpid()
    return {int(p.parent.name) for p in Path("/proc").glob("[0-9]*/stat") if _parent(p) == me}


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True)
class Footprint:
    mounts: frozenset[str]
    namespaces: frozenset[str]
    children: frozenset[int]
    threads: frozenset[threading.Thread]

    @classmethod
    def now(cls) -> "Footprint":
        return cls(
            frozenset(_mounts()),
            frozenset(_namespaces()),
            frozenset(_children()),
            frozenset(threading.enumerate()),
        )

    def left_since(self, before: "Footprint") -> list[str]:
        return [
            *(f"mount {m}" for m in self.mounts - before.mounts),
            *(f"network namespace {n}" for n in self.namespaces - before.namespaces),
            *(f"process {p}" for p in self.children - before.children),
            *(
                f"thread {t.name}"
                for t in self.threads - before.threads
                if t.is_alive() and not t.daemon and not t.name.startswith(POOL_THREADS)
            ),
        ]


POOL_THREADS = ("asyncio_", "ThreadPool", "AnyIO")  # kept by libraries for the next call


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    """Mounts, network namespaces, child processes and threads of a test end with it.

    Fixtures of a wider scope are set up before this one and so belong to the session's check.
    """
    before = Footprint.now()
    yield
    left = Footprint.now().left_since(before)
    assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture(autouse=True, scope="session")
def nothing_stays_behind_at_all() -> Iterator[None]:
    before = Footprint.now()
    yield
    left = Footprint.now().left_since(before)
    assert not left, f"left behind by the whole run: {', '.join(left)}"
