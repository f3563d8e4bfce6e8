"""Each row of the verification: what is tested, waited for, left and tried again."""

from dataclasses import dataclass, field, replace

import pytest
from support.ports import adapter, at, config, entry, kept, network

from eaves.node.refs import ON_THE_SPOT
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.ledger import Ledger
from eaves.node.uplinks.model import Entry, Kept, Marks, Source, Standing
from eaves.node.uplinks.verify import (
    NOT_USABLE,
    Action,
    Apply,
    Changed,
    Check,
    Checked,
    Event,
    Facts,
    Fails,
    Listed,
    Outcome,
    Phase,
    Reason,
    RemoteTrouble,
    Rules,
    State,
    Suspended,
    Tick,
    Works,
    step,
)

FIRST, SECOND = entry("eth0"), entry("eth1")
FAILS = Fails("nothing answers", had_address=True)
WELL = Facts()


@dataclass
class Node:
    """A state, the time, and what was done."""

    state: State = field(default_factory=State)
    now: float = 0.0
    rules: Rules = field(default_factory=Rules)
    facts: Facts = WELL
    done: tuple[Action, ...] = ()

    def tell(self, event: Event) -> tuple[Action, ...]:
        self.state, self.done = step(self.state, event, self.facts, self.rules, at(self.now))
        return self.done

    def end(self, outcome: Outcome) -> tuple[Action, ...]:
        return self.tell(Checked(self.state.number, outcome))

    @property
    def phase(self) -> Phase:
        return self.state.phase

    def wait(self, seconds: float) -> tuple[Action, ...]:
        self.now += seconds
        return self.tell(Tick())

    @property
    def index(self) -> int:
        return self.state.index

    def marks(self, index: int) -> Marks:
        return self.state.ledger[index].marks


def node(*listed: Entry | Kept, rules: Rules | None = None) -> Node:
    made = Node(rules=rules or Rules())
    ledger: Ledger = tuple(k if isinstance(k, Kept) else Kept(k) for k in listed)
    made.tell(Listed(ledger))
    return made


def test_a_new_entry_is_applied_and_tested_before_it_is_trusted() -> None:
    one = node(FIRST)
    assert one.done == (Apply(FIRST), Check(1))
    assert not one.marks(0).ever_worked
    assert one.end(Works()) == ()
    assert one.marks(0).standing is Standing.SUCCESS
    assert one.phase is Phase.IDLE


def test_the_same_list_again_asks_for_nothing() -> None:
    one = node(FIRST)
    one.end(Works())
    later = replace(FIRST, at=at(60))
    assert one.tell(Listed((replace(one.state.ledger[0], entry=later),))) == ()
    assert one.state.current == later


def test_trouble_of_the_controller_is_no_failure_of_the_ports() -> None:
    one = node(FIRST, SECOND)
    assert one.end(RemoteTrouble("HTTP 503")) == ()
    assert one.index == 0
    assert one.marks(0).standing is Standing.REMOTE_TROUBLE
    assert one.marks(0).works
    for _ in range(20):  # an hour and more of it
        one.wait(300)
        one.end(RemoteTrouble("connection refused"))
    assert one.index == 0
    assert one.marks(0).failed is None


def test_a_failure_goes_on_to_the_next_entry_and_keeps_its_sentence() -> None:
    one = node(FIRST, kept(SECOND, worked=-100))
    assert one.end(FAILS) == (Apply(SECOND), Check(2))
    assert one.marks(0).error == "nothing answers"
    assert one.marks(0).standing is Standing.FAIL_WITH_ADDRESS
    assert one.marks(0).failed == at(0)


@pytest.mark.parametrize(
    ("reason", "units"),
    [
        (Reason.WORK, 2),
        (Reason.DEVICE, 2),
        (Reason.MODEM, 3),
        (Reason.INTERFACE, 2),
        (Reason.ADDRESS, 5),
    ],
)
def test_each_reason_is_waited_for_as_long_as_it_may_take(reason: Reason, units: int) -> None:
    one = node(FIRST, SECOND)
    one.facts = Facts(frozenset({reason}))
    for _ in range(units):
        assert one.end(FAILS) == ()
        assert one.phase is Phase.WAITING
        assert one.index == 0
        assert one.wait(30) == (Check(one.state.number),)
    assert one.end(FAILS)[0] == Apply(SECOND)
    assert one.now == 30 * units


