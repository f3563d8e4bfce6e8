"""A whole fleet running in this process, and its figures."""

import asyncio
import gc
import resource
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import structlog

from eaves.errors import Transient
from eaves.evapi.flows.steps import Clock
from eaves.evapi.flows.trust import Failed, fetch_trust
from eaves.fleet.apps import STEP_S
from eaves.fleet.claimant import Claimant
from eaves.fleet.device import SoftDevice
from eaves.fleet.faults import Faults
from eaves.fleet.figures import Figures, Summary
from eaves.fleet.identities import KeptDevice, KeptFleet, identity_of, known_of, onboarding_of
from eaves.fleet.life import Life
from eaves.fleet.messages import Templates
from eaves.fleet.run import drive, line_to, looked_up
from eaves.fleet.wire import Line
from eaves.fleet.world import LOG_INTERVAL_S, Profile, World

log = structlog.get_logger()

JOINS_PER_S = 50.0  # a controller bounds the registrations of one address
START_SPREAD_S = 60.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a fleet runs.

    `spread_s`: over how long devices that are known begin; `hurry`: intervals are divided by it.
    """

    profile: Profile = Profile.EVE
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    spread_s: float = START_SPREAD_S
    joins_per_s: float = JOINS_PER_S
    app_step_s: float = STEP_S
    log_interval_s: float = LOG_INTERVAL_S
    hurry: float = 1.0


class Park:
    """Devices of `fleet`; `duplicates` claim serials of some of them with keys of their own."""

    def __init__(
        self, fleet: KeptFleet, duplicates: Sequence[KeptDevice], course: Course, clock: Clock
    ) -> None:
        self.fleet, self.course = fleet, course
        self._clock, self._duplicates = clock, duplicates
        self.figures = Figures(time.monotonic())
        self._began = clock()
        self._cpu_s = _cpu_s()
        self.lives: list[Life] = []

    async def run_forever(self) -> None:
        """Until cancelled.  Raises OSError when the server's name has no address, and
        CertificateError when the certificates kept of the controller are not valid any more.
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
        known, onboarding = known_of(self.fleet, self._clock), onboarding_of(self.fleet)
        faults = course.faults.of_each(len(self.fleet.devices), course.seed)
        joining = 0
        async with asyncio.TaskGroup() as tasks:
            for number, kept in enumerate(self.fleet.devices):
                random = Random(f"{course.seed}/{number}")  # noqa: S311 - the same again, no secret
                device = SoftDevice(identity_of(kept), onboarding, self._clock, random.random)
                standing = known.standing(kept)
                if standing is None:
                    kept.device_id, kept.restarts = "", 0
                    after_s = joining / course.joins_per_s
                    joining += 1
                else:
                    device.resume(standing)
                    after_s = random.uniform(0, course.spread_s)
                life = Life(number, device, kept, faults[number], world, random)
                self.lives.append(life)
                tasks.create_task(_guarded(life, after_s, self.figures), name=kept.serial)
                if number % 100 == 99:
                    await asyncio.sleep(0)  # reading keys takes a while; the first may begin
            # a search for garbage among all that lives as long as the run would stop every device
            gc.collect()
            gc.freeze()
            for number, kept in enumerate(self._duplicates):
                random = Random(f"{course.seed}/duplicate/{number}")  # noqa: S311 - no secret
                device = SoftDevice(identity_of(kept), onboarding, self._clock, random.random)
                after_s = joining / course.joins_per_s + 5.0  # the rightful one comes first
                claimant = Claimant(device, world)
                tasks.create_task(_guarded(claimant, after_s, self.figures), name=kept.serial)

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

    def ledger(self) -> dict[str, dict[str, int]]:
        """What each device got acknowledged, by its identifier."""
        return {life.kept.device_id: dict(life.outbox.acknowledged) for life in self.lives}

    def summary(self) -> Summary:
        now, figures = time.monotonic(), self.figures
        seconds = now - figures.begun
        every = figures.all_latencies()
        states = Counter(a.state.name for life in self.lives for a in life.apps.values())
        return Summary(
            profile=self.course.profile.value,
            devices=len(self.fleet.devices),
            online=sum(bool(life.kept.device_id) and life.online for life in self.lives),
            began=self._began,
            waiting=figures.waiting,
            seconds=round(seconds, 1),
            requests=figures.requests,
            requests_per_s=round(figures.requests / max(seconds, 1e-9), 1),
            errors=figures.errors,
            errors_by_cause=dict(figures.causes.most_common(20)),
            faults={str(f): n for f, n in sorted(figures.faults.items()) if n},
            expected_refusals=dict(figures.expected),
            p50_ms=round(1e3 * every.at(0.5), 2),
            p99_ms=round(1e3 * every.at(0.99), 2),
            endpoints=figures.endpoints(seconds),
            acknowledged={k: n for k, n in sorted(figures.acknowledged.items()) if n},
            config_age_p99_s=round(figures.config_ages.at(0.99), 3),
            app_states=dict(sorted(states.items())),
            generator_cpu_share=round((_cpu_s() - self._cpu_s) / max(seconds, 1e-9), 3),
            rss_mb=round(_rss_mb(), 1),
            timeline=figures.timeline(),
        )


async def _guarded(one: Life | Claimant, after_s: float, figures: Figures) -> None:
    try:
        await one.live_forever(after_s)
    except Exception as error:
        # the other devices go on; the run counts as failed
        log.exception("simulated_device_failed", after_s=after_s)
        figures.causes[f"the simulator itself: {type(error).__name__}"] += 1


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def utc_now() -> datetime:
    return datetime.now(UTC)


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
