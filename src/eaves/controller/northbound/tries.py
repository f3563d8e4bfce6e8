"""How often each address tried something lately, in this process."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

REMEMBERED: Final = 10_000  # addresses


@dataclass
class Tries:
    """At most `limit` within `within` from one address; what went well is given back.

    Counted before it is begun, so that tries at the same time count one after the other.
    """

    limit: int
    within: timedelta
    _of: OrderedDict[str, deque[datetime]] = field(
        default_factory=OrderedDict[str, deque[datetime]]
    )

    def take(self, address: str, now: datetime) -> bool:
        """Count one; False, and nothing is counted, where there were too many."""
        lately = self._of.setdefault(address, deque())
        while lately and now - lately[0] >= self.within:
            lately.popleft()
        if len(lately) >= self.limit:
            return False
        lately.append(now)
        self._of.move_to_end(address)
        while len(self._of) > REMEMBERED:
            self._of.popitem(last=False)
        return True

    def give_back(self, address: str) -> None:
        lately = self._of.get(address)
        if lately:
            lately.pop()
