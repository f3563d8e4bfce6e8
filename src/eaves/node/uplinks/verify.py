"""Which entry is in force: tested before it is trusted, left when it fails, tried again.  Pure.

    idle --change, better one due--> testing --works--> idle
                                     |  ^ +--fails, a reason to wait--> waiting --+
                                     |  +------------- due, or a change ------------+
                                     +--fails--> the next entry, or parked

One function, `step`: state, event, what is seen and the time in; state and actions out.  It never
leaves a machine without an entry in force as long as there is one, and asks for nothing to be
applied that is in force already.  A first entry whose ports for management are all those of a
local profile server is tested, and not left: whoever set them up on the spot mends them there.
Source: node reference, sections 5.6 and 8.6.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from eaves.node.uplinks.ledger import Ledger
from eaves.node.uplinks.model import Entry, Kept, Marks, PortResult, Source, Standing

RECENT_S = 300.0  # an entry that failed so short a time ago is passed over
LONGEST_TEST_S = 300.0  # a test that did not end by then has failed
NOT_USABLE = (
    "no management port with an IP network is in this port configuration; mark an adapter as"
    " uplink and give it a network"
)


class Reason(StrEnum):
    """Why a failure may pass by itself, in the order in which it is told."""

    WORK = "work on a device is under way"
    DEVICE = "a device is still handed to an app"
    MODEM = "a modem is being set up"
    INTERFACE = "an interface is missing"
    ADDRESS = "a port has no address or no DNS server yet"


PATIENCE = {
    Reason.WORK: 2,
    Reason.DEVICE: 2,
    Reason.MODEM: 3,
    Reason.INTERFACE: 2,
    Reason.ADDRESS: 5,
}
"""In units of timer.port.testduration, from the start of the test of an entry."""

STANDINGS = {
    Reason.WORK: Standing.WAIT_WORK,
    Reason.DEVICE: Standing.WAIT_DEVICE,
    Reason.MODEM: Standing.WAIT_MODEM,
    Reason.INTERFACE: Standing.WAIT_INTERFACE,
    Reason.ADDRESS: Standing.WAIT_ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds, from the properties timer.port.*."""

    unit_s: float = 30.0  # testduration
    interval_s: float = 300.0  # testinterval
    better_s: float = 600.0  # testbetterinterval; 0: never


@dataclass(frozen=True, slots=True)
class Facts:
    """What is seen of the entry in force."""

    waits: frozenset[Reason] = frozenset()
    held: str = ""  # a port is in the hands of an app: the sentence that says which


# How a test ends


@dataclass(frozen=True, slots=True)
class Works:
    ports: tuple[tuple[str, PortResult], ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True)
class RemoteTrouble:
    """The network did its part; the controller did not."""

    warning: str
    ports: tuple[tuple[str, PortResult], ...] = ()


@dataclass(frozen=True, slots=True)
class Fails:
    error: str
    ports: tuple[tuple[str, PortResult], ...] = ()
    had_address: bool = False  # and a DNS server


Outcome = Works | RemoteTrouble | Fails


# Events and actions


