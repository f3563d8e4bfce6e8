"""The log of a measured boot: what was hashed into which PCR, in the order of the boot.

TCG PC Client Platform Firmware Profile, crypto-agile format: one event of the old format that
names the hash algorithms and their sizes, then events with a digest of each.  Little endian.
The log itself is not signed: it is worth what its replay has in common with a quote.
"""

import hashlib
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from eaves.evapi.errors import EventLogError

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a log once it is inflated; devices send at most 126,976."""
MOST_EVENTS: Final = 20_000
TPM_PCRS: Final = 24

_SHA256: Final = 0x000B
_SIGNATURE: Final = b"Spec ID Event03\0"
_NO_ACTION: Final = 3
_FILLED: Final = 0xFFFFFFFF  # what some firmware fills the rest of its table with
_LOCALITY: Final = b"StartupLocality\0"
_HEAD: Final = struct.Struct("<II20sI")
_EVENT: Final = struct.Struct("<III")
_U32: Final = struct.Struct("<I")
_U16: Final = struct.Struct("<H")
_ALGORITHM: Final = struct.Struct("<HH")
_SPEC: Final = struct.Struct("<16sI4BI")
_VARIABLE: Final = struct.Struct("<16sQQ")
_ONES: Final = frozenset(range(17, 23))  # PCRs of a dynamic launch start with all bits set

TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x00: "EV_PREBOOT_CERT",
        0x01: "EV_POST_CODE",
        0x03: "EV_NO_ACTION",
        0x04: "EV_SEPARATOR",
        0x05: "EV_ACTION",
        0x06: "EV_EVENT_TAG",
        0x07: "EV_S_CRTM_CONTENTS",
        0x08: "EV_S_CRTM_VERSION",
        0x09: "EV_CPU_MICROCODE",
        0x0A: "EV_PLATFORM_CONFIG_FLAGS",
        0x0B: "EV_TABLE_OF_DEVICES",
        0x0C: "EV_COMPACT_HASH",
        0x0D: "EV_IPL",
        0x0E: "EV_IPL_PARTITION_DATA",
        0x0F: "EV_NONHOST_CODE",
        0x10: "EV_NONHOST_CONFIG",
        0x11: "EV_NONHOST_INFO",
        0x12: "EV_OMIT_BOOT_DEVICE_EVENTS",
        0x80000001: "EV_EFI_VARIABLE_DRIVER_CONFIG",
        0x80000002: "EV_EFI_VARIABLE_BOOT",
        0x80000003: "EV_EFI_BOOT_SERVICES_APPLICATION",
        0x80000004: "EV_EFI_BOOT_SERVICES_DRIVER",
        0x80000005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
        0x80000006: "EV_EFI_GPT_EVENT",
        0x80000007: "EV_EFI_ACTION",
        0x80000008: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        0x80000009: "EV_EFI_HANDOFF_TABLES",
        0x8000000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        0x8000000B: "EV_EFI_HANDOFF_TABLES2",
        0x8000000C: "EV_EFI_VARIABLE_BOOT2",
        0x80000010: "EV_EFI_HCRTM_EVENT",
        0x800000E0: "EV_EFI_VARIABLE_AUTHORITY",
        0x800000E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
        0x800000E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
    }
)
_VARIABLES: Final = frozenset({0x80000001, 0x80000002, 0x8000000C, 0x800000E0})
_IMAGES: Final = frozenset({0x80000003, 0x80000004, 0x80000005})
_TEXTS: Final = frozenset({0x01, 0x05, 0x0D, 0x80000007, 0x80000008})
_MOST_SHOWN: Final = 400  # characters of what an event says of itself


class LogEvent(NamedTuple):  # there are hundreds in a log: a tuple is made fastest
    number: int  # its place in the log; the first after the header is 1
    pcr: int
    type: int
    digest: bytes  # of the SHA-256 bank; empty: the event has none there
    data: bytes

    @property
    def type_name(self) -> str:
        return TYPES.get(self.type, f"event type {self.type:#x}")

    def text(self) -> str:
        """What it says was measured, in one line: a variable, a command line, a file."""
        said = _told(self)
        return f"{self.type_name} {said}" if said else self.type_name


def inflated(packed: bytes) -> bytes:
    """A log as devices send it, gzip.  Raises EventLogError, also for more than `MOST_BYTES`."""
    reader = zlib.decompressobj(wbits=31)
    try:
        raw = reader.decompress(packed, MOST_BYTES + 1)
    except zlib.error as error:
        raise EventLogError(f"it is no gzip: {error}") from error
    if len(raw) > MOST_BYTES:
        raise EventLogError(f"it has more than {MOST_BYTES:,} bytes")
    if not reader.eof:
        raise EventLogError("its gzip ends early")
    return raw


def inflates_beyond(packed: bytes, most: int) -> bool:
    """Is the log longer than so many bytes?  What is no gzip has none."""
    try:
        return len(zlib.decompressobj(wbits=31).decompress(packed, most + 1)) > most
    except zlib.error:
        return False


def parse_event_log(raw: bytes) -> tuple[LogEvent, ...]:
    """Every event after the header.  Raises EventLogError."""
    return read_event_log(raw).events()


_Mark = tuple[int, int, bytes, int, int]
"""Of an event: PCR, type, digest, and where what it says begins in the log, and its bytes."""


class EventLog(Mapping[int, tuple[LogEvent, ...]]):
    """A log that was read whole and found to be well formed: the events that extend each PCR.

    They are made when somebody asks for one, which most logs are never asked for.
    """

    def __init__(self, raw: bytes, marks: Sequence[_Mark]) -> None:
        self._raw, self._marks = raw, marks
        self._by_pcr: Mapping[int, tuple[LogEvent, ...]] | None = None

    def events(self) -> tuple[LogEvent, ...]:
        """All, in their order."""
        raw = self._raw
        return tuple(
            LogEvent(number, pcr, kind, digest, raw[begin : begin + size])
            for number, (pcr, kind, digest, begin, size) in enumerate(self._marks, 1)
        )

    def replayed(self) -> Mapping[int, bytes]:
        """What it makes of the SHA-256 bank: PCRs that an event extends."""
        values: dict[int, bytes] = {}
        locality, sha256, known = 0, hashlib.sha256, values.get
        for pcr, kind, digest, begin, size in self._marks:
            if kind == _NO_ACTION:
                if pcr == 0 and self._raw.startswith(_LOCALITY, begin, begin + size):
                    locality = self._raw[begin + 16] if size > 16 else 0
            elif digest:
                values[pcr] = sha256((known(pcr) or _start(pcr, locality)) + digest).digest()
        return values

    def __getitem__(self, pcr: int) -> tuple[LogEvent, ...]:
        return self._found()[pcr]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> Mapping[int, tuple[LogEvent, ...]]:
        if self._by_pcr is None:
            self._by_pcr = by_pcr(self.events())
        return self._by_pcr


def read_event_log(raw: bytes) -> EventLog:
    """Raises EventLogError."""
    try:
        return EventLog(raw, _marks(raw))
    except struct.error as error:
        raise EventLogError("it ends within an event") from error


def _marks(raw: bytes) -> list[_Mark]:
    """Nearly every event has a digest of each algorithm in the order of the header: then one
    step reads all of them.
    """
    sizes, at = _algorithms(raw)
    if _SHA256 not in sizes:
        raise EventLogError("it has no digests of SHA-256")
    order, place = tuple(sizes), 4 + 2 * tuple(sizes).index(_SHA256)
    banks = "".join(f"H{size}s" for size in sizes.values())
    whole = struct.Struct(f"<III{banks}I")
    ids, usual = slice(3, 3 + 2 * len(order), 2), len(order)
    end, unpack, step = len(raw), whole.unpack_from, whole.size
    marks: list[_Mark] = []
    for number in range(1, MOST_EVENTS + 2):
        if at >= end:
            return marks
        fields = unpack(raw, at) if at + step <= end else ()
        if fields and fields[2] == usual and fields[ids] == order:
            pcr, kind, digest, size = fields[0], fields[1], fields[place], fields[-1]
            at += step
        else:
            pcr, kind, count = _EVENT.unpack_from(raw, at)
            if pcr == _FILLED:
                return marks
            digest, size, at = _one_by_one(raw, at + _EVENT.size, number, count, sizes)
        if pcr >= TPM_PCRS:
            if pcr == _FILLED:
                return marks
            raise EventLogError(f"event {number} is of PCR {pcr}")
        if at + size > end:
            raise EventLogError(f"event {number} ends after the log")
        marks.append((pcr, kind, digest, at, size))
        at += size
    raise EventLogError(f"it has more than {MOST_EVENTS:,} events")


def _one_by_one(
    raw: bytes, at: int, number: int, count: int, sizes: Mapping[int, int]
) -> tuple[bytes, int, int]:
    if count > len(sizes):
        raise EventLogError(f"event {number} has {count} digests")
    digest = b""
    for _ in range(count):
        (algorithm,) = _U16.unpack_from(raw, at)
        size = sizes.get(algorithm)
        if size is None:
            raise EventLogError(f"event {number} has a digest of unknown size")
        at += 2
        if algorithm == _SHA256:
            digest = raw[at : at + size]
        at += size
    (size,) = _U32.unpack_from(raw, at)
    return digest, size, at + 4


def _algorithms(raw: bytes) -> tuple[Mapping[int, int], int]:
    """Sizes of digests by algorithm, and where the events begin."""
    _, kind, _, size = _HEAD.unpack_from(raw, 0)
    begin, end = _HEAD.size, _HEAD.size + size
    if kind != _NO_ACTION or end > len(raw) or not raw.startswith(_SIGNATURE, begin):
        raise EventLogError("it does not begin with the header of the crypto-agile format")
    *_, count = _SPEC.unpack_from(raw, begin)
    if begin + _SPEC.size + count * _ALGORITHM.size > end:
        raise EventLogError(f"its header names {count} algorithms and ends before")
    offset = begin + _SPEC.size
    return dict(_ALGORITHM.unpack_from(raw, offset + 4 * n) for n in range(count)), end


def _start(pcr: int, locality: int) -> bytes:
    if pcr in _ONES:
        return b"\xff" * 32
    return bytes(31) + bytes((locality,)) if pcr == 0 else bytes(32)


def by_pcr(events: Iterable[LogEvent]) -> Mapping[int, tuple[LogEvent, ...]]:
    """The events that extend each PCR."""
    found: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for event in events:
        if event.type != _NO_ACTION and event.digest:
            found[event.pcr].append(event)
    return {pcr: tuple(some) for pcr, some in found.items()}


# --- in the words of people ---------------------------------------------------------------------


def _told(event: LogEvent) -> str:
    if event.type in _VARIABLES:
        return _variable(event.data)
    if event.type in _IMAGES:
        return _image(event.data)
    if event.type in _TEXTS:
        return _text(event.data)
    if event.type == 0x06:  # a tag and a length before what it says
        return _text(event.data[8:])
    if event.type == 0x04:
        return event.data.hex() if len(event.data) <= 8 else ""
    return _text(event.data)


def _variable(data: bytes) -> str:
    """The name of an EFI variable, and its value where that is short."""
    if len(data) < _VARIABLE.size:
        return ""
    _, letters, size = _VARIABLE.unpack_from(data)
    at = _VARIABLE.size
    if letters > 512 or at + 2 * letters + size > len(data):
        return ""
    name = data[at : at + 2 * letters].decode("utf-16-le", "replace")
    value = data[at + 2 * letters :][:size]
    shown = value.hex() if 0 < size <= 16 else f"{size} bytes"
    return _line(f"{name} = {shown}")


def _image(data: bytes) -> str:
    """The path of an EFI program: the texts among the nodes of its device path."""
    if len(data) < 32:
        return ""
    path, found = data[32:], list[str]()
    while len(path) >= 4:
        kind, sub, size = path[0], path[1], int.from_bytes(path[2:4], "little")
        if size < 4 or size > len(path):
            break
        if (kind, sub) == (4, 4):  # media, file path
            found.append(path[4:size].decode("utf-16-le", "replace").rstrip("\0"))
        path = path[size:]
    return _line("".join(found).replace("\\", "/"))


def _text(data: bytes) -> str:
    """Text as firmware, boot loaders and stubs write it: ASCII, UTF-8 or UTF-16."""
    stripped = data.rstrip(b"\0")
    if len(data) >= 4 and data[1:8:2] == bytes(len(data[1:8:2])):
        said = data.decode("utf-16-le", "replace").rstrip("\0")
    else:
        said = stripped.decode("utf-8", "replace")
    if not said or "\ufffd" in said or not any(c.isalnum() for c in said):
        return f"{len(data)} bytes" if data else ""
    return _line(said)


def _line(text: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean if len(clean) <= _MOST_SHOWN else f"{clean[:_MOST_SHOWN]}..."
