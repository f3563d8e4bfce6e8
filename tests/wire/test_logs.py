"""Log files: header and lines both ways, limits, and what is damaged."""

import gzip
import json
import random
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.errors import MalformedMessage, TooLarge
from eaves.evapi.logs import (
    FILE_BYTES,
    AppLogOrigin,
    DeviceLogOrigin,
    LogEntry,
    LogOrigin,
    ServerMetrics,
    decode_log_file,
    decode_server_metrics,
    encode_log_file,
    encode_server_metrics,
    split_log_files,
)

CREATED = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
ORIGIN = DeviceLogOrigin("3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b001", "IMGA", "14.5.0-kvm-amd64")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
entries = st.builds(
    LogEntry,
    severity=texts,
    source=texts,
    iid=texts,
    content=texts,
    msgid=st.integers(0, 2**64 - 1),
    tags=st.dictionaries(texts, texts, max_size=3),
    timestamp=st.none() | st.datetimes(timezones=st.just(UTC)),
    filename=texts,
    function=texts,
)
# Names that hold text like \u0041 read as what that text escapes: the form cannot tell them apart.
names = texts.filter(lambda t: "\\" not in t)
origins = st.one_of(
    st.none(), st.builds(AppLogOrigin, names), st.builds(DeviceLogOrigin, names, names, names)
)


@given(origins, st.lists(entries, max_size=5))
def test_a_file_decodes_to_what_was_encoded(
    origin: LogOrigin, given_entries: list[LogEntry]
) -> None:
    log = decode_log_file(encode_log_file(origin, CREATED, given_entries))
    assert log.origin == origin
    assert log.created == CREATED
    assert log.entries == tuple(given_entries)


def test_any_gzip_reader_reads_a_file() -> None:
    data = encode_log_file(ORIGIN, CREATED, [LogEntry(content="a"), LogEntry(content="b")])
    lines = gzip.decompress(data).splitlines()
    assert [json.loads(line) for line in lines] == [{"content": "a"}, {"content": "b"}]


def test_empty_keys_are_left_out_and_the_time_is_an_object() -> None:
    moment = CREATED + timedelta(milliseconds=5)
    data = encode_log_file(ORIGIN, CREATED, [LogEntry(content="x", timestamp=moment)])
    words = json.loads(gzip.decompress(data))
    assert words == {"content": "x", "timestamp": {"seconds": 1735787045, "nanos": 5000000}}


def test_other_characters_of_a_header_are_escaped() -> None:
    data = encode_log_file(AppLogOrigin("caf\u00e9 \u4e2d \U0001f600"), CREATED, [])
    assert b"caf\xe9 \\u4e2d \\U0001f600\0" in data
    assert decode_log_file(data).origin == AppLogOrigin("caf\u00e9 \u4e2d \U0001f600")


def member(text: bytes, flags: int = 0, extra: bytes = b"") -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflater.compress(text) + deflater.flush()
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\x02\xff" + extra
    return head + body + zlib.crc32(text).to_bytes(4, "little") + len(text).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ({"seconds": 1735787044, "nanos": 5000000}, datetime(2025, 1, 2, 3, 4, 4, 5000, UTC)),
        ({"seconds": 1735787044}, datetime(2025, 1, 2, 3, 4, 4, tzinfo=UTC)),
        ("2025-01-02T03:04:04.123456789Z", datetime(2025, 1, 2, 3, 4, 4, 123456, UTC)),
        ("2025-01-02T05:04:04+02:00", datetime(2025, 1, 2, 3, 4, 4, tzinfo=UTC)),
        ("yesterday", None),
        ({"seconds": 10**30}, None),
        ({"seconds": "1"}, None),
        (17, None),
    ],
)
def test_both_forms_of_a_time_are_read(stamp: object, wanted: datetime | None) -> None:
    (entry,) = decode_log_file(member(json.dumps({"timestamp": stamp}).encode())).entries
    assert entry.timestamp == wanted


@pytest.mark.parametrize(
    "line",
    [b"plain text", b'["list"]', b'{"content": ', b"\xff\xfe", b"[" * 100_000, b"12"],
    ids=["text", "list", "cut", "no-utf8", "deep", "number"],
)
def test_a_line_that_is_no_object_is_kept_as_content(line: bytes) -> None:
    log = decode_log_file(member(b'{"content":"first"}\n' + line + b"\n"))
    assert [e.content for e in log.entries] == ["first", line.decode("utf-8", "replace")]


