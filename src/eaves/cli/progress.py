"""How far something is: a bar on a terminal, now and then a plain line elsewhere.

It goes to standard error, so that what a command prints stays clean.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

import click

STEP: Final = 0.1  # share between two plain lines
REDRAW_S: Final = 0.1
WIDTH: Final = 24  # cells of the bar


def count_text(value: float) -> str:
    return f"{value:,.0f}"


def bar(share: float, width: int = WIDTH) -> str:
    """`share` from 0 to 1."""
    full = int(min(max(share, 0.0), 1.0) * width)
    return "#" * full + "-" * (width - full)


def share_of(done: float, total: float) -> float:
    """All of nothing is done."""
    return done / total if total else 1.0


def is_terminal() -> bool:
    return sys.stderr.isatty()


@dataclass
class Progress:
    """Tells of `done` out of a total; `seconds` is a clock that never jumps."""

    label: str
    text_of: Callable[[float], str] = count_text
    seconds: Callable[[], float] = time.monotonic
    terminal: bool = field(default_factory=is_terminal)
    _drawn_at: float = -1.0
    _told: str = ""
    _share: float = -1.0
    _note: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def tell(self, done: float, total: float, note: str = "") -> None:
        """Call as often as you like: it says no more than a person wants to read."""
        share = share_of(done, total)
        text = f"{share:4.0%}  {self.text_of(done)} of {self.text_of(total)}"
        text += f"  {note}" if note else ""
        if self.terminal:
            self._draw(share, text, last=share >= 1)
        elif self._is_worth_a_line(share, note):
            click.echo(f"{self.label}: {text.strip()}", err=True)
            self._share, self._note = share, note

    def end(self) -> None:
        """The bar stays as it is, and what comes next begins a new line."""
        if self.terminal and self._told:
            click.echo("", err=True)
        self._told = ""

    def _is_worth_a_line(self, share: float, note: str) -> bool:
        stepped = share - self._share >= STEP or (share >= 1 > self._share)
        return self._share < 0 or stepped or note != self._note

    def _draw(self, share: float, text: str, *, last: bool) -> None:
        now = self.seconds()
        if not last and self._told and now - self._drawn_at < REDRAW_S:
            return
        line = f"{self.label}  [{bar(share)}]  {text}"
        line = line[: max(20, shutil.get_terminal_size().columns - 1)]
        padding = " " * max(0, len(self._told) - len(line))
        click.echo(f"\r{line}{padding}", nl=False, err=True)
        self._told, self._drawn_at = line, now
