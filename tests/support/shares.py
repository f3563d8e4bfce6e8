"""Several pytest runs that divide the same tests among them: each file is run by one of them.

A run takes a file by making a file of its name in a folder that all of them know, which only one
can do.  So no run has to know how long a test takes, and they end at about the same time.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

FOLDER: Final = "EAVES_TESTS_SHARED"
"""Names a folder, empty when the first run begins; without it a run does all of its tests."""

_Item = TypeVar("_Item")


def take_in(folder: Path) -> Callable[[str], bool]:
    """A function that says whether this run has a share now: of all that ask, the first one."""

    def take(share: str) -> bool:
        place = folder / hashlib.sha256(share.encode()).hexdigest()
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    return take


def taken(
    items: Iterable[_Item], share_of: Callable[[_Item], str], take: Callable[[str], bool]
) -> Iterator[_Item]:
    """The items of the shares that this run gets; each share is asked for when it is its turn."""
    for share, group in groupby(items, share_of):
        members = list(group)
        if take(share):
            yield from members
