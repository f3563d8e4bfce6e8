"""A whole fleet running in this process, and its figures."""

import asyncio
import gc
import resource
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import msgspec
import structlog

from eaves.errors import Transient
from eaves.evapi.flows.steps import Clock
from eaves.evapi.flows.trust import Failed, fetch_trust
from eaves.fleet.apps import STEP_S
from eaves.fleet.claimant import Claimant
from eaves.fleet.device import SoftDevice
from eaves.fleet.faults import Faults
from eaves.fleet.figures import Figures
from eaves.fleet.identities import KeptDevice, KeptFleet, identity_of, known_of, onboarding_of
from eaves.fleet.life import Life
from eaves.fleet.messages import Templates
from eaves.fleet.run import drive, line_to, looked_up
from eaves.fleet.summary import Told, held_mb, used_cpu_s
from eaves.fleet.wire import Line
from eaves.fleet.world import LOG_INTERVAL_S, Profile, World

log = structlog.get_logger()

JOINS_PER_S = 50.0  # a controller bounds the registrations of one address
START_SPREAD_S = 60.0
# of garbage in circles, which only failures leave: after so many objects, and of older ones rarely
_SEARCHES = (200_000, 20, 100)


Ledger = Mapping[str, Mapping[str, int]]
"""What each device got acknowledged, by its identifier: numbers by kind."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a fleet runs.

    `spread_s`: over how long devices that are known begin; `settle_s`: how long latencies do not
    count; `hurry`: intervals are divided by it.
    """

    profile: Profile = Profile.EVE
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    spread_s: float = START_SPREAD_S
    settle_s: float = 0.0
    joins_per_s: float = JOINS_PER_S
    app_step_s: float = STEP_S
    log_interval_s: float = LOG_INTERVAL_S
    hurry: float = 1.0


class Crew(msgspec.Struct, kw_only=True):
    """The devices that one process runs; `numbers` are their places in a whole fleet of `total`."""

    fleet: KeptFleet
    numbers: list[int]
    total: int
    duplicates: list[KeptDevice] = []  # claim serials of some, with keys of their own

    def __repr__(self) -> str:
        return f"Crew({len(self.numbers)} of {self.total} devices)"


class Park:
    """Call `prepare`, then `run_forever`."""

    def __init__(self, crew: Crew, course: Course, clock: Clock) -> None:
        self.fleet, self.course = crew.fleet, course
        self._crew, self._clock = crew, clock
        self.figures = Figures(time.monotonic(), course.settle_s)
        self._cpu_s = used_cpu_s()
        self.lives: list[Life] = []
        self._claimants: list[tuple[Claimant, float]] = []
        self._begins: list[float] = []  # of the lives: seconds after the begin of all

    async def prepare(self) -> None:
        """Read every key, so that no device waits for the others to be made.

        Raises OSError when the server's name has no address, and CertificateError when the
        certificates kept of the controller are not valid any more.
        """
        line = await looked_up(line_to(self.fleet.server, self.fleet.root_pem))
        course = self.course
        world = World(
            line=line,
            profile=course.profile,
            figures=self.figures,
            templates=Templates(Random(course.seed), self._clock()),  # noqa: S311 - no secret
            clock=self._clock,
            seconds=time.monotonic,
            app_step_s=course.app_step_s,
            log_interval_s=course.log_interval_s,
            fault_period_s=course.faults.period_s,
            hurry=course.hurry,
        )
        if not self.fleet.trust and any(kept.device_id for kept in self.fleet.devices):
            self.fleet.trust = await self._listed(line)
        joining = await self._make_lives(world)
        onboarding = onboarding_of(self.fleet)
        for kept in self._crew.duplicates:
            random = Random(f"{course.seed}/duplicate/{kept.serial}")  # noqa: S311 - no secret
            device = SoftDevice(identity_of(kept), onboarding, self._clock, random.random)
            after_s = joining / course.joins_per_s + 5.0  # the rightful one comes first
            self._claimants.append((Claimant(device, world), after_s))
        # a search for garbage among all that lives as long as the run would stop every device
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_SEARCHES)

    async def _make_lives(self, world: World) -> int:
        """How many of them join."""
        course, joining = self.course, 0
        known, onboarding = known_of(self.fleet, self._clock), onboarding_of(self.fleet)
        faults = course.faults.of_each(self._crew.total, course.seed)
        for number, kept in zip(self._crew.numbers, self.fleet.devices, strict=True):
            random = Random(f"{course.seed}/{number}")  # noqa: S311 - the same again, no secret
            device = SoftDevice(identity_of(kept), onboarding, self._clock, random.random)
            standing = known.standing(kept)
            if standing is None:
                kept.device_id, kept.restarts = "", 0
                self._begins.append(joining / course.joins_per_s)
                joining += 1
            else:
                device.resume(standing)
                self._begins.append(random.uniform(0, course.spread_s))
            self.lives.append(Life(number, device, kept, faults[number], world, random))
            if len(self.lives) % 100 == 0:
                await asyncio.sleep(0)  # Ctrl-C is heard
        return joining

    async def run_forever(self, began_s: float) -> None:
        """Until cancelled.  `began_s`: of `time.monotonic`, where the figures begin."""
        self.figures.begun, self._cpu_s = began_s, used_cpu_s()
        async with asyncio.TaskGroup() as tasks:
            for life, after_s in zip(self.lives, self._begins, strict=True):
                tasks.create_task(_guarded(life, after_s, self.figures), name=life.kept.serial)
            for claimant, after_s in self._claimants:
                tasks.create_task(_guarded(claimant, after_s, self.figures), name="claimant")

    async def _listed(self, line: Line) -> bytes:
        """Certificates of the controller, for devices that are known without them."""
        fetched = await drive(fetch_trust(self.fleet.root_pem, self._clock), line)
        if isinstance(fetched, Failed):
            raise Transient(f"{self.fleet.server} does not tell its certificates: {fetched.reason}")
        return fetched.listed

    def remember(self) -> KeptFleet:
        """The fleet with what it learnt; what to keep for another run."""
        for life in self.lives:
            if not self.fleet.trust and life.kept.device_id:
                self.fleet.trust = life.device.standing.trust.listed
        return self.fleet

    def ledger(self) -> Ledger:
        return {life.kept.device_id: dict(life.outbox.acknowledged) for life in self.lives}

    def told(self, since_s: int = 0) -> Told:
        """Where it stands; without the seconds before `since_s`."""
        states = Counter(a.state.name for life in self.lives for a in life.apps.values())
        return Told(
            figures=self.figures.part(since_s),
            online=sum(bool(life.kept.device_id) and life.online for life in self.lives),
            app_states=dict(states),
            cpu_s=used_cpu_s() - self._cpu_s,
            rss_mb=held_mb(),
        )


async def _guarded(one: Life | Claimant, after_s: float, figures: Figures) -> None:
    try:
        await one.live_forever(after_s)
    except Exception as error:
        # the other devices go on; the run counts as failed
        log.exception("simulated_device_failed", after_s=after_s)
        figures.causes[f"the simulator itself: {type(error).__name__}"] += 1


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest there is."""
    try:
        import uvloop  # noqa: PLC0415 - faster, and not there on every system
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def raise_file_limit(devices: int) -> None:
    """Room for a connection of each device.  Raises OSError when the system allows too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = devices + 512
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    if hard < wanted:
        raise OSError(
            f"{devices} devices need {wanted} open files and this system allows {hard};"
            " raise the limit (`ulimit -Hn`) or run fewer devices"
        )
