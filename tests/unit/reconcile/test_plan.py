"""The planner and the runner behind it, on items that a table can hold."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.errors import Rejected, Transient
from eaves.reconcile.apply import Configurator, ProgressSink, Reconciler, backoff
from eaves.reconcile.graph import DuplicateItem, graph_of, needs_first
from eaves.reconcile.item import Fault, Graph, ItemRef, Observation
from eaves.reconcile.plan import Create, Delete, Modify, plan
from eaves.reconcile.report import ItemState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    colour: str = "red"
    shape: str = "round"  # a change of shape replaces, a change of colour does not
    users_of: frozenset[str] = frozenset()
    made_at: int = field(default=0, compare=False)  # seen, never intended

    @property
    def ref(self) -> ItemRef:
        return ItemRef("thing", self.name)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset(ItemRef("thing", n) for n in self.users_of)

    def replaces(self, running: "Thing") -> bool:
        return self.shape != running.shape


@dataclass(frozen=True, slots=True)
class Begun(Thing):
    """As it is found after its making failed half way."""

    @property
    def whole(self) -> bool:
        return False


def graph(*things: Thing) -> dict[ItemRef, Thing]:
    return {t.ref: t for t in things}


@dataclass
class World:
    """Where things really are; breaks on demand, and refuses what the order forbids."""

    things: dict[ItemRef, Thing] = field(default_factory=dict)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def create(self, item: Thing, progress: ProgressSink) -> None:
        self._maybe_fail(item)
        assert item.ref not in self.things
        assert item.needs() <= set(self.things), f"{item.ref} made before its needs"
        self.things[item.ref] = item
        self.done.append(f"+{item.name}")

    async def modify(self, running: Thing, item: Thing, progress: ProgressSink) -> None:
        self._maybe_fail(item)
        assert self.things[item.ref] == running
        self.things[item.ref] = item
        self.done.append(f"~{item.name}")

    async def delete(self, item: Thing, progress: ProgressSink) -> None:
        users = [t.name for t in self.things.values() if item.ref in t.needs()]
        assert not users, f"{item.ref} removed under {users}"
        del self.things[item.ref]
        self.done.append(f"-{item.name}")

    def retry_delay(self, item: Thing, attempts: int) -> timedelta:
        return backoff(attempts)

    def _maybe_fail(self, item: Thing) -> None:
        if self.failures.get(item.name):
            raise self.failures[item.name].pop(0)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def engine(world: World, clock: Clock | None = None) -> Reconciler:
    configurators: Mapping[str, Configurator] = {"thing": world}
    return Reconciler(configurators, clock or Clock())


def observe(world: World) -> Observation:
    return Observation(dict(world.things), {})


ROWS: dict[str, tuple[Graph, Graph, list[str]]] = {
    "nothing wanted, nothing there": ({}, {}, []),
    "a new thing": (graph(Thing("a")), {}, ["Create a"]),
    "the same thing again": (graph(Thing("a")), graph(Thing("a")), []),
    "another colour": (graph(Thing("a", "blue")), graph(Thing("a")), ["Modify a"]),
    "another shape takes the old one down first": (
        graph(Thing("a", shape="flat")),
        graph(Thing("a")),
        ["Delete a"],
    ),
    "a user goes before what it needs": (
        {},
        graph(Thing("a"), Thing("b", users_of=frozenset("a"))),
        ["Delete b"],
    ),
    "a user waits for what it needs": (
        graph(Thing("a"), Thing("b", users_of=frozenset("a"))),
        {},
        ["Create a"],
    ),
    "replacing a thing takes its users down first": (
        graph(Thing("a", shape="flat"), Thing("b", users_of=frozenset("a"))),
        graph(Thing("a"), Thing("b", users_of=frozenset("a"))),
        ["Delete b"],
    ),
    "a user of a thing changed in place stays": (
        graph(Thing("a", "blue"), Thing("b", users_of=frozenset("a"))),
        graph(Thing("a"), Thing("b", users_of=frozenset("a"))),
        ["Modify a"],
    ),
    "nothing new is made on what is about to change": (
        graph(Thing("a", "blue"), Thing("b", users_of=frozenset("a"))),
        graph(Thing("a")),
        ["Modify a"],
    ),
    "nor on what waits for such a thing to change itself": (
        graph(
            Thing("a", "blue"),
            Thing("b", "blue", users_of=frozenset("a")),
            Thing("c", users_of=frozenset("b")),
        ),
        graph(Thing("a"), Thing("b", users_of=frozenset("a"))),
        ["Modify a"],
    ),
}


def test_nothing_is_made_on_what_was_only_begun() -> None:
    """Also while that is held for a later try."""
    vif, app = Thing("vif"), Thing("app", users_of=frozenset({"vif"}))
    failed = {vif.ref: Fault("no address", NOW, retry_at=NOW + timedelta(minutes=1))}
    there = graph(Begun("vif"))
    held = plan(graph(vif, app), there, failed, frozenset(), NOW)
    assert (held.steps, held.waiting) == ((), {app.ref: frozenset({vif.ref})})
    tried = plan(graph(vif, app), there, failed, frozenset(), NOW + timedelta(minutes=1))
    assert tried.steps == (Modify(there[vif.ref], vif),)
    made = plan(graph(vif, app), graph(vif), {}, frozenset(), NOW)
    assert made.steps == (Create(app),)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_plan_starts_what_may_start_now(row: tuple[Graph, Graph, list[str]]) -> None:
    intended, current, expected = row
    todo = plan(intended, current, {}, set(), NOW)
    assert [f"{type(s).__name__} {s.ref.name}" for s in todo.steps] == expected


def test_a_failed_step_is_held_until_its_time() -> None:
    thing = Thing("a")
    fault = Fault("no luck", NOW, retry_at=NOW + timedelta(seconds=5))
    early = plan(graph(thing), {}, {thing.ref: fault}, set(), NOW)
    assert early.steps == ()
    assert early.next_retry == NOW + timedelta(seconds=5)
    late = plan(graph(thing), {}, {thing.ref: fault}, set(), NOW + timedelta(seconds=5))
    assert late.steps == (Create(thing),)


def test_a_change_that_failed_holds_up_nobody() -> None:
    """What runs, runs as it was; others use it as it is until its time comes."""
    running, changed, user = Thing("a"), Thing("a", "blue"), Thing("b", users_of=frozenset("a"))
    fault = Fault("no luck", NOW, retry_at=NOW + timedelta(seconds=5))
    todo = plan(graph(changed, user), graph(running), {running.ref: fault}, set(), NOW)
    assert todo.steps == (Create(user),)


def test_two_different_items_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateItem, match="thing a"):
        graph_of([Thing("a")], [Thing("a", "blue")])


THINGS = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from(["red", "blue"]), st.sampled_from(["round", "flat"])
    ),
    max_size=7,
    unique_by=lambda t: t[0],
)


def _build(rows: list[tuple[int, str, str]], edges: set[tuple[int, int]]) -> dict[ItemRef, Thing]:
    names = {n for n, _, _ in rows}
    return graph(
        *(
            Thing(str(n), c, s, frozenset(str(m) for m in names if m < n and (n, m) in edges))
            for n, c, s in rows
        )
    )


EDGES = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(THINGS, THINGS, EDGES, EDGES)
async def test_any_world_arrives_at_any_intention_in_a_legal_order(
    first: list[tuple[int, str, str]],
    then: list[tuple[int, str, str]],
    edges: set[tuple[int, int]],
    more_edges: set[tuple[int, int]],
) -> None:
    world = World()
    runner = engine(world)
    for rows, links in ((first, edges), (then, more_edges)):
        wanted = _build(rows, links)
        runner.intend(wanted)
        await runner.settle()
        # needs are compared by replaces(): an edge alone changes in place
        assert world.things == wanted


@given(THINGS, EDGES, st.integers(0, 8))
async def test_a_run_cut_after_any_step_is_finished_by_the_next(
    rows: list[tuple[int, str, str]], edges: set[tuple[int, int]], cut: int
) -> None:
    wanted = _build(rows, edges)
    world = World()
    for step in list(needs_first(wanted))[:cut]:
        world.things[step] = wanted[step]
    runner = engine(world)
    runner.observed(frozenset({"thing"}), observe(world))
    runner.intend(wanted)
    await runner.settle()
    assert world.things == wanted
    assert runner.steps_run == max(0, len(wanted) - cut)


async def test_the_same_intention_again_runs_no_step() -> None:
    world = World()
    runner = engine(world)
    wanted = graph(Thing("a"), Thing("b", users_of=frozenset("a")))
    runner.intend(wanted)
    await runner.settle()
    before = runner.steps_run
    runner.observed(frozenset({"thing"}), observe(world))
    runner.intend(dict(wanted))
    await runner.settle()
    assert runner.steps_run == before


async def test_what_is_seen_and_not_intended_is_known() -> None:
    world = World()
    runner = engine(world)
    thing = Thing("a")
    runner.intend(graph(thing))
    await runner.settle()
    steps = runner.steps_run
    world.things[thing.ref] = replace(thing, made_at=5)
    runner.observed(frozenset({"thing"}), observe(world))
    await runner.settle()
    (known,) = runner.current.values()
    assert isinstance(known, Thing)
    assert (known.made_at, runner.steps_run) == (5, steps)


async def test_what_vanished_is_made_again() -> None:
    world = World()
    runner = engine(world)
    runner.intend(graph(Thing("a")))
    await runner.settle()
    world.things.clear()
    runner.observed(frozenset({"thing"}), observe(world))
    await runner.settle()
    assert set(world.things) == {Thing("a").ref}


async def test_a_failure_keeps_its_reason_and_is_tried_again_when_due() -> None:
    clock = Clock()
    world = World(failures={"a": [Transient("the disk is asleep")]})
    runner = engine(world, clock)
    runner.intend(graph(Thing("a"), Thing("b", users_of=frozenset("a"))))
    seen = await runner.settle()
    assert seen.items[Thing("a").ref].state is ItemState.FAILED
    chain = seen.why(Thing("b").ref)
    assert [c.text for c in chain] == ["thing b waits for thing a", "the disk is asleep"]
    clock.now += timedelta(seconds=2)
    assert (await runner.settle()).unmet() == ()


@pytest.mark.parametrize(("seen", "unmet"), [("red", []), ("blue", ["a"])])
async def test_what_is_seen_as_intended_failed_no_longer(seen: str, unmet: list[str]) -> None:
    """No step would ever be run for it, so none could say that it is well."""
    world = World(failures={"a": [Transient("what it needs is gone")]})
    runner = engine(world)
    runner.intend(graph(Thing("a")))
    await runner.settle()
    runner.observed(frozenset({"thing"}), Observation(graph(Thing("a", seen)), {}))
    assert [status.ref.name for status in runner.report().unmet()] == unmet


async def test_a_changed_intention_forgets_the_old_failure() -> None:
    world = World(failures={"a": [Rejected("wrong colour")]})
    runner = engine(world)
    runner.intend(graph(Thing("a")))
    assert (await runner.settle()).items[Thing("a").ref].state is ItemState.FAILED
    runner.intend(graph(Thing("a", "blue")))
    assert (await runner.settle()).unmet() == ()


async def test_what_ended_before_there_was_a_wish_is_told_and_waits_for_its_time() -> None:
    """A node that was down while an app ended looks before it knows its configuration."""
    clock, gone = Clock(), Thing("a", shape="ended")
    world = World(things=graph(gone))
    runner = engine(world, clock)
    ended = Fault("exited with 7", NOW, retry_at=NOW + timedelta(minutes=10))
    runner.observed(frozenset({"thing"}), Observation(graph(gone), {gone.ref: ended}))
    runner.intend(graph(Thing("a")))
    seen = await runner.settle()
    assert [c.text for c in seen.why(gone.ref)] == ["exited with 7"]
    assert world.done == []
    clock.now += timedelta(minutes=10)
    assert (await runner.settle()).unmet() == ()
    assert world.done == ["-a", "+a"]


async def test_another_wish_does_not_wait_for_what_ended() -> None:
    gone = Thing("a", shape="ended")
    world = World(things=graph(gone))
    runner = engine(world)
    ended = Fault("exited with 7", NOW, retry_at=NOW + timedelta(minutes=10))
    runner.observed(frozenset({"thing"}), Observation(graph(gone), {gone.ref: ended}))
    runner.intend(graph(Thing("a")))
    runner.intend(graph(Thing("a", "blue")))
    assert (await runner.settle()).unmet() == ()


async def test_a_configurator_that_cannot_be_asked_fails_one_step_and_no_other() -> None:
    class Broken(World):
        def retry_delay(self, item: Thing, attempts: int) -> timedelta:
            raise ZeroDivisionError

    class Stray(Thing):
        @property
        def ref(self) -> ItemRef:
            return ItemRef("nobody's", self.name)

    world = Broken(failures={"a": [OSError("broken")]})
    runner = engine(world)
    runner.intend(graph(Thing("a"), Thing("b"), Stray("c")))
    async with asyncio.timeout(10):
        report = await runner.settle()
    assert world.done == ["+b"]
    assert {s.ref.name for s in report.unmet()} == {"a", "c"}


def test_steps_are_values_that_can_be_printed() -> None:
    assert "blue" in repr(Modify(Thing("a"), Thing("a", "blue")))
    assert Delete(Thing("a")).ref == ItemRef("thing", "a")
