"""Log lines and flows: stored once, searched by word, time and severity, bounded fairly."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER

from eaves.controller.domain.scope import Scope
from eaves.controller.domain.why import Denied
from eaves.controller.northbound.denied import LATELY, denied_lately
from eaves.controller.store import log_bounds, log_store
from eaves.controller.store.files import open_telemetry, prepare_files
from eaves.controller.store.flow_store import FlowQuery, Reading, read_flow_rows
from eaves.controller.store.log_bounds import Bound, level, read_usage
from eaves.controller.store.log_chunks import Wanted, Words, level_of, make_chunks, search_chunk
from eaves.controller.store.log_search import LogQuery, Page, Position, search_logs
from eaves.controller.store.log_store import Stream
from eaves.controller.store.schema import upgrade
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import attachable, open_engine, snapshot
from eaves.controller.telemetry.log_fold import LogFold
from eaves.controller.telemetry.reports import (
    DeviceForgotten,
    FlowReport,
    LogUpload,
    digest_of,
    microseconds,
)
from eaves.evapi.flow_records import DROP
from eaves.evapi.flowlog import (
    ACLAction,
    DnsRequest,
    FlowMessage,
    FlowRecord,
    IpFlow,
    ScopeInfo,
    encode_flow_message,
)
from eaves.evapi.log_lines import LogLine
from eaves.ids import DeviceId

EDGE = DeviceId("edge-1")
STREAM = Stream("acme", EDGE)
ALL_FLOWS = FlowQuery(EDGE)
AT = microseconds(NOW)
SECOND = 1_000_000_000
START = AT * 1000


def line(number: int, content: str = "", *, iid: str = "1", severity: str = "info") -> LogLine:
    return LogLine(
        START + number * SECOND, number, iid, content or f"line {number}", severity, "zedagent"
    )


@pytest.fixture
async def writer(database_url: str, bare_engine: AsyncEngine) -> Sequence[Engine]:
    """The engine of a writer thread, over tables of this release."""
    await upgrade(bare_engine)
    prepare_files(database_url)
    files = attachable(database_url)
    return [open_telemetry(files["logs"]) if files else open_sync_engine(database_url)]


@pytest.fixture
def logs(writer: Sequence[Engine]) -> Iterator[Engine]:
    yield writer[0]
    writer[0].dispose()


class Reader:
    """Reads as a request does, through the main database."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def page(self, query: LogQuery, scope: Scope = ACME) -> Page:
        engine = open_engine(self.url)
        async with snapshot(engine) as db:
            page = await search_logs(db, scope, query)
        await engine.dispose()
        return page

    async def contents(
        self, wanted: Wanted | None = None, *, app_id: str = "", newest_first: bool = False
    ) -> list[str]:
        query = LogQuery(EDGE, app_id, wanted or Wanted(), newest_first)
        return [one.content for one in (await self.page(query)).lines]


@pytest.fixture
def reader(database_url: str) -> Reader:
    return Reader(database_url)


def fold(logs: Engine, *reports: LogUpload | FlowReport | DeviceForgotten) -> Sequence[bool]:
    with writing(logs) as connection:
        return LogFold(1 << 24).fold(connection, reports)


def add(logs: Engine, lines: Sequence[LogLine], stream: Stream = STREAM) -> int:
    log_fold = LogFold(1 << 24)
    with writing(logs) as connection:
        log_fold.fold(connection, [upload([], "partition", received_at=AT)])
        return log_store.add_lines(connection, stream, lines, AT)


