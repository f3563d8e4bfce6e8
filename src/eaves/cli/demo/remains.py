"""Taking the demonstration away: after its end, and what a killed one left.

The record under /run says which run is or was there; a lock beside it says whether it still is.
Order: processes first (they hold everything else), then mounts, namespaces, links, rules, control
groups, run state.  Each step takes what is there and minds nothing that is not.
"""

import errno
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from eaves.cli.demo.place import NETNS, RECORD, SITE
from eaves.cli.demo.processes import Claims, ask_to_end, kill, netns_of, start, start_of
from eaves.cli.demo.sandbox import remove_network, run_tool
from eaves.errors import EavesError, Rejected

NAMESPACES: Final = Path("/run/netns")
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
NODE_RUN: Final = Path("/run/eaves-node")
GRACE_S: Final = 5.0
MARKER: Final = "of-a-demonstration"  # in a state folder: it may be removed


class AlreadyRunning(Rejected):
    """Another demonstration holds the lock."""


@dataclass(slots=True)
class Record:
    """What one run has on this host; written before each thing is made."""

    token: str
    folder: Path
    node_name: str = ""
    names_of_ours: bool = False  # the folder of named namespaces becomes a mount by us
    processes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    path: Path = RECORD
    children: list["subprocess.Popen[bytes]"] = field(
        default_factory=list["subprocess.Popen[bytes]"], repr=False
    )

    def save(self) -> None:
        text = json.dumps(
            {
                "token": self.token,
                "folder": str(self.folder),
                "nodeName": self.node_name,
                "namesOfOurs": self.names_of_ours,
                "processes": self.processes,
            }
        )
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.replace(self.path)

    @classmethod
    def load(cls, path: Path = RECORD) -> Self | None:
        try:
            fields = json.loads(path.read_text())
            return cls(
                str(fields["token"]),
                Path(fields["folder"]),
                str(fields["nodeName"]),
                bool(fields.get("namesOfOurs")),
                [(int(pid), int(began)) for pid, began in fields["processes"]],
                path,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def start(self, argv: list[str], log: Path, **environment: str) -> "subprocess.Popen[bytes]":
        """A child that is on record from its first moment on."""
        child = start(argv, log, self.token, environment)
        self.children.append(child)
        self.processes.append((child.pid, start_of(child.pid)))
        self.save()
        return child


@contextmanager
def only_one(path: Path = RECORD) -> Generator[None]:
    """Hold the lock of this host.  Raises AlreadyRunning."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path.parent / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"a demo is running on this host already ({lock.read().strip() or 'starting'});"
                " end it with Ctrl-C in its terminal"
            ) from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}")
        lock.flush()
        yield
        lock.truncate(0)


def new_record(folder: Path, node_name: str) -> Record:
    record = Record(
        secrets.token_hex(16), folder, node_name, names_of_ours=not is_mounted(NAMESPACES)
    )
    record.save()
    return record


def fresh_folder(folder: Path) -> None:
    """An empty folder.  One with other people's files in it is refused, never emptied."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise Rejected(
                f"{folder} is not empty and not of an earlier demo; choose another with --state-dir"
            )
        _delete(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARKER).touch()


