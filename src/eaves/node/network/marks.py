"""The mark of a tracked connection: which app it belongs to, and which entry let it through.  Pure.

    31      24 23       22     21                    0
    app number received listed entry of the app's list

The first packet sets it, the later ones carry it with the connection; so a flow is told with the
entry that was in force when it began, and its packets find that entry again without the list.
"""

import zlib
from dataclasses import dataclass

MOST_ENTRY = 4_194_302  # of an entry's id: 22 bits, less the one that stands for the end of a list
END_OF_LIST = MOST_ENTRY + 1
RECEIVED, LISTED = 1 << 23, 1 << 22
MOST_APP = 255
APP_MASK = 0xFF00_0000 | LISTED
# What stands before a logged packet where others have a mark:
NAMES = "names"  # an answer from DNS
LEARN = "learn"  # a frame on a switch that tells of an address


@dataclass(frozen=True, slots=True)
class Mark:
    app: int  # its number on this node
    entry: int  # as `entry_of` gives it; 0: the end of the list
    received: bool  # the list of a local network instance decided on what was sent to the app


def entry_of(number: int) -> int:
    """What stands in a mark for the id of an entry: itself, or what fits for a greater one.

    Who reads a mark has the list, and finds the id again.
    """
    return number if number <= MOST_ENTRY else number % MOST_ENTRY + 1


def mark_of(app: int, number: int, *, received: bool = False) -> int:
    """`number` is the id of an entry; 0 is the end of the list, which drops.

    Raises ValueError for what does not fit.
    """
    if not 0 <= app <= MOST_APP or number < 0:
        raise ValueError(f"app number {app} or entry {number} does not fit into a mark")
    return app << 24 | (RECEIVED if received else 0) | LISTED | (entry_of(number) or END_OF_LIST)


def read_mark(value: int) -> Mark | None:
    """None for a connection that no list of an app decided on."""
    if not value & LISTED:
        return None
    entry = value & END_OF_LIST
    return Mark(value >> 24, 0 if entry == END_OF_LIST else entry, bool(value & RECEIVED))


def log_prefix(mark: int) -> str:
    return f"{mark:08x}"


def log_group(table: str) -> int:
    """Where the node of this table listens; two nodes of one machine listen apart."""
    return 1000 + zlib.crc32(table.encode()) % 60_000
