"""Meters, their text, health and who may see what."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eaves.controller.observe import Histogram, Meters
from eaves.controller.observe.exposition import Exposition
from eaves.controller.observe.health import Check, Checks
from eaves.controller.observe.probes import Unhealthy, database, disk
from eaves.controller.observe.surface import Page, Surface
from eaves.controller.settings import BadSetting, Options, read_settings


def samples(meters: Meters) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = Exposition(meters).text().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_histogram_counts_values_at_or_below_each_bound() -> None:
    times = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        times.note(value)
    assert times.cumulative() == (("1.0", 2), ("2.0", 3), ("+Inf", 4))
    assert (times.count, times.total) == (4, 12.0)


def test_what_was_noted_is_what_prometheus_reads() -> None:
    meters = Meters()
    meters.devices.note("config", 304, 0.001)
    meters.devices.note("config", 304, 0.002)
    meters.commits("info").note(7, 700, 0.01)
    meters.commits("info").note_refused()
    meters.lag("devices").note(0.2)
    meters.gauge("eaves_waiters", "Waiting.", lambda: 5)
    meters.gauge("eaves_state_file_bytes", "Size.", lambda: {"a.db": 1, "b.db": 2}, by="file")
    found = samples(meters)
    asked = {("endpoint", "config")}
    assert found["eaves_device_requests_total", frozenset(asked | {("status", "304")})] == 2
    assert found["eaves_device_request_seconds_count", frozenset(asked)] == 2
    pipeline = frozenset({("pipeline", "info")})
    assert found["eaves_commit_messages_sum", pipeline] == 7
    assert found["eaves_commit_bytes_total", pipeline] == 700
    assert found["eaves_refused_messages_total", pipeline] == 1
    assert found["eaves_loop_lag_seconds_count", frozenset({("loop", "devices")})] == 1
    assert found["eaves_waiters", frozenset()] == 5
    assert found["eaves_state_file_bytes", frozenset({("file", "b.db")})] == 2


def test_a_gauge_that_fails_hides_no_other() -> None:
    meters = Meters()
    meters.gauge("eaves_broken", "Broken.", lambda: 1 // 0)
    meters.gauge("eaves_waiters", "Waiting.", lambda: 5)
    found = samples(meters)
    assert found["eaves_waiters", frozenset()] == 5
    assert not any(name == "eaves_broken" for name, _ in found)


def _failing() -> str:
    raise Unhealthy("the disk is full; make room")


def surface(token: str = "") -> Surface:
    return Surface(
        meters=Meters(),
        alive=Checks("alive", (Check("loop", lambda: "it turns"),)),
        ready=Checks("ready", (Check("loop", lambda: "it turns"), Check("disk", _failing))),
        token=lambda: token,
    )


def page(of: Surface, path: str, authorization: str = "", *, trusted: bool = False) -> Page:
    found = of.page(path, authorization, trusted=trusted)
    assert found is not None
    return found


def test_readiness_gives_its_reasons_to_those_who_may_know() -> None:
    of = surface("secret")
    assert page(of, "/healthz").status == 200
    strangers = page(of, "/readyz")
    assert strangers.status == 503
    assert b"make room" not in strangers.body
    for known in (page(of, "/readyz", "Bearer secret"), page(of, "/readyz", trusted=True)):
        checks = {check["name"]: check for check in json.loads(known.body)["checks"]}
        assert checks["loop"]["ok"]
        assert not checks["disk"]["ok"]
        assert checks["disk"]["why"] == "the disk is full; make room"


@pytest.mark.parametrize(
    ("token", "authorization", "status"),
    [
        ("", "", 401),
        ("", "Bearer ", 401),
        ("secret", "", 401),
        ("secret", "Bearer wrong", 401),
        ("secret", "Basic secret", 401),
        ("secret", "Bearer secret", 200),
    ],
)
def test_metrics_need_the_token(token: str, authorization: str, status: int) -> None:
    assert page(surface(token), "/metrics", authorization).status == status


def test_no_other_path_is_taken() -> None:
    assert surface().page("/api/v1/devices", "", trusted=True) is None


def test_checks_run_once_however_often_they_are_asked_for() -> None:
    ran: list[float] = []
    now = 0.0

    def probe() -> str:
        ran.append(now)
        return "fine"

    checks = Checks("ready", (Check("one", probe),), lambda: now)
    for _ in range(100):
        checks.ask()
    now = 1.5
    checks.ask()
    assert ran == [0.0, 1.5]


def test_a_full_disk_and_a_missing_database_are_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(Unhealthy, match=r"MiB free, .* are needed; make room"):
        disk(tmp_path, least_free_bytes=1 << 62)()
    with pytest.raises(Unhealthy, match="does not answer"):
        database(f"sqlite:///{tmp_path}/absent.db")()


def test_a_listener_that_others_reach_needs_a_token() -> None:
    with pytest.raises(BadSetting, match="--metrics-token-file"):
        read_settings(Options(metrics_listen="0.0.0.0:9464"), {})
    trusted = read_settings(Options(metrics_listen="127.0.0.1:9464"), {}).observing
    assert trusted.trusts_callers
    both = {"EAVES_METRICS_LISTEN": ":9464", "EAVES_METRICS_TOKEN_FILE": "/run/token"}
    assert not read_settings(Options(), both).observing.trusts_callers


def test_a_certificate_that_ended_is_not_ready() -> None:
    from eaves.controller.keys.issue import issue_root  # noqa: PLC0415 - used here only
    from eaves.controller.observe.probes import certificate  # noqa: PLC0415 - used here only

    made = datetime(2026, 1, 1, tzinfo=UTC)
    root = issue_root(made)
    assert "is valid until" in certificate("the root", lambda: root.pem, lambda: made)()
    late = made + timedelta(days=365 * 100)
    with pytest.raises(Unhealthy, match="the root expired at"):
        certificate("the root", lambda: root.pem, lambda: late)()
