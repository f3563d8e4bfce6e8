"""What the boot before left behind of how it ended: the kernel's last words, the watchdog's flag.

Reads below a root directory, so that a recorded machine can stand in for a real one.
"""

from dataclasses import dataclass
from pathlib import Path

WDIOF_CARDRESET = 0x20  # the watchdog reset the machine
_MOST = 64 * 1024  # bytes of a record


@dataclass(frozen=True, slots=True)
class Traces:
    """Of the boot before this one."""

    watchdog: bool = False
    last_words: str = ""  # of the kernel

    @property
    def panicked(self) -> bool:
        return "Kernel panic" in self.last_words

    @property
    def out_of_memory(self) -> bool:
        """The kernel gave up for want of memory: it killed no app, itself."""
        return "Out of memory and no killable processes" in self.last_words


def read_traces(root: Path = Path("/")) -> Traces:
    """Records of pstore are moved below /var/lib/systemd/pstore by systemd, the newest last."""
    status = _text(root / "sys/class/watchdog/watchdog0/bootstatus").strip()
    flags = int(status) if status.isdigit() else 0
    records = sorted((root / "var/lib/systemd/pstore").glob("**/dmesg*.txt"))
    records = records or sorted((root / "sys/fs/pstore").glob("dmesg-*"))
    return Traces(bool(flags & WDIOF_CARDRESET), _text(records[-1]) if records else "")


def tail(path: Path, most: int = _MOST) -> str:
    """The end of a text file, from the begin of a line; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            data = file.read(most)
    except OSError:
        return ""
    return (data if size <= most else data.partition(b"\n")[2]).decode(errors="replace")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode(errors="replace")
    except OSError:
        return ""
