"""What an info message says, apart from the messages, which load slower than a start may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """What one message says about one object, in the words of events."""

    kind: int  # ZInfoTypes
    object_id: str
    name: str
    state: str
    errors: tuple[str, ...] = ()
    boots: int = 0  # devices only
    boot_reason: str = ""
    update: str = ""  # devices only: of the base OS, while it is not done
    gone: bool = False
