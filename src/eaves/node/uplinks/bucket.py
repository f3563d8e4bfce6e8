"""Downloads make room: a token bucket that is open until the controller is being talked to.  Pure.

Nobody tells how fast a port is, so the bucket measures it: while control traffic is under way on a
port, downloads there get a share of what they took before.  A reader that waits lets the window
close, and the queue of the link drains.  A request that takes long all the same waits for something
else than the link: from then on both go on in turns.  Times are of one even clock, in seconds.
"""

from dataclasses import dataclass, field

SHARE = 0.25  # of the rate seen, while the controller is being talked to
LEAST_RATE = 16 * 1024  # bytes/s: a download never starves
FIRST_RATE = 256 * 1024  # bytes/s, before anything was measured
WINDOW_S = 2.0  # over which the rate is measured; of several stretches, where the talk has gaps
QUEUED = 256 * 1024  # bytes that may have waited in the kernel: they came faster than the link is
LINGER_S = 0.5  # requests come in bursts
HOLD_S = 10.0  # of talk; then the download has as long for itself
LONGEST_PAUSE_S = 1.0


@dataclass(slots=True)
class Bucket:
    """Of one port."""

    rate: float = 0.0  # bytes/s, as measured while open
    _tokens: float = 0.0
    _at: float = 0.0  # when tokens were counted last
    _came_at: float | None = None  # the last bytes; None: they were held
    _queued: int = QUEUED  # still to come of what counts for nothing
    _window_s: float = 0.0
    _window_bytes: int = 0
    _talking: int = 0
    _talk_at: float = 0.0  # when the talk began that goes on, or lingers
    _quiet_at: float = field(default=float("-inf"))  # when the last request ended

    def begin(self, now: float) -> None:
        """A control request starts."""
        if not self._talks(now):
            self._talk_at = now
        self._talking += 1

    def end(self, now: float) -> None:
        self._talking = max(0, self._talking - 1)
        self._quiet_at = now

    def narrow(self, now: float) -> bool:
        return self._talks(now) and (now - self._talk_at) % (2 * HOLD_S) < HOLD_S

    def _talks(self, now: float) -> bool:
        return self._talking > 0 or now - self._quiet_at < LINGER_S

    def take(self, count: int, now: float) -> float:
        """Account for bytes that arrived; how long to wait before more are read."""
        if not self.narrow(now):
            self._measure(count, now)
            self._tokens, self._at = 0.0, now
            return 0.0
        rate = max(LEAST_RATE, SHARE * (self.rate or FIRST_RATE))
        self._tokens = min(rate, self._tokens + rate * max(0.0, now - self._at))
        self._at = now
        self._tokens -= count
        self._came_at = None
        return min(LONGEST_PAUSE_S, max(0.0, -self._tokens / rate))

    def _measure(self, count: int, now: float) -> None:
        """Time without a download counts for nothing, and neither does what waited for us.

        A large piece on a slow link is under way for long: that is no pause.
        """
        before, self._came_at = self._came_at, now
        if before is None or now - before > max(WINDOW_S, count / LEAST_RATE):
            self._queued = QUEUED
            return
        if self._queued > 0:
            self._queued -= count
            return
        self._window_s += now - before
        self._window_bytes += count
        if self._window_s >= WINDOW_S:
            self.rate = self._window_bytes / self._window_s
            self._window_s, self._window_bytes = 0.0, 0
