"""Downloads make room: a token bucket that is open until the controller is being talked to.  Pure.

Nobody tells how fast a port is, so the bucket measures it: while control traffic is under way on a
port, downloads there get a share of what they took before.  A reader that waits lets the window
close, and the queue of the link drains.  Times are of one even clock, in seconds.
"""

from dataclasses import dataclass, field

SHARE = 0.25  # of the rate seen, while the controller is being talked to
LEAST_RATE = 16 * 1024  # bytes/s: a download never starves
FIRST_RATE = 256 * 1024  # bytes/s, before anything was measured
WINDOW_S = 2.0  # over which the rate is measured
LINGER_S = 0.5  # requests come in bursts
LONGEST_PAUSE_S = 1.0


@dataclass(slots=True)
class Bucket:
    """Of one port."""

    rate: float = 0.0  # bytes/s, as measured while open
    _tokens: float = 0.0
    _at: float = 0.0  # when tokens were counted last
    _window_at: float = 0.0
    _window_bytes: int = 0
    _talking: int = 0
    _quiet_at: float = field(default=float("-inf"))  # when the last request ended

    def begin(self) -> None:
        """A control request starts."""
        self._talking += 1

    def end(self, now: float) -> None:
        self._talking = max(0, self._talking - 1)
        self._quiet_at = now

    def narrow(self, now: float) -> bool:
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
        self._window_at, self._window_bytes = now, 0
        return min(LONGEST_PAUSE_S, max(0.0, -self._tokens / rate))

    def _measure(self, count: int, now: float) -> None:
        self._window_bytes += count
        passed = now - self._window_at
        if passed >= WINDOW_S:
            self.rate = self._window_bytes / passed
            self._window_at, self._window_bytes = now, 0
