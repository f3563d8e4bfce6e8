"""A node on a simulated host: engine, checkpoint and choice of ports are the real ones.

A configuration reaches it only over a port that leads to the controller, so a node that cut itself
off hears nothing more.  Time passes when it is told to; a process ends at any moment.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.ports import at
from support.simulated_host import Life, PowerCut, SimulatedHost, parts_of
from support.virtual_time import VirtualLoop

from eaves.evapi.config import (
    CipherBlock,
    EdgeDevConfig,
    EncryptionBlock,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.node.checkpoint import Checkpoint
from eaves.node.network.items import Tracking
from eaves.node.network.refusals import Facts
from eaves.node.refs import Port
from eaves.node.runtime.engine import Engine, Surroundings
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.ledger import Ledger, compress, decode, encode, enter
from eaves.node.uplinks.model import Entry
from eaves.node.uplinks.verify import (
    Apply,
    Changed,
    Check,
    Checked,
    Event,
    Fails,
    Listed,
    Outcome,
    Phase,
    Reason,
    RemoteTrouble,
    Rules,
    State,
    Tick,
    Works,
    step,
)
from eaves.node.uplinks.verify import Facts as PortFacts
from eaves.reconcile.item import Graph

TABLE = "eaves-simulated"
CONFIG, PORTS = "config", "port-configurations"
RULES = Rules()
STOP_APPS_S = 300.0
NAMES = tuple(f"eth{n}" for n in range(4))


@dataclass
class Outside:
    """Cables, the networks behind them, and the controller with what it wants."""

    cables: set[str] = field(default_factory=lambda: set(NAMES))
    good: set[str] = field(default_factory=lambda: {NAMES[0]})  # ports that lead to the controller
    controller: str = "up"  # or "down", "refuses"
    wanted: EdgeDevConfig = field(default_factory=EdgeDevConfig)
    applied: Entry | None = None

    def labels(self) -> set[str]:
        return {p.label for p in self.applied.ports} if self.applied else set[str]()

    def reached(self) -> bool:
        return self.controller == "up" and bool(self.labels() & self.cables & self.good)

    def outcome(self) -> Outcome:
        labels = self.labels()
        if not labels & self.cables & self.good:
            return Fails("nothing answers", had_address=bool(labels & self.cables))
        match self.controller:
            case "up":
                return Works()
            case "refuses":
                return RemoteTrouble("HTTP 503")
            case _:
                return Fails("no answer within 15 s", had_address=True)

    def facts(self) -> PortFacts:
        labels = self.labels()
        unplugged = bool(labels) and not labels & self.cables
        return PortFacts(frozenset({Reason.ADDRESS} if unplugged else set[Reason]()))

    def ports(self) -> tuple[Port, ...]:
        """As the engine sees them: an address only with a cable and a network behind it."""
        return tuple(
            Port(
                name,
                name,
                up=name in self.cables,
                mac=f"02:00:00:00:00:0{name[-1]}",
                mtu=1500,
                addresses=(f"198.51.{name[-1]}.7/24",) if self._has_address(name) else (),
                gateways=(f"198.51.{name[-1]}.1",) if self._has_address(name) else (),
                dns_servers=(),
                management=name in self.labels(),
                labels=frozenset({"all", "uplink", "freeuplink"}),
                managed=True,
            )
            for name in NAMES
        )

    def _has_address(self, name: str) -> bool:
        return name in self.labels() & self.cables & self.good


class Uplinks:
    """The choice of ports of one process; what it asks for is done at once."""

    def __init__(
        self, outside: Outside, checkpoint: Checkpoint, now_s: Callable[[], float]
    ) -> None:
        self._outside = outside
        self._checkpoint = checkpoint
        self._now_s = now_s
        self._testing: int | None = None
        self._kept: tuple[Ledger, Entry | None] = ((), None)
        stored = next(iter(checkpoint.documents(PORTS)), b"")
        ledger, in_force, _ = decode(stored) if stored else ((), None, {})
        self.state = State(preferred=in_force)
        if ledger:
            self.tell(Listed(ledger))

    def tell(self, event: Event) -> None:
        outside = self._outside
        self.state, actions = step(self.state, event, outside.facts(), RULES, at(self._now_s()))
        for action in actions:
            match action:
                case Apply(entry):
                    outside.applied = entry
                case Check(number):
                    self._testing = number
        kept = (self.state.ledger, self.state.current)
        if kept != self._kept:
            self._kept = kept
            self._checkpoint.save(PORTS, encode(*kept, {}))

    def follow(self, config: EdgeDevConfig) -> None:
        entry = replace(controller_entry(config, at(self._now_s())), at=at(self._now_s()))
        if entry.ports:
            self.tell(Listed(self._listed(enter(self.state.ledger, entry))))

    def _listed(self, ledger: Ledger) -> Ledger:
        return compress(ledger, self.state.current, fallback=False)

    @property
    def at_rest(self) -> bool:
        """The first entry is in force, and nothing but the usual test of it is under way."""
        return self.state.index == 0 and self.state.phase in (Phase.IDLE, Phase.CHECKING)

    def turn(self) -> None:
        """Time has passed: a test ends, or the next one is due."""
        if self._testing is not None:
            number, self._testing = self._testing, None
            self.tell(Checked(number, self._outside.outcome()))
        else:
            self.tell(Tick())


class SimulatedCheckpoint(Checkpoint):
    """The process may end before and after each write; a write is whole or not there."""

    def __init__(self, folder: Path, moment: Callable[[], None]) -> None:
        self._moment = moment
        super().__init__(folder)

    def save(self, name: str, data: bytes) -> None:
        self._moment()
        super().save(name, data)
        self._moment()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._moment()
        with super()._transaction():
            yield
        self._moment()


def open_secret(block: CipherBlock) -> EncryptionBlock:
    raise NotImplementedError  # no app here has secrets


class Process:
    """One life of the node's process on the host."""

    def __init__(
        self, folder: Path, host: SimulatedHost, outside: Outside, loop: VirtualLoop
    ) -> None:
        self.loop = loop
        self.host = host
        self.outside = outside
        self.life = host.life = Life(self)
        self.heard: EdgeDevConfig | None = None
        self.checkpoint = SimulatedCheckpoint(folder, lambda: host.moment(self.life))
        self._task: asyncio.Task[None] | None = None
        self.engine = Engine(
            self.checkpoint,
            parts_of(host, self.life),
            Surroundings(self._ports, open_secret, TABLE, lambda: Facts(Tracking.BRIDGE)),
            lambda: at(loop.time()),
            lambda: None,
        )

    async def _ports(self, _config: EdgeDevConfig) -> tuple[Port, ...]:
        return self.outside.ports()

    @property
    def intended(self) -> Graph:
        return self.engine.reconciler.intended

    # Its life

    def start(self) -> None:
        """As the service does: see what is there, follow what was saved, then live."""
        self.uplinks = Uplinks(self.outside, self.checkpoint, self.loop.time)
        self.loop.run_until_complete(self._begin())
        self._task = self.loop.create_task(self.engine.run_forever())
        self.loop.settle()

    async def _begin(self) -> None:
        await self.engine.observe_all()
        saved = next(iter(self.checkpoint.documents(CONFIG)), b"")
        if saved:
            self.heard = decode_edge_dev_config(saved)
            self.uplinks.follow(self.heard)
            await self.engine.follow(self.heard)

    def poll(self) -> None:
        """A configuration is kept before it is followed."""
        wanted = self.outside.wanted
        if wanted == self.heard or not self.outside.reached():
            return
        self.heard = wanted
        self.checkpoint.save(CONFIG, encode_edge_dev_config(wanted))
        self.uplinks.follow(wanted)
        self.loop.run_until_complete(self.engine.follow(wanted))
        self.loop.settle()

    def again(self) -> None:
        """The same configuration once more."""
        assert self.heard is not None
        self.uplinks.follow(self.heard)
        self.loop.run_until_complete(self.engine.follow(self.heard))
        self.loop.settle()

    def pass_by(self, seconds: float) -> None:
        self.loop.pass_by(seconds)
        if self.life.over:
            raise PowerCut
        self.uplinks.turn()
        self.poll()

    def cable_moved(self) -> None:
        self.uplinks.tell(Changed())

    def end(self) -> None:
        """Whatever it still does reaches nothing."""
        self.life.over = True
        if self._task is not None:
            self._task.cancel()
            self.loop.settle()
            self._task = None
        self.checkpoint.close()

    def stop_in_order(self) -> None:
        """As for a reboot command."""
        stopping = self.loop.create_task(self.engine.stop_everything(STOP_APPS_S))
        step_s = 0.1
        while not stopping.done():
            step_s *= 3.0
            self.loop.pass_by(step_s)
            if self.life.over:
                stopping.cancel()
                self.loop.settle()
                raise PowerCut
