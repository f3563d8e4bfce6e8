"""`vector.config`: what becomes of lines of a device's log before they are sent.  Pure.

The form is that of Vector: `transforms`, each with its type and the one input that it takes from.
They make one chain from the log to the controller.  Known are `filter`, `sample`, `throttle` and
`dedupe`; conditions compare fields of a line with texts.  What is not known is refused as a whole:
a rule that is left out would send what somebody wanted to keep.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from eaves.errors import Rejected

MOST_BYTES: Final = 64 * 1024
MOST_STEPS: Final = 64
FIELDS: Final = ("severity", "source", "iid", "content", "filename", "function")
ALIASES: Final = {"level": "severity", "message": "content", "file": "filename"}
LOCAL_SINKS: Final = frozenset({"socket"})  # as the template of EVE-OS writes the log's own end
_FIELD = r"\.([a-z_]+)"
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_COMPARED = re.compile(rf"(!)?\s*{_FIELD}\s*(==|!=)\s*{_TEXT}")
_CALLED = re.compile(
    rf"(!)?\s*(contains|starts_with|ends_with)\(\s*(?:string!?\()?{_FIELD}\)?\s*,\s*{_TEXT}\s*\)"
)


class RouterUnusable(Rejected):
    """The text says what in the configuration is wrong."""


@dataclass(frozen=True, slots=True)
class Term:
    field: str
    what: str  # "==", or the name of a function
    text: str
    negated: bool = False

    def holds(self, values: Mapping[str, str]) -> bool:
        value = values.get(self.field, "")
        match self.what:
            case "contains":
                found = self.text in value
            case "starts_with":
                found = value.startswith(self.text)
            case "ends_with":
                found = value.endswith(self.text)
            case _:
                found = value == self.text
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Condition:
    """One of these groups holds, each as a whole."""

    groups: tuple[tuple[Term, ...], ...]

    def holds(self, values: Mapping[str, str]) -> bool:
        return any(all(term.holds(values) for term in group) for group in self.groups)


@dataclass(frozen=True, slots=True)
class Filter:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Sample:
    """One of `rate` lines passes; those of `exclude` all do."""

    rate: int
    exclude: Condition | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """So many lines pass in a window, counted by the value of a field, or all together."""

    threshold: int
    window_s: float
    field: str = ""


@dataclass(frozen=True, slots=True)
class Dedupe:
    """A line whose fields are those of one among so many before it does not pass."""

    fields: tuple[str, ...]
    remembered: int = 5000


Step = Filter | Sample | Throttle | Dedupe


class _Match(msgspec.Struct, frozen=True):
    match: tuple[str, ...] = ("content",)


class _Cache(msgspec.Struct, frozen=True):
    num_events: int = 5000


class _Transform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    inputs: tuple[str, ...]
    condition: str = ""
    rate: int = 0
    exclude: str = ""
    threshold: int = 0
    window_secs: float = 0.0
    key_field: str = ""
    fields: _Match = msgspec.field(default_factory=_Match)
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Sink(msgspec.Struct, frozen=True):
    type: str
    inputs: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True):
    transforms: dict[str, _Transform] = msgspec.field(default_factory=dict[str, _Transform])
    sinks: dict[str, _Sink] = msgspec.field(default_factory=dict[str, _Sink])


def steps_of(encoded: str) -> tuple[Step, ...]:
    """Of the property's value, in base64; empty: every line passes.  Raises RouterUnusable."""
    if not encoded.strip():
        return ()
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RouterUnusable("it is not base64") from error
    if len(data) > MOST_BYTES:
        raise RouterUnusable(f"it has {len(data)} bytes, {MOST_BYTES} at most are read")
    import yaml  # noqa: PLC0415 - a node without a router starts without it

    from eaves.bounded_yaml import load_bounded  # noqa: PLC0415 - as above

    try:
        document = load_bounded(data.decode())
        told = msgspec.convert({} if document is None else document, _File)
    except (yaml.YAMLError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RouterUnusable(" ".join(str(error).split())[:300]) from error
    for name, sink in told.sinks.items():
        if sink.type not in LOCAL_SINKS:
            raise RouterUnusable(f"sink {name}: lines go to the controller, not to {sink.type}")
    return tuple(_step(name, told.transforms[name]) for name in _chain(told.transforms))


def _chain(transforms: Mapping[str, _Transform]) -> tuple[str, ...]:
    """Their names from the log on."""
    if len(transforms) > MOST_STEPS:
        raise RouterUnusable(f"{len(transforms)} transforms are more than {MOST_STEPS}")
    after: dict[str, str] = {}
    for name, one in transforms.items():
        if len(one.inputs) != 1:
            raise RouterUnusable(f"transform {name}: it takes from {len(one.inputs)} inputs, not 1")
        before = one.inputs[0] if one.inputs[0] in transforms else ""
        if before in after:
            raise RouterUnusable(f"transforms {after[before]} and {name} take from one: make a row")
        after[before] = name
    found: list[str] = []
    at = ""
    while (at := after.get(at, "")) and at not in found:
        found.append(at)
    if len(found) != len(transforms):
        lost = sorted(set(transforms) - set(found))
        raise RouterUnusable(f"transform {lost[0]}: no row leads from the log to it")
    return tuple(found)


def _step(name: str, told: _Transform) -> Step:
    try:
        return _made(told)
    except RouterUnusable as error:
        raise RouterUnusable(f"transform {name}: {error}") from error


def _made(told: _Transform) -> Step:
    match told.type:
        case "filter":
            return Filter(_condition(told.condition))
        case "sample" if told.rate >= 1:
            return Sample(told.rate, _condition(told.exclude) if told.exclude else None)
        case "throttle" if told.threshold >= 1 and told.window_secs > 0:
            field = _field(told.key_field.strip("{} .")) if told.key_field else ""
            return Throttle(told.threshold, told.window_secs, field)
        case "dedupe" if told.fields.match and 1 <= told.cache.num_events <= 100_000:
            return Dedupe(
                tuple(_field(name.lstrip(".")) for name in told.fields.match),
                told.cache.num_events,
            )
        case "sample" | "throttle" | "dedupe":
            raise RouterUnusable(f"{told.type}: a number is missing or out of range")
        case _:
            raise RouterUnusable(f"type {told.type[:40]!r} is not filter, sample, throttle, dedupe")


def _condition(text: str) -> Condition:
    if not text.strip():
        raise RouterUnusable("it has no condition")
    groups = [group.split("&&") for group in text.split("||")]
    return Condition(tuple(tuple(_term(term.strip()) for term in group) for group in groups))


def _term(text: str) -> Term:
    if (compared := _COMPARED.fullmatch(text)) is not None:
        negated = bool(compared[1]) is not (compared[3] == "!=")
        return Term(_field(compared[2]), "==", _unquoted(compared[4]), negated)
    if (called := _CALLED.fullmatch(text)) is not None:
        return Term(_field(called[3]), called[2], _unquoted(called[4]), bool(called[1]))
    raise RouterUnusable(
        f'condition {text[:60]!r} is none of: .field == or != "text", contains, starts_with or '
        'ends_with(.field, "text"), joined by && and ||'
    )


def _field(name: str) -> str:
    found = ALIASES.get(name, name)
    if found not in FIELDS:
        raise RouterUnusable(f"a line has no field {name[:40]!r}; it has {', '.join(FIELDS)}")
    return found


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
