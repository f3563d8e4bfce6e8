"""What starts next in a roll-out: whatever happens, the rules of waves, budget and window hold."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.rollouts import (
    Candidate,
    Count,
    Decision,
    Finished,
    Plan,
    Standing,
    Start,
    Stop,
    Wait,
    Wave,
    Window,
    decide,
    open_wave,
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

    def decide(self, local: datetime) -> Decision:
        wave = open_wave(self.plan, self.counts(), self.accepted)
        candidates = [
            Candidate(str(n), f"object {n}", self.group[n], local)
            for n, s in enumerate(self.standing)
            if s is Standing.WAITING and self.wave[n] == wave
        ]
        return decide(
            self.plan,
            self.counts(),
            candidates,
            self.busy(),
            accepted=self.accepted,
            at_once=AT_ONCE,
        )


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
    )


@given(fleets(), st.integers(0, 1 << 32))
def test_no_start_breaks_a_rule_and_every_roll_out_ends(fleet: Fleet, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - to be the same again, not to be secret
    for _ in range(400):
        closed = chance.random() < 0.1
        local = NOON + timedelta(hours=10 if closed else 0)
        match fleet.decide(local):
            case Start(wave, ids, _):
                check_start(fleet, wave, ids, local)
                for one in ids:
                    fleet.standing[int(one)] = Standing.STARTED
            case Wait(_, reasons):
                assert reasons, "who waits is told why"
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


def check_start(fleet: Fleet, wave: int, ids: tuple[str, ...], local: datetime) -> None:
    plan = fleet.plan
    assert len(ids) == len(set(ids)) <= AT_ONCE
    assert all(fleet.wave[int(one)] == wave for one in ids)
    assert all(fleet.standing[int(one)] is Standing.WAITING for one in ids), "nothing starts twice"
    assert plan.window is None or plan.window.holds(local)
    if plan.budget is not None:
        after = fleet.busy() + Counter(fleet.group[int(one)] for one in ids)
        assert max(after.values()) <= plan.budget
    for number, count in enumerate(fleet.counts()[:wave]):
        assert count.settled, "a wave opens when the one before is settled"
        assert number < fleet.accepted or not count.lost(plan.threshold_percent)


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
