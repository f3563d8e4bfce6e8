"""Which lines of the node's own log are written, and which of them are sent.  Pure.

Services have the names of EVE-OS; each stands for the packages of this node that do its work.  A
line has a level and the place in the code where it was written.
Source: node reference 14.5 and 15.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, cast

from eaves.evapi.config_items import ItemValues
from eaves.evapi.logs import LogEntry
from eaves.node.runtime.log_router import LogRouter

LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "none": 100,
        "panic": 50,
        "fatal": 50,
        "critical": 50,
        "error": 40,
        "warning": 30,
        "info": 20,
        "debug": 10,
        "trace": 5,
        "all": 0,
    }
)
SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "runtime": "zedagent",
        "comms": "zedagent",
        "local": "zedagent",
        "uplinks": "nim",
        "network": "zedrouter",
        "domains": "domainmgr",
        "containers": "domainmgr",
        "storage": "volumemgr",
        "baseos": "baseosmgr",
        "tpm": "tpmmgr",
        "vault": "vaultmgr",
    }
)
INFO: Final = LEVELS["info"]
LONGEST_WINDOW: Final = 10_000


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """Levels by service; the empty name stands for all others."""

    local: Mapping[str, int] = field(default_factory=lambda: {"": INFO})
    remote: Mapping[str, int] = field(default_factory=lambda: {"": INFO})
    counted: frozenset[str] = frozenset()  # places whose lines are only counted
    dropped: frozenset[str] = frozenset()  # places whose lines are not sent
    window: int = 0  # a line that is among so many before it is not sent again

    def writes(self, path: str, level: str) -> bool:
        return _passes(self.local, service_of(path), level)

    def sends(self, path: str, level: str) -> bool:
        return _passes(self.remote, service_of(path), level)


def policy_of(items: ItemValues) -> LogPolicy:
    services = ("", *sorted(set(SERVICES.values())))
    return LogPolicy(
        {s: LEVELS[items.log_level(s, remote=False)] for s in services},
        {s: LEVELS[items.log_level(s, remote=True)] for s in services},
        _places(items.text("log.count.filenames")),
        _places(items.text("log.filter.filenames")),
        min(items.count("log.dedup.window.size"), LONGEST_WINDOW),
    )


def console_level(items: ItemValues) -> str:
    """Of the text console, a program of its own."""
    return items.text("debug.tui.loglevel")


def service_of(path: str) -> str:
    """Of a file of the source: `.../eaves/node/PACKAGE/...`; empty for what none does."""
    package = path.rpartition("eaves/node/")[2].partition("/")[0]
    return SERVICES.get(package, "")


def _passes(levels: Mapping[str, int], service: str, level: str) -> bool:
    return LEVELS.get(level, INFO) >= levels.get(service, levels.get("", INFO))


def _places(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


class Window:
    """The last messages, each found at once: a search through all would take the square of them."""

    def __init__(self) -> None:
        self._order: deque[str] = deque()
        self._counts = Counter[str]()

    def __contains__(self, message: str) -> bool:
        return message in self._counts

    def resize(self, size: int) -> None:
        while len(self._order) > size:
            oldest = self._order.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]

    def add(self, message: str, size: int) -> None:
        self._order.append(message)
        self._counts[message] += 1
        self.resize(size)


class SentLines:
    """What goes to the controller of the device's own log; knows what went before."""

    def __init__(self) -> None:
        self.policy = LogPolicy()
        self.router = LogRouter()
        self._recent = Window()

    def of(self, entries: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
        """In order, each with its level and place; a line that cannot be read is sent as it is."""
        return self.router.of(tuple(self._of(_read(entries))))

    def _of(self, lines: Iterable[tuple[LogEntry, str]]) -> Iterator[LogEntry]:
        policy, counts = self.policy, Counter[str]()
        self._recent.resize(policy.window)
        last: LogEntry | None = None
        for entry, message in lines:
            if not policy.sends(entry.filename, entry.severity):
                continue
            if _is_at(entry.filename, policy.dropped):
                continue
            if _is_at(entry.filename, policy.counted):
                counts[entry.filename] += 1
                last = entry
                continue
            if policy.window and message in self._recent:
                continue
            self._recent.add(message, policy.window)
            yield entry
        if last is not None:
            yield replace(last, content=json.dumps({"event": "log_lines_counted", **counts}))


def _is_at(place: str, places: frozenset[str]) -> bool:
    return any(place == one or place.endswith(f"/{one}") for one in places)


def _read(entries: Iterable[LogEntry]) -> Iterator[tuple[LogEntry, str]]:
    """Each entry with what its line says, and what is compared: all but the time."""
    for entry in entries:
        line = _object(entry.content)
        level, place = line.get("level"), line.get("file")
        told = replace(
            entry,
            severity=level if isinstance(level, str) else entry.severity,
            filename=place if isinstance(place, str) else "",
            source=(service_of(place) if isinstance(place, str) else "") or entry.source,
        )
        line.pop("timestamp", None)
        yield told, json.dumps(line, sort_keys=True) if line else entry.content


def _object(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}  # keys are text
