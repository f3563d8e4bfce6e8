"""The list of entries: which comes first, which are kept, what is remembered of each.  Pure.

Best first.  What a controller sends stands above what anybody else wrote before; what a person
enters at the machine goes to the top; a file stands by its time; the last resort stays at the end.
Source: node reference, section 5.5.
"""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from eaves.errors import EavesError, Rejected
from eaves.node.uplinks.entries import entry_of
from eaves.node.uplinks.model import Entry, Kept, Marks, PortResult, Source, Standing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_KEPT = 8
MOST_BYTES = 64 * 1024

Ledger = tuple[Kept, ...]


def enter(ledger: Ledger, entry: Entry) -> Ledger:
    """With `entry` at its place.

    Ports that are there already keep what is known of them and only move in time: a controller
    sends a new configuration for many reasons, and none of them is a reason to test ports again.
    """
    known = next((k for k in ledger if k.entry.same_ports(entry)), None)
    if known is not None:
        later = replace(known.entry, at=max(known.entry.at, entry.at), config=entry.config)
        kept = replace(known, entry=later)
        if _is_newest(ledger, known):
            return tuple(kept if k is known else k for k in ledger)
        return _insert(tuple(k for k in ledger if k is not known), kept)
    mended = tuple(k for k in ledger if k.entry.source is not entry.source or not k.entry.wrong)
    return _insert(mended, Kept(entry, Marks(error=entry.wrong)))


def _is_newest(ledger: Ledger, kept: Kept) -> bool:
    same = [k for k in ledger if k.entry.source is kept.entry.source]
    return same[0] is kept


def _insert(ledger: Ledger, kept: Kept) -> Ledger:
    """A newly received one is on top, whoever's clock is wrong; others by their time."""
    source = kept.entry.source
    if source in (Source.CONTROLLER, Source.MANUAL):
        return (kept, *ledger)
    if source is Source.LAST_RESORT:
        return (*(k for k in ledger if k.entry.source is not source), kept)
    at = next(
        (
            n
            for n, k in enumerate(ledger)
            if k.entry.source is Source.LAST_RESORT
            or (not kept.entry.wrong and k.entry.at < kept.entry.at)
        ),
        len(ledger),
    )
    return (*ledger[:at], kept, *ledger[at:])


def withdraw(ledger: Ledger, source: Source) -> Ledger:
    """Without what `source` wrote."""
    return tuple(k for k in ledger if k.entry.source is not source)


def compress(ledger: Ledger, in_force: Entry | None, *, fallback: bool) -> Ledger:
    """Only what may still be needed, in the same order.

    Kept: the first, the one in force, the one that worked last, the newest of the controller; the
    newest of each source while none of the controller ever worked; a manual one until a better one
    works; the last resort while `fallback` is on.
    """
    keep: list[Kept] = list(ledger[:1])
    keep += [k for k in ledger if in_force is not None and k.entry.same_ports(in_force)]
    keep += sorted((k for k in ledger if k.marks.ever_worked), key=_succeeded)[-1:]
    keep += [k for k in ledger if k.entry.source is Source.CONTROLLER][:1]
    proven = any(k.marks.ever_worked for k in ledger if k.entry.source is Source.CONTROLLER)
    if not proven:
        for source in Source:
            keep += [k for k in ledger if k.entry.source is source][:1]
    manual = next((n for n, k in enumerate(ledger) if k.entry.source is Source.MANUAL), None)
    if manual is not None and not any(k.marks.works for k in ledger[:manual]):
        keep.append(ledger[manual])
    kept = [k for k in ledger if k in keep or (fallback and k.entry.source is Source.LAST_RESORT)]
    if not fallback:
        kept = [
            k
            for k in kept
            if k.entry.source is not Source.LAST_RESORT
            or (in_force is not None and k.entry.same_ports(in_force))
        ]
    return _bounded(tuple(kept), in_force)


def _succeeded(kept: Kept) -> datetime:
    return kept.marks.succeeded or EPOCH


def _bounded(ledger: Ledger, in_force: Entry | None) -> Ledger:
    """Small enough to be kept: what goes first is the lowest that nothing stands on."""
    left = list(ledger)
    worked = sorted((k for k in left if k.marks.ever_worked), key=_succeeded)
    best = worked[-1] if worked else None
    while len(left) > MOST_KEPT or sum(len(k.entry.config) for k in left) > MOST_BYTES:
        spare = [
            k
            for k in left[1:]
            if k is not best and not (in_force is not None and k.entry.same_ports(in_force))
        ]
        if not spare:
            break
        left.remove(spare[-1])
    return tuple(left)


# On disk


class StoredPort(msgspec.Struct, frozen=True):
    label: str
    error: str = ""
    warning: str = ""
    succeeded: datetime | None = None
    failed: datetime | None = None


class StoredEntry(msgspec.Struct, frozen=True):
    source: str
    at: datetime
    config: str  # base64
    standing: int = 0
    failed: datetime | None = None
    succeeded: datetime | None = None
    error: str = ""
    warning: str = ""
    ports: tuple[StoredPort, ...] = ()


class Stored(msgspec.Struct, frozen=True):
    entries: tuple[StoredEntry, ...] = ()
    in_force: int = -1
    pins: dict[str, str] = {}


def encode(ledger: Ledger, in_force: Entry | None, pins: dict[str, str]) -> bytes:
    """What is derived from the machine (the last resort) is left out: it is made anew."""
    kept = [k for k in ledger if k.entry.config]
    current = next((n for n, k in enumerate(kept) if in_force and k.entry.same_ports(in_force)), -1)
    return msgspec.json.encode(Stored(tuple(_stored(k) for k in kept), current, pins))


def _stored(kept: Kept) -> StoredEntry:
    entry, marks = kept.entry, kept.marks
    return StoredEntry(
        entry.source,
        entry.at,
        base64.b64encode(entry.config).decode(),
        int(marks.standing),
        marks.failed,
        marks.succeeded,
        marks.error,
        marks.warning,
        tuple(
            StoredPort(label, r.error, r.warning, r.succeeded, r.failed) for label, r in marks.ports
        ),
    )


def decode(data: bytes) -> tuple[Ledger, Entry | None, dict[str, str]]:
    """The list, what was in force, and pins.  Raises Rejected for what was not written by us.

    An entry that this release cannot read is passed over: the others may still work.
    """
    try:
        stored = msgspec.json.decode(data, type=Stored)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Rejected(f"the list of port configurations cannot be read: {error}") from error
    read: list[Kept | None] = [_kept(one) for one in stored.entries]
    current = read[stored.in_force] if 0 <= stored.in_force < len(read) else None
    return (
        tuple(k for k in read if k is not None),
        current.entry if current else None,
        dict(stored.pins),
    )


def _kept(one: StoredEntry) -> Kept | None:
    try:
        entry = entry_of(base64.b64decode(one.config), Source(one.source), one.at)
        marks = Marks(
            Standing(one.standing),
            one.failed,
            one.succeeded,
            one.error,
            one.warning,
            tuple(
                (p.label, PortResult(p.error, p.warning, p.succeeded, p.failed)) for p in one.ports
            ),
        )
    except (EavesError, ValueError):
        return None
    return Kept(entry, marks)
