"""The base OS as the runtime sees it: the table of `slots`, driven by what happens.

Config, content, answers of the controller and time become events; the table says what follows; what
follows is done here, one act at a time, by the parts that it belongs to:

    Wish     what the configuration asks for      Pair     the two slots, as seen last
    Writing  of a version into the other slot     Watch    the time and health of a trial
    Memory   what outlives a boot: trial, bars

Nothing but the loader's entries, the slot and a few facts of the checkpoint outlives a cut, and a
start finds its phase in those.
"""

import asyncio
from collections import deque
from contextlib import suppress

import structlog

from eaves.errors import EavesError, Rejected, Transient
from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import BootReason, ZInfoDevSW
from eaves.node.baseos.health import first_failure
from eaves.node.baseos.intent import Standing
from eaves.node.baseos.memory import Memory
from eaves.node.baseos.pair import Pair
from eaves.node.baseos.ports import Around, Content, SlotsOnDisk
from eaves.node.baseos.record import Trial
from eaves.node.baseos.slots import BEFORE_MARK, TRIAL, Act, Event, Phase, found, move, takes
from eaves.node.baseos.status import Seen, baseos_text, software
from eaves.node.baseos.trial import Answer
from eaves.node.baseos.watch import Watch
from eaves.node.baseos.wish import Wish
from eaves.node.baseos.writing import Writing
from eaves.node.checkpoint import Checkpoint

log = structlog.get_logger(__name__)

TICK_S = 5.0
AGAIN_S = 60.0  # between two tries of a step that failed