def test_values_of_other_types_are_kept_as_text() -> None:
    words = {"content": {"a": 1}, "severity": 3, "msgid": "x", "tags": {"k": 5}, "iid": None}
    (entry,) = decode_log_file(member(json.dumps(words).encode())).entries
    assert (entry.content, entry.severity, entry.msgid) == ('{"a": 1}', "3", 0)
    assert (entry.tags, entry.iid) == ({"k": "5"}, "")


def test_what_inflates_beyond_the_bound_is_refused_without_inflating_it() -> None:
    bomb = member(b"\0" * 64_000_000)
    assert len(bomb) < 65_536
    with pytest.raises(TooLarge):
        decode_log_file(bomb)
    with pytest.raises(TooLarge):
        decode_log_file(member(b"x" * 101), max_inflated=100)
    assert decode_log_file(member(b"x" * 100), max_inflated=100).entries


def test_a_file_of_nothing_but_short_lines_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="lines"):
        decode_log_file(member(b"1\n" * 1_000_000))


GOOD = encode_log_file(ORIGIN, CREATED, [LogEntry(content="hello")])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04" + bytes(20), id="zip"),
        pytest.param(GOOD[:-1], id="cut"),
        pytest.param(GOOD[:30], id="cut-in-header"),
        pytest.param(GOOD + b"x", id="more"),
        pytest.param(GOOD + GOOD, id="two-members"),
        pytest.param(GOOD[:-8] + bytes(4) + GOOD[-4:], id="checksum"),
        pytest.param(GOOD[:-4] + bytes(4), id="length"),
        pytest.param(member(b"", 0x20), id="reserved-flag"),
        pytest.param(member(b"", 0x10, b"no json\0"), id="comment"),
        pytest.param(member(b"", 0x10, b"[1]\0"), id="comment-list"),
        pytest.param(member(b"", 0x02, b"\0\0"), id="header-checksum"),
        pytest.param(member(b"", 0x04, b"\xff\xff"), id="extra"),
    ],
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_log_file(data)


def test_optional_header_fields_are_skipped() -> None:
    assert decode_log_file(member(b"", 0x04, b"\x02\0ab")).origin is None
    head = b"\x1f\x8b\x08\x0a" + bytes(4) + b"\x02\xff" + b"app\0"
    with_checksum = member(b"", 0x0A, b"app\0" + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little"))
    assert decode_log_file(with_checksum).origin == AppLogOrigin("app")


def test_files_are_cut_at_the_limit_and_lose_nothing() -> None:
    source = random.Random(3)  # noqa: S311  # text that does not compress well, no secret
    many = [LogEntry(content=source.randbytes(60).hex(), msgid=n) for n in range(1, 3000)]
    uploads = split_log_files(ORIGIN, CREATED, many)
    assert len(uploads) > 1
    assert all(len(u.data) <= FILE_BYTES for u in uploads)
    again = [e for u in uploads for e in decode_log_file(u.data).entries]
    assert again == many
    assert sum(u.entries for u in uploads) == len(many)
    assert split_log_files(ORIGIN, CREATED, []) == ()


def test_one_entry_beyond_the_limit_is_cut_and_says_so() -> None:
    source = random.Random(3)  # noqa: S311  # as above
    (upload,) = split_log_files(ORIGIN, CREATED, [LogEntry(content=source.randbytes(99_000).hex())])
    assert len(upload.data) <= FILE_BYTES
    assert decode_log_file(upload.data).entries[0].content.endswith("characters cut off")


def test_server_metrics_are_json() -> None:
    metrics = ServerMetrics(cpu_percentage=12.5, log_process_delay_msec=40)
    assert json.loads(encode_server_metrics(metrics)) == {
        "cpu_percentage": 12.5,
        "log_process_delay_msec": 40,
    }
    assert decode_server_metrics(encode_server_metrics(metrics)) == metrics
    for wrong in (b"", b"[]", b'{"cpu_percentage":"x"}', b"[" * 99_999):
        with pytest.raises(MalformedMessage):
            decode_server_metrics(wrong)


def test_very_many_short_lines_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(MalformedMessage, match="more than 20000 lines"):
        decode_log_file(gzip.compress(b"{}\n" * 95_000))
