"""Log files read straight into the lines that are stored.  Section 9; `logs` has the file itself.

A file holds thousands of lines, so they are read by one call of a decoder that knows their form.  A
file in which one line has another form is read line by line, as `decode_log_file` reads it.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from eaves.evapi.device_text import storable
from eaves.evapi.logs import MAX_INFLATED_BYTES, log_file_text, read_log_line

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_INT64: Final = (1 << 63) - 1


class LogLine(NamedTuple):
    """Sorts by time, then as the writer counted its lines."""

    time_ns: int  # since 1970, clock of the device
    msgid: int
    iid: str  # with msgid and time: which line it is; empty: it does not tell
    content: str  # no NUL in any text: PostgreSQL has none
    severity: str
    source: str


class _Stamp(msgspec.Struct):
    seconds: int = 0
    nanos: int = 0


class _Line(msgspec.Struct):
    severity: str = ""
    source: str = ""
    iid: str = ""
    content: str = ""
    msgid: int = 0
    timestamp: _Stamp | None = None


_SLICE_BYTES: Final = 256 * 1024
_DECODER: Final = msgspec.json.Decoder(_Line)


def read_log_lines(
    data: bytes, received_ns: int, max_inflated: int = MAX_INFLATED_BYTES
) -> list[LogLine]:
    """The lines of a file in its order.  Raises MalformedMessage and TooLarge.

    Lines without a time get that of their arrival, `received_ns`, one nanosecond after the other.
    """
    text = log_file_text(data, max_inflated)
    lines: list[LogLine] = []
    start = 0
    while start < len(text):  # in slices: other threads take their turn between them
        end = text.find(b"\n", start + _SLICE_BYTES) + 1 or len(text)
        lines += _read_slice(text[start:end], received_ns + len(lines))
        start = end
    return lines


def _read_slice(text: bytes, received_ns: int) -> list[LogLine]:
    if b"\0" in text or b"\\u0000" in text:
        return _read_slowly(text, received_ns)
    try:
        found = _DECODER.decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_slowly(text, received_ns)
    lines: list[LogLine] = []
    for number, line in enumerate(found):
        stamp = line.timestamp
        time_ns = (
            stamp.seconds * 1_000_000_000 + stamp.nanos
            if stamp is not None
            else received_ns + number
        )
        lines.append(
            LogLine(
                _int64(time_ns),
                max(0, min(line.msgid, _MAX_INT64)),
                line.iid,
                line.content,
                line.severity,
                line.source,
            )
        )
    return lines


def _read_slowly(text: bytes, received_ns: int) -> list[LogLine]:
    entries = (read_log_line(line) for line in text.split(b"\n") if line.strip())
    return [
        LogLine(
            received_ns + number if entry.timestamp is None else _nanoseconds(entry.timestamp),
            max(0, min(entry.msgid, _MAX_INT64)),
            storable(entry.iid),
            storable(entry.content),
            storable(entry.severity),
            storable(entry.source),
        )
        for number, entry in enumerate(entries)
    ]


def _nanoseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return _int64(seconds * 1_000_000_000 + since.microseconds * 1000)


def _int64(number: int) -> int:
    return max(-_MAX_INT64, min(number, _MAX_INT64))
