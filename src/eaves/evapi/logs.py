r"""Log files as devices upload them: one gzip member of JSON lines.  Section 9; logs/log.proto.

Who wrote a file stands in its gzip header, which the standard `gzip` module hides, so the member is
made and read by hand (RFC 1952): a device log has its origin as JSON in Comment, an app log has the
app's display name in Name.  Both fields are Latin-1; other characters appear as \uXXXX.

A line that is not a JSON object is kept as the content of an entry: what was logged is worth more
than its form.  Inflating stops at a bound, whatever the file claims.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from eaves.evapi.codec import Codec
from eaves.evapi.errors import MalformedMessage, TooLarge
from eaves.evapi.pb.logs import log_pb2

MAX_INFLATED_BYTES: Final = 16 * 1024 * 1024
FILE_BYTES: Final = 50_000  # compressed; where a device cuts its files
HARD_FILE_BYTES: Final = 65_536
MAX_ENTRIES: Final = 20_000  # short lines cost far more memory parsed than as text
_MAX_PARSED_LINE: Final = 256 * 1024  # a longer one is kept as text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    severity: str = ""
    source: str = ""
    iid: str = ""
    content: str = ""
    msgid: int = 0
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    timestamp: datetime | None = None
    filename: str = ""
    function: str = ""
    rest: bytes = field(default=b"", repr=False)  # of the legacy bundles only


@dataclass(frozen=True, slots=True)
class DeviceLogOrigin:
    dev_id: str
    image: str  # IMGA or IMGB
    eve_version: str


@dataclass(frozen=True, slots=True)
class AppLogOrigin:
    app_name: str


LogOrigin = DeviceLogOrigin | AppLogOrigin | None


@dataclass(frozen=True, slots=True)
class LogFile:
    origin: LogOrigin
    created: datetime | None
    entries: tuple[LogEntry, ...]


def decode_log_file(data: bytes, max_inflated: int = MAX_INFLATED_BYTES) -> LogFile:
    """Raises MalformedMessage for what is no gzip member, TooLarge beyond `max_inflated` bytes."""
    header, start = _read_header(data)
    text = _inflate(data, start, max_inflated)
    entries = tuple(read_log_line(line) for line in text.split(b"\n") if line.strip())
    return LogFile(header.origin, header.created, entries)


def log_file_text(data: bytes, max_inflated: int = MAX_INFLATED_BYTES) -> bytes:
    """The lines of a file as they stand in it.  Raises as `decode_log_file`."""
    _, start = _read_header(data)
    return _inflate(data, start, max_inflated)


def encode_log_file(origin: LogOrigin, created: datetime, entries: Sequence[LogEntry]) -> bytes:
    """One file, whatever its size; `split_log_files` keeps the limits."""
    return encode_log_text(origin, created, b"".join(_write_line(entry) for entry in entries))


@dataclass(frozen=True, slots=True)
class LogUpload:
    data: bytes = field(repr=False)
    entries: int


def split_log_files(
    origin: LogOrigin,
    created: datetime,
    entries: Sequence[LogEntry],
    limit_bytes: int = FILE_BYTES,
) -> tuple[LogUpload, ...]:
    """Files of at most `limit_bytes` compressed, in the order of the entries.

    One entry that alone exceeds the limit has the end of its content cut off.
    """
    if not entries:
        return ()
    data = encode_log_file(origin, created, entries)
    if len(data) <= limit_bytes:
        return (LogUpload(data, len(entries)),)
    if len(entries) > 1:
        middle = len(entries) // 2
        return (
            *split_log_files(origin, created, entries[:middle], limit_bytes),
            *split_log_files(origin, created, entries[middle:], limit_bytes),
        )
    return (LogUpload(_cut_to_fit(origin, created, entries[0], limit_bytes), 1),)


def _cut_to_fit(origin: LogOrigin, created: datetime, entry: LogEntry, limit_bytes: int) -> bytes:
    length = len(entry.content)
    while True:
        length //= 2
        text = _write_line(_shortened(entry, length))
        data = encode_log_text(origin, created, text)
        if len(data) <= limit_bytes or length == 0:
            return data


def _shortened(entry: LogEntry, length: int) -> LogEntry:
    return LogEntry(
        severity=entry.severity,
        source=entry.source,
        iid=entry.iid,
        content=f"{entry.content[:length]} ... {len(entry.content) - length} characters cut off",
        msgid=entry.msgid,
        timestamp=entry.timestamp,
        filename=entry.filename,
        function=entry.function,
    )


# --- the gzip member


@dataclass(frozen=True, slots=True)
class _Header:
    origin: LogOrigin
    created: datetime | None


def _malformed(why: str) -> MalformedMessage:
    return MalformedMessage("log file", why)


def _read_header(data: bytes) -> tuple[_Header, int]:
    """The header, and where the deflated data begin."""
    if len(data) < 18 or data[:3] != b"\x1f\x8b\x08":
        raise _malformed("not a gzip file")
    flags = data[3]
    if flags & _RESERVED:
        raise _malformed(f"gzip flags {flags:#x} are reserved")
    position = 10
    if flags & _FEXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    name = comment = None
    if flags & _FNAME:
        name, position = _latin1(data, position)
    if flags & _FCOMMENT:
        comment, position = _latin1(data, position)
    if flags & _FHCRC:
        stated = int.from_bytes(data[position : position + 2], "little")
        if stated != zlib.crc32(data[:position]) & 0xFFFF:
            raise _malformed("the checksum of the gzip header does not fit")
        position += 2
    if position + 8 > len(data):
        raise _malformed("the gzip header is cut off")
    mtime = int.from_bytes(data[4:8], "little")
    created = _EPOCH + timedelta(seconds=mtime) if mtime else None
    return _Header(_origin(name, comment), created), position


def _latin1(data: bytes, start: int) -> tuple[str, int]:
    end = data.find(b"\0", start)
    if end < 0:
        raise _malformed("a text of the gzip header has no end")
    return data[start:end].decode("latin-1"), end + 1


def _origin(name: str | None, comment: str | None) -> LogOrigin:
    if comment is not None:
        words = _object(_LONG_ESCAPE.sub(_unescape_one, comment))
        if words is None:
            raise _malformed("the gzip comment is no JSON object")
        return DeviceLogOrigin(
            _text(words, "devID"), _text(words, "image"), _text(words, "eveVersion")
        )
    return None if name is None else AppLogOrigin(_ESCAPE.sub(_unescape_one, name))


_LONG_ESCAPE: Final = re.compile(r"\\U([0-9a-fA-F]{8})")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")


def _unescape_one(match: re.Match[str]) -> str:
    number = int(next(digits for digits in match.groups() if digits is not None), 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        return "\ufffd"
    return chr(number)


def _escape(text: str) -> bytes:
    """Latin-1 without NUL."""
    return "".join(
        c if 0 < ord(c) < 0x100 else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in text
    ).encode("latin-1")


def _inflate(data: bytes, start: int, max_inflated: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = inflater.decompress(data[start:], max_inflated + 1)
    except zlib.error as error:
        raise _malformed(f"cannot be inflated: {error}") from error
    if len(text) > max_inflated:
        raise TooLarge("inflated log file", max_inflated)
    trailer = inflater.unused_data
    if not inflater.eof or len(trailer) != 8:
        raise _malformed("the gzip file is cut off, or more follows its one member")
    if int.from_bytes(trailer[:4], "little") != zlib.crc32(text):
        raise _malformed("the checksum does not fit; it was damaged on the way")
    if int.from_bytes(trailer[4:], "little") != len(text) & 0xFFFFFFFF:
        raise _malformed("the length does not fit; it was damaged on the way")
    if text.count(b"\n") > MAX_ENTRIES:
        raise _malformed(f"more than {MAX_ENTRIES} lines")
    return text


def encode_log_text(origin: LogOrigin, created: datetime, text: bytes) -> bytes:
    """One file of lines that are JSON objects in UTF-8 already."""
    match origin:
        case DeviceLogOrigin(dev_id=dev_id, image=image, eve_version=eve_version):
            words = {"devID": dev_id, "image": image, "eveVersion": eve_version}
            comment = json.dumps(words, separators=(",", ":"))  # ASCII: \uXXXX for the rest
            flags, header_text = _FCOMMENT, comment.encode() + b"\0"
        case AppLogOrigin(app_name=app_name):
            flags, header_text = _FNAME, _escape(app_name) + b"\0"
        case _:
            flags, header_text = 0, b""
    mtime = min(max(int((created - _EPOCH).total_seconds()), 0), 0xFFFFFFFF)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"".join(
        (
            b"\x1f\x8b\x08",
            bytes([flags]),
            mtime.to_bytes(4, "little"),
            b"\x02\xff",  # best compression, unknown system: as devices write it
            header_text,
            deflater.compress(text),
            deflater.flush(),
            zlib.crc32(text).to_bytes(4, "little"),
            (len(text) & 0xFFFFFFFF).to_bytes(4, "little"),
        )
    )


# --- the lines

_MSGID = range(1 << 64)


def read_log_line(line: bytes) -> LogEntry:
    """One line; what is no JSON object is kept as text."""
    words = _object(line) if len(line) <= _MAX_PARSED_LINE else None
    if words is None:
        return LogEntry(content=line.decode("utf-8", "replace"))
    msgid = words.get("msgid")
    return LogEntry(
        severity=_text(words, "severity"),
        source=_text(words, "source"),
        iid=_text(words, "iid"),
        content=_text(words, "content"),
        msgid=msgid if isinstance(msgid, int) and msgid in _MSGID else 0,
        tags=_tags(words.get("tags")),
        timestamp=_time(words.get("timestamp")),
        filename=_text(words, "filename"),
        function=_text(words, "function"),
    )


def _object(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object, or None for any other text: also when it nests deeper than Python goes."""
    try:
        return _as_object(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _as_object(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    words: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  # JSON keys are str
    return words


def _text(words: Mapping[str, Any], name: str) -> str:
    value = words.get(name, "")
    if not isinstance(value, str):
        value = "" if value is None else json.dumps(value)
    # A lone surrogate, which JSON can spell, cannot be stored or sent as UTF-8.
    return value.encode("utf-8", "replace").decode("utf-8")


def _tags(value: Any) -> Mapping[str, str]:
    tags = _as_object(value) or {}
    return {_text({"": name}, ""): _text(tags, name) for name in tags}


def _time(value: Any) -> datetime | None:
    """`{"seconds": s, "nanos": n}`, or RFC 3339; None for anything else."""
    words = _as_object(value)
    if words is not None:
        seconds, nanos = words.get("seconds", 0), words.get("nanos", 0)
        if not isinstance(seconds, int) or not isinstance(nanos, int):
            return None
        try:
            return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
        except OverflowError:
            return None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", value))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
    return None


_LONG_FRACTION: Final = re.compile(r"(\.[0-9]{6})[0-9]+")  # datetime holds microseconds


def _write_line(entry: LogEntry) -> bytes:
    words: dict[str, Any] = {
        "severity": entry.severity,
        "source": entry.source,
        "iid": entry.iid,
        "content": entry.content,
        "msgid": entry.msgid,
        "tags": dict(entry.tags),
    }
    if entry.timestamp is not None:
        since = entry.timestamp - _EPOCH
        seconds, nanos = since.days * 86_400 + since.seconds, since.microseconds * 1000
        words["timestamp"] = {"seconds": seconds} | ({"nanos": nanos} if nanos else {})
    words["filename"], words["function"] = entry.filename, entry.function
    present = {name: value for name, value in words.items() if value}
    return (
        json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        + b"\n"
    )


# --- what a controller may answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetrics:
    cpu_percentage: float = 0.0
    log_process_delay_msec: int = 0


def encode_server_metrics(metrics: ServerMetrics) -> bytes:
    return json.dumps(
        {
            "cpu_percentage": metrics.cpu_percentage,
            "log_process_delay_msec": metrics.log_process_delay_msec,
        }
    ).encode()


def decode_server_metrics(data: bytes) -> ServerMetrics:
    """Raises MalformedMessage; an empty body says nothing and is no ServerMetrics."""
    words = _object(data)
    if words is None:
        raise MalformedMessage("ServerMetrics", "no JSON object")
    load, delay = words.get("cpu_percentage", 0), words.get("log_process_delay_msec", 0)
    if not isinstance(load, int | float) or not isinstance(delay, int):
        raise MalformedMessage("ServerMetrics", "its values are no numbers")
    try:
        return ServerMetrics(cpu_percentage=float(load), log_process_delay_msec=delay)
    except OverflowError as error:
        raise MalformedMessage("ServerMetrics", "its load is too large a number") from error


# --- legacy bundles


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBundle:
    dev_id: str = ""
    image: str = ""
    log: tuple[LogEntry, ...] = ()
    timestamp: datetime | None = None
    eve_version: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppInstanceLogBundle:
    log: tuple[LogEntry, ...] = ()
    timestamp: datetime | None = None
    rest: bytes = field(default=b"", repr=False)


_LOG_BUNDLE = Codec(LogBundle, log_pb2.LogBundle)
decode_log_bundle = _LOG_BUNDLE.decode
encode_log_bundle = _LOG_BUNDLE.encode

_APP_LOG_BUNDLE = Codec(AppInstanceLogBundle, log_pb2.AppInstanceLogBundle)
decode_app_instance_log_bundle = _APP_LOG_BUNDLE.decode
encode_app_instance_log_bundle = _APP_LOG_BUNDLE.encode
