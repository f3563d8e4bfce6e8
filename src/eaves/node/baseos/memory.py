"""What the node remembers of updates across boots: the facts of `record`, in its checkpoint."""

from collections.abc import Mapping

import msgspec

from eaves.node.baseos.intent import is_forced
from eaves.node.baseos.ports import Around
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
from eaves.node.checkpoint import Checkpoint

NOT_BOOTED = "the loader was told to boot it and did not; see the firmware's boot order"
NOT_COMMITTED = "its trial boot was not committed; nothing is known of it"
SENT_BACK = "force.fallback.counter moved: the device was sent back to its other version"


class Memory:
    """Each call that changes it raises EavesError where it cannot be kept."""

    def __init__(self, checkpoint: Checkpoint, around: Around) -> None:
        self._checkpoint = checkpoint
        self._around = around
        self._bars = read_bars(checkpoint.fact(BARS_FACT))

    @property
    def bars(self) -> Mapping[str, Bar]:
        return self._bars

    def counter(self) -> int:
        """Of the last retry that led to a committed system."""
        return self._checkpoint.number(RETRY_FACT) or 0

    def see_force(self, counter: int) -> None:
        """Its first sight asks for nothing."""
        if self._checkpoint.number(FORCED_FACT) is None:
            self.answer_force(counter)

    def answer_force(self, counter: int) -> None:
        self._checkpoint.remember(**{FORCED_FACT: counter})

    def forces(self, counter: int) -> bool:
        """Does force.fallback.counter ask for the other slot?  A trial answers it."""
        note, known = self.trial(), self._checkpoint.number(FORCED_FACT)
        if note is not None and note.counter is not None and self.of_another_boot(note):
            known = note.counter
        return is_forced(counter, known)

    def trial(self) -> Trial | None:
        return read_trial(self._checkpoint.fact(TRIAL_FACT))

    def of_another_boot(self, note: Trial | None) -> bool:
        return note is not None and note.boot_id != self._around.boot_id

    def forget_trial(self, running: str) -> None:
        """It was never begun: what asked for it asks again, and what runs was not left."""
        self._keep(unbarred(self._bars, running), **{TRIAL_FACT: None})

    def begin(self, version: str, retry: int | None, counter: int | None) -> None:
        """Told before the loader is: the next boot then knows what was asked of it."""
        note = Trial(
            version=version,
            retry=retry,
            boot_id=self._around.boot_id,
            since=self._now(),
            counter=counter,
        )
        self._checkpoint.remember(**{TRIAL_FACT: told(note)})

    def leave(self, running: str, retry: int | None, why: str, check: str) -> None:
        """The version on trial asks to be ended, for this."""
        note = self.trial() or Trial(version=running, retry=retry, boot_id="", since=self._now())
        note = msgspec.structs.replace(note, why_left=why, check=check)
        self._checkpoint.remember(**{TRIAL_FACT: told(note)})

    def bar_left(self, version: str, retry: int | None) -> None:
        """The version that the fallback counter leaves: the configuration still names it."""
        self._keep(barred(self._bars, Bar(version, retry, SENT_BACK, self._now())))

    async def verdict(
        self, target: str, retry: int | None, error: str, *, refused: bool
    ) -> Bar | None:
        """On the version whose trial ended, or that cannot be used; None: nothing new."""
        note = self.trial()
        if note is None and target in self._bars:
            return None  # told by an earlier start
        if note is not None and self.of_another_boot(note):
            bar = await self._bar_of(note, refused=refused)
        else:
            bar = Bar(target, retry, error or NOT_COMMITTED, self._now())
        return bar if bar.version else None

    def bar(self, bar: Bar, running: str) -> None:
        """What runs may have been left for a trial that now ended."""
        self._keep(barred(unbarred(self._bars, running), bar), **_over(self.trial()))

    def unbar(self, version: str) -> None:
        self._keep(unbarred(self._bars, version))

    def settle(self, running: str) -> None:
        """What runs has proven itself.  Once more does no harm."""
        note = self.trial()
        if note is not None and not self.of_another_boot(note):
            return  # of the next trial already
        facts = _over(note)
        if note is not None and note.retry is not None:
            facts[RETRY_FACT] = note.retry
        self._keep(unbarred(self._bars, running), **facts)

    async def _bar_of(self, note: Trial, *, refused: bool) -> Bar:
        return Bar(
            version=note.version,
            retry=note.retry,
            why=NOT_BOOTED if refused else await self._why_ended(note),
            at=self._now(),
            reason=int(self._around.boot_reason),
            check=note.check,
        )

    async def _why_ended(self, note: Trial) -> str:
        why = note.why_left or f"it was not committed; how it ended: {self._around.boot_text}"
        words = await self._around.last_words(note.version, note.boot_id)
        if not words:
            return f"{why}; nothing of its log was kept"
        more = f"`eaves logs DEVICE --device --search {note.version}` tells more of its log"
        return f"{why}; {more}\nlast lines of its log:\n{words}"

    def _keep(self, bars: Mapping[str, Bar], **facts: str | int | None) -> None:
        self._checkpoint.remember(**{BARS_FACT: told(bars.values()), **facts})
        self._bars = dict(bars)

    def _now(self) -> str:
        return self._around.now().isoformat()


def _over(note: Trial | None) -> dict[str, str | int | None]:
    """What is kept of a trial that ended, whichever way."""
    facts: dict[str, str | int | None] = {TRIAL_FACT: None}
    if note is not None and note.counter is not None:
        facts[FORCED_FACT] = note.counter
    return facts