def upload(lines: Sequence[LogLine], salt: str = "", *, received_at: int = AT) -> LogUpload:
    words = [
        {
            "severity": one.severity,
            "source": one.source,
            "iid": one.iid,
            "content": one.content,
            "msgid": one.msgid,
            "timestamp": {"seconds": one.time_ns // SECOND, "nanos": one.time_ns % SECOND},
        }
        for one in lines
    ]
    file = gzip.compress("".join(json.dumps(word) + "\n" for word in words).encode(), mtime=0)
    return LogUpload(
        enterprise_id="acme",
        device_id=EDGE,
        received_at=received_at,
        digest=digest_of(file + salt.encode()),
        app_id="",
        file=file,
    )


async def test_a_file_sent_twice_is_stored_once(logs: Engine, reader: Reader) -> None:
    anonymous = [line(n, iid="") for n in range(3)]
    assert fold(logs, upload(anonymous), upload(anonymous)) == [True, False]
    assert fold(logs, upload(anonymous)) == [False]
    assert await reader.contents() == ["line 0", "line 1", "line 2"]


async def test_lines_resent_in_files_cut_otherwise_are_stored_once(
    logs: Engine, reader: Reader
) -> None:
    lines = [line(n) for n in range(2000)]
    assert add(logs, lines[:700]) == 700
    assert add(logs, lines[300:1500]) == 800
    assert add(logs, [*lines[1400:], lines[0], lines[1999]]) == 500
    assert add(logs, lines) == 0
    wanted = LogQuery(EDGE, "", Wanted(), newest_first=False, limit=5000)
    assert list((await reader.page(wanted)).lines) == lines


async def test_lines_that_name_themselves_alike_on_two_apps_are_two(
    logs: Engine, reader: Reader
) -> None:
    for app in ("", "app-1", "app-2"):
        add(logs, [line(1, f"of {app or 'the device'}")], Stream("acme", EDGE, app))
    assert await reader.contents() == ["of the device"]
    assert await reader.contents(app_id="app-2") == ["of app-2"]


async def test_what_a_quiet_device_sends_is_gathered(logs: Engine, reader: Reader) -> None:
    for n in range(100):
        add(logs, [line(n)])
    with logs.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM log_chunks")).scalar_one() == 1
    assert await reader.contents() == [f"line {n}" for n in range(100)]


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
async def test_pages_show_each_line_once_however_chunks_overlap(
    logs: Engine, reader: Reader, *, newest_first: bool
) -> None:
    source = random.Random(7)  # noqa: S311 - a test's order, no secret
    lines = [line(n // 3, f"line {n}") for n in range(1200)]  # three of each time
    shuffled = source.sample(lines, len(lines))
    for start in range(0, len(shuffled), 200):
        add(logs, [one._replace(iid="") for one in shuffled[start : start + 200]])
    found: list[LogLine] = []
    after: Position | None = None
    while True:
        query = LogQuery(EDGE, "", Wanted(), newest_first, after, limit=70)
        page = await reader.page(query)
        found += page.lines
        after = page.next
        if after is None:
            break
    assert [one.time_ns for one in found] == sorted(
        (one.time_ns for one in lines), reverse=newest_first
    )
    assert sorted(one.content for one in found) == sorted(one.content for one in lines)


async def test_a_search_finds_each_line_that_has_all_the_words(
    logs: Engine, reader: Reader
) -> None:
    lines = [line(n, f"port eth{n % 7} state {n} of VLAN-{n * 31 % 997:04x}") for n in range(3000)]
    lines[1234] = line(1234, "Straße gesperrt: Ärger mit eth3")
    add(logs, lines)
    for words in ("eth3", "STATE 77", "vlan-00ff", "eth3 vlan-01", "ärger", "straße eth3", "zz"):
        parts = words.lower().split()
        expected = [
            one.content for one in lines if all(part in one.content.lower() for part in parts)
        ]
        query = LogQuery(EDGE, "", Wanted(words=Words(words)), newest_first=False, limit=5000)
        assert [one.content for one in (await reader.page(query)).lines] == expected, words


async def test_severity_and_time_narrow_a_search(logs: Engine, reader: Reader) -> None:
    severities = ["debug", "info", "warning", "error", "strange"]
    add(logs, [line(n, severity=severities[n % 5]) for n in range(20)])
    assert await reader.contents(Wanted(level=level_of("err"))) == [
        f"line {n}" for n in (3, 8, 13, 18)
    ]
    assert len(await reader.contents(Wanted(level=level_of("warn")))) == 8
    window = Wanted(from_ns=START + 5 * SECOND, until_ns=START + 7 * SECOND)
    assert await reader.contents(window) == ["line 5", "line 6", "line 7"]
    assert await reader.contents(window, newest_first=True) == ["line 7", "line 6", "line 5"]


async def test_another_enterprise_sees_nothing(logs: Engine, reader: Reader) -> None:
    add(logs, [line(1)])
    query = LogQuery(EDGE, "", Wanted(), newest_first=True)
    assert (await reader.page(query, OTHER)).lines == ()
    assert len((await reader.page(query)).lines) == 1


async def test_what_a_deleted_device_sent_is_forgotten(logs: Engine, reader: Reader) -> None:
    fold(logs, upload([line(1)]), flow_report([flow(1)]))
    gone = DeviceForgotten(enterprise_id="acme", device_id=EDGE, received_at=AT, digest=b"")
    fold(logs, gone, gone)
    assert await reader.contents() == []
    assert await flow_rows(reader) == []
    assert fold(logs, upload([line(1)])) == [True]


# --- flows


def flow(
    port: int, *, remote: str = "192.0.2.1", drop: bool = False, sent: int = 100
) -> FlowRecord:
    return FlowRecord(
        flow=IpFlow(src="10.1.0.2", src_port=port, dest=remote, dest_port=443, protocol=6),
        acl_id=3,
        start_time=NOW,
        end_time=NOW,
        tx_bytes=sent,
        tx_pkts=1,
        rx_bytes=10,
        rx_pkts=1,
        action=ACLAction.ActionDrop if drop else ACLAction.ActionAccept,
    )


def flow_report(flows: Sequence[FlowRecord], *, app: str = "app-1") -> FlowReport:
    message = encode_flow_message(
        FlowMessage(
            dev_id=EDGE,
            scope=ScopeInfo(uuid=app, intf="eth0", net_inst_uuid="net-1"),
            flows=tuple(flows),
            dns_reqs=(DnsRequest(host_name="example.org", addrs=("192.0.2.1",), request_time=NOW),),
        )
    )
    return FlowReport(
        enterprise_id="acme",
        device_id=EDGE,
        received_at=AT,
        digest=digest_of(message),
        message=message,
    )


async def flow_rows(reader: Reader, query: FlowQuery = ALL_FLOWS) -> Sequence[tuple[object, ...]]:
    engine = open_engine(reader.url)
    async with snapshot(engine) as db:
        found = [
            (row.app_id, record.local_port, record.action, record.tx_bytes, record.flows)
            async for row in read_flow_rows(db, ACME, query)
            for record in row.flows
        ]
    await engine.dispose()
    return found


async def test_flows_of_a_message_are_kept_once_and_equal_ones_are_counted(
    logs: Engine, reader: Reader
) -> None:
    report = flow_report([flow(4000), flow(4000), flow(4001, drop=True)])
    assert fold(logs, report, report) == [True, False]
    assert fold(logs, flow_report([flow(5000)], app="app-2")) == [True]
    accepted = int(ACLAction.ActionAccept)
    assert await flow_rows(reader, FlowQuery(EDGE, "app-1")) == [
        ("app-1", 4000, accepted, 200, 2),
        ("app-1", 4001, DROP, 100, 1),
    ]
    assert len(await flow_rows(reader, FlowQuery(EDGE, netinst_id="net-1"))) == 3
    denied = await flow_rows(reader, FlowQuery(EDGE, denied=True))
    assert {row[0] for row in denied} == {"app-1"}
    assert await flow_rows(reader, FlowQuery(EDGE, from_at=AT + 1)) == []


async def test_what_was_denied_lately_is_told_by_rule(logs: Engine, reader: Reader) -> None:
    dropped = [flow(number, drop=True) for number in range(2)]
    elsewhere = flow(3, drop=True, remote="198.51.100.9")
    fold(logs, flow_report([flow(4), elsewhere, *dropped]))
    engine = open_engine(reader.url)
    async with snapshot(engine) as db:
        told = [
            await denied_lately(db, ACME, EDGE, app, at)
            for app, at in (("app-1", NOW), ("app-2", NOW), ("app-1", NOW + 2 * LATELY))
        ]
    await engine.dispose()
    assert told == [(Denied(3, "", 3, "192.0.2.1", 443),), (), ()]


@pytest.mark.parametrize("most", [0, 1, 63, 64, 65, 129, 130, 131])
async def test_a_reading_of_flows_tells_what_it_leaves_out(
    logs: Engine, reader: Reader, most: int
) -> None:
    there = 130  # more than are read at once
    fold(logs, *(flow_report([flow(number)]) for number in range(there)))
    reading = Reading()
    engine = open_engine(reader.url)
    async with snapshot(engine) as db:
        rows = [row async for row in read_flow_rows(db, ACME, FlowQuery(EDGE, most=most), reading)]
    await engine.dispose()
    assert len(rows) == min(most, there)
    assert len({row.id for row in rows}) == len(rows)
    assert (reading.cut_at is not None) == (most < there)


# --- bounds


@pytest.mark.parametrize(
    ("held", "most", "expected"),
    [
        ([10, 20, 30], 60, 50),
        ([10, 20, 30], 50, 20),
        ([10, 20, 1000], 100, 50),
        ([10, 20, 1000], 80, 50),
        ([10, 20, 1000], 79, 49),
        ([], 10, 50),
        ([100, 100], 10, 5),
    ],
)
def test_who_holds_most_gives_way_first(held: list[int], most: int, expected: int) -> None:
    found = level(held, Bound(all_devices=most, one_device=50))
    assert found == expected
    assert sum(min(size, found) for size in held) <= most


async def test_a_noisy_device_evicts_its_own_oldest_lines(logs: Engine, reader: Reader) -> None:
    add(logs, [line(n) for n in range(5000)])
    add(logs, [line(n) for n in range(10)], Stream("acme", "quiet"))
    with writing(logs) as connection:
        held = log_bounds.held_by_devices(connection, "log_chunks")
        most = held["acme", EDGE] // 2
        left, dropped = log_bounds.trim_device(
            connection, "log_chunks", ("acme", EDGE), most, held["acme", EDGE]
        )
        assert left <= most
        assert dropped > 0
        after = log_bounds.held_by_devices(connection, "log_chunks")
    assert after["acme", EDGE] == left
    assert after["acme", "quiet"] == held["acme", "quiet"]
    query = LogQuery(EDGE, "", Wanted(), newest_first=True, limit=1)
    assert (await reader.page(query)).lines[0].content == "line 4999"


async def test_what_arrived_long_ago_is_dropped(logs: Engine, reader: Reader) -> None:
    day = 86_400_000_000
    fold(logs, upload([line(1, "old")], received_at=AT - 10 * day), upload([line(2, "new")]))
    with writing(logs) as connection:
        assert log_bounds.drop_older(connection, "log_chunks", AT - 5 * day) == 1
        assert log_bounds.drop_older(connection, "log_chunks", AT - 5 * day) == 0
    assert await reader.contents() == ["new"]
    engine = open_engine(reader.url)
    async with snapshot(engine) as db:
        usage = await read_usage(db, ACME, "log_chunks")
    await engine.dispose()
    assert (usage.records, usage.oldest) == (1, AT)
    assert usage.bytes > 0


def test_a_filter_never_hides_a_line_that_a_search_would_find() -> None:
    source = random.Random(3)  # noqa: S311 - as above
    lines = [
        line(n, " ".join(f"{source.getrandbits(32):08x}" for _ in range(8))) for n in range(700)
    ]
    chunks = make_chunks(lines)
    for one in source.sample(lines, 100):
        word = source.choice(one.content.split())[source.randrange(3) :]
        wanted = Wanted(words=Words(word))
        holding = [c for c in chunks if search_chunk(wanted, c.heads, c.texts)]
        assert holding
        assert all(wanted.may_be_in(c.levels, c.grams) for c in holding)
    for content, word in (
        *(("oom", "oom"), ("x oom", "oom"), ("zöb", "ö"), ("an oom!", "OOM")),
        *(("up", "up"), ("is up.", "UP"), ("x", "x"), ("7f", "7f"), ("öl", "öl"), ("e-5", "-5")),
    ):
        (chunk,) = make_chunks([line(1, content)])
        assert Words(word).may_be_in(chunk.grams), content
    assert not any(Words("usb").may_be_in(chunk.grams) for chunk in chunks)
    absent = Words("no-such-word-anywhere")
    assert not any(absent.may_be_in(chunk.grams) for chunk in chunks)


@pytest.mark.parametrize("word", ["qq", "oom", "zebra"])
def test_chunks_without_a_word_are_not_read_for_it(word: str) -> None:
    source = random.Random(3)  # noqa: S311 - as above
    lines = [line(n, f"object {source.getrandbits(32):08x} is up") for n in range(5000)]
    assert not any(Words(word).may_be_in(chunk.grams) for chunk in make_chunks(lines))
