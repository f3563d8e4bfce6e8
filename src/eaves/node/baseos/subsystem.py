"""The base OS as the runtime sees it: the table of `slots`, driven by what happens.

Config, content, answers of the controller and time become events; the table says what follows; what
follows is done here, one act at a time.  Nothing but the loader's entries, the slot and a few facts
of the checkpoint outlives a cut, and a start finds its phase in those.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import msgspec
import structlog

from eaves.errors import EavesError, Rejected, Transient
from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.info import BootReason, ZInfoDevSW
from eaves.node.baseos import trial as trials
from eaves.node.baseos.device import Stopped
from eaves.node.baseos.health import first_failure
from eaves.node.baseos.intent import Standing, Wanted, asked, is_forced, wanted_of
from eaves.node.baseos.ports import Around, Content, SlotsOnDisk
from eaves.node.baseos.record import (
    BARS_FACT,
    FORCED_FACT,
    RETRY_FACT,
    TRIAL_FACT,
    Bar,
    Trial,
    barred,
    read_bars,
    read_trial,
    told,
    unbarred,
)
from eaves.node.baseos.slots import BEFORE_MARK, TRIAL, Act, Event, Phase, Slot, found, move, takes
from eaves.node.baseos.status import Seen, SlotSeen, baseos_text, software
from eaves.node.baseos.trial import Answer
from eaves.node.checkpoint import Checkpoint

log = structlog.get_logger(__name__)

TICK_S = 5.0
POLLS_BEFORE_SILENCE = 4
AGAIN_S = 60.0  # between two tries of a step that failed
CHECK_S = 30.0  # between two looks at the health of a system on trial


class BaseOs:
    def __init__(self, disk: SlotsOnDisk, checkpoint: Checkpoint, around: Around) -> None:
        self._disk = disk
        self._checkpoint = checkpoint
        self._around = around
        self._phase = Phase.START
        self._events: deque[Event] = deque()
        self._poke = asyncio.Event()
        self._stop = threading.Event()
        self._wanted: Wanted | None = None
        self._target = ""
        self._forced = False
        self._bars = read_bars(checkpoint.fact(BARS_FACT))
        self._trial: trials.Trial | None = None
        self._checked_at = float("-inf")
        self._failed_check = ""
        self._again_at = float("-inf")
        self._error, self._error_at = "", around.now()
        self._deferred = ""
        self._written = ("", 0)
        self._seen_slots = (Slot.ACTIVE, Slot.UNUSED)
        self._other_version = ""

    # What others ask

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def version(self) -> str:
        return self._disk.running.version

    def poll_within_s(self) -> float:
        """How soon the controller is to be asked again: silence must not be our own."""
        if self._trial is None:
            return float("inf")
        return self._around.limits().silence_s / POLLS_BEFORE_SILENCE

    def on_trial(self) -> bool:
        return self._phase in TRIAL or self._phase is Phase.LEAVING

    def about_to_boot(self) -> bool:
        """Another system is on its way to run."""
        return self._phase in (*BEFORE_MARK, Phase.REBOOTING)

    def holds(self) -> bool:
        """Do changes of apps wait for another system, by the configuration in force?"""
        event = self._ask()
        if event is None:
            return self.about_to_boot()
        return event in (Event.WANTED, Event.OTHER_WANTED, Event.RETRY)

    def counter(self) -> int:
        """Of the last retry that led to a committed system, as the controller is told."""
        return self._checkpoint.number(RETRY_FACT) or 0

    def software(self) -> tuple[ZInfoDevSW, ...]:
        return software(self._seen())

    def text(self) -> str:
        return baseos_text(self._seen())

    # What happens

    def follow(self, config: EdgeDevConfig, forced_counter: int) -> None:
        """Another configuration is in force."""
        self._wanted = wanted_of(config)
        known = self._checkpoint.number(FORCED_FACT)
        self._checkpoint.remember(**{FORCED_FACT: forced_counter})
        if is_forced(forced_counter, known) and self._phase is Phase.IDLE:
            self._events.append(Event.FORCED)
        if self._phase is Phase.WRITING and self._ask() is not None:
            self._stop.set()
        self._poke.set()

    def heard(self, answer: Answer) -> None:
        """A request for the configuration came to this."""
        if self._trial is None:
            return
        self._trial = trials.hear(self._trial, answer, self._around.clock())
        self._events.append(trials.EVENTS[answer])
        self._poke.set()

    async def start(self) -> None:
        """Find the phase in what is on disk.  Before the first configuration."""
        try:
            await asyncio.to_thread(self._disk.mend)
        except EavesError as error:
            self._note_error(error)
        note = read_trial(self._checkpoint.fact(TRIAL_FACT))
        tried = note is not None and note.boot_id != self._around.boot_id
        await self._look()
        event = found(*self._seen_slots, tried=tried)
        self._target = note.version if note is not None else self._other_version
        if event is Event.FOUND_IDLE:
            self._target = ""
            try:
                self._checkpoint.remember(**{TRIAL_FACT: None})
            except EavesError as error:
                self._note_error(error)
        await self._take(event)

    async def run_forever(self) -> None:
        if self._phase in (Phase.WRITING, Phase.SEALING, Phase.COMMITTING):
            self._events.append(Event.INTERRUPTED)  # a fault of ours ended the run before
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._poke.wait()
            self._poke.clear()
            await self.round()

    async def round(self) -> None:
        """Whatever can happen now; each event in its turn."""
        await self._check_health()
        while True:
            while self._events:
                event = self._events.popleft()
                if takes(self._phase, event) and self._possible(event):
                    await self._take(event)
            due = self._due()
            if due is None:
                break
            self._events.append(due)
        if self._trial is not None:
            self._around.changed()  # seconds left

    def _possible(self, event: Event) -> bool:
        """Falling back on demand needs something to fall back to."""
        if event is not Event.FORCED:
            return True
        self._target = self._other_version
        self._forced = bool(self._other_version)
        return self._forced

    def _due(self) -> Event | None:
        """The next event that config, content or time bring by themselves."""
        if self._phase in TRIAL and self._trial is not None:
            now, limits = self._around.clock(), self._around.limits()
            event = trials.judge(self._trial, now, limits, vault_open=self._around.vault_open())
            if event is not None and takes(self._phase, event):
                return event
        event = None if self._forced else self._ask()
        if event is Event.OTHER_WANTED and self._phase in TRIAL:
            wanted = self._wanted.version if self._wanted else ""
            event = None if wanted == self._deferred else event
        if event is not None:
            return event
        return self._content_due()

    def _content_due(self) -> Event | None:
        if self._phase is not Phase.FETCHING or self._around.clock() < self._again_at:
            return None
        return Event.CONTENT_THERE if self._content().path is not None else None

    def _content(self) -> Content:
        wanted = self._wanted
        if wanted is None:
            return Content()
        if wanted.tree is None:
            return Content(error=f"the configuration holds no content for {wanted.version}")
        return self._around.content(wanted.tree)

    def _ask(self) -> Event | None:
        standing = Standing(self._phase, self.version, self._target, self._bars)
        return asked(standing, self._wanted)

    async def _check_health(self) -> None:
        now = self._around.clock()
        if self._phase not in (Phase.WAITING, Phase.TESTING) or now - self._checked_at < CHECK_S:
            return
        self._checked_at = now
        failure = await asyncio.to_thread(first_failure, self._around.checks)
        if failure is not None:
            self._failed_check, self._error = failure.name, failure.why
            self._events.append(Event.UNHEALTHY)

    # What follows

    async def _take(self, event: Event) -> None:
        before = self._phase
        self._phase, acts = move(before, event)
        if event in (Event.WANTED, Event.OTHER_WANTED, Event.BARRED, Event.RETRY):
            self._aim(event)
        if event is Event.WITHDRAWN:
            self._target = ""
        if acts or self._phase is not before:
            log.info("base_os", phase=str(self._phase), because=str(event), version=self._target)
        for act in acts:
            try:
                await self._do(act, event)
            except (EavesError, OSError) as raised:
                error = raised if isinstance(raised, EavesError) else Transient(f"{act}: {raised}")
                self._note_error(error)
                follows = self._failed(act, error)
                if follows is not None:
                    self._events.append(follows)
                    break
        if acts:
            await self._look()
        self._around.changed()

    def _aim(self, event: Event) -> None:
        if self._wanted is None or self._phase in TRIAL:
            return
        self._target, self._error = self._wanted.version, ""
        self._forced = False
        if event is not Event.BARRED:
            self._again_at = float("-inf")

    def _failed(self, act: Act, error: EavesError) -> Event | None:
        """What the failure of an act leads to; None: the rest of the acts is done all the same."""
        match act:
            case Act.WRITE:
                return Event.UNUSABLE if isinstance(error, Rejected) else Event.INTERRUPTED
            case Act.ANNOUNCE | Act.MARK:
                self._forced = False  # the counter is stored: it asks once
                return Event.INTERRUPTED
            case Act.COMMIT:
                return Event.INTERRUPTED
            case _:
                return None

    async def _do(self, act: Act, event: Event) -> None:
        match act:
            case Act.WRITE:
                await self._write()
            case Act.STOP_WRITING:
                self._stop.set()
            case Act.DROP:
                await asyncio.to_thread(self._disk.drop_other)
            case Act.ANNOUNCE:
                await self._announce()
            case Act.MARK:
                await self._mark()
            case Act.REBOOT:
                self._around.reboot(
                    BootReason.BOOT_REASON_UPDATE, f"to boot version {self._target} for its trial"
                )
            case Act.COMMIT:
                await asyncio.to_thread(self._disk.commit)
                self._events.append(Event.COMMITTED)
            case Act.SETTLE:
                await self._settle()
            case Act.FALL_BACK | Act.FALL_BACK_VAULT:
                self._leave(act, event)
            case Act.BAR:
                self._bar()
            case Act.UNBAR:
                self._keep_bars(unbarred(self._bars, self._target))
            case Act.DEFER:
                self._deferred = self._wanted.version if self._wanted else ""
            case Act.LATER:
                self._again_at = self._around.clock() + AGAIN_S
            case Act.BEGIN_TRIAL:
                self._trial = trials.begun(self._around.clock())
            case Act.STOP_WINDOW:
                self._trial = replace(self._trial, window=None) if self._trial else None
            case Act.START_WINDOW:
                pass  # `heard` began it, at the moment of the answer

    async def _write(self) -> None:
        path = self._content().path
        if path is None:
            self._events.append(Event.INTERRUPTED)
            return
        self._stop = stop = threading.Event()
        if self._ask() is not None:  # the wish changed since
            return
        try:
            await asyncio.to_thread(self._disk.write, path, self._target, stop, self._progressed)
        except Stopped:
            # What the configuration asks for now is asked next; it may be this version again.
            if self._ask() is None:
                self._events.append(Event.INTERRUPTED)
            return
        finally:
            stop.set()  # a cancelled task leaves no writer behind
        self._error = ""
        self._events.append(Event.WRITTEN)

    def _progressed(self, what: str, done: int, total: int) -> None:
        self._written = what, 100 * done // total if total else 100

    async def _announce(self) -> None:
        running = await asyncio.to_thread(self._disk.held, running=True)
        coming = await asyncio.to_thread(self._disk.held, running=False)
        if coming is None:
            raise Rejected(f"the other slot does not hold version {self._target} any more")
        if running is not None:
            await self._around.announce(running, coming)
        self._events.append(Event.SEALED)

    async def _mark(self) -> None:
        """What is noted first tells the next boot what the loader was asked to do."""
        retry = self._wanted.retry if self._wanted and not self._forced else None
        note = Trial(
            version=self._target,
            retry=retry,
            boot_id=self._around.boot_id,
            since=self._around.now().isoformat(),
            forced=self._forced,
        )
        self._checkpoint.remember(**{TRIAL_FACT: told(note)})
        if self._forced:
            asked_retry = self._wanted.retry if self._wanted else None
            self._keep_bars(barred(self._bars, self._left(asked_retry)))
        await asyncio.to_thread(self._disk.mark_other, self._target)

    def _left(self, retry: int | None) -> Bar:
        """The version that the fallback counter leaves: the configuration still names it."""
        return Bar(
            version=self.version,
            retry=retry,
            why="force.fallback.counter moved: the device was sent back to its other version",
            at=self._around.now().isoformat(),
        )

    def _leave(self, act: Act, event: Event) -> None:
        why = f"{event}; {self._error}" if event is Event.UNHEALTHY else str(event)
        note = read_trial(self._checkpoint.fact(TRIAL_FACT))
        if note is None:
            note = Trial(
                version=self.version,
                retry=self._wanted.retry if self._wanted else None,
                boot_id="",
                since=self._around.now().isoformat(),
            )
        note = msgspec.structs.replace(note, why_left=why, check=self._failed_check)
        vault = act is Act.FALL_BACK_VAULT
        try:
            self._checkpoint.remember(**{TRIAL_FACT: told(note)})
        except EavesError as error:
            log.warning("fallback_not_noted", error=str(error))  # it is left all the same
        reason = BootReason.BOOT_REASON_VAULT_FAILED if vault else BootReason.BOOT_REASON_FALLBACK
        self._around.reboot(reason, f"version {self.version} did not pass its trial: {why}")

    def _bar(self) -> None:
        note = read_trial(self._checkpoint.fact(TRIAL_FACT))
        booted = note is not None and note.boot_id != self._around.boot_id
        if note is None and self._target in self._bars:
            return  # told by an earlier start
        retry = self._wanted.retry if self._wanted else None
        if note is not None and booted:
            bar = Bar(
                version=note.version,
                retry=note.retry,
                why=self._why_ended(note),
                at=self._around.now().isoformat(),
                reason=int(self._around.boot_reason),
                check=note.check,
            )
        else:
            why = self._error or "its trial boot was not committed; nothing is known of it"
            bar = Bar(version=self._target, retry=retry, why=why, at=self._around.now().isoformat())
        if bar.version:
            self._target = bar.version
            self._keep_bars(barred(self._bars, bar), **{TRIAL_FACT: None})

    def _why_ended(self, note: Trial) -> str:
        if self._phase is Phase.REFUSED:
            return "the loader was told to boot it and did not; see the firmware's boot order"
        why = note.why_left or f"it was not committed; how it ended: {self._around.boot_text}"
        words = self._around.last_words()
        return f"{why}\nlast lines of its log:\n{words}" if words else why

    def _keep_bars(self, bars: Mapping[str, Bar], **facts: str | None) -> None:
        self._checkpoint.remember(**{BARS_FACT: told(bars.values()), **facts})
        self._bars = dict(bars)

    async def _settle(self) -> None:
        self._trial, self._deferred, self._target, self._error = None, "", "", ""
        note = read_trial(self._checkpoint.fact(TRIAL_FACT))
        retry = note.retry if note is not None else None
        bars = unbarred(self._bars, self.version)
        facts: dict[str, str | int | None] = {TRIAL_FACT: None, BARS_FACT: told(bars.values())}
        if retry is not None:
            facts[RETRY_FACT] = retry
        self._checkpoint.remember(**facts)
        self._bars = bars
        await self._around.settle()

    # What is told

    def _note_error(self, error: EavesError) -> None:
        self._error, self._error_at = str(error), self._around.now()
        log.warning("base_os_step_failed", phase=str(self._phase), error=str(error))

    async def _look(self) -> None:
        self._seen_slots, self._other_version = await asyncio.to_thread(self._read_slots)

    def _read_slots(self) -> tuple[tuple[Slot, Slot], str]:
        return self._disk.states(), self._disk.whole()

    def _seen(self) -> Seen:
        content = self._content() if self._phase in (Phase.IDLE, Phase.FETCHING) else Content()
        fetched = 100 if content.path is not None else None
        if fetched is None and content.progress is not None:
            fetched = content.progress.percent
        wanted, letter = self._wanted, self._disk.running.letter
        target = self._target or (wanted.version if wanted is not None else "")
        left = 0
        if self._trial is not None:
            now = self._around.clock()
            left = round(trials.seconds_left(self._trial, now, self._around.limits()))
        return Seen(
            phase=self._phase,
            running=SlotSeen(
                letter,
                self._disk.device_name(running=True),
                self._seen_slots[0],
                self.version,
            ),
            other=SlotSeen(
                "b" if letter == "a" else "a",
                self._disk.device_name(running=False),
                self._seen_slots[1],
                self._other_version,
            ),
            target=target,
            activate=wanted is not None and wanted.activate,
            fetched=fetched,
            fetch_error=content.error,
            written=self._written,
            seconds_left=left,
            deferred=self._deferred,
            error=self._error,
            at=self._error_at,
            bars=self._bars,
        )
