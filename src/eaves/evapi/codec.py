"""One codec between frozen dataclasses and protobuf messages."""

from enum import IntEnum
from typing import Self


class OpenEnum(IntEnum):
    """A protobuf enum: numbers without a name survive as members called `UNNAMED_<number>`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        # Not cached: a peer that sends many numbers must not fill the memory.
        member = int.__new__(cls, value)
        member._name_ = f"UNNAMED_{value}"
        member._value_ = value
        return member