def test_a_change_ends_the_wait_at_once() -> None:
    one = node(FIRST, SECOND)
    one.facts = Facts(frozenset({Reason.ADDRESS}))
    one.end(FAILS)
    assert one.tell(Changed()) == (Check(2),)


def test_a_port_in_the_hands_of_an_app_is_not_waited_for() -> None:
    one = node(FIRST, SECOND)
    one.facts = Facts(frozenset({Reason.ADDRESS}), held="eth0 is used by app shop")
    one.end(FAILS)
    assert one.marks(0).error == "eth0 is used by app shop"
    assert one.index == 1


def test_a_failed_entry_is_passed_over_for_five_minutes() -> None:
    one = node(FIRST, SECOND)
    one.end(FAILS)
    one.end(Works())
    one.now = 100
    assert one.tell(Changed()) == (Check(one.state.number),)  # the one in force, again
    assert one.index == 1
    one.end(Works())
    one.now = 301
    assert one.tell(Changed())[0] == Apply(FIRST)


def test_the_first_entry_is_tried_again_after_ten_minutes_and_left_again() -> None:
    one = node(FIRST, SECOND)
    one.end(FAILS)
    one.end(Works())
    assert one.state.better == at(600)
    one.wait(300)
    one.end(Works())  # the periodic test of the one in force
    one.now = 600
    assert one.tell(Tick())[0] == Apply(FIRST)
    assert one.end(FAILS) == (Apply(SECOND), Check(one.state.number))
    one.end(Works())
    assert one.state.better == at(1200)


def test_a_better_entry_is_never_tried_when_that_is_switched_off() -> None:
    one = node(FIRST, SECOND, rules=Rules(better_s=0))
    one.end(FAILS)
    one.end(Works())
    assert one.state.better is None


def test_the_first_failure_of_the_periodic_test_only_counts() -> None:
    one = node(FIRST, SECOND)
    one.end(Works())
    one.wait(300)
    assert one.phase == "checking"
    assert one.end(FAILS) == ()
    assert one.index == 0
    one.wait(30)
    assert one.end(FAILS) == (Check(one.state.number),)  # the whole verification begins
    assert one.phase == "testing"
    assert one.end(FAILS)[0] == Apply(SECOND)


def test_a_periodic_success_forgets_a_failure_before() -> None:
    one = node(FIRST, SECOND)
    one.end(Works())
    for _ in range(4):
        one.wait(300)
        one.end(FAILS)
        one.wait(30)
        one.end(Works())
    assert one.index == 0


def test_nothing_below_a_manual_entry_is_tried() -> None:
    manual = replace(entry("eth5"), source=Source.MANUAL)
    one = node(FIRST, manual, SECOND)
    one.end(FAILS)
    assert one.state.current == manual
    one.end(FAILS)
    assert one.state.current == manual
    assert one.state.parked


def test_when_all_fail_the_one_that_worked_last_stays_in_force() -> None:
    one = node(FIRST, kept(SECOND, worked=-50))
    one.end(FAILS)
    one.end(FAILS)
    assert one.state.current == SECOND
    assert one.state.parked
    assert one.state.wake is not None
    one.now = 301
    assert one.tell(Tick())[0] == Apply(FIRST)  # and all are tried again


def test_an_entry_without_ports_is_never_put_in_force_over_one_that_works() -> None:
    one = node(FIRST)
    one.end(Works())
    nothing = replace(entry(), at=at(10))
    one.tell(Listed((Kept(nothing), *one.state.ledger)))
    assert one.state.current == FIRST
    assert one.marks(0).error == NOT_USABLE


def test_a_lost_answer_of_a_test_is_a_failure_in_the_end() -> None:
    one = node(FIRST, SECOND)
    assert one.wait(299) == ()
    assert one.wait(2)[0] == Apply(SECOND)


def test_an_answer_to_an_older_test_is_not_heard() -> None:
    one = node(FIRST, SECOND)
    one.tell(Listed((Kept(SECOND), Kept(FIRST))))
    assert one.tell(Checked(1, FAILS)) == ()
    assert one.state.current == SECOND


