"""A fleet in this process, or dealt out to several."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from eaves.errors import Transient
from eaves.evapi.flows.steps import Clock
from eaves.fleet.crew import (
    Begin,
    Ended,
    Failed,
    Progress,
    Ready,
    Report,
    Task,
    framed,
    read_report,
)
from eaves.fleet.identities import KeptDevice, KeptFleet
from eaves.fleet.park import Course, Crew, Ledger, Park
from eaves.fleet.summary import Run, Summary, Told, summary_of

END_S = 30.0  # for a process to tell the last


class Running(Protocol):
    """A fleet that runs, wherever its devices are.  `begun` is set when they are prepared."""

    begun: asyncio.Event

    async def run_forever(self) -> None:
        """Until cancelled.  Raises EavesError and OSError when it cannot run."""
        ...

    def summary(self, *, timeline: bool = True) -> Summary: ...

    def remember(self) -> KeptFleet:
        """The fleet with what it learnt; what to keep for another run."""
        ...

    def ledger(self) -> Ledger: ...


def running_fleet(
    fleet: KeptFleet,
    duplicates: Sequence[KeptDevice],
    course: Course,
    clock: Clock,
    processes: int = 1,
) -> Running:
    """`duplicates` claim serials of some of the devices with keys of their own."""
    devices = len(fleet.devices)
    if processes == 1:
        crew = Crew(
            fleet=fleet,
            numbers=list(range(devices)),
            total=devices,
            duplicates=list(duplicates),
        )
        return _Here(Park(crew, course, clock), _Begin(course, devices, clock))
    course = replace(course, joins_per_s=course.joins_per_s / processes)
    crews = _dealt(fleet, duplicates, processes)
    return _Elsewhere(fleet, crews, course, _Begin(course, devices, clock))


def _dealt(fleet: KeptFleet, duplicates: Sequence[KeptDevice], processes: int) -> list[Crew]:
    """Each with every `processes`-th device, and the claimants of serials of its devices."""
    crews: list[Crew] = []
    for first in range(processes):
        devices = fleet.devices[first::processes]
        serials = {kept.serial for kept in devices}
        crews.append(
            Crew(
                fleet=msgspec.structs.replace(fleet, devices=devices),
                numbers=list(range(first, len(fleet.devices), processes)),
                total=len(fleet.devices),
                duplicates=[kept for kept in duplicates if kept.serial in serials],
            )
        )
    return crews


def _order(orders: asyncio.StreamWriter, order: Task | Begin) -> None:
    """To a process that died meanwhile, nothing: the end of what it reports tells that."""
    if not orders.is_closing():
        orders.write(framed(order))


class _Begin:
    """When the run begins; until then, when it was asked for."""

    def __init__(self, course: Course, devices: int, clock: Clock) -> None:
        self._profile, self._devices, self._clock = course.profile, devices, clock
        self.event = asyncio.Event()
        self.run = self._now()

    def set(self) -> None:
        self.run = self._now()
        self.event.set()

    def _now(self) -> Run:
        return Run(self._profile.value, self._devices, self._clock(), time.monotonic())


class _Here:
    def __init__(self, park: Park, begin: _Begin) -> None:
        self._park, self._begin, self.begun = park, begin, begin.event

    async def run_forever(self) -> None:
        await self._park.prepare()
        self._begin.set()
        await self._park.run_forever(self._begin.run.began_s)

    def summary(self, *, timeline: bool = True) -> Summary:
        told = (self._park.told(),)
        return summary_of(self._begin.run, told, time.monotonic(), timeline=timeline)

    def remember(self) -> KeptFleet:
        return self._park.remember()

    def ledger(self) -> Ledger:
        return self._park.ledger()


class _Elsewhere:
    """Processes of their own, told to end by the end of what they read."""

    def __init__(
        self, fleet: KeptFleet, crews: Sequence[Crew], course: Course, begin: _Begin
    ) -> None:
        self._fleet, self._crews, self._course = fleet, crews, course
        self._begin, self.begun = begin, begin.event
        self._ready = 0
        self._told: dict[int, Told] = {}
        self._ledger: dict[str, Mapping[str, int]] = {}
        self._orders: list[asyncio.StreamWriter] = []

    async def run_forever(self) -> None:
        running = [
            asyncio.create_task(self._run_crew(number), name=f"crew {number}")
            for number in range(len(self._crews))
        ]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for orders in self._orders:
                orders.close()
            _, late = await asyncio.wait(running, timeout=END_S)
            for one in late:
                one.cancel()
            failures = [e for e in await asyncio.gather(*running, return_exceptions=True) if e]
        raise failures[0]  # none ends by itself

    async def _run_crew(self, number: int) -> None:
        """Until it has told its last.  Raises Transient when it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "eaves.fleet.crew"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        orders, reports = process.stdin, process.stdout
        if orders is None or reports is None:
            raise RuntimeError("a process was started with pipes and has none")
        try:
            self._orders.append(orders)
            _order(orders, Task(self._crews[number], self._course))
            while self._take(number, await read_report(reports)):
                pass
        except asyncio.IncompleteReadError:
            raise Transient(
                f"process {number + 1} of {len(self._crews)} of the fleet ended early with status"
                f" {await process.wait()}; what it said is above"
            ) from None
        finally:
            orders.close()
            if process.returncode is None:
                await process.wait()  # without orders it ends

    def _take(self, number: int, report: Report) -> bool:
        """False: it was the last one."""
        match report:
            case Ready():
                self._ready += 1
                if self._ready == len(self._crews):
                    self._begin.set()
                    for one in self._orders:
                        _order(one, Begin(self._begin.run.began_s))
                return True
            case Progress(told=told):
                self._keep(number, told)
                return True
            case Ended():
                self._keep(number, report.told)
                self._fleet.trust = self._fleet.trust or report.trust
                self._ledger |= report.ledger
                crew = self._crews[number]
                for place, kept in zip(crew.numbers, report.devices, strict=True):
                    self._fleet.devices[place] = kept
                return False
            case Failed(why=why):
                raise Transient(why)

    def _keep(self, number: int, told: Told) -> None:
        """The last of it; its seconds beside those that were told before."""
        before = self._told.get(number)
        if before is not None:
            windows = {**before.figures.windows, **told.figures.windows}
            figures = msgspec.structs.replace(told.figures, windows=windows)
            told = msgspec.structs.replace(told, figures=figures)
        self._told[number] = told

    def summary(self, *, timeline: bool = True) -> Summary:
        return summary_of(self._begin.run, self._told.values(), time.monotonic(), timeline=timeline)

    def remember(self) -> KeptFleet:
        return self._fleet

    def ledger(self) -> Ledger:
        return self._ledger
