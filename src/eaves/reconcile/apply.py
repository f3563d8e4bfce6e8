"""Effects: run the planner's steps, each in its own task, until nothing more can be done.

Long work (a download) does not hold anything that does not need it.  Work on an item that is no
longer intended is cancelled before the item is taken down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

import structlog

from eaves.errors import EavesError, Rejected
from eaves.reconcile.item import Fault, Graph, Item, ItemRef, Observation, Progress
from eaves.reconcile.plan import Create, Delete, Modify, Plan, Step, plan
from eaves.reconcile.report import Report, report

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
ProgressSink = Callable[[Progress], None]
PLAN_AGAIN_S = 1.0  # after a plan that could not be made


class Configurator(Protocol):
    """Makes, changes and removes items of one kind.  Each call must bear being repeated."""

    async def create(self, item: Any, progress: ProgressSink, /) -> None: ...
    async def modify(self, running: Any, item: Any, progress: ProgressSink, /) -> None: ...
    async def delete(self, item: Any, progress: ProgressSink, /) -> None: ...
    def retry_delay(self, item: Any, attempts: int, /) -> timedelta:
        """How long to wait after the `attempts`-th failure in a row."""
        ...


def backoff(attempts: int, first_s: float = 1.0, most_s: float = 600.0) -> timedelta:
    """Doubling from `first_s`, capped at `most_s`."""
    return timedelta(seconds=min(most_s, first_s * 2.0 ** min(attempts - 1, 20)))


def _is_alike(there: Item | None, seen: Item) -> bool:
    """Also in what no plan compares: when a snapshot was taken is seen, not intended."""
    if there is seen:
        return True
    return there == seen and all(
        getattr(there, name) == getattr(seen, name) for name in _not_compared(type(seen))
    )


@cache
def _not_compared(kind: type) -> tuple[str, ...]:
    found = fields(kind) if is_dataclass(kind) else ()
    return tuple(one.name for one in found if not one.compare)


class Reconciler:
    """Keeps a current graph near the intended one.  One instance, one task: `run_forever`."""

    def __init__(
        self,
        configurators: Mapping[str, Configurator],
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._configurators = configurators
        self._clock = clock
        self._changed = changed  # told whenever the report may differ
        self._intended: dict[ItemRef, Item] = {}
        self._current: dict[ItemRef, Item] = {}
        self._faults: dict[ItemRef, Fault] = {}
        self._observed: set[ItemRef] = set()  # whose fault was seen, not met by a step of ours
        self._progress: dict[ItemRef, Progress] = {}
        self._tasks: dict[ItemRef, tuple[Step, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._watchers: list[asyncio.Future[None]] = []
        self.steps_run = 0  # steps started since the process began; tests hold it still

    def intend(self, graph: Graph) -> None:
        """Replace the intention.  A fault that belongs to another wish is forgotten.

        What ended by itself before there was any wish (the node was down) belongs to the first.
        """
        for ref, fault in list(self._faults.items()):
            before, wanted = self._intended.get(ref), graph.get(ref)
            adopted = before is None and wanted is not None and ref in self._observed
            if (before != wanted and not adopted) or (fault.final and wanted is None):
                del self._faults[ref]
        self._observed &= self._faults.keys()
        self._intended = dict(graph)
        self._notify()

    def observed(self, kinds: frozenset[str], seen: Observation) -> None:
        """Take what a subsystem saw as the truth about `kinds`; work under way is left alone.

        What a step of ours failed at, and is seen as intended, failed no longer: another wish, or
        what it needs, came between, and no step would ever say so.  A look that shows nothing new
        wakes nobody.
        """
        gone = [
            ref
            for ref in self._current
            if ref.kind in kinds and ref not in self._tasks and ref not in seen.present
        ]
        new = {
            ref: item
            for ref, item in seen.present.items()
            if ref not in self._tasks and not _is_alike(self._current.get(ref), item)
        }
        faults = {
            ref: fault
            for ref, fault in seen.faults.items()
            if ref not in self._tasks and ref not in self._faults
        }
        for ref in gone:
            del self._current[ref]
        self._current.update(new)
        healed = [
            ref
            for ref in self._faults.keys() - self._observed - self._tasks.keys()
            if ref in seen.present
            and ref not in seen.faults
            and self._current.get(ref) == self._intended.get(ref)
        ]
        for ref in healed:
            del self._faults[ref]
        self._faults.update(faults)
        self._observed.update(faults)
        if gone or new or healed or faults:
            self._notify()

    def retry(self, ref: ItemRef) -> None:
        """Forget a fault: the next plan tries again at once."""
        if self._faults.pop(ref, None) is not None:
            self._wake.set()

    def plan(self) -> Plan:
        return plan(self._intended, self._current, self._faults, self._tasks.keys(), self._clock())

    def report(self) -> Report:
        return report(self._intended, self._current, self._faults, self._progress, self.plan())

    @property
    def current(self) -> Graph:
        return dict(self._current)

    @property
    def faults(self) -> Mapping[ItemRef, Fault]:
        return dict(self._faults)

    @property
    def intended(self) -> Graph:
        return dict(self._intended)

    async def until(self, condition: Callable[[Report], bool]) -> None:
        """Wait while somebody else runs the steps; looks again whenever one ended."""
        while not condition(self.report()):
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher

    def _notify(self) -> None:
        self._wake.set()
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)
        self._watchers.clear()

    async def run_forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                try:
                    todo = self._start_what_can(tasks)
                except Exception:
                    # What is under way goes on; another intention may be one that can be planned.
                    log.exception("planning_failed")
                    await asyncio.sleep(PLAN_AGAIN_S)
                    continue
                await self._wait(todo)

    async def settle(self) -> Report:
        """Run until nothing can be done now: for tests and for the way down."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                if self._start_what_can(tasks).settled:
                    return self.report()
                await self._wake.wait()

    def _start_what_can(self, tasks: asyncio.TaskGroup) -> Plan:
        self._cancel_unwanted()
        todo = self.plan()
        for step in todo.steps:
            self.steps_run += 1
            task = tasks.create_task(self._run(step), name=f"{type(step).__name__} {step.ref}")
            self._tasks[step.ref] = (step, task)
        return todo

    def _cancel_unwanted(self) -> None:
        for ref, (step, task) in self._tasks.items():
            if isinstance(step, Create | Modify) and self._intended.get(ref) != step.item:
                task.cancel()

    async def _wait(self, todo: Plan) -> None:
        until = todo.next_retry
        delay = None if until is None else max(0.05, (until - self._clock()).total_seconds())
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _run(self, step: Step) -> None:
        ref = step.ref
        configurator: Configurator | None = None

        def note(progress: Progress) -> None:
            self._progress[ref] = progress
            self._changed()

        try:
            configurator = self._configurators[ref.kind]
            await self._perform(configurator, step, note)
        except asyncio.CancelledError:
            # A half-made item is taken for present, so that its deletion cleans up after it.
            if isinstance(step, Create | Modify):
                self._current[ref] = step.item
            if self._intended.get(ref) == step.item and not isinstance(step, Delete):
                raise  # the whole node is going down; nobody withdrew the wish
        except EavesError as error:
            self._fail(step, configurator, error, str(error))
        except Exception as error:
            log.exception("step_crashed", step=type(step).__name__, item=str(ref))
            self._fail(step, configurator, error, f"{ref}: internal error {error!r}")
        else:
            self._faults.pop(ref, None)
            if isinstance(step, Delete):
                self._current.pop(ref, None)
            else:
                self._current[ref] = step.item
            log.info("step_done", step=type(step).__name__.lower(), item=str(ref))
        finally:
            self._progress.pop(ref, None)
            self._tasks.pop(ref, None)
            self._notify()
            self._changed()

    @staticmethod
    def _perform(configurator: Configurator, step: Step, note: ProgressSink) -> Awaitable[None]:
        match step:
            case Create(item):
                return configurator.create(item, note)
            case Modify(running, item):
                return configurator.modify(running, item, note)
            case Delete(item):
                return configurator.delete(item, note)

    def _fail(
        self, step: Step, configurator: Configurator | None, error: BaseException, text: str
    ) -> None:
        now = self._clock()
        before = self._faults.get(step.ref)
        self._observed.discard(step.ref)
        attempts = before.attempts + 1 if before else 1
        final = isinstance(error, Rejected)
        delay = _retry_delay(configurator, step.item, attempts)
        # Even a rejected step is tried again, late: a person may have mended the outside.
        retry_at = now + (max(delay, timedelta(minutes=10)) if final else delay)
        self._faults[step.ref] = Fault(text, now, attempts, retry_at, final)
        log.warning("step_failed", item=str(step.ref), error=text, attempts=attempts)


def _retry_delay(configurator: Configurator | None, item: Item, attempts: int) -> timedelta:
    """A step that fails must not end the others, also when its configurator cannot say when."""
    if configurator is None:
        return backoff(attempts)
    try:
        return configurator.retry_delay(item, attempts)
    except Exception:
        log.exception("retry_delay_failed", item=str(item.ref))
        return backoff(attempts)