def remove(record: Record, *, keep_folder: bool) -> None:
    """Take everything of this run away.  Raises EavesError naming what would not go."""
    namespaces = app_namespaces()
    claims = Claims(
        token=record.token,
        recorded=frozenset(record.processes),
        namespaces=frozenset(_inodes({NETNS, SITE, *namespaces})),
        cgroups=(f"/eaves/{record.node_name}",) if record.node_name else (),
        spare=frozenset({os.getpid()}),
    )
    ask_to_end(record.processes, GRACE_S)  # a node that lives would start its apps again
    left = kill(claims)
    if left:
        names = ", ".join(f"{p.name} ({p.pid})" for p in left)
        raise EavesError(f"processes of the demo did not end: {names}; kill them and try again")
    for child in record.children:
        child.wait()
    run_dir = NODE_RUN / record.node_name if record.node_name else None
    for folder in (record.folder, run_dir):
        if folder is not None:
            _unmount_below(folder)
    for name in sorted(namespaces):
        run_tool(["ip", "netns", "delete", name], check=False)
    remove_network()
    if record.names_of_ours and is_mounted(NAMESPACES) and not any(NAMESPACES.iterdir()):
        run_tool(["umount", str(NAMESPACES)], check=False)  # `ip netns add` mounted it
    if record.node_name:
        _remove_control_groups(record.node_name)
    if run_dir is not None:
        shutil.rmtree(run_dir, ignore_errors=True)
        with suppress(OSError):
            NODE_RUN.rmdir()
    if not keep_folder and (record.folder / MARKER).exists():
        _delete(record.folder)
    record.path.unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    """All of it, also where a process that was killed a moment ago still wrote a file.

    Raises OSError.
    """
    deadline = time.monotonic() + GRACE_S
    while True:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def remove_leftovers(path: Path = RECORD) -> bool:
    """What a killed demonstration left; True when there was any.  The lock must be held."""
    record = Record.load(path)
    if record is None:
        if any(
            (NAMESPACES / n).exists() for n in (NETNS, SITE)
        ):  # killed between two steps, or its record is damaged
            record = Record("", Path("/nonexistent"), path=path)
        else:
            return False
    remove(record, keep_folder=False)
    return True


def app_namespaces() -> frozenset[str]:
    """Named namespaces that a link of the demonstration's namespace leads to: its apps'.

    The host's own namespace is on the other end of the veth pair and is never among them.
    """
    if not (NAMESPACES / NETNS).exists():
        return frozenset()
    shown = run_tool(["ip", "-n", NETNS, "-j", "netns", "list-id"], check=False)
    try:
        entries = json.loads(shown or "[]")
    except ValueError:
        return frozenset()
    names = {str(entry["name"]) for entry in entries if entry.get("name")}
    host = _host_namespaces()
    return frozenset(n for n in names if n != NETNS and netns_of(NAMESPACES / n) not in host)


def settled(look: Callable[[], list[str]], timeout_s: float) -> list[str]:
    """What `look` still finds when nothing more is found, or the time is over."""
    deadline = time.monotonic() + timeout_s
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _host_namespaces() -> frozenset[int]:
    return frozenset({netns_of(Path("/proc/1/ns/net")), netns_of(Path("/proc/self/ns/net"))})


def _inodes(names: set[str]) -> set[int]:
    found = {netns_of(NAMESPACES / name) for name in names}
    return found - _host_namespaces() - {0}


def is_mounted(folder: Path) -> bool:
    """Also where it is mounted on itself, as `ip netns add` does it and `os.path` does not see."""
    return str(folder) in _mount_points()


def _mount_points() -> list[str]:
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [row[4].encode().decode("unicode_escape") for row in rows]


def _unmount_below(folder: Path) -> None:
    """The innermost first; what is busy is detached."""
    prefix = f"{folder}/"
    below = [point for point in _mount_points() if point.startswith(prefix)]
    for point in sorted(below, key=len, reverse=True):
        run_tool(["umount", point], check=False)
        if is_mounted(Path(point)):
            run_tool(["umount", "--lazy", point], check=False)


def _remove_control_groups(node: str, timeout_s: float = 5.0) -> None:
    """All groups of the node; the kernel lets one go only after its last process is reaped."""
    groups = [
        group
        for root in (CONTROL_GROUPS, *CONTROL_GROUPS.glob("*"))
        if (group := root / "eaves" / node).is_dir()
    ]
    deadline = time.monotonic() + timeout_s
    for group in groups:
        folders = [Path(at) for at, _, _ in os.walk(group, topdown=False)]
        for folder in folders:
            while not _rmdir(folder) and time.monotonic() < deadline:
                time.sleep(0.05)
        _rmdir(group.parent)


def _rmdir(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
