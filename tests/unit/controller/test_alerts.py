"""Alerts as decisions: what a rule sees, when an incident opens and ends, where may be sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.alerts.addresses import first_allowed, may_reach, read_networks
from eaves.controller.domain.alerts.delivery import (
    LONGEST_PAUSE,
    Away,
    Delivered,
    Later,
    Never,
    of_status,
    pause_after,
)
from eaves.controller.domain.alerts.messages import Incident, What, of_incident, signature
from eaves.controller.domain.alerts.moves import CLEAR, Phase, Seen, Told, Tracked, Verdict, step
from eaves.controller.domain.alerts.observe import Around, Metered, Node, observe
from eaves.controller.domain.alerts.rules import Rule
from eaves.controller.domain.contract.alerts import AlertCondition
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.notify_settings import STARTTLS, TLS, MailServer, read_notify_settings
from eaves.evapi.info.device import BootReason
from eaves.evapi.info.health import AppHealth, DeviceHealth

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MET, UNKNOWN = Seen(Verdict.MET, "why"), Seen(Verdict.UNKNOWN)
HOLD, OVER = timedelta(seconds=60), timedelta(seconds=30)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def told(looks: Sequence[tuple[float, Seen]]) -> list[tuple[float, str]]:
    """What is told of looks at these seconds."""
    tracked: Tracked | None = None
    found: list[tuple[float, str]] = []
    for at, seen in looks:
        taken = step(tracked, seen, NOW + seconds(at), hold=HOLD, clear=OVER)
        tracked = taken.keep
        if taken.told is not Told.NOTHING:
            found.append((at, taken.told.value))
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, MET), (59, MET)], [], id="not held yet"),
        pytest.param([(0, MET), (60, MET), (70, MET)], [(60, "opened")], id="held"),
        pytest.param([(0, MET), (30, CLEAR), (40, MET), (90, MET)], [], id="held in parts"),
        pytest.param([(0, MET), (30, UNKNOWN), (60, MET)], [], id="not known meanwhile"),
        pytest.param(
            [(0, MET), (60, MET), (70, CLEAR), (80, MET), (90, CLEAR), (119, CLEAR), (120, CLEAR)],
            [(60, "opened"), (120, "closed")],
            id="comes and goes",
        ),
        pytest.param(
            [(0, MET), (60, MET), (70, CLEAR), (90, UNKNOWN), (101, CLEAR), (130, CLEAR)],
            [(60, "opened")],
            id="over is only what is known to be",
        ),
        pytest.param(
            [(0, MET), (60, MET), (70, UNKNOWN), (9000, UNKNOWN)],
            [(60, "opened")],
            id="stays open while nothing is known",
        ),
        pytest.param(
            [(100, Seen(Verdict.MET, since=NOW + seconds(40)))], [(100, "opened")], id="held before"
        ),
    ],
)
def test_an_incident_opens_once_and_ends_once(
    looks: list[tuple[float, Seen]], expected: list[tuple[float, str]]
) -> None:
    assert told(looks) == expected


def test_what_happened_once_is_told_once_until_it_happens_again() -> None:
    first, second = replace(MET, mark="7"), replace(MET, mark="8")
    no_hold = timedelta(0)
    opened = step(None, first, NOW, hold=no_hold, clear=OVER)
    assert (opened.told, opened.keep) == (Told.OPENED, Tracked(Phase.FIRING, NOW, "7"))
    again = step(opened.keep, second, NOW + seconds(20), hold=no_hold, clear=OVER)
    assert again.told is Told.NOTHING, "the same incident goes on"
    still = step(again.keep, second, NOW + seconds(49), hold=no_hold, clear=OVER)
    assert still.told is Told.NOTHING
    over = step(still.keep, second, NOW + seconds(50), hold=no_hold, clear=OVER)
    assert over.told is Told.CLOSED
    later = step(over.keep, second, NOW + seconds(900), hold=no_hold, clear=OVER)
    assert later.told is Told.NOTHING, "the same start"
    third = step(later.keep, replace(MET, mark="9"), NOW + seconds(901), hold=no_hold, clear=OVER)
    assert third.told is Told.OPENED


verdicts = st.tuples(st.integers(1, 40), st.sampled_from((MET, CLEAR, UNKNOWN)))


@given(st.lists(verdicts, max_size=60))
def test_no_incident_without_its_hold_and_no_end_without_its_rest(
    looks: list[tuple[int, Seen]],
) -> None:
    tracked: Tracked | None = None
    now, met_since, clear_since, is_open = NOW, None, None, False
    for pause, seen in looks:
        now += seconds(pause)
        met_since = (met_since or now) if seen is MET else None
        clear_since = (clear_since or now) if seen is CLEAR else None
        taken = step(tracked, seen, now, hold=HOLD, clear=OVER)
        tracked = taken.keep
        if taken.told is Told.OPENED:
            assert not is_open
            assert met_since is not None
            assert now - met_since >= HOLD
            is_open = True
        elif taken.told is Told.CLOSED:
            assert is_open
            assert clear_since is not None
            assert now - clear_since >= OVER
            is_open = False
        elif not is_open:
            assert met_since is None or now - met_since < HOLD
    assert is_open == (tracked is not None and tracked.phase in (Phase.FIRING, Phase.CLEARING))


# --- what a rule sees ---------------------------------------------------------------------------

LIMITS = Limits(suspect=seconds(150), offline=seconds(300))
AROUND = Around(NOW, LIMITS, NOW - timedelta(days=1))
ALIVE = Node("d1", "edge-1", "plant", {"site": "north"}, last_seen=NOW - seconds(10))


def rule(condition: AlertCondition, **more: object) -> Rule:
    base = Rule("r1", "rule", "acme", condition, since=NOW - timedelta(days=2), threshold=80.0)
    return replace(base, clear_below=75.0, **more)  # type: ignore[arg-type]  # a test's short form


def seen_by(of: Rule, node: Node, around: Around = AROUND, *open_: str) -> dict[str, Seen]:
    return dict(observe(of, node, around, lambda one: one in open_))


def silent_for(number: float) -> Node:
    return replace(ALIVE, last_seen=NOW - seconds(number))


@pytest.mark.parametrize(
    ("silence", "condition", "since"),
    [
        (149, AlertCondition.NODE_SUSPECT, None),
        (151, AlertCondition.NODE_SUSPECT, 1),
        (151, AlertCondition.NODE_OFFLINE, None),
        (310, AlertCondition.NODE_OFFLINE, 10),
        (310, AlertCondition.NODE_SUSPECT, 160),
    ],
)
def test_silence_counts_from_the_moment_at_which_it_became_one(
    silence: float, condition: AlertCondition, since: float | None
) -> None:
    found = seen_by(rule(condition), silent_for(silence))
    if since is None:
        assert not found
    else:
        assert found["d1"].since == NOW - seconds(since)
        assert "check its power and network" in found["d1"].text


def test_silence_counts_while_somebody_listens() -> None:
    around = replace(AROUND, listening_since=NOW - seconds(100))
    assert not seen_by(rule(AlertCondition.NODE_OFFLINE), silent_for(9000), around)


def test_what_a_silent_node_told_says_nothing_of_now() -> None:
    broken = replace(
        silent_for(151),
        health=DeviceHealth(errors=("the disk",)),
        apps=(AppHealth("a1", "web", ("no memory",)),),
    )
    found = seen_by(rule(AlertCondition.NODE_ERROR), broken)
    assert found["d1"].verdict is Verdict.UNKNOWN
    found = seen_by(rule(AlertCondition.APP_ERROR), broken)
    assert found["a1"].verdict is Verdict.UNKNOWN


def test_a_node_that_was_never_heard_of_is_not_looked_at() -> None:
    for condition in AlertCondition:
        assert not seen_by(rule(condition), replace(ALIVE, last_seen=None))


def test_errors_of_nodes_and_apps_failed_updates_and_attestation() -> None:
    node = replace(
        ALIVE,
        health=DeviceHealth(errors=("eth0: no link",), failed_update="version 14: FALLBACK"),
        apps=(AppHealth("a1", "web", ("no memory",)), AppHealth("a2", "db")),
        attested="ATTEST_STATE_FAIL",
        attestation="a PCR differs",
    )
    expected = {
        AlertCondition.NODE_ERROR: {"d1": "eth0: no link"},
        AlertCondition.UPDATE_FAILED: {"d1": "version 14: FALLBACK"},
        AlertCondition.ATTESTATION_FAILED: {"d1": "a PCR differs"},
        AlertCondition.APP_ERROR: {"a1": "no memory"},
    }
    for condition, texts in expected.items():
        found = seen_by(rule(condition), node)
        assert {one: seen.text for one, seen in found.items()} == texts, condition
        assert not seen_by(rule(condition), ALIVE), condition


def test_only_a_start_that_nobody_asked_for_and_that_is_new_is_told() -> None:
    of = rule(AlertCondition.NODE_REBOOT)
    reason = int(BootReason.BOOT_REASON_WATCHDOG_HUNG)
    told_at = NOW - seconds(5)
    health = DeviceHealth(boots=7, boot_reason=reason, boot_text="watchdog", up_s=100.0)
    node = replace(ALIVE, health=health, told_at=told_at)
    seen = seen_by(of, node)["d1"]
    assert (seen.mark, seen.since) == ("7", told_at - seconds(100))
    assert "watchdog" in seen.text
    asked = replace(health, boot_reason=int(BootReason.BOOT_REASON_REBOOT_CMD))
    before = replace(health, up_s=timedelta(days=3).total_seconds())
    for other in (asked, before, replace(health, up_s=None)):
        assert not seen_by(of, replace(node, health=other)), other


@pytest.mark.parametrize(
    ("value", "open_", "met"),
    [(80.0, False, False), (80.1, False, True), (79.0, True, True), (75.0, True, False)],
)
def test_a_metric_at_its_threshold_does_not_flap(value: float, open_: bool, met: bool) -> None:  # noqa: FBT001 - a column of the table
    metered = Metered(NOW - seconds(30), cpu=value, memory=value, disk=value, disk_name="/persist")
    node = replace(ALIVE, metered=metered)
    for condition in (AlertCondition.CPU, AlertCondition.MEMORY, AlertCondition.DISK):
        found = seen_by(rule(condition), node, AROUND, *(("d1",) if open_ else ()))
        assert bool(found) == met, condition


def test_metrics_that_are_old_or_missing_say_nothing() -> None:
    old = Metered(NOW - timedelta(minutes=11), memory=99.0)
    for metered in (None, old, Metered(NOW)):
        found = seen_by(rule(AlertCondition.MEMORY), replace(ALIVE, metered=metered))
        assert found["d1"].verdict is Verdict.UNKNOWN


def test_a_rule_is_about_its_project_and_tags() -> None:
    of = rule(AlertCondition.CPU, project_id="plant", selector=(("site", "north"),))
    assert of.is_about("plant", {"site": "north", "tier": "1"})
    assert not of.is_about("plant", {"site": "south"})
    assert not of.is_about("other", {"site": "north"})


# --- telling ------------------------------------------------------------------------------------

INCIDENT = Incident(
    *("i1", "acme", "r1", "node-offline", "ALERT_CONDITION_NODE_OFFLINE", "error", "plant"),
    *("d1", "edge-1", "devices", "d1", "edge-1", "not heard of since\r\nBcc: all"),
    NOW,
)


def test_a_subject_is_one_line_whatever_a_node_calls_itself() -> None:
    odd = replace(INCIDENT, device_name="edge\r\nBcc: everybody@example.org")
    made = of_incident(odd, What.OPENED)
    assert made.subject == "[error] node-offline: node edge Bcc: everybody@example.org"
    over = of_incident(replace(INCIDENT, closed_at=NOW, closed_why="it is over"), What.CLOSED)
    assert over.subject == "[over] node-offline: node edge-1"
    assert "it is over" in over.text


def test_the_signature_is_over_timestamp_and_body() -> None:
    """As the page of the documentation shows it with openssl."""
    made = signature("a secret of 24 characters", 1767323045, b'{"what":"test"}')
    assert made == "d9168a92218f09b58ca909125b31b9e3755f8e72c83ad73d58d734670703dc07"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Delivered), (204, Delivered), (302, Later), (401, Later), (410, Never), (429, Away)],
)
def test_what_a_status_means(status: int, kind: type[object]) -> None:
    assert isinstance(of_status(status, "hooks.example.org"), kind)


def test_pauses_grow_to_a_limit() -> None:
    pauses = [pause_after(tries, 0.0) for tries in range(1, 30)]
    assert pauses[0] == timedelta(seconds=5)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert pause_after(1, 0.999) >= timedelta(seconds=3)


PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fd00::1"),
    *("ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("::7f00:1", "2001:db8::1"),
)


@pytest.mark.parametrize("text", PRIVATE)
def test_a_tenant_does_not_reach_what_is_not_public(text: str) -> None:
    assert not may_reach(ip_address(text), ())
    assert first_allowed((text,), ()) is None
    assert may_reach(ip_address(text), read_networks("all"))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_tenant_reaches_what_is_public(text: str) -> None:
    assert may_reach(ip_address(text), ())


def test_a_network_is_allowed_by_whoever_runs_the_controller() -> None:
    allowed = read_networks("10.1.0.0/16, fd00::/8")
    assert may_reach(ip_address("10.1.2.3"), allowed)
    assert may_reach(ip_address("::ffff:10.1.2.3"), allowed)
    assert not may_reach(ip_address("10.2.2.3"), allowed)
    assert first_allowed(("10.2.0.1", "fe80::1%eth0", "10.1.0.1"), allowed) == "10.1.0.1"
    with pytest.raises(ValueError, match="host bits"):
        read_networks("10.1.0.1/16")


def test_the_mail_server_of_the_controller(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("opens-it\n")
    given = {
        "EAVES_MAIL_URL": "smtp://eaves@mail.example.org",
        "EAVES_MAIL_FROM": "eaves@example.org",
        "EAVES_MAIL_PASSWORD_FILE": str(tmp_path / "password"),
    }
    server = read_notify_settings(given).mail
    assert server == MailServer(
        *("mail.example.org", 587, STARTTLS, "eaves@example.org", "eaves", "opens-it")
    )
    assert "opens-it" not in repr(server)
    tls = read_notify_settings(given | {"EAVES_MAIL_URL": "smtps://mail.example.org"}).mail
    assert tls is not None
    assert (tls.security, tls.port) == (TLS, 465)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"EAVES_MAIL_URL": "mail.example.org"}, "names no mail server"),
        ({"EAVES_MAIL_URL": "smtp://u:secret@host"}, "holds a password"),
        ({"EAVES_MAIL_FROM": "nobody"}, "EAVES_MAIL_FROM is 'nobody'"),
        ({"EAVES_MAIL_PASSWORD_FILE": "/nowhere"}, "EAVES_MAIL_PASSWORD_FILE /nowhere"),
        ({"EAVES_NOTIFY_NETWORKS": "10.0.0.0/33"}, "EAVES_NOTIFY_NETWORKS"),
    ],
)
def test_settings_that_cannot_be_used_name_their_variable(
    changed: dict[str, str], why: str
) -> None:
    given = {"EAVES_MAIL_URL": "smtp://host", "EAVES_MAIL_FROM": "eaves@example.org"}
    with pytest.raises(ValueError, match=why) as caught:
        read_notify_settings(given | changed)
    assert "secret" not in str(caught.value)
