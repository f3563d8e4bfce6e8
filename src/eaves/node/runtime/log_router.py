"""Lines on their way to the controller, through the steps that `vector.config` tells.

What a step remembers lasts as long as the configuration stays.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from eaves.evapi.config_items import ItemValues
from eaves.evapi.log_router import FIELDS, Dedupe, Filter, Sample, Step, Throttle, steps_of
from eaves.evapi.logs import LogEntry

MOST_KEYS: Final = 4096

Line = Mapping[str, str]
Passes = Callable[[Line, float], bool]
"""Does a line of that moment, in seconds, pass?"""


def route_of(items: ItemValues) -> str:
    """Of what the steps are made; empty where lines do not pass through a router."""
    return items.text("vector.config") if items.flag("vector.enabled") else ""


class LogRouter:
    def __init__(self) -> None:
        self._route = ""
        self._steps: tuple[Passes, ...] = ()

    def follow(self, route: str) -> None:
        """Raises RouterUnusable; the table of properties lets no such value through."""
        if route != self._route:
            self._steps = tuple(_passes(step) for step in steps_of(route))
            self._route = route

    def of(self, entries: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
        if not self._steps:
            return tuple(entries)
        return tuple(entry for entry in entries if self._wants(entry))

    def _wants(self, entry: LogEntry) -> bool:
        line = {name: str(getattr(entry, name)) for name in FIELDS}
        at = entry.timestamp.timestamp() if entry.timestamp else 0.0
        return all(step(line, at) for step in self._steps)


def _passes(step: Step) -> Passes:
    match step:
        case Filter(condition):
            return lambda line, _: condition.holds(line)
        case Sample():
            return _sampled(step)
        case Throttle():
            return _throttled(step)
        case Dedupe():
            return _single(step)


def _sampled(step: Sample) -> Passes:
    count = 0

    def passes(line: Line, _: float) -> bool:
        nonlocal count
        if step.exclude is not None and step.exclude.holds(line):
            return True
        count += 1
        return count % step.rate == 1 or step.rate == 1

    return passes


def _throttled(step: Throttle) -> Passes:
    windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def passes(line: Line, at: float) -> bool:
        key = line[step.field] if step.field else ""
        begun, count = windows.pop(key, (at, 0))
        if not 0 <= at - begun < step.window_s:
            begun, count = at, 0
        windows[key] = (begun, count + 1)
        if len(windows) > MOST_KEYS:
            windows.popitem(last=False)
        return count < step.threshold

    return passes


def _single(step: Dedupe) -> Passes:
    seen: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def passes(line: Line, _: float) -> bool:
        key = tuple(line[name] for name in step.fields)
        known = key in seen
        seen[key] = None
        seen.move_to_end(key)
        if len(seen) > step.remembered:
            seen.popitem(last=False)
        return not known

    return passes
