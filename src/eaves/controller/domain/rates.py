"""How much each sender asks for: devices, users, addresses.  Time is a parameter."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Rates(Generic[K]):
    """At most so many requests a second of each sender, and so many at once.

    Kept is one number for each: the moment by which what it has asked for so far is paid.  Who
    has nothing left to pay is forgotten when there are too many.
    """

    def __init__(self, per_s: float, burst: float, remembered: int = 200_000) -> None:
        self._step_s, self._burst_s = 1 / per_s, burst / per_s
        self._remembered = remembered
        self._paid_by: dict[K, float] = {}

    def __len__(self) -> int:
        """Senders that are remembered."""
        return len(self._paid_by)

    def over(self, sender: K, now_s: float) -> bool:
        """Has it asked for more than it may?  Charges nothing."""
        paid_by = self._paid_by.get(sender)
        return paid_by is not None and paid_by - now_s > self._burst_s

    def charge(self, sender: K, now_s: float, share: float = 1.0) -> bool:
        """Count a request; may it be served?  `share`: the cost of one, less for who may more."""
        paid_by = self._paid_by.get(sender, now_s)
        if paid_by - now_s > self._burst_s:
            return False
        if len(self._paid_by) >= self._remembered and sender not in self._paid_by:
            self._forget(now_s)
        self._paid_by[sender] = max(paid_by, now_s) + self._step_s * share
        return True

    def _forget(self, now_s: float) -> None:
        owing = {k: v for k, v in self._paid_by.items() if v > now_s}
        if len(owing) >= self._remembered:  # strangers without end: the earliest go
            owing = dict(sorted(owing.items(), key=lambda one: one[1])[len(owing) // 2 :])
        self._paid_by = owing
