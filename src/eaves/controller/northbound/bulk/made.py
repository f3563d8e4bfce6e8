"""What an operation of a bulk job did to one object."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    text: str
    made_id: str = ""  # of an object that there was not before
