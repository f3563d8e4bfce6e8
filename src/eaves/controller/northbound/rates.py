"""How much each user asks for, and each address that comes without a good token; in this process.

Logins, codes and sign-ups have narrower limits of their own.
"""

from eaves.controller.domain.rates import Rates
from eaves.controller.northbound.problems import Problem
from eaves.controller.settings import Bounds

LATER_S = 1


class CallerRates:
    """Times are seconds of a clock that never runs back."""

    def __init__(self, bounds: Bounds) -> None:
        self._users: Rates[str] = Rates(
            bounds.user_requests_per_s, bounds.user_requests_per_s * bounds.user_requests_burst_s
        )
        self._strangers: Rates[str] = Rates(
            bounds.stranger_requests_per_s,
            bounds.stranger_requests_per_s * bounds.stranger_requests_burst_s,
        )

    def refuse_noisy(self, address: str, now_s: float) -> None:
        """Before anything is looked up.  Raises Problem(429)."""
        if self._strangers.over(address, now_s):
            raise Problem(
                429,
                "this address sent too many requests without a good token; log in, and come back "
                "in a moment",
                retry_after_s=LATER_S,
            )

    def note_stranger(self, address: str, now_s: float) -> None:
        self._strangers.charge(address, now_s)

    def charge(self, user_id: str, user_name: str, now_s: float) -> None:
        """Count a request of a user, by any of its tokens.  Raises Problem(429)."""
        if not self._users.charge(user_id, now_s):
            raise Problem(
                429,
                f"user {user_name!r} sends more requests than one user may; come back in a moment, "
                "and use bulk jobs for many objects (EAVES_USER_REQUESTS_PER_S sets the rate)",
                retry_after_s=LATER_S,
            )
