"""What a device booted, and how it differs from what its model may boot.

A template fits by the versions that the device states; each of its values must be that of the
quote.  The events of a log explain a difference: they are trusted for a PCR only where replaying
them gives the quoted value.  EVE API v2, security page, section 3.3.
"""

import difflib
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eaves.evapi.event_log import TPM_PCRS, LogEvent

ANY: Final = "*"
FIRMWARE_PCRS: Final = range(10)
"""A log of the firmware and of the boot loader explains these whole; a running system extends the
others."""
CAPTURED: Final = (0, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13)
"""What a template is made of unless asked otherwise: 1 and 5 change by themselves, 10 with what
runs, 14 with the device, 15 belongs to the system."""
VOLATILE: Final = frozenset({1, 5, 10, 15})
_DIGEST: Final = re.compile(r"([0-9a-fA-F]{64})(?:\s+(.*))?")
_MOST_ENTRIES: Final = 20  # told of one PCR


def _nothing() -> Mapping[int, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Expected:
    """One event of a template: by its digest, else by its text."""

    digest: str  # hex; empty: the template names it by its text only
    text: str

    def fits(self, event: LogEvent) -> bool:
        if self.digest:
            return event.digest.hex() == self.digest
        return event.text() == self.text and _vouched(event)

    @property
    def key(self) -> str:
        return self.digest or self.text


def _vouched(event: LogEvent) -> bool:
    """Is what the event says what was hashed?  Boot loaders put a word and a colon before it."""
    said = event.data.rstrip(b"\0")
    hashed = (event.data, said, said.partition(b": ")[2])
    return any(hashlib.sha256(one).digest() == event.digest for one in hashed)


@dataclass(frozen=True, slots=True)
class Template:
    """Values of PCRs for a version of the system and of the firmware; `*` fits any version."""

    name: str
    eve_version: str
    firmware_version: str
    hashes: Mapping[int, str]  # hex
    events: Mapping[int, tuple[Expected, ...]] = field(default_factory=_nothing)

    def is_for(self, measured: "Measured") -> bool:
        return self.eve_version in (ANY, measured.eve_version) and self.firmware_version in (
            "",
            ANY,
            measured.firmware_version,
        )

    @property
    def exactness(self) -> int:
        return (self.eve_version != ANY) * 2 + (self.firmware_version not in ("", ANY))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a verified quote and its log say."""

    eve_version: str
    firmware_version: str
    pcrs: Mapping[int, bytes]  # those that the quote covers
    events: Mapping[int, tuple[LogEvent, ...]] = field(default_factory=_nothing)
    replayed: Mapping[int, bytes] = field(default_factory=_nothing)
    log_fault: str = ""  # why there is no log to read

    def explains(self, pcr: int) -> bool:
        """Do the events of this PCR lead to its quoted value?  Without events it is as at first."""
        return not self.log_fault and self.replayed.get(pcr, bytes(32)) == self.pcrs.get(pcr)

    def contradicted(self) -> tuple[int, ...]:
        """PCRs that the log explains whole on an honest device, and does not here."""
        return tuple(n for n in FIRMWARE_PCRS if n in self.pcrs and not self.explains(n))


@dataclass(frozen=True, slots=True)
class Difference:
    pcr: int
    expected: str
    actual: str
    entries: tuple[str, ...] = ()  # events of the log that make the difference

    def text(self) -> str:
        if not self.entries:
            return f"PCR {self.pcr} is {self.actual[:16]}…, expected {self.expected[:16]}…"
        return f"PCR {self.pcr}: {'; '.join(self.entries)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    template: str  # the one that fits, or the nearest of those for these versions; empty: none
    differences: tuple[Difference, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.template) and not self.differences


def template_of(stored: Mapping[str, Any]) -> Template:
    """From the JSON of the contract (PCRTemplate), as it was admitted."""
    hashes: dict[int, str] = {}
    events: defaultdict[int, list[Expected]] = defaultdict(list)
    for value in stored.get("PCRValues") or ():
        number, text = int(value.get("index") or 0), str(value.get("value") or "").strip()
        if value.get("type") == "PCR_TYPE_EVENT_LOG":
            events[number].append(_expected(text))
        elif text not in ("", ANY):
            hashes[number] = text.lower()
    return Template(
        name=str(stored.get("name") or stored.get("id") or ""),
        eve_version=str(stored.get("eveVersion") or ""),
        firmware_version=str(stored.get("firmwareVersion") or ""),
        hashes=hashes,
        events={pcr: tuple(some) for pcr, some in events.items()},
    )


def _expected(text: str) -> Expected:
    found = _DIGEST.fullmatch(text)
    return Expected("", text) if found is None else Expected(found[1].lower(), found[2] or "")


def captured(measured: Measured, name: str, pcrs: Iterable[int] = CAPTURED) -> dict[str, Any]:
    """A template (JSON of the contract) that this boot fits, with the events behind its values."""
    chosen = sorted(set(pcrs) & measured.pcrs.keys())
    values: list[dict[str, Any]] = [
        {"index": n, "type": "PCR_TYPE_HASH", "value": measured.pcrs[n].hex()} for n in chosen
    ]
    for number in chosen:
        if measured.explains(number):
            values += [
                {
                    "index": number,
                    "type": "PCR_TYPE_EVENT_LOG",
                    "value": f"{event.digest.hex()} {event.text()}",
                }
                for event in measured.events.get(number, ())
            ]
    return {
        "name": name,
        "eveVersion": measured.eve_version or ANY,
        "firmwareVersion": measured.firmware_version,
        "PCRValues": values,
    }


def compare(measured: Measured, templates: Iterable[Template]) -> Comparison:
    """The most exact template that fits; else what differs from the nearest for these versions."""
    meant = sorted(
        (one for one in templates if one.is_for(measured)), key=lambda one: -one.exactness
    )
    nearest: Comparison | None = None
    for template in meant:
        found = Comparison(template.name, _differences(measured, template))
        if found.passed:
            return found
        if nearest is None or len(found.differences) < len(nearest.differences):
            nearest = found
    return nearest or Comparison("")


def _differences(measured: Measured, template: Template) -> tuple[Difference, ...]:
    found: list[Difference] = []
    for pcr in sorted({*template.hashes, *template.events}):
        expected = template.hashes.get(pcr)
        value = measured.pcrs.get(pcr)
        actual = "" if value is None else value.hex()
        if expected is not None:
            if actual == expected:
                continue
        elif measured.explains(pcr) and _same(template.events[pcr], measured.events.get(pcr, ())):
            continue
        entries = _explained(measured, pcr, template.events.get(pcr))
        wanted = expected or f"{len(template.events.get(pcr, ()))} events"
        found.append(Difference(pcr, wanted, actual or "not quoted", entries))
    return tuple(found)


def _same(expected: Sequence[Expected], events: Sequence[LogEvent]) -> bool:
    return len(expected) == len(events) and all(
        one.fits(event) for one, event in zip(expected, events, strict=True)
    )


def _explained(
    measured: Measured, pcr: int, expected: Sequence[Expected] | None
) -> tuple[str, ...]:
    """The events that differ; nothing where the template or the log has none to trust."""
    if measured.log_fault:
        return ()
    if not measured.explains(pcr):
        return (f"the event log does not lead to its value {measured.pcrs.get(pcr, b'').hex()}",)
    if expected is None:
        return ()
    events = measured.events.get(pcr, ())
    by_text = {one.text: one.digest for one in expected if not one.digest}
    now = [e.text() if e.text() in by_text else e.digest.hex() for e in events]
    matcher = difflib.SequenceMatcher(None, [one.key for one in expected], now, autojunk=False)
    entries: list[str] = []
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        if what == "equal":
            continue
        before, after = expected[i1:i2], events[j1:j2]
        entries += [
            f"entry {event.number} {event.text()} instead of {one.text or one.digest}"
            for one, event in zip(before, after, strict=False)
        ]
        entries += [f"entry {event.number} {event.text()} is new" for event in after[len(before) :]]
        entries += [f"{one.text or one.digest} is missing" for one in before[len(after) :]]
    return tuple(entries[:_MOST_ENTRIES])


def is_pcr(number: int) -> bool:
    return 0 <= number < TPM_PCRS
