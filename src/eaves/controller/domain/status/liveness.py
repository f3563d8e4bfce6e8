"""How much a silent device's last words still count."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

STALE_AFTER: Final = timedelta(days=30)


class Contact(StrEnum):
    NEVER_REGISTERED = "never registered"
    REGISTERED = "registered, nothing heard since"
    ALIVE = "alive"
    SUSPECT = "suspect"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Limits:
    """Silence longer than this; devices poll at least once a minute by default.

    `attested`: how old an attestation becomes before it says too little of now.
    """

    suspect: timedelta = timedelta(minutes=3)
    offline: timedelta = timedelta(minutes=10)
    attested: timedelta = STALE_AFTER


def limits_of(offline_after: timedelta, attestation_stale: timedelta = STALE_AFTER) -> Limits:
    """Where a device that is silent for `offline_after` is offline."""
    suspect = min(Limits().suspect, offline_after / 2)
    return Limits(suspect=suspect, offline=offline_after, attested=attestation_stale)


def is_stale(attested_at: datetime | None, now: datetime, limits: Limits) -> bool:
    """Is the last attestation too old?  One that never was is another trouble."""
    return attested_at is not None and now - attested_at > limits.attested


def stale_text(attested_at: datetime, now: datetime) -> str:
    return (
        f"attested {in_words(now - attested_at)} ago, which says little of now; "
        "let it attest again: eaves attestation renew NAME"
    )


@dataclass(frozen=True, slots=True)
class Liveness:
    contact: Contact
    silence: timedelta = timedelta(0)
    last_seen: datetime | None = None

    @property
    def current(self) -> bool:
        """True while what the device reported may be taken for the present."""
        return self.contact is Contact.ALIVE


def liveness(
    registered_at: datetime | None,
    last_seen: datetime | None,
    now: datetime,
    limits: Limits | None = None,
) -> Liveness:
    allowed = limits or Limits()
    if registered_at is None:
        return Liveness(Contact.NEVER_REGISTERED)
    if last_seen is None:
        return Liveness(Contact.REGISTERED, now - registered_at)
    silence = max(now - last_seen, timedelta(0))
    if silence > allowed.offline:
        return Liveness(Contact.SILENT, silence, last_seen)
    if silence > allowed.suspect:
        return Liveness(Contact.SUSPECT, silence, last_seen)
    return Liveness(Contact.ALIVE, silence, last_seen)


def in_words(span: timedelta) -> str:
    """`42 s`, `7 min`, `3 h`, `12 days`: as exact as a person needs."""
    seconds = int(span.total_seconds())
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86_400} days"