class BaseOs:
    def __init__(self, disk: SlotsOnDisk, checkpoint: Checkpoint, around: Around) -> None:
        self._disk = disk
        self._around = around
        self._wish = Wish(around.content)
        self._memory = Memory(checkpoint, around)
        self._pair = Pair(disk)
        self._writing = Writing(disk)
        self._watch = Watch(around)
        self._phase = Phase.START
        self._events: deque[Event] = deque()
        self._poke = asyncio.Event()
        self._target = ""
        self._forced = False  # what is on its way is what force.fallback.counter asks for
        self._force: int | None = None  # that counter; None: no configuration yet
        self._force_at = float("-inf")  # not before
        self._not_forced = ""  # why not
        self._force_waits = ""  # why not yet
        self._again_at = float("-inf")
        self._settle_at: float | None = None  # what runs is committed, and that is not kept yet
        self._error, self._error_at = "", around.now()
        self._deferred = ""
        self._ill = ""  # what a system that is committed came up without

    # What others ask

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def version(self) -> str:
        return self._pair.version

    def poll_within_s(self) -> float:
        """How soon the controller is to be asked again: silence must not be our own."""
        return self._watch.poll_within_s()

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
        return self._memory.counter()

    def software(self) -> tuple[ZInfoDevSW, ...]:
        return software(self._seen())

    def text(self) -> str:
        return baseos_text(self._seen())

    # What happens

    def follow(self, config: EdgeDevConfig, items: ItemValues) -> None:
        """Another configuration is in force."""
        self._wish.follow(config)
        self._force = items.count("force.fallback.counter")
        try:
            self._memory.see_force(self._force)
        except EavesError as error:
            self._note_error(error)
        if self._phase is Phase.WRITING and self._ask() is not None:
            self._writing.stop()
        self._poke.set()

    def heard(self, answer: Answer) -> None:
        """A request for the configuration came to this."""
        event = self._watch.hear(answer)
        if event is not None:
            self._events.append(event)
            self._poke.set()

    async def start(self) -> None:
        """Find the phase in what is on disk.  Before the first configuration."""
        try:
            await asyncio.to_thread(self._disk.mend)
        except EavesError as error:
            self._note_error(error)
        note = self._memory.trial()
        tried = self._memory.of_another_boot(note)
        await self._pair.look()
        if not self._pair.known and tried and self._was_begun(note):
            self._pair.suppose_trial()
        event = found(*self._pair.states, tried=tried)
        self._target = note.version if note is not None else self._pair.other_version
        if event is Event.FOUND_WRITTEN:
            self._forced = note is not None and note.counter is not None
        if event is Event.FOUND_IDLE:
            self._target = ""
            if self._pair.known and tried and note is not None and note.version == self.version:
                self._settle_at = float("-inf")  # power went right after the commit
            elif self._pair.known:
                self._forget_trial()
        await self._take(event)
        if event is Event.FOUND_TRIAL:
            await self._check_version()
        else:
            ill = await asyncio.to_thread(first_failure, self._around.checks)
            self._ill = f"{ill.name}: {ill.why}" if ill is not None else ""
        await self._settle_if_due()

    async def _check_version(self) -> None:
        """A system that is not what its manifest says would be asked for, and tried, for ever."""
        held = await asyncio.to_thread(self._disk.held, running=True)
        if held is None or held.version == self.version:
            return
        self._error = (
            f"it says of itself that it is version {self.version}, its signed manifest says"
            f" {held.version}; build it again"
        )
        self._watch.failed_check = "version"
        await self._take(Event.UNHEALTHY)

    def _was_begun(self, note: Trial | None) -> bool:
        """By the note alone.  What boots again after it was left is what is good."""
        return note is not None and note.version == self.version and not note.why_left

    def _forget_trial(self) -> None:
        try:
            self._memory.forget_trial(self.version)
        except EavesError as error:
            self._note_error(error)

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
        await self._settle_if_due()
        await self._check_health()
        while True:
            while self._events:
                event = self._events.popleft()
                if takes(self._phase, event):
                    await self._take(event)
            self._refuse_force()
            due = self._due()
            if due is None:
                break
            self._events.append(due)
        if self._watch.runs:
            self._around.changed()  # seconds left

    def _is_forced(self) -> bool:
        """Is the other slot asked for, and can it be had?

        Until then it stays asked for; another update that is begun ends that.
        """
        if self._force is None or self._forced or not takes(self._phase, Event.FORCED):
            return False
        if self._phase is Phase.FETCHING and self._pair.other_version == self._wish.version:
            return False  # it is the update itself, which waits to be let in
        return self._pair.may_go_back() and self._memory.forces(self._force)

    def _refuse_force(self) -> None:
        """A fallback to what may not come back is answered with an error, once."""
        self._force_waits = self._waiting_force()
        if self._force is None or not self._is_forced() or not (why := self._pair.too_old()):
            return
        try:
            self._memory.answer_force(self._force)
        except EavesError as error:
            self._note_error(error)
        self._not_forced, self._error_at = why, self._around.now()
        log.warning("fallback_refused", why=why)

    def _waiting_force(self) -> str:
        asked = self._force is not None and not self._forced and self._memory.forces(self._force)
        if not asked or self._phase in TRIAL or self._pair.may_go_back():
            return ""
        return (
            "force.fallback.counter asks for the version before, and no slot holds one that was"
            " good: it waits until one does, or another update is begun"
        )

    def _due(self) -> Event | None:
        """The next event that config, content or time bring by themselves."""
        if self._phase in TRIAL:
            event = self._watch.due()
            if event is not None and takes(self._phase, event):
                return event
        if self._is_forced():
            late = self._around.clock() >= self._force_at and not self._pair.too_old()
            return Event.FORCED if late else None
        event = None if self._forced else self._ask()
        if event is Event.OTHER_WANTED and self._phase in TRIAL:
            event = None if self._wish.version == self._deferred else event
        if event is not None:
            return event
        return self._content_due()

    def _content_due(self) -> Event | None:
        if self._phase is not Phase.FETCHING or self._around.clock() < self._again_at:
            return None
        return Event.CONTENT_THERE if self._wish.content().path is not None else None

    def _ask(self) -> Event | None:
        standing = Standing(self._phase, self.version, self._target, self._memory.bars)
        return self._wish.asks(standing)

    async def _check_health(self) -> None:
        if self._phase not in (Phase.WAITING, Phase.TESTING):
            return
        failure = await self._watch.failure()
        if failure is not None:
            self._error = failure.why
            self._events.append(Event.UNHEALTHY)

    # What follows

    async def _take(self, event: Event) -> None:
        before = self._phase
        self._phase, acts = move(before, event)
        if event in (Event.WANTED, Event.OTHER_WANTED, Event.BARRED, Event.RETRY):
            self._aim(event)
        if event is Event.FORCED:
            self._target, self._error, self._forced = self._pair.other_version, "", True
            self._not_forced = ""
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
            await self._pair.look()
        self._around.changed()

    def _aim(self, event: Event) -> None:
        if not self._wish.version or self._phase in TRIAL:
            return
        self._target, self._error = self._wish.version, ""
        self._forced = False
        if event is not Event.BARRED:
            self._again_at = float("-inf")

    def _failed(self, act: Act, error: EavesError) -> Event | None:
        """What the failure of an act leads to; None: the rest of the acts is done all the same."""
        match act:
            case Act.WRITE:
                return Event.UNUSABLE if isinstance(error, Rejected) else Event.INTERRUPTED
            case Act.ANNOUNCE | Act.MARK:
                if self._forced:
                    self._forced, self._force_at = False, self._around.clock() + AGAIN_S
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
                self._writing.stop()
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
                await self._bar()
            case Act.UNBAR:
                self._memory.unbar(self._target)
            case Act.DEFER:
                self._deferred = self._wish.version
            case Act.LATER:
                self._again_at = self._around.clock() + AGAIN_S
            case Act.BEGIN_TRIAL:
                self._watch.begin()
            case Act.STOP_WINDOW:
                self._watch.stop_window()
            case Act.START_WINDOW:
                pass  # `hear` began it, at the moment of the answer

    async def _write(self) -> None:
        path = self._wish.content().path
        if path is None:
            self._events.append(Event.INTERRUPTED)
            return
        if self._ask() is not None:  # the wish changed since
            return
        if await self._writing.run(path, self._target):
            self._error = ""
            self._events.append(Event.WRITTEN)
        elif self._ask() is None:
            # What the configuration asks for now is asked next; it may be this version again.
            self._events.append(Event.INTERRUPTED)

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
        if self._settle_at is not None:
            self._memory.settle(self.version)  # the note that comes would take its place
        retry = self._wish.retry
        if self._forced:
            self._memory.begin(self._target, None, self._force)
            self._memory.bar_left(self.version, retry)
        else:
            self._memory.begin(self._target, retry, None)
            if self._force is not None:  # what was asked for before was meant for what is left
                self._memory.answer_force(self._force)
        await asyncio.to_thread(self._disk.mark_other, self._target)

    def _leave(self, act: Act, event: Event) -> None:
        why = f"{event}; {self._error}" if event is Event.UNHEALTHY else str(event)
        try:
            self._memory.leave(self.version, self._wish.retry, why, self._watch.failed_check)
        except EavesError as error:
            log.warning("fallback_not_noted", error=str(error))  # it is left all the same
        vault = act is Act.FALL_BACK_VAULT
        reason = BootReason.BOOT_REASON_VAULT_FAILED if vault else BootReason.BOOT_REASON_FALLBACK
        self._around.reboot(reason, f"version {self.version} did not pass its trial: {why}")

    async def _bar(self) -> None:
        bar = await self._memory.verdict(
            self._target, self._wish.retry, self._error, refused=self._phase is Phase.REFUSED
        )
        if bar is not None:
            self._target = bar.version
            self._memory.bar(bar, self.version)

    async def _settle(self) -> None:
        self._watch.end()
        self._deferred, self._target, self._error = "", "", ""
        self._settle_at = float("-inf")
        await self._settle_if_due()

    async def _settle_if_due(self) -> None:
        """Until it is kept: a cut or a full disk may come right after the commit."""
        now = self._around.clock()
        if self._settle_at is None or now < self._settle_at:
            return
        self._settle_at = now + AGAIN_S
        try:
            self._memory.settle(self.version)
        except EavesError as error:
            self._note_error(error)
            return
        if self._phase is Phase.IDLE:
            self._error = ""
        if self._around.vault_open():
            await self._around.settle()
            self._settle_at = None

    # What is told

    def _note_error(self, error: EavesError) -> None:
        self._error, self._error_at = str(error), self._around.now()
        log.warning("base_os_step_failed", phase=str(self._phase), error=str(error))

    def _seen(self) -> Seen:
        comes = self._phase in (Phase.IDLE, Phase.FETCHING)
        content = self._wish.content() if comes else Content()
        fetched = 100 if content.path is not None else None
        if fetched is None and content.progress is not None:
            fetched = content.progress.percent
        return Seen(
            phase=self._phase,
            running=self._pair.running(),
            other=self._pair.other(),
            target=self._target or self._wish.version,
            activate=self._wish.activate,
            fetched=fetched,
            fetch_error=content.error,
            written=self._writing.progress,
            seconds_left=self._watch.seconds_left(),
            deferred=self._deferred,
            error=self._error,
            other_error=self._not_forced or self._force_waits,
            ill=self._ill,
            at=self._error_at,
            bars=self._memory.bars,
        )
