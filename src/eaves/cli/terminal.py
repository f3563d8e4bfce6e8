"""What others wrote is shown on a terminal, and never obeyed by it.

Names, log lines and errors come from devices, apps and other people.  An escape sequence in one of
them could move the cursor, rewrite what was printed before, or ask the terminal to type something.
At a pipe nothing is changed: there it is data.
"""

import re
import sys
from typing import IO, Any, Final

_TURNS_TEXT: Final = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN: Final = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t\r"
} | {code: f"\\u{code:04x}" for code in _TURNS_TEXT}
_OWN_STYLE: Final = re.compile(r"(\x1b\[(?:[0-2]|22|3[0-79]|9[0-7])m)")
"""What this program styles with: weight and colour, which hide nothing."""


def shown(text: str, *, bars: bool = False) -> str:
    """`text` as a terminal may have it.  `bars`: a line may be drawn over by the next one."""
    if not bars:
        text = text.replace("\r\n", "\n").replace("\r", "\\x0d")
    parts = _OWN_STYLE.split(text)
    return "".join(
        part if place % 2 else part.translate(_SHOWN) for place, part in enumerate(parts)
    )


class Shown:
    """A stream to a terminal that goes through `shown`; everything else is that of the stream."""

    def __init__(self, to: IO[str], *, bars: bool) -> None:
        self._to, self._bars = to, bars

    def write(self, text: str) -> int:
        self._to.write(shown(text, bars=self._bars))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


def guard_terminal() -> None:
    """From now on for all that this process prints; bars are drawn on standard error."""
    if sys.stdout.isatty() and not isinstance(sys.stdout, Shown):
        sys.stdout = Shown(sys.stdout, bars=False)
    if sys.stderr.isatty() and not isinstance(sys.stderr, Shown):
        sys.stderr = Shown(sys.stderr, bars=True)
