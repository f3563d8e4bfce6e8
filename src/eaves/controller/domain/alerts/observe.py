"""What a rule sees of a node: verdicts on what it told, and on its silence.

Reports of a node that is silent say nothing of now.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from eaves.controller.domain.alerts.moves import Seen, Verdict
from eaves.controller.domain.alerts.rules import SILENCE, Rule
from eaves.controller.domain.contract.alerts import AlertCondition
from eaves.controller.domain.status.liveness import Limits, in_words, is_stale, stale_text
from eaves.evapi.info.device import BootReason
from eaves.evapi.info.health import AppHealth, DeviceHealth

METRICS_LIVE: Final = timedelta(minutes=10)
"""Older metrics say nothing of now; devices send some every minute by default."""

EXPECTED_BOOTS: Final = frozenset(
    {
        BootReason.BOOT_REASON_UNSPECIFIED,
        BootReason.BOOT_REASON_FIRST,
        BootReason.BOOT_REASON_REBOOT_CMD,
        BootReason.BOOT_REASON_UPDATE,
        BootReason.BOOT_REASON_POWEROFF_CMD,
    }
)
FAILED: Final = "FAIL"  # in the word of an attestation
_TEXT: Final = 500  # characters of what a node tells


@dataclass(frozen=True, slots=True)
class Metered:
    """Percent in use; None: not known."""

    received_at: datetime
    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None
    disk_name: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """What is known of a device now.  `told_at`: when `health` came."""

    id: str
    name: str
    project_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    last_seen: datetime | None = None  # None: never heard of, or off-boarded
    health: DeviceHealth | None = None
    told_at: datetime | None = None
    apps: tuple[AppHealth, ...] = ()
    attested: str = ""
    attestation: str = ""
    attested_at: datetime | None = None
    metered: Metered | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What holds for all nodes of one look."""

    now: datetime
    limits: Limits
    listening_since: datetime  # silence counts from then on


ObjectId = str
IsOpen = Callable[[ObjectId], bool]


def observe(rule: Rule, node: Node, around: Around, is_open: IsOpen) -> Iterator[tuple[str, Seen]]:
    """Each object (the node by its id, or an app instance) that is not plainly in order.

    Whatever is not named is CLEAR.  `is_open`: whether an incident of the object is open.
    """
    if node.last_seen is None:
        return
    if rule.condition in SILENCE:
        yield from _silence(rule, node, node.last_seen, around)
        return
    if around.now - max(node.last_seen, around.listening_since) > around.limits.suspect:
        for object_id in (node.id, *(app.app_id for app in node.apps)):
            yield object_id, Seen(Verdict.UNKNOWN)
        return
    if rule.condition is AlertCondition.APP_ERROR:
        for app in node.apps:
            if app.errors:
                yield app.app_id, _met("; ".join(app.errors))
        return
    seen = _of_node(rule, node, around, is_open)
    if seen is not None:
        yield node.id, seen


def _silence(
    rule: Rule, node: Node, last_seen: datetime, around: Around
) -> Iterator[tuple[str, Seen]]:
    offline = rule.condition is AlertCondition.NODE_OFFLINE
    limit = around.limits.offline if offline else around.limits.suspect
    since = max(last_seen, around.listening_since) + limit
    if around.now > since:
        text = (
            f"not heard of since {last_seen.isoformat(timespec='seconds')}, for "
            f"{in_words(around.now - last_seen)}; check its power and network"
        )
        yield node.id, Seen(Verdict.MET, text, since)


def _of_node(rule: Rule, node: Node, around: Around, is_open: IsOpen) -> Seen | None:
    health = node.health
    match rule.condition:
        case AlertCondition.NODE_REBOOT:
            return _reboot(rule, node, around.now)
        case AlertCondition.NODE_ERROR:
            return _met("; ".join(health.errors)) if health and health.errors else None
        case AlertCondition.UPDATE_FAILED:
            return _met(health.failed_update) if health and health.failed_update else None
        case AlertCondition.ATTESTATION_FAILED:
            return _met(node.attestation) if FAILED in node.attested else None
        case AlertCondition.ATTESTATION_STALE:
            return _stale(node, around)
        case AlertCondition.CPU | AlertCondition.MEMORY | AlertCondition.DISK:
            return _metric(rule, node.metered, around.now, open_=is_open(node.id))
        case (
            AlertCondition.UNSPECIFIED
            | AlertCondition.APP_ERROR
            | AlertCondition.NODE_SUSPECT
            | AlertCondition.NODE_OFFLINE
        ):
            return None
        case _:
            assert_never(rule.condition)


def _stale(node: Node, around: Around) -> Seen | None:
    if node.attested_at is None or not is_stale(node.attested_at, around.now, around.limits):
        return None
    return _met(stale_text(node.attested_at, around.now))


def _reboot(rule: Rule, node: Node, now: datetime) -> Seen | None:
    """Its last start, where nobody asked for that and it was after the rule came into force."""
    health = node.health
    if health is None or node.told_at is None or health.boot_reason in EXPECTED_BOOTS:
        return None
    if health.up_s is None:
        return None
    started = node.told_at - timedelta(seconds=max(health.up_s, 0.0))
    if started < rule.since:
        return None
    text = f"started again without being asked to: {health.boot_text}"
    return Seen(Verdict.MET, text[:_TEXT], min(started, now), mark=str(health.boots))


def _metric(rule: Rule, metered: Metered | None, now: datetime, *, open_: bool) -> Seen | None:
    if metered is None or now - metered.received_at > METRICS_LIVE:
        return Seen(Verdict.UNKNOWN)
    value, what = {
        AlertCondition.CPU: (metered.cpu, "processor"),
        AlertCondition.MEMORY: (metered.memory, "memory"),
        AlertCondition.DISK: (metered.disk, f"disk {metered.disk_name}"),
    }[rule.condition]
    if value is None:
        return Seen(Verdict.UNKNOWN)
    # an open incident ends further down than it began: a value at the threshold does not flap
    limit = rule.clear_below if open_ else rule.threshold
    if value <= limit:
        return None
    text = f"{what} {value:.1f} % in use, more than {rule.threshold:g} %"
    return Seen(Verdict.MET, text, metered.received_at)


def _met(text: str) -> Seen:
    return Seen(Verdict.MET, text[:_TEXT])
