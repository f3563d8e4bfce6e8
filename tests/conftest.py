"""What holds for every test: nothing of it stays behind, and time is not slept away."""

import fcntl
import os
import signal
import tempfile
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


BESIDE = frozenset({"store", "test_docs.py", "test_five_steps.py", "test_fleet_run.py"})
"""Folders and files that run with the tests that boot machines, so that both runs of tests/all
take about as long."""


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: a shell ignores it for its background jobs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap tests first, so that a broken rule is known before a machine boots."""
    order = ["unit", "property", "wire", "store", "host", "system"]

    def rank(item: pytest.Item) -> int:
        parts = Path(str(item.path)).parts
        return next((n for n, name in enumerate(order) if name in parts), len(order))

    items.sort(key=rank)
    for item in items:
        if BESIDE & {*Path(str(item.path)).parts}:
            item.add_marker("beside")
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

    def left_since(self, before: "Footprint", *, alone: bool) -> list[str]:
        """`alone`: no other run of these tests is on the machine, so all that is new is ours."""
        machine_wide = (
            *(f"mount {m}" for m in self.mounts - before.mounts),
            *(f"network namespace {n}" for n in self.namespaces - before.namespaces),
        )
        return [
            *(machine_wide if alone else ()),
            *(f"process {p}" for p in self.children - before.children),
            *(
                f"thread {t.name}"
                for t in self.threads - before.threads
                if t.is_alive() and not t.daemon and not t.name.startswith(POOL_THREADS)
            ),
        ]


class Run:
    """One pytest run on this machine; several at a time cannot tell whose a mount is.

    A run without tests that change what is shared neither looks nor disturbs others that do.
    """

    def __init__(self, *, changes_machine: bool) -> None:
        self._looks = changes_machine
        self._file = (Path(tempfile.gettempdir()) / "eaves-tests.lock").open("w")
        if changes_machine:
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def alone(self) -> bool:
        if not self._looks:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._file, fcntl.LOCK_SH)
        return True

    def close(self) -> None:
        self._file.close()


CHANGES_MACHINE = ("host", "vm", "jetstream", "soak")  # markers: mounts, network namespaces
POOL_THREADS = ("asyncio_", "ThreadPool", "AnyIO")  # kept by libraries for the next call


@pytest.fixture(scope="session")
def this_run(request: pytest.FixtureRequest) -> Iterator[Run]:
    items: list[pytest.Item] = request.session.items
    changes = any(item.get_closest_marker(name) for item in items for name in CHANGES_MACHINE)
    run = Run(changes_machine=changes)
    yield run
    run.close()


@pytest.fixture(autouse=True)
def nothing_stays_behind(this_run: Run) -> Iterator[None]:
    """Mounts, network namespaces, child processes and threads of a test end with it.

    Fixtures of a wider scope are set up before this one and so belong to the session's check.
    """
    before, alone = Footprint.now(), this_run.alone()
    yield
    left = Footprint.now().left_since(before, alone=alone and this_run.alone())
    assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture(autouse=True, scope="session")
def nothing_stays_behind_at_all(this_run: Run) -> Iterator[None]:
    before, alone = Footprint.now(), this_run.alone()
    yield
    left = Footprint.now().left_since(before, alone=alone and this_run.alone())
    assert not left, f"left behind by the whole run: {', '.join(left)}"