def test_what_changed_under_a_test_is_tested_again_before_it_counts_as_failed() -> None:
    one = node(FIRST, SECOND)
    one.tell(Changed())
    assert one.end(FAILS) == (Check(2),)
    assert one.index == 0


def test_nothing_is_judged_in_radio_silence() -> None:
    one = node(FIRST, SECOND)
    number = one.state.number
    one.tell(Suspended(on=True))
    assert one.tell(Checked(number, FAILS)) == ()
    assert one.tell(Changed()) == ()
    assert one.wait(100_000) == ()
    assert one.index == 0
    assert one.tell(Suspended(on=False)) == (Check(one.state.number),)


def on_the_spot(*labels: str, beside: tuple[str, ...] = ()) -> Entry:
    """Ports as a local profile server wants them, beside others as the controller does."""
    nets = {label: f"{ON_THE_SPOT}{label}" for label in labels}
    adapters = [adapter(label, net=net) for label, net in nets.items()]
    networks = [network(), *(network(net) for net in nets.values())]
    others = [adapter(label) for label in beside]
    return controller_entry(config(*adapters, *others, networks=networks), at(0))


def test_ports_of_a_local_profile_server_that_fail_are_told_and_not_left() -> None:
    theirs = on_the_spot("eth0")
    one = node(theirs, kept(SECOND, worked=-100))
    assert one.done == (Apply(theirs), Check(1))
    assert one.end(FAILS) == ()
    for _ in range(10):  # most of an hour of it
        done = (*one.wait(300), *one.end(FAILS), *one.end(FAILS))
        assert done
        assert all(isinstance(action, Check) for action in done)
        assert one.marks(0).error == "nothing answers"
    one.wait(300)
    one.end(Works())
    assert one.marks(0).works
    assert one.index == 0


def test_ports_of_a_local_profile_server_are_tested_again_when_something_changes() -> None:
    one = node(on_the_spot("eth0"), kept(SECOND, worked=-100))
    one.end(FAILS)
    assert one.tell(Changed()) == (Check(one.state.number),)
    one.tell(Changed())
    assert one.end(FAILS) == (Check(one.state.number),)
    assert one.end(FAILS) == ()
    assert one.index == 0


def test_ports_of_a_local_profile_server_that_failed_just_now_are_in_force_after_a_restart() -> (
    None
):
    theirs = on_the_spot("eth0")
    one = Node(State(preferred=theirs))
    one.tell(Listed((kept(theirs, failed=-1), kept(SECOND, worked=-500))))
    assert one.done[0] == Apply(theirs)


def test_one_port_of_the_controller_among_them_and_the_list_is_walked_as_ever() -> None:
    one = node(on_the_spot("eth0", beside=("eth2",)), kept(SECOND, worked=-100))
    assert one.end(FAILS) == (Apply(SECOND), Check(2))


def test_ports_that_a_local_profile_server_gave_back_may_be_left() -> None:
    one = node(on_the_spot("eth0"), kept(SECOND, worked=-100))
    one.end(FAILS)
    assert one.tell(Listed((Kept(FIRST), *one.state.ledger[1:]))) == (Apply(FIRST), Check(2))
    assert one.end(FAILS) == (Apply(SECOND), Check(3))


def test_a_failure_dated_in_the_future_is_long_ago() -> None:
    one = node(kept(FIRST, failed=10**8), SECOND)
    assert one.state.current == FIRST


def test_after_a_restart_the_entry_that_was_in_force_is_the_first_to_be_tested() -> None:
    one = Node(State(preferred=SECOND))
    one.tell(Listed((kept(FIRST, failed=-1000), kept(SECOND, worked=-500))))
    assert one.done[0] == Apply(SECOND)
    one.end(Works())
    assert one.state.better == at(600)


def test_two_bad_entries_in_a_row_end_at_the_last_that_worked() -> None:
    good = entry("eth9")
    one = node(good)
    one.end(Works())
    for number, bad in enumerate((FIRST, SECOND)):
        one.now += 1000 + number
        one.tell(Listed((Kept(bad), *one.state.ledger)))
        while one.state.current != good:
            one.end(FAILS)
        one.end(Works())
    assert one.state.current == good
    assert one.marks(0).error
