"""Whole numbers that somebody sent as text."""

from typing import Final

MOST: Final = 2**63 - 1  # what a column holds
DIGITS: Final = len(str(MOST))


def number_of(text: str, most: int = MOST) -> int | None:
    """What ASCII digits spell; None for any other text, and for more than `most`.

    `int` reads other digits as well, and some thousand of them end in an error.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > DIGITS:
        return None
    number = int(text)
    return number if number <= most else None
