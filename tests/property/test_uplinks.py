"""Any sequence of configurations and faults: a node never cuts itself off for good.

The host is simulated: entries work or not, the controller answers or not, links come and go, time
passes, the process dies.  What is asked for is carried out at once, and nothing is asked for twice.
"""

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from support.ports import T0, at, entry

from eaves.node.uplinks.entries import last_resort
from eaves.node.uplinks.ledger import EPOCH, Ledger, compress, decode, encode, enter
from eaves.node.uplinks.model import Entry
from eaves.node.uplinks.verify import (
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

EXAMPLES = int(os.environ.get("EAVES_UPLINK_SEQUENCES", "80"))
NAMES = [f"eth{n}" for n in range(6)]
RULES = Rules()
HEALED_WITHIN = 3600.0  # s, once no new fault happens
ALL_GOOD = "eth0"  # an entry with this port works whenever its cable is in


@dataclass
class Host:
    """What is outside: cables by port, the controller, and what was set up."""

    cables: set[str] = field(default_factory=lambda: set(NAMES))
    good: set[str] = field(default_factory=lambda: {ALL_GOOD})  # ports that lead anywhere
    controller: str = "up"  # or "down", "refuses"
    applied: Entry | None = None

    def outcome(self) -> Outcome:
        labels = {p.label for p in self.applied.ports} if self.applied else set[str]()
        reached = labels & self.cables & self.good
        if not reached:
            return Fails("nothing answers", had_address=bool(labels & self.cables))
        match self.controller:
            case "up":
                return Works()
            case "refuses":
                return RemoteTrouble("HTTP 503")
            case _:
                return Fails("no answer within 15 s", had_address=True)

    def facts(self) -> Facts:
        labels = {p.label for p in self.applied.ports} if self.applied else set[str]()
        unplugged = bool(labels) and not labels & self.cables
        return Facts(frozenset({Reason.ADDRESS} if unplugged else set[Reason]()))


class Uplinks(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.host = Host()
        self.now = 0.0
        self.state = State()
        self.fallback = False
        self.pending: int | None = None  # the test that is under way
        self.suspended = False

    # The node

    def tell(self, event: Event) -> tuple[Action, ...]:
        self.state, actions = step(self.state, event, self.host.facts(), RULES, at(self.now))
        for action in actions:
            match action:
                case Apply(one):
                    assert self.host.applied is None or not one.same_ports(self.host.applied)
                    self.host.applied = one
                case Check(number):
                    self.pending = number
        return actions

    def ledger(self) -> Ledger:
        return compress(self.state.ledger, self.state.current, fallback=self.fallback)

    @initialize()
    def a_first_configuration_works(self) -> None:
        self.tell(Listed(enter((), entry(ALL_GOOD))))
        self.finish()

    # What happens

    @rule(
        names=st.lists(st.sampled_from(NAMES), max_size=3, unique=True), step_s=st.integers(0, 90)
    )
    def a_controller_sends_ports(self, names: list[str], step_s: int) -> None:
        self.now += step_s
        one = replace(entry(*names), at=at(self.now))
        self.tell(Listed(compress(enter(self.ledger(), one), self.state.current, fallback=False)))

    @rule(on=st.booleans())
    def the_last_resort_is_wanted(self, *, on: bool) -> None:
        self.fallback = on
        ledger = enter(self.ledger(), last_resort(NAMES, (), EPOCH)) if on else self.ledger()
        self.tell(Listed(compress(ledger, self.state.current, fallback=on)))

    @rule(name=st.sampled_from(NAMES), there=st.booleans())
    def a_cable_moves(self, name: str, *, there: bool) -> None:
        (self.host.cables.add if there else self.host.cables.discard)(name)
        self.tell(Changed())

    @rule(name=st.sampled_from(NAMES[1:]), leads=st.booleans())
    def a_network_changes(self, name: str, *, leads: bool) -> None:
        (self.host.good.add if leads else self.host.good.discard)(name)

    @rule(how=st.sampled_from(["up", "down", "refuses"]))
    def the_controller_changes(self, how: str) -> None:
        self.host.controller = how

    @rule(seconds=st.integers(1, 2000))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.tell(Tick())

    @precondition(lambda self: self.pending is not None)
    @rule()
    def a_test_ends(self) -> None:
        self.finish()

    @rule(on=st.booleans())
    def radio_silence(self, *, on: bool) -> None:
        self.suspended = on
        self.tell(Suspended(on))

    @rule()
    def the_process_dies(self) -> None:
        """What is set up stays set up; what is known comes back from the disk."""
        data = encode(self.state.ledger, self.state.current, {})
        ledger, in_force, _ = decode(data)
        self.pending = None
        before, self.state = self.host.applied, State(preferred=in_force)
        self.host.applied = None  # the first Apply may be what is there: it changes nothing then
        if not ledger:
            self.host.applied = before
        self.tell(Listed(ledger))
        if self.suspended:
            self.tell(Suspended(on=True))

    @rule()
    def the_same_again(self) -> None:
        """The same intention: nothing is done."""
        if self.state.ledger and self.state.phase is not Phase.TESTING:
            index = self.state.index
            before = self.state
            newest = self.state.ledger[0].entry
            ledger = compress(
                enter(self.state.ledger, replace(newest, at=newest.at + timedelta(seconds=1))),
                self.state.current,
                fallback=self.fallback,
            )
            if [k.entry.ports for k in ledger] == [k.entry.ports for k in before.ledger]:
                assert self.tell(Listed(ledger)) == ()
                assert self.state.index == index

    def finish(self) -> None:
        number, self.pending = self.pending, None
        if number is not None:
            self.tell(Checked(number, self.host.outcome()))

    # What always holds

    @invariant()
    def something_is_in_force(self) -> None:
        if self.state.ledger:
            assert self.state.current is not None
            assert self.host.applied is not None
            assert self.host.applied.same_ports(self.state.current)

    @invariant()
    def somebody_will_wake_it(self) -> None:
        if self.state.ledger and not self.state.suspended:
            assert self.state.wake is not None

    def teardown(self) -> None:
        """All faults end: the node finds its way back by itself, within an hour."""
        if not self.state.ledger:
            return
        self.host.cables = set(NAMES)
        self.host.controller = "up"
        self.tell(Suspended(on=False))
        self.tell(Changed())
        until = self.now + HEALED_WITHIN
        while not self.reached() and self.now < until:
            self.once()
        assert self.reached() or not self.has_a_way(), (
            f"cut off with {[k.entry.source for k in self.state.ledger]}"
        )
        self.at_rest()

    def once(self) -> None:
        if self.pending is not None:
            self.finish()
            return
        wake = self.state.wake
        assert wake is not None
        self.now = max(self.now + 0.1, (wake - T0).total_seconds())
        self.tell(Tick())

    def reached(self) -> bool:
        return (
            self.pending is None
            and self.state.phase is Phase.IDLE
            and isinstance(self.host.outcome(), Works)
        )

    def has_a_way(self) -> bool:
        """Is anything listed that leads to the controller now?"""
        return any(
            {p.label for p in k.entry.ports} & self.host.good
            for k in self.state.ledger
            if k.entry.usable
        )

    def at_rest(self) -> None:
        """Nothing fails any more: the first entry that works is in force, and stays."""
        for _ in range(200):
            self.once()
        applied = self.host.applied
        for _ in range(50):
            self.once()
        if self.state.index == 0:
            assert self.host.applied == applied or self.host.applied is applied


TestUplinks = Uplinks.TestCase
TestUplinks.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
