"""What a polling device gets.  EVE API v2, sections 6.4 and 7."""

import hmac
from dataclasses import dataclass, field

from eaves.ids import ConfigHash


@dataclass(frozen=True, slots=True)
class Unchanged:
    """304: the device has what is in force."""

    config_hash: ConfigHash


@dataclass(frozen=True, slots=True)
class Replace:
    """200 with the stored configuration of this hash."""

    config_hash: ConfigHash


@dataclass(frozen=True, slots=True)
class AttestFirst:
    """403: the device attests, then comes again."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotRenderedYet:
    """503: the device is known but nothing is rendered for it; never 404."""


PollAnswer = Unchanged | Replace | AttestFirst | NotRenderedYet


@dataclass(frozen=True, slots=True)
class NotRequired:
    """The policy accepts devices that have not attested."""


@dataclass(frozen=True, slots=True)
class NeverAttested:
    """The policy enforces attestation, and no quote of this device was accepted."""


@dataclass(frozen=True, slots=True)
class Required:
    """The policy enforces attestation; `token` was given out with the last success."""

    token: bytes = field(repr=False)


Attestation = NotRequired | NeverAttested | Required


_NOT_REQUIRED, _NEVER = NotRequired(), NeverAttested()


def attestation_of(*, required: bool, token: bytes) -> Attestation:
    if not required:
        return _NOT_REQUIRED
    return Required(token) if token else _NEVER


def is_unchanged(
    config_hash: str, integrity_token: bytes, in_force: ConfigHash, *, required: bool, token: bytes
) -> bool:
    """Does `answer_poll` say Unchanged?  Told apart because nearly every poll is this one."""
    if config_hash != in_force or not in_force:
        return False
    return not required or (bool(token) and hmac.compare_digest(integrity_token, token))


def answer_poll(
    config_hash: str, integrity_token: bytes, in_force: ConfigHash, attestation: Attestation
) -> PollAnswer:
    """Decide on a poll that carries `config_hash` (empty after a boot) and `integrity_token`."""
    match attestation:
        case NeverAttested():
            return AttestFirst("policy enforces attestation; this device has not attested yet")
        case Required(token) if not hmac.compare_digest(integrity_token, token):
            return AttestFirst("integrity token is not that of the last attestation")
        case NotRequired() | Required():
            if not in_force:
                return NotRenderedYet()
            return Unchanged(in_force) if config_hash == in_force else Replace(in_force)
