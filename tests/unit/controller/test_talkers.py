"""Flow records summed up: who talked most, and how much went where."""

from dataclasses import replace

import msgspec
import pytest

from eaves.controller.domain.talkers import (
    TALKERS,
    Asked,
    Classification,
    Level,
    Sums,
    Told,
    denial_key,
)
from eaves.controller.domain.why import Denied
from eaves.controller.northbound.denied import by_rule
from eaves.evapi.flow_records import ACCEPT, DROP, FlowRecord


def told(
    remote: str, *, sent: int = 10, inbound: bool = False, action: int = ACCEPT, host: str = ""
) -> Told:
    record = FlowRecord(
        *("10.0.0.2", 40_000 + sent, remote, 443, 6, inbound, 3, "web", action),
        *(1_000, 2_000, sent, 2, 5, 1, 1),
    )
    return Told("app-1", record, host)


FLOWS = (
    told("192.0.2.1", sent=100, host="example.org"),
    told("192.0.2.2", sent=150, host="example.org"),
    told("198.51.100.7", sent=200),
    told("203.0.113.9", sent=1, action=DROP),
    told("203.0.113.9", sent=2, inbound=True),
)


@pytest.mark.parametrize(
    ("by", "first", "sent"),
    [
        ("host", ("example.org",), 250),
        ("address", ("198.51.100.7",), 200),
        ("app", ("app-1",), 453),
        ("rule", (3, "web"), 453),
        ("port", (6, 443), 451),
        ("connection", ("10.0.0.2", 0, "198.51.100.7", 443, 6), 200),
    ],
)
def test_who_talked_most_comes_first(by: str, first: tuple[object, ...], sent: int) -> None:
    sums = Sums(TALKERS[by])
    for flow in FLOWS:
        sums.add(flow)
    key, found = sums.largest(lambda one: one.bytes)[0]
    assert (key, found.tx_bytes) == (first, sent)


def test_what_a_rule_denied_is_told_by_rule_with_whom_it_denied_most() -> None:
    sums = Sums(denial_key)
    for flow in (*FLOWS, replace(FLOWS[3], record=default_drop(FLOWS[3].record))):
        sums.add(flow)
    assert by_rule(sums) == (
        Denied(3, "web", 5, "example.org", 443),
        Denied(0, "", 1, "203.0.113.9", 443),
    )


def default_drop(record: FlowRecord) -> FlowRecord:
    return msgspec.structs.replace(record, acl_id=0, acl_name="")


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (Asked(), 5),
        (Asked(action=DROP), 1),
        (Asked(inbound=True), 1),
        (Asked(host="example.org"), 2),
        (Asked(remote_addr="203.0.113.9"), 2),
        (Asked(protocol=17), 0),
        (Asked(remote_port=443, acl_id=3), 5),
        (Asked(from_at=2_001), 0),
        (Asked(until_at=1_999), 0),
        (Asked(from_at=2_000, until_at=2_000), 5),
    ],
)
def test_only_flows_asked_for_count(asked: Asked, count: int) -> None:
    assert sum(asked.has(flow) for flow in FLOWS) == count


def test_each_level_leads_to_the_next() -> None:
    classes = Classification((Level.ACTION, Level.DIRECTION, Level.FQDN))
    for flow in FLOWS:
        classes.add(flow)
    edges = {
        (edge.level, edge.source, edge.destination): edge.sum.flows for edge in classes.edges()
    }
    accept, drop = "FLOW_LOG_ACTION_ACCEPT", "FLOW_LOG_ACTION_DROP"
    assert edges == {
        (0, accept, "outbound"): 3,
        (0, accept, "inbound"): 1,
        (0, drop, "outbound"): 1,
        (1, "outbound", "example.org"): 2,
        (1, "outbound", "198.51.100.7"): 1,
        (1, "outbound", "203.0.113.9"): 1,
        (1, "inbound", "203.0.113.9"): 1,
    }
