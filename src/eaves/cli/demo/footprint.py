"""What the host looks like, so that before and after can be compared."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from eaves.cli.demo.processes import running
from eaves.cli.demo.sandbox import run_tool

RUNTIMES = ("qemu-system", "conmon", "crun", "runc", "dnsmasq")  # what a node starts
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/forwarding",
    "net/ipv6/conf/all/forwarding",
    "net/bridge/bridge-nf-call-iptables",
)


# Those of other people end when they like; we could not have ended them.
OF_OTHERS = frozenset({"control_groups", "processes"})


@dataclass(frozen=True, slots=True)
class Footprint:
    links: frozenset[str]
    addresses: frozenset[str]
    rules: frozenset[str]
    mounts: frozenset[str]
    control_groups: frozenset[str]
    namespaces: frozenset[str]
    processes: frozenset[str]
    settings: frozenset[str]

    @classmethod
    def now(cls, marks: tuple[str, ...]) -> Self:
        """`marks`: the run's token, and paths on the command lines of what its node starts."""
        interfaces = json.loads(run_tool(["ip", "-j", "addr", "show"]) or "[]")
        return cls(
            links=frozenset(f"{i['ifindex']}:{i['ifname']}" for i in interfaces),
            addresses=frozenset(
                f"{i['ifname']} {a.get('local')}" for i in interfaces for a in i["addr_info"]
            ),
            rules=frozenset(run_tool(["nft", "-s", "list", "ruleset"]).splitlines()),
            mounts=_mounts(),
            control_groups=_control_groups(),
            namespaces=_names(Path("/run/netns")),
            processes=frozenset(
                f"{p.pid}:{p.name}"
                for p in running()
                if p.token in marks or (p.name.startswith(RUNTIMES) and _mentions(p.pid, marks))
            ),
            settings=frozenset(_settings()),
        )

    def differences(self, after: Self) -> list[str]:
        """In a person's words: what is there now and was not, and the other way round."""
        found: list[str] = []
        for part in fields(self):
            then: frozenset[str] = getattr(self, part.name)
            now: frozenset[str] = getattr(after, part.name)
            what = part.name.replace("_", " ")
            found += [f"{what}: {item} is left" for item in sorted(now - then)]
            if part.name not in OF_OTHERS:
                found += [f"{what}: {item} is gone" for item in sorted(then - now)]
        return found

    def summary(self) -> str:
        counts = ((part.name, len(getattr(self, part.name))) for part in fields(self))
        return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts)


def _mounts() -> frozenset[str]:
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return frozenset(f"{row[4]} (mount {row[0]})" for row in rows)


def _control_groups() -> frozenset[str]:
    """All of them; where systemd makes and removes groups all day, those named after Eaves."""
    everything = not Path("/run/systemd/system").is_dir()
    return frozenset(
        folder for folder, _, _ in os.walk("/sys/fs/cgroup") if everything or "eaves" in folder
    )


def _mentions(pid: int, marks: tuple[str, ...]) -> bool:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return any(mark in line for mark in marks)


def _names(folder: Path) -> frozenset[str]:
    return frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset()


def _settings() -> list[str]:
    found: list[str] = []
    for name in SETTINGS:
        path = Path("/proc/sys", name)
        if path.is_file():
            found.append(f"{name}={path.read_text().strip()}")
    return found
