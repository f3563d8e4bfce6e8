"""What a person at the terminal reads: short lines, in colour where the terminal has it."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from eaves.errors import EavesError


class DemoFailed(EavesError):
    """A step of the demonstration did not do what it should."""


class Teller:
    """Tells the story; knows how long it takes so far."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._start = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def step(self, number: int, title: str) -> None:
        self._console.print(f"\n[bold cyan]Step {number}[/]  [bold]{escape(title)}[/]")

    def say(self, line: str) -> None:
        self._console.print(f"  {escape(line)}")

    def command(self, *words: str) -> None:
        self._console.print(f"  [dim]$ eaves {escape(' '.join(words))}[/]")

    def title(self, line: str) -> None:
        self._console.print(f"\n[bold]{escape(line)}[/]")

    def evidence(self, what: str, *, holds: bool, shown: str) -> None:
        mark = "[green]ok  [/]" if holds else "[bold red]FAIL[/]"
        self._console.print(f"  {mark} {escape(what)}: {escape(shown)}")
        sys.stdout.flush()


def last_lines(log: Path, count: int = 15) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"{log} cannot be read"
    return "\n".join(f"    {line[:300]}" for line in lines[-count:]) or f"    ({log.name} is empty)"
