"""Who sits where: the terminals of processes."""

import os
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TERMINALS: Final = 4  # major number of screens and of serial lines
SCREENS: Final = range(1, 64)  # minor numbers; serial lines come after them
FIELD: Final = 4  # of `stat`, after the name of the program


def terminal_of(pid: int, proc: Path = PROC) -> int:
    """The device number of its controlling terminal; 0: it has none, or is gone."""
    try:
        text = (proc / str(pid) / "stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[FIELD])
    except (OSError, ValueError, IndexError):
        return 0


def is_screen(terminal: int) -> bool:
    return os.major(terminal) == TERMINALS and os.minor(terminal) in SCREENS