@dataclass(frozen=True, slots=True)
class Listed:
    """The list is another one now."""

    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Changed:
    """A link, an address or a device is not what it was."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Checked:
    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Suspended:
    """Radio silence: nothing is judged."""

    on: bool


Event = Listed | Changed | Tick | Checked | Suspended


@dataclass(frozen=True, slots=True)
class Apply:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Check:
    """Test the entry in force and answer with `Checked` of this number."""

    __test__ = False  # for pytest: not a collection of tests

    number: int


Action = Apply | Check


class Phase(StrEnum):
    IDLE = "idle"
    TESTING = "testing"
    WAITING = "waiting"
    CHECKING = "checking"  # the periodic test: it only counts


@dataclass(frozen=True, slots=True)
class State:
    ledger: Ledger = ()
    current: Entry | None = None  # in force
    phase: Phase = Phase.IDLE
    begun: datetime | None = None  # of the test of the current entry
    due: datetime | None = None
    better: datetime | None = None  # when the first entry is tried again
    strikes: int = 0
    number: int = 0  # of the test that is under way
    preferred: Entry | None = None  # in force before the node was started
    again: bool = False  # something changed while a test was under way
    parked: bool = False  # nothing could be tested: this is the least evil
    suspended: bool = False

    @property
    def index(self) -> int:
        """Of the entry in force; -1: none is, or it is no longer listed."""
        return next((n for n, k in enumerate(self.ledger) if _is(k, self.current)), -1)

    @property
    def wake(self) -> datetime | None:
        """When a Tick is due."""
        return min((t for t in (self.due, self.better) if t is not None), default=None)


def _is(kept: Kept, entry: Entry | None) -> bool:
    return entry is not None and kept.entry.same_ports(entry)


Move = tuple[State, tuple[Action, ...]]


def step(state: State, event: Event, facts: Facts, rules: Rules, now: datetime) -> Move:
    """`facts` are those of the entry in force when the event happened."""
    match event:
        case Listed(ledger):
            return _listed(state, ledger, rules, now)
        case Suspended(on):
            return _suspended(state, rules, now, on=on)
        case Changed():
            return _changed(state, rules, now)
        case Tick():
            return _tick(state, facts, rules, now)
        case Checked(number, outcome):
            if number != state.number or state.phase not in (Phase.TESTING, Phase.CHECKING):
                return state, ()
            return _tested(state, outcome, facts, rules, now)


def _listed(state: State, ledger: Ledger, rules: Rules, now: datetime) -> Move:
    order = [k.entry for k in state.ledger]
    same = len(order) == len(ledger) and all(
        a.same_ports(k.entry) for a, k in zip(order, ledger, strict=True)
    )
    ledger = tuple(
        k if k.entry.usable or k.marks.error else replace(k, marks=Marks(error=NOT_USABLE))
        for k in ledger
    )
    listed = replace(state, ledger=ledger)
    kept = next((k for k in ledger if _is(k, state.current)), None)
    if kept is not None:
        listed = replace(listed, current=kept.entry)
    if same and state.current is not None:
        return listed, ()
    first_stays = bool(order and ledger) and order[0].same_ports(ledger[0].entry)
    if first_stays and kept is not None and not state.parked:
        return listed, ()  # only what stands below was cleared away
    if state.suspended and state.current is not None:
        return listed, ()
    start = next((n for n, k in enumerate(ledger) if _is(k, state.preferred)), 0)
    started = state.current is None and start and ledger[start].marks.works
    return _verify(replace(listed, preferred=None), start if started else 0, rules, now)


def _suspended(state: State, rules: Rules, now: datetime, *, on: bool) -> Move:
    if on == state.suspended:
        return state, ()
    if on:
        quiet = replace(
            state,
            suspended=True,
            phase=Phase.IDLE,
            due=None,
            better=None,
            number=state.number + 1,  # what is under way no longer counts
        )
        return quiet, ()
    return _verify(replace(state, suspended=False), 0, rules, now)


def _changed(state: State, rules: Rules, now: datetime) -> Move:
    if state.suspended or not state.ledger:
        return state, ()
    match state.phase:
        case Phase.TESTING | Phase.CHECKING:
            return replace(state, again=True), ()
        case Phase.WAITING:
            return _test(state, now)
        case Phase.IDLE:
            return _verify(state, 0, rules, now)


def _tick(state: State, facts: Facts, rules: Rules, now: datetime) -> Move:
    if state.suspended or not state.ledger:
        return state, ()
    if state.phase is Phase.IDLE and state.better is not None and state.better <= now:
        return _verify(replace(state, better=None), 0, rules, now)
    if state.due is None or state.due > now:
        return state, ()
    match state.phase:
        case Phase.TESTING | Phase.CHECKING:
            lost = Fails(f"the connectivity test did not end within {LONGEST_TEST_S:g} s")
            return _tested(state, lost, facts, rules, now)
        case Phase.WAITING:
            return _test(state, now)
        case Phase.IDLE if state.parked or state.current is None:
            return _verify(state, 0, rules, now)
        case Phase.IDLE:
            number = state.number + 1
            due = now + timedelta(seconds=LONGEST_TEST_S)
            return (
                replace(state, phase=Phase.CHECKING, number=number, due=due, again=False),
                (Check(number),),
            )


# Walking the list


def can_be_tested(kept: Kept, now: datetime) -> bool:
    """Has it a port that could reach the controller, and did it not fail just now?

    A failure of the future is one that a wrong clock dated: it is long ago.
    """
    if not kept.entry.usable:
        return False
    marks = kept.marks
    if marks.works or marks.failed is None or marks.failed > now:
        return True
    return now - marks.failed >= timedelta(seconds=RECENT_S)


def _verify(state: State, start: int, rules: Rules, now: datetime) -> Move:
    """Test the first entry from `start` on, round the list, that can be."""
    count = len(state.ledger)
    if not count:
        return state, ()
    if _is_never_left(state):
        return _begin(state, state.ledger[0].entry, now)
    floor = next(
        (n for n, k in enumerate(state.ledger) if k.entry.source is Source.MANUAL), count - 1
    )
    for offset in range(count):
        index = (start + offset) % count
        if index <= floor and can_be_tested(state.ledger[index], now):
            return _begin(state, state.ledger[index].entry, now)
    return _park(state, rules, now)


def _is_never_left(state: State) -> bool:
    """The first entry, by who made it."""
    return state.ledger[0].entry.on_the_spot


def _begin(state: State, entry: Entry, now: datetime) -> Move:
    applied = state.current is not None and entry.same_ports(state.current)
    first = entry.same_ports(state.ledger[0].entry)
    begun = replace(
        state,
        current=entry,
        begun=now,
        strikes=0,
        better=None if first else state.better,
        parked=False,
        phase=Phase.TESTING,
    )
    testing, actions = _test(begun, now)
    return testing, actions if applied else (Apply(entry), *actions)


def _test(state: State, now: datetime) -> Move:
    number = state.number + 1
    testing = replace(
        state,
        phase=Phase.TESTING,
        number=number,
        due=now + timedelta(seconds=LONGEST_TEST_S),
        again=False,
    )
    return testing, (Check(number),)


def _park(state: State, rules: Rules, now: datetime) -> Move:
    """Nothing can be tested now.  Some entry stays in force, and it is tried again in time.

    The one that worked last, before one that never did: a restart without a controller must not
    end on what a test has refused.
    """
    usable = [k for k in state.ledger if k.entry.usable]
    manual = next((k.entry for k in usable if k.entry.source is Source.MANUAL), None)
    worked = max(
        ((k.marks.succeeded, -n) for n, k in enumerate(usable) if k.marks.succeeded), default=None
    )
    last = usable[-worked[1]].entry if worked else None
    best = manual or last or next((k.entry for k in usable), None)
    entry = best or state.current or state.ledger[0].entry
    ripe = [
        k.marks.failed + timedelta(seconds=RECENT_S) for k in usable if k.marks.failed is not None
    ]
    later = now + timedelta(seconds=rules.interval_s)
    parked = replace(
        state,
        current=entry,
        phase=Phase.IDLE,
        due=max(now + timedelta(seconds=1), min((*ripe, later))),
        better=None,
        strikes=0,
        parked=True,
    )
    applied = state.current is not None and entry.same_ports(state.current)
    return parked, () if applied else (Apply(entry),)


# Ends of tests


def _tested(state: State, outcome: Outcome, facts: Facts, rules: Rules, now: datetime) -> Move:
    match outcome:
        case Works(ports, warning):
            good = Marks(Standing.SUCCESS, _failed_before(state, now), now, "", warning, ports)
            return _stays(_marked(state, good), rules, now)
        case RemoteTrouble(warning, ports):
            before = _failed_before(state, now)
            good = Marks(Standing.REMOTE_TROUBLE, before, now, "", warning, ports)
            return _stays(_marked(state, good), rules, now)
        case Fails():
            if state.phase is Phase.CHECKING:
                return _struck(state, outcome, rules, now)
            return _failed(state, outcome, facts, rules, now)


def _stays(state: State, rules: Rules, now: datetime) -> Move:
    """What is in force goes on, until the periodic test or the first entry is due."""
    index = state.index
    retry = rules.better_s > 0 and index > 0
    better = state.better or (now + timedelta(seconds=rules.better_s))
    idle = replace(
        state,
        phase=Phase.IDLE,
        due=now + timedelta(seconds=rules.interval_s),
        better=better if retry else None,
        strikes=0,
        parked=False,
    )
    return _changed(replace(idle, again=False), rules, now) if state.again else (idle, ())


def _struck(state: State, outcome: Fails, rules: Rules, now: datetime) -> Move:
    """The first failure of the periodic test is remembered, the second in a row acts."""
    if state.strikes or state.again:
        return _verify(replace(state, phase=Phase.IDLE, strikes=0, again=False), 0, rules, now)
    warned = replace(_marks(state), warning=outcome.error, ports=outcome.ports)
    once = replace(
        _marked(state, warned),
        phase=Phase.IDLE,
        strikes=1,
        due=now + timedelta(seconds=min(rules.unit_s, rules.interval_s)),
    )
    return once, ()


def _failed(state: State, outcome: Fails, facts: Facts, rules: Rules, now: datetime) -> Move:
    patient = now - (state.begun or now) < timedelta(seconds=max(PATIENCE.values()) * rules.unit_s)
    if state.again and patient:
        return _test(state, now)  # what it saw is not what is there now
    reason = None if facts.held else _reason_to_wait(state, facts, rules, now)
    before = _marks(state)
    if reason is not None:
        marks = replace(
            before,
            standing=STANDINGS[reason],
            warning=f"{outcome.error}; {reason}",
            ports=outcome.ports,
        )
        waiting = replace(
            _marked(state, marks),
            phase=Phase.WAITING,
            due=now + timedelta(seconds=rules.unit_s),
        )
        return waiting, ()
    standing = Standing.FAIL_WITH_ADDRESS if outcome.had_address else Standing.FAIL
    failed = Marks(standing, now, before.succeeded, facts.held or outcome.error, "", outcome.ports)
    marked = replace(_marked(state, failed), phase=Phase.IDLE)
    if marked.index == 0 and _is_never_left(marked):
        return _stays(marked, rules, now)
    return _verify(marked, _next_index(marked), rules, now)


def _reason_to_wait(state: State, facts: Facts, rules: Rules, now: datetime) -> Reason | None:
    waited = now - (state.begun or now)
    return next(
        (
            r
            for r in Reason
            if r in facts.waits and waited < timedelta(seconds=PATIENCE[r] * rules.unit_s)
        ),
        None,
    )


def _next_index(state: State) -> int:
    """Back to the top if that is untested or works; else the one below."""
    index = state.index
    top = state.ledger[0].marks if state.ledger else Marks()
    if index != 0 and (top.works or (top.failed is None and top.succeeded is None)):
        return 0
    return (index + 1) % max(1, len(state.ledger))


def _failed_before(state: State, now: datetime) -> datetime | None:
    """When it failed last; a success ends what a wrong clock dated later."""
    failed = _marks(state).failed
    return failed if failed is not None and failed < now else None


def _marks(state: State) -> Marks:
    return next((k.marks for k in state.ledger if _is(k, state.current)), Marks())


def _marked(state: State, marks: Marks) -> State:
    return replace(
        state,
        ledger=tuple(replace(k, marks=marks) if _is(k, state.current) else k for k in state.ledger),
    )
