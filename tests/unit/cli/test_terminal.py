"""A terminal shows what others wrote, and obeys none of it."""

import io
import sys

import click
import pytest

from eaves.cli.client import ApiError
from eaves.cli.output import cell_text, one_line
from eaves.cli.terminal import Shown, guard_terminal, shown
from eaves.cli.why import event_line, why_lines

EVIL = "a\x1b[2J\x1b]0;t\x07\x9b31m\x7f\u202eb"


@pytest.mark.parametrize("letter", ["\x1b", "\x07", "\x9b", "\x7f", "\u202e", "\u2066", "\u2028"])
def test_what_a_terminal_would_obey_is_shown(letter: str) -> None:
    assert letter not in shown(f"before{letter}after")
    assert letter not in cell_text(f"before{letter}after")
    assert letter not in one_line(f"before{letter}after")


def test_own_styles_lines_and_tabs_pass() -> None:
    styled = click.style("red", fg="red") + click.style("bold", bold=True) + "\tx\ny"
    assert shown(styled) == styled
    assert shown("\x1b[8mhidden\x1b[0m") == "\\x1b[8mhidden\x1b[0m"


def test_a_line_is_drawn_over_by_bars_only() -> None:
    assert shown("fine\rpwned") == "fine\\x0dpwned"
    assert shown("\r10%", bars=True) == "\r10%"
    assert shown("one\r\ntwo") == "one\ntwo"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_all_that_is_printed_to_a_terminal_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    guard_terminal()
    guard_terminal()
    assert isinstance(sys.stdout, Shown)
    click.echo(EVIL)
    click.echo(EVIL, err=True)
    for stream in (out, err):
        assert stream.getvalue() == "a\\x1b[2J\\x1b]0;t\\x07\\x9b31m\\x7f\\u202eb\n"


def test_a_pipe_gets_the_data_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    guard_terminal()
    assert sys.stdout is out


def test_what_a_device_says_makes_no_second_line() -> None:
    evil = "failed\n2026-01-01 NOTICE all is well"
    assert "\n" not in event_line({"timestamp": "2026-01-01", "description": evil})
    assert len(why_lines("instance/web", {"chain": [{"text": evil}]})) == 2
    assert ApiError("GET", "/x", 400, [one_line(evil)]).message.count("\n") == 0
