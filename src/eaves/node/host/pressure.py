"""How long programs of this machine wait for memory, as the kernel counts it (PSI)."""

import re
from pathlib import Path

_SOME = re.compile(r"^some avg10=(\d+\.\d+)", re.MULTILINE)


def memory_pressure(root: Path = Path("/")) -> float | None:
    """Per cent of the last ten seconds in which some waited; None where no kernel counts it."""
    try:
        told = (root / "proc/pressure/memory").read_text()
    except OSError:
        return None
    found = _SOME.search(told)
    return float(found[1]) if found else None
