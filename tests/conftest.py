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
from support import guest_items, shares

settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ci")


CHANGES_MACHINE = ("host", "vm")
"""Markers of tests that change what all runs see: mounts and network namespaces."""
INSTALLED, UPDATED = "installed", "updated"
"""Fixtures of tests/image: the machine of this run."""
POOL_THREADS = ("asyncio_", "ThreadPool", "AnyIO")  # kept by libraries for the next call


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: a shell ignores it for its background jobs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cheap tests first, so that a broken rule is known before a machine boots."""
    items[:] = [guest_items.stand_in(item) for item in items]
    order = ["unit", "property", "wire", "store", "guest", "host", "system"]

    def rank(item: pytest.Item) -> tuple[bool, int]:
        parts = ("guest",) if _is_guest(item) else Path(str(item.path)).parts
        folder = next((n for n, name in enumerate(order) if name in parts), len(order))
        return bool(os.environ.get(shares.FOLDER)) and not _changes_machine(item), folder

    items.sort(key=rank)
    if os.geteuid() != 0:
        root = pytest.mark.skip(reason="changes kernel state: needs root")
        for item in items:
            if any(item.get_closest_marker(name) for name in ("host", "vm", "guest")):
                item.add_marker(root)


def _is_guest(item: pytest.Item) -> bool:
    return item.get_closest_marker("guest") is not None


def _changes_machine(item: pytest.Item) -> bool:
    return (guest_items.is_inside() or not _is_guest(item)) and any(
        item.get_closest_marker(name) for name in CHANGES_MACHINE
    )


def _share(item: pytest.Item) -> str:
    """What one run does whole: of a file those that change the machine, or the others; all that
    are for the guest machine, so that one boots.  Of tests for which the machine that a run has
    installed will do, each is for itself, but those that want it updated: that takes long.
    """
    if _is_guest(item):
        return "guest"
    fixtures = getattr(item, "fixturenames", ())
    if UPDATED in fixtures:
        return UPDATED
    if INSTALLED in fixtures:
        return item.nodeid
    return f"{item.path}{' on the machine' if _changes_machine(item) else ''}"


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Of tests that several runs share, this one does those that no other has taken yet."""
    folder = os.environ.get(shares.FOLDER)
    if not folder or session.config.option.collectonly or session.testsfailed:
        return None
    mine = shares.taken(session.items, _share, shares.take_in(Path(folder)))
    item = next(mine, None)
    while item is not None:
        following = next(mine, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    guest_items.tell(report)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if told := guest_items.summary(config):
        terminalreporter.write_line(told)


NAMESPACES = Path("/run/netns")  # a mount that the first `ip netns add` of a boot makes, for good


def _mounts() -> set[str]:
    told = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in told} - {str(NAMESPACES)}


def _namespaces() -> set[str]:
    return {p.name for p in NAMESPACES.iterdir()} if NAMESPACES.is_dir() else set()


def _children() -> set[int]:
    """Processes that this one started, with those that ended and were not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # the usual case: no need to look at each process of the machine
        return set()
    me = os.getpid()
    found: set[int] = set()
    for task in Path(f"/proc/{me}/task").iterdir():
        try:
            found.update(map(int, (task / "children").read_text().split()))
        except FileNotFoundError:  # the thread has ended; the first one never does
            if task.name == str(me):
                raise
    return found


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


@pytest.fixture(scope="session")
def this_run(request: pytest.FixtureRequest) -> Iterator[Run]:
    items: list[pytest.Item] = request.session.items
    run = Run(changes_machine=any(_changes_machine(item) for item in items))
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
