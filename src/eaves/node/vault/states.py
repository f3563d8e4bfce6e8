"""What becomes of the vault: one table of (phase, event) -> phase and what is to be done.  Pure.

    START --> DISABLED      no TPM, no encryption, data from before: volumes lie in the clear
      |-----> FRESH         it can be made, and is
      |-----> LOCKED        it is there and its key is not: nothing that needs it runs
      `-----> OPEN          the kernel has the key

The way out of LOCKED is a key: unsealed by the TPM, or put together from other holders' shares,
after which it is sealed to what boots now; alone, unless the system that runs is on trial: the one
before it may have to open the vault again.  No event wipes a vault.
"""

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    START = "start"
    DISABLED = "disabled"
    FRESH = "fresh"
    LOCKED = "locked"
    OPEN = "open"


class Event(StrEnum):
    IMPOSSIBLE = "there can be no vault here"
    NOTHING_THERE = "there is none yet"
    VAULT_THERE = "there is one"
    MADE = "it was made"
    UNSEALED = "the key is known, the TPM's share among those that gave it"
    RECOVERED = "the key is known, without the TPM's share"
    PCRS_DIFFER = "the TPM does not unseal: something else booted"
    TPM_FAILED = "the TPM does not answer, is another one, or is gone"
    MORE_NEEDED = "too few shares are known"
    WRONG_SHARE = "a share does not fit"
    KEY_IN_KERNEL = "it is open: by an earlier run of the node, or by a command"
    CLOSED = "the kernel has its key no more"
    PCRS_CHOSEN = "the controller names other PCRs to seal to"


class Act(StrEnum):
    MAKE = "make keys and folder"
    UNSEAL = "ask the TPM"
    RESEAL = "seal to the present values; alone, unless another system may boot soon"
    FORGET = "forget the key"


Move = tuple[Phase, tuple[Act, ...]]

MOVES: Final[dict[tuple[Phase, Event], Move]] = {
    (Phase.START, Event.IMPOSSIBLE): (Phase.DISABLED, ()),
    (Phase.START, Event.NOTHING_THERE): (Phase.FRESH, (Act.MAKE,)),
    (Phase.START, Event.VAULT_THERE): (Phase.LOCKED, (Act.UNSEAL,)),
    (Phase.FRESH, Event.MADE): (Phase.OPEN, ()),
    (Phase.FRESH, Event.IMPOSSIBLE): (Phase.DISABLED, ()),
    (Phase.FRESH, Event.TPM_FAILED): (Phase.FRESH, ()),
    (Phase.LOCKED, Event.UNSEALED): (Phase.OPEN, ()),
    (Phase.LOCKED, Event.RECOVERED): (Phase.OPEN, (Act.RESEAL,)),
    (Phase.LOCKED, Event.PCRS_DIFFER): (Phase.LOCKED, ()),
    (Phase.LOCKED, Event.TPM_FAILED): (Phase.LOCKED, ()),
    (Phase.LOCKED, Event.MORE_NEEDED): (Phase.LOCKED, ()),
    (Phase.LOCKED, Event.WRONG_SHARE): (Phase.LOCKED, ()),
    (Phase.LOCKED, Event.KEY_IN_KERNEL): (Phase.OPEN, (Act.UNSEAL,)),
    (Phase.OPEN, Event.CLOSED): (Phase.LOCKED, (Act.FORGET,)),
    # The keys of a vault that another process opened.
    (Phase.OPEN, Event.UNSEALED): (Phase.OPEN, ()),
    (Phase.OPEN, Event.RECOVERED): (Phase.OPEN, (Act.RESEAL,)),
    (Phase.OPEN, Event.PCRS_DIFFER): (Phase.OPEN, ()),
    (Phase.OPEN, Event.TPM_FAILED): (Phase.OPEN, ()),
    (Phase.OPEN, Event.MORE_NEEDED): (Phase.OPEN, ()),
    (Phase.OPEN, Event.WRONG_SHARE): (Phase.OPEN, ()),
    (Phase.OPEN, Event.PCRS_CHOSEN): (Phase.OPEN, (Act.RESEAL,)),
}


class ImpossibleMove(Exception):
    """A fault of this program: an event was raised in a phase that does not know it."""

    def __init__(self, phase: Phase, event: Event) -> None:
        super().__init__(f"the vault is {phase} and cannot take {event.name}: {event}")


def move(phase: Phase, event: Event) -> Move:
    try:
        return MOVES[phase, event]
    except KeyError:
        raise ImpossibleMove(phase, event) from None
