"""The queue of flow messages: bounded, in order, and nothing is lost without being counted."""

from eaves.evapi.flowlog import DnsRequest, FlowMessage, FlowRecord
from eaves.evapi.flows.report import Delivered, Dropped, Kept
from eaves.node.network.flows import Tally
from eaves.node.runtime.flow_reports import MOST_QUEUED, FlowQueue, flow_metric


def message(name: str) -> FlowMessage:
    flows = (FlowRecord(acl_name=name), FlowRecord())
    return FlowMessage(dev_id=name, flows=flows, dns_reqs=(DnsRequest(),))


async def test_what_was_not_taken_is_sent_again_and_what_was_refused_is_not() -> None:
    queue = FlowQueue()
    queue.put([message("one"), message("two"), message("three")])
    assert (await queue.first()).dev_id == "one"
    assert not queue.settle(Kept("no connection", refused=False))
    assert (await queue.first()).dev_id == "one"
    assert queue.settle(Delivered())
    assert queue.settle(Dropped("malformed"))
    assert (await queue.first()).dev_id == "three"
    counts = queue.messages
    assert (counts.success, counts.drops, counts.failed_attempts) == (1, 1, 1)
    assert (queue.lost_flows, queue.lost_names) == (2, 1)


async def test_a_full_queue_keeps_what_it_has_and_counts_the_rest() -> None:
    queue = FlowQueue()
    queue.put([message(str(number)) for number in range(MOST_QUEUED + 3)])
    assert (await queue.first()).dev_id == "0"
    assert (queue.messages.drops, queue.lost_flows) == (3, 6)


def test_the_metric_tells_everything_that_is_in_no_record() -> None:
    queue = FlowQueue()
    queue.put([message(str(number)) for number in range(MOST_QUEUED + 1)])
    tally = Tally(recorded=500, not_recorded=3, not_shown=4, names=20, names_lost=1)
    told = flow_metric(tally, queue, skipped=5, overruns=1)
    assert told.flows is not None
    assert told.dns_requests is not None
    assert (told.flows.success, told.flows.drops) == (498, 15)
    assert (told.dns_requests.success, told.dns_requests.drops) == (19, 2)
