"""What starts next in a roll-out: whatever happens, the rules of waves, budget and window hold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.rollouts import (
    HELD,
    MOVES,
    Count,
    Decision,
    Due,
    Finished,
    Move,
    Phase,
    Plan,
    Standing,
    Start,
    Stop,
    Take,
    Wait,
    Waiting,
    Wave,
    Window,
    decide,
    open_wave,
    take_turns,
    wave_of,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
AT_ONCE = 3


@dataclass
class Fleet:
    """Objects of a roll-out as a driver would keep them."""

    plan: Plan
    wave: list[int]
    group: list[str]
    zone: list[str]
    standing: list[Standing] = field(init=False)
    accepted: int = 0

    def __post_init__(self) -> None:
        self.standing = [Standing.WAITING] * len(self.wave)

    def counts(self) -> list[Count]:
        found: list[Count] = []
        for number in range(len(self.plan.waves)):
            by = Counter(s for s, w in zip(self.standing, self.wave, strict=True) if w == number)
            found.append(
                Count(
                    by[Standing.WAITING],
                    by[Standing.STARTED],
                    by[Standing.SUCCEEDED],
                    by[Standing.FAILED],
                )
            )
        return found

    def busy(self) -> Counter[str]:
        return Counter(
            g for g, s in zip(self.group, self.standing, strict=True) if s is Standing.STARTED
        )

    def waiting(self, wave: int) -> Counter[tuple[str, str]]:
        return Counter(
            (self.group[n], self.zone[n])
            for n, s in enumerate(self.standing)
            if s is Standing.WAITING and self.wave[n] == wave
        )

    def decide(self, local: Mapping[str, datetime]) -> Decision:
        wave = open_wave(self.plan, self.counts(), self.accepted)
        pools = self.waiting(wave) if isinstance(wave, int) else Counter[tuple[str, str]]()
        return decide(
            self.plan,
            self.counts(),
            [Waiting(g, z, local[z], count) for (g, z), count in sorted(pools.items())],
            self.busy(),
            accepted=self.accepted,
            at_once=AT_ONCE,
        )

    def start(self, wave: int, take: Take) -> None:
        for n, standing in enumerate(self.standing):
            there = (self.wave[n], self.group[n], self.zone[n]) == (wave, take.group, take.zone)
            if there and standing is Standing.WAITING and take.count:
                self.standing[n] = Standing.STARTED
                take = Take(take.group, take.zone, take.count - 1)
        assert not take.count, "there were as many"


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    waves = draw(st.integers(1, 4))
    size = draw(st.integers(0, 25))
    plan = Plan(
        tuple(Wave() for _ in range(waves)),
        threshold_percent=draw(st.sampled_from([0.0, 50.0, 90.0, 100.0])),
        budget=draw(st.sampled_from([None, 1, 2, 5])),
        window=draw(st.sampled_from([None, Window(time(8), time(18))])),
    )
    return Fleet(
        plan,
        draw(st.lists(st.integers(0, waves - 1), min_size=size, max_size=size)),
        draw(st.lists(st.sampled_from("ab"), min_size=size, max_size=size)),
        draw(st.lists(st.sampled_from("yz"), min_size=size, max_size=size)),
    )


@given(fleets(), st.integers(0, 1 << 32))
def test_no_start_breaks_a_rule_and_every_roll_out_ends(fleet: Fleet, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - to be the same again, not to be secret
    for _ in range(400):
        local = {zone: NOON + timedelta(hours=10 if chance.random() < 0.3 else 0) for zone in "yz"}
        match fleet.decide(local):
            case Start(wave, takes, _):
                check_start(fleet, wave, takes, local)
                for take in takes:
                    fleet.start(wave, take)
            case Wait(_, reasons):
                assert reasons, "who waits is told why"
                check_wait(fleet, local)
            case Stop(wave, reasons):
                assert reasons
                assert fleet.counts()[wave].lost(fleet.plan.threshold_percent)
                fleet.accepted = wave + 1  # somebody resumes
            case Finished():
                assert not {Standing.WAITING, Standing.STARTED} & {*fleet.standing}
                return
        for n, standing in enumerate(fleet.standing):
            if standing is Standing.STARTED and chance.random() < 0.5:
                well = chance.random() < 0.8
                fleet.standing[n] = Standing.SUCCEEDED if well else Standing.FAILED
    raise AssertionError("it never ended")


def check_start(
    fleet: Fleet, wave: int, takes: tuple[Take, ...], local: Mapping[str, datetime]
) -> None:
    plan, there = fleet.plan, fleet.waiting(wave)
    assert len({(take.group, take.zone) for take in takes}) == len(takes)
    assert 0 < sum(take.count for take in takes) <= AT_ONCE
    assert all(0 < take.count <= there[take.group, take.zone] for take in takes)
    assert plan.window is None or all(plan.window.holds(local[take.zone]) for take in takes)
    if plan.budget is not None:
        after = fleet.busy()
        for take in takes:
            after[take.group] += take.count
        assert max(after.values()) <= plan.budget
    for number, count in enumerate(fleet.counts()[:wave]):
        assert count.settled, "a wave opens when the one before is settled"
        assert number < fleet.accepted or not count.lost(plan.threshold_percent)


def check_wait(fleet: Fleet, local: Mapping[str, datetime]) -> None:
    """Nothing waits that may start, whoever stands in front of it."""
    plan, busy = fleet.plan, fleet.busy()
    wave = open_wave(plan, fleet.counts(), fleet.accepted)
    assert isinstance(wave, int)
    for group, zone in fleet.waiting(wave):
        opened = plan.window is None or plan.window.holds(local[zone])
        assert not opened or (plan.budget is not None and busy[group] >= plan.budget)


def test_reasons_count_all_that_wait_and_name_one_of_them() -> None:
    plan = Plan((Wave(),), budget=1, window=Window(time(8), time(18)))
    night = NOON + timedelta(hours=10)
    waiting = [
        Waiting("a", "far", night, 4000, "x1"),
        Waiting("a", "near", NOON, 3, "x2"),
        Waiting("b", "far", night, 1, "x3"),
        Waiting("c", "near", NOON, 2, "x4"),
    ]
    decision = decide(plan, [Count(waiting=4006)], waiting, {"a": 1}, at_once=20)
    assert isinstance(decision, Start)
    assert decision.takes == (Take("c", "near", 1),)
    told = [one.told({"x1": "edge-1", "x2": "edge-2", "x4": "edge-4"}) for one in decision.reasons]
    closed = "window closed: it is open 08:00 to 18:00, and there it is MON 22:00"
    assert told == [
        f"edge-1 and 4,000 more: {closed}",
        "edge-2 and 2 more: budget of group 'a' used up, 1 may be under way at once",
        "1: budget of group 'c' used up, 1 may be under way at once",
    ]


def test_nobody_s_roll_outs_stand_in_the_way_of_another_s() -> None:
    many = [Due("big", f"b{n:03}", NOON + timedelta(seconds=n)) for n in range(250)]
    late = Due("small", "s", NOON + timedelta(days=1))
    looked_at: dict[str, datetime] = {}
    for tick in range(6):
        now = NOON + timedelta(days=2, seconds=tick)
        due = [replace(one, looked_at=looked_at.get(one.id)) for one in (*many, late)]
        turns = take_turns(due, 50)
        assert len(turns) == 50
        assert late.id in [one.id for one in turns], "each time"
        looked_at |= {one.id: now for one in turns}
    assert set(looked_at) == {one.id for one in (*many, late)}, "everybody was looked at"


def test_what_was_aborted_never_runs_again() -> None:
    reached = {Phase.ABORTED}
    for _ in Phase:
        reached |= {to for (phase, _), to in MOVES.items() if phase in reached}
        reached |= {to for phase, to in HELD.items() if phase in reached}
    assert reached == {Phase.ABORTED, Phase.UNDOING, Phase.UNDO_HELD}
    assert MOVES[Phase.UNDO_HELD, Move.UNDO] is Phase.UNDOING


@given(
    st.lists(
        st.tuples(st.uuids().map(str), st.dictionaries(st.just("tier"), st.sampled_from("ab"))),
        max_size=60,
        unique_by=lambda one: one[0],
    ),
    st.integers(1, 100),
)
def test_every_object_is_in_one_wave_the_same_at_each_time(
    objects: list[tuple[str, dict[str, str]]], share: int
) -> None:
    plan = Plan((Wave({"tier": "a"}), Wave(share_percent=share), Wave()))
    waves = wave_of(plan, "r", objects)
    assert waves == wave_of(plan, "r", objects[::-1])
    assert set(waves) == {one for one, _ in objects}
    assert all((waves[one] == 0) == (tags.get("tier") == "a") for one, tags in objects)
    second = sum(wave == 1 for wave in waves.values())
    others = sum(tags.get("tier") != "a" for _, tags in objects)
    assert second == min(others, -(-len(objects) * share // 100))


@given(st.integers(0, 7 * 24 * 60 - 1), st.times(), st.times(), st.sets(st.integers(0, 6)))
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opened(
    minute: int, opens: time, closes: time, days: set[int]
) -> None:
    local = NOON + timedelta(minutes=minute)
    window = Window(opens, closes, frozenset(days))
    if not window.holds(local):
        return
    opened = local if opens <= closes or local.time() >= opens else local - timedelta(days=1)
    assert not days or opened.weekday() in days
    assert local.time() >= opens or local.time() < closes
