"""What a node does by the clock beside its apps: its time sources, its vault, its diagnosis."""

from datetime import UTC, datetime

import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.info import NTPSourceMode, NTPSourceState, ZInfoMsg
from eaves.node.connectivity import ask_all
from eaves.node.diag_text import diag_text
from eaves.node.host.time_sources import TimeSource, parse_chrony, parse_timesyncd
from eaves.node.refs import Position
from eaves.node.runtime.schedules import due
from eaves.node.runtime.time_report import time_info, time_pause_s
from eaves.node.runtime.upkeep import trim_due
from eaves.node.uplinks.asked import asked_urls
from eaves.node.uplinks.position import Teller, pauses_of
from eaves.node.uplinks.service import Properties

HERE = Position(52.52, 13.405, 34.5, "lte", datetime(2026, 1, 1, tzinfo=UTC))
CHRONY = """\
^,*,192.0.2.1,2,6,377,33,0.000123,0.000120,0.000200
=,?,2001:db8::1,0,10,0,4294967295,0.0,0.0,0.0
garbage
"""
TIMESYNCD = """\
LinkNTPServers=
ServerName=0.debian.pool.ntp.org
ServerAddress=192.0.2.7
PollIntervalUSec=34min 8s
NTPMessage={ Leap=0, Version=4, Mode=4, Stratum=2, Precision=-23, Reference=C0000207, Jitter=0 }
"""


def items(*pairs: tuple[str, str]) -> ItemValues:
    return apply_items([ConfigItem(key=key, value=value) for key, value in pairs])[0]


def test_sources_of_time_are_told_as_often_as_the_property_says() -> None:
    assert time_pause_s(items(), 0.5) == 300
    assert time_pause_s(items(("timer.ntpsources.interval", "100")), 0.5) == 50


def test_the_controller_is_told_each_source_of_time() -> None:
    told = time_info(parse_chrony(CHRONY)).ntp_sources
    assert told is not None
    good, bad = told.sources
    assert good.state is NTPSourceState.NTP_SOURCE_STATE_SYNC
    assert (good.src_addr, good.stratum, good.poll) == ("192.0.2.1", 2, 6)
    assert (good.reachable, good.reachability, good.offset) == (True, 0o377, 0.000123)
    assert bad.mode is NTPSourceMode.NTP_SOURCE_MODE_PEER
    assert not bad.reachable


def test_the_one_source_of_timesyncd_is_read() -> None:
    assert parse_timesyncd(TIMESYNCD) == (TimeSource("192.0.2.7", state="*", stratum=2, reach=1),)
    assert parse_timesyncd("LinkNTPServers=\n") == ()
    (silent,) = parse_timesyncd("ServerAddress=192.0.2.7\n")
    assert silent.state == "?"


def test_where_the_node_stands_is_told_as_often_as_the_property_says() -> None:
    pauses = pauses_of(items(("timer.location.cloud.interval", "300")))
    told: list[ZInfoMsg] = []
    teller = Teller(told.append)
    for at, position in ((0.0, None), (20.0, HERE), (319.0, HERE), (320.0, HERE)):
        teller.saw(position, at, pauses)
    assert len(told) == 2
    assert told[0].locinfo is not None
    assert (told[0].locinfo.latitude, told[0].locinfo.logicallabel) == (52.52, "lte")


def test_a_position_is_looked_up_as_often_as_the_property_says() -> None:
    assert pauses_of(items()).look == 20
    assert pauses_of(items(("timer.location.app.interval", "7"))).look == 7


SUNDAY = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "at", "is_due"),
    [
        ("0 2 * * 6,0", SUNDAY, True),
        ("0 2 * * 7", SUNDAY, True),
        ("0 2 * * 1-5", SUNDAY, False),
        ("*/15 * * * *", SUNDAY.replace(minute=45), True),
        ("*/15 * * * *", SUNDAY.replace(minute=46), False),
        ("0 2 1 * 3", SUNDAY, True),  # the day of the month is enough
        ("0 2 2 * *", SUNDAY, False),
        ("0 8-18/2 * * *", SUNDAY.replace(hour=10), True),
        ("0 2 * * 8", SUNDAY, False),
        ("0 2 * *", SUNDAY, False),
        ("@ 2 * * *", SUNDAY, False),
        ("*/0 * * * *", SUNDAY, False),
    ],
)
def test_a_schedule_is_read_as_cron_does(schedule: str, at: datetime, *, is_due: bool) -> None:
    assert due(schedule, at) is is_due


def test_the_vault_is_trimmed_when_its_schedule_says_so_and_once() -> None:
    usual, other = items(), items(("timer.vault.trim.cron", "30 4 * * *"))
    assert trim_due(usual, SUNDAY, None)
    assert not trim_due(usual, SUNDAY, SUNDAY)
    assert not trim_due(other, SUNDAY, None)
    assert trim_due(other, SUNDAY.replace(hour=4, minute=30), SUNDAY)
    assert not trim_due(items(("timer.vault.trim.cron", "")), SUNDAY, None)


HTTP, HTTPS = "diag.probe.remote.http.endpoint", "diag.probe.remote.https.endpoint"


@pytest.mark.parametrize(
    ("told", "urls"),
    [
        ((), ("http://www.google.com/", "https://www.google.com/")),
        (((HTTP, ""), (HTTPS, "")), ()),
        (((HTTP, "192.0.2.1"), (HTTPS, "192.0.2.1")), ("http://192.0.2.1/",)),
        (((HTTP, ""), (HTTPS, "a.example")), ("https://a.example/",)),
        (((HTTP, "a b/c"), (HTTPS, "")), ()),
    ],
)
def test_a_diagnosis_asks_whom_properties_name(
    told: tuple[tuple[str, str], ...], urls: tuple[str, ...]
) -> None:
    assert Properties.of(items(*told)).asked == urls


def test_a_diagnosis_asks_an_address_by_http_if_told() -> None:
    told = items((HTTP, "192.0.2.1"), (HTTPS, "a.example"))
    assert Properties.of(told).asked == ("http://192.0.2.1/", "https://a.example/")
    assert asked_urls("2001:db8::1", "") == ("http://[2001:db8::1]/",)


async def test_a_diagnosis_says_that_nobody_on_the_internet_answers() -> None:
    (asked,) = await ask_all(("http://127.0.0.1:9/",))
    assert not asked.answered
    text = diag_text(None, (), (asked,))
    assert "probe       http://127.0.0.1:9/: does not answer either" in text
