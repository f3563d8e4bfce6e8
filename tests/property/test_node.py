"""Any sequence of configurations, faults and power cuts: a node always comes round.

Engine, planner, checkpoint and choice of ports are the real ones; the host is simulated.  However a
sequence went, once nothing new goes wrong the node reaches its controller, makes exactly what is
wanted, and then leaves it alone.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from support.ports import at
from support.simulated_configs import APPS, NETWORKS, PORTS, AppWish, Wish, device
from support.simulated_host import STORED, WORKLOADS, PowerCut, SimulatedHost
from support.simulated_node import NAMES, Outside, Process
from support.virtual_time import VirtualLoop

from eaves.evapi.config import decode_edge_dev_config
from eaves.node import refs
from eaves.node.network.items import KINDS as NETWORK

SEQUENCES = int(os.environ.get("EAVES_NODE_SEQUENCES", "2000"))
SEED = int(os.environ.get("EAVES_SEED", "2026"))  # `make test-system` takes another each time
SHRINKS = "EAVES_SHRINK" in os.environ  # takes minutes: only where somebody waits for it
STEPS = 10
KINDS = sorted(NETWORK | STORED | WORKLOADS)
LOOK_S = 2.5
LONGEST_LOOK_S = 700.0
STEADY_LOOKS = 1
LOOKS = 80  # until a node must have come round, once nothing new goes wrong

apps = st.sampled_from(APPS)


class Nodes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="eaves-node-", dir="/dev/shm"))
        self.loop = VirtualLoop()
        self.host = SimulatedHost(lambda: at(self.loop.time()))
        self.outside = Outside()
        self.wish = Wish(apps={0: AppWish()})
        self.process: Process | None = None
        self.send()
        self.start()

    # The machine

    def start(self) -> None:
        """Until a process lives: one may be cut while it starts.

        One that sees nothing at its start ends, and is started until it does.
        """
        self.host.blind = False
        while self.process is None:
            process = self.process = Process(self.folder, self.host, self.outside, self.loop)
            try:
                process.start()
                self.first_ports(process)
                process.poll()
            except PowerCut:
                self.die()

    def first_ports(self, process: Process) -> None:
        """A node comes with a port configuration that works where it is installed."""
        if not process.uplinks.state.ledger:
            process.uplinks.follow(device(Wish()))

    def die(self, *, power: bool = True) -> None:
        assert self.process is not None
        self.process.end()
        self.process = None
        if power:
            self.host.power_gone()
            self.outside.applied = None

    def send(self) -> None:
        self.outside.wanted = device(self.wish)

    def does(self, work: Callable[[Process], None]) -> None:
        """A node that is cut meanwhile starts again."""
        assert self.process is not None
        try:
            work(self.process)
        except PowerCut:
            self.die()
            self.start()

    def passes(self, seconds: float) -> None:
        self.does(lambda process: process.pass_by(seconds))

    # What a controller asks

    def wants(self, app: int, wish: AppWish) -> None:
        self.wish = replace(self.wish, apps={**self.wish.apps, app: wish})
        self.send()
        self.passes(LOOK_S)

    def app(self, app: int) -> AppWish:
        return self.wish.apps.get(app, AppWish())

    @rule(app=apps, networks=st.sets(st.sampled_from(NETWORKS), max_size=2), active=st.booleans())
    def an_app_is_there(self, app: int, networks: set[int], *, active: bool) -> None:
        self.wish = replace(self.wish, networks=self.wish.networks | networks)
        one = replace(self.app(app), networks=tuple(sorted(networks)), active=active)
        self.wants(app, one)

    @rule(app=apps)
    def an_app_is_gone(self, app: int) -> None:
        left = {n: one for n, one in self.wish.apps.items() if n != app}
        self.wish = replace(self.wish, apps=left)
        self.send()
        self.passes(LOOK_S)

    @rule(app=apps, memory_mib=st.sampled_from((128, 256)))
    def an_app_is_restarted(self, app: int, memory_mib: int) -> None:
        one = self.app(app)
        self.wants(app, replace(one, restarts=one.restarts + 1, memory_mib=memory_mib))

    @rule(app=apps)
    def an_app_is_purged(self, app: int) -> None:
        one = self.app(app)
        self.wants(app, replace(one, purges=one.purges + 1))

    @rule(app=apps, entries=st.integers(0, 3))
    def an_access_list_changes(self, app: int, entries: int) -> None:
        self.wants(app, replace(self.app(app), entries=entries))

    @rule(network=st.sampled_from(NETWORKS))
    def a_network_instance_is_gone(self, network: int) -> None:
        """Also one that an app still uses."""
        self.wish = replace(self.wish, networks=self.wish.networks - {network})
        self.send()
        self.passes(LOOK_S)

    @rule(ports=st.lists(st.sampled_from(PORTS), max_size=3, unique=True))
    def ports_are_configured(self, ports: list[str]) -> None:
        """Also such as lead nowhere."""
        self.wish = replace(self.wish, ports=tuple(ports))
        self.send()
        self.passes(LOOK_S)

    # What goes wrong

    @rule(kind=st.sampled_from(KINDS), fails=st.booleans())
    def the_host_fails(self, kind: str, *, fails: bool) -> None:
        (self.host.failing.add if fails else self.host.failing.discard)(kind)

    @rule(slow=st.booleans(), blind=st.booleans())
    def the_host_is_slow_or_blind(self, *, slow: bool, blind: bool) -> None:
        self.host.slow, self.host.blind = slow, blind

    @rule(number=st.integers(0, 63))
    def something_vanishes(self, number: int) -> None:
        there = [r for r in sorted(self.host.made) if r.kind not in STORED and self.host.alive(r)]
        if there:
            self.host.vanish(there[number % len(there)])
            self.passes(LOOK_S)

    @rule(name=st.sampled_from(NAMES), there=st.booleans())
    def a_cable_moves(self, name: str, *, there: bool) -> None:
        (self.outside.cables.add if there else self.outside.cables.discard)(name)
        self.does(Process.cable_moved)

    @rule(name=st.sampled_from(NAMES), leads=st.booleans())
    def a_network_changes(self, name: str, *, leads: bool) -> None:
        (self.outside.good.add if leads else self.outside.good.discard)(name)

    @rule(how=st.sampled_from(["up", "down", "refuses"]))
    def the_controller_changes(self, how: str) -> None:
        self.outside.controller = how

    @rule(seconds=st.sampled_from((0.3, 1.0, 2.5, 10.0, 60.0, 700.0)), times=st.integers(1, 3))
    def time_passes(self, seconds: float, times: int) -> None:
        for _ in range(times):
            self.passes(seconds)

    @rule(moments=st.integers(0, 60))
    def the_power_will_go(self, moments: int) -> None:
        """In the middle of what it does next."""
        self.host.cut_after = moments

    @rule(how=st.sampled_from(("killed", "power", "rebooted")))
    def the_process_ends(self, how: str) -> None:
        if how == "rebooted":
            self.does(Process.stop_in_order)
        self.die(power=how != "killed")
        self.start()

    # What always holds

    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        assert self.host.violations == []

    def teardown(self) -> None:
        try:
            self.comes_round()
        finally:
            if self.process is not None:
                self.process.end()
            self.loop.close()
            shutil.rmtree(self.folder)

    def comes_round(self) -> None:
        self.all_is_mended()
        look_s = LOOK_S
        steady = 0
        for _ in range(LOOKS):
            steady = steady + 1 if self.has_come_round() else 0
            if steady > STEADY_LOOKS:
                break
            self.passes(look_s)
            look_s = min(look_s * 1.5, LONGEST_LOOK_S)
        process = self.process
        assert process is not None
        assert process.heard == self.outside.wanted, "cut off for good"
        unmet = process.engine.reconciler.report()
        told = [f"{c.ref}: {c.text}" for s in unmet.unmet() for c in unmet.why(s.ref)]
        assert self.has_come_round(), told
        self.what_is_there_is_what_is_wanted(process)
        self.the_same_again_does_nothing(process)
        self.the_journal_is_consistent(process)
        self.nothing_forbidden_was_done()

    def all_is_mended(self) -> None:
        """And what is wanted last can be carried out."""
        self.host.failing.clear()
        self.host.slow = self.host.blind = False
        self.host.cut_after = None
        self.outside.cables, self.outside.good = set(NAMES), set(NAMES)
        self.outside.controller = "up"
        used = {n for one in self.wish.apps.values() for n in one.networks}
        self.wish = replace(self.wish, networks=self.wish.networks | used)
        self.send()

    def has_come_round(self) -> bool:
        process = self.process
        return (
            process is not None
            and process.heard == self.outside.wanted
            and process.engine.reconciler.plan().settled
            and not process.engine.reconciler.report().unmet()
            and not any(d.purging for d in process.engine.decided.values())
            and not self.host.ended
            and process.uplinks.at_rest
            and process.engine.ports == self.outside.ports()
        )

    def what_is_there_is_what_is_wanted(self, process: Process) -> None:
        wanted, made = process.intended, self.host.made
        differs = [str(r) for r in wanted.keys() | made.keys() if wanted.get(r) != made.get(r)]
        assert not differs
        assert not self.host.half
        running = {r for r in self.host.made if r.kind in WORKLOADS}
        active = {a for a in process.engine.wish.apps if a.activate} if process.engine.wish else ()
        assert {r.name for r in running} == {a.app for a in active}

    def the_same_again_does_nothing(self, process: Process) -> None:
        steps, applied = process.engine.reconciler.steps_run, self.outside.applied
        process.again()
        for _ in range(2):
            self.passes(LONGEST_LOOK_S)
        assert process is self.process
        assert process.engine.reconciler.steps_run == steps
        assert self.outside.applied is not None
        assert applied is not None
        assert self.outside.reached()

    def the_journal_is_consistent(self, process: Process) -> None:
        records = process.checkpoint.apps()
        wanted = {a.uuidandversion.uuid for a in self.outside.wanted.apps if a.uuidandversion}
        assert set(records) == wanted
        for app, record in records.items():
            held = decode_edge_dev_config(record.in_force)
            assert [a.uuidandversion.uuid for a in held.apps if a.uuidandversion] == [app]
            item = self.host.made.get(refs.container(app)) or self.host.made.get(refs.domain(app))
            assert item is None or getattr(item, "incarnation", None) == record.incarnation


@pytest.fixture
def quiet() -> Iterator[None]:
    """Thousands of nodes would fill the log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.timeout(max(600, SEQUENCES))
@pytest.mark.usefixtures("quiet")
def test_a_node_comes_round(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{SEQUENCES} sequences of a node: EAVES_SEED={SEED}\n")
    run_state_machine_as_test(
        seed(SEED)(Nodes),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=False,
            database=None,
            phases=[Phase.generate, Phase.shrink] if SHRINKS else [Phase.generate],
        ),
    )
