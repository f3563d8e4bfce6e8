"""`eaves node console`."""

import os
import sys
import time
from functools import partial
from pathlib import Path, PurePosixPath

import click

from eaves.node.console.hand import ask
from eaves.node.console.page import Line
from eaves.node.console.readings import read_all
from eaves.node.settings import Settings

SCREEN_S = 10.0  # a driver of one may come later
ASK = "\r\nEaves edge node: press Enter for its console.\r\n"


class NoTerminal(click.ClickException):
    """Trying again shows nothing either: who started it may leave it at that."""

    exit_code = 3


def line_of(tty: str) -> Line:
    """Of the device file of a terminal."""
    name = PurePosixPath(tty).name
    if name.startswith("tty") and name.removeprefix("tty").isdigit():
        return Line.SCREEN
    return Line.SERIAL if name.startswith("tty") else Line.OTHER


@click.command("console")
@click.option("--stays", is_flag=True, help="No key ends it: for the screen of a device.")
@click.pass_obj
def console(settings: Settings, *, stays: bool) -> None:
    """Show identity, connectivity, slots, vault and apps, page by page.

    On the screen of the machine itself it can set how ports reach their networks, too, where the
    controller allows it (Network page, e).
    """
    if not sys.stdin.isatty():
        raise NoTerminal(
            "a console needs a terminal; `eaves node status` and `eaves node diag` print instead"
        )
    line = line_of(os.ttyname(sys.stdin.fileno()))
    if stays and line is Line.SERIAL:
        _wait_for_somebody()
    while stays and line is Line.SCREEN and not has_screen():
        time.sleep(SCREEN_S)
    from eaves.node.console.app import Console  # noqa: PLC0415 - the node itself draws nothing

    Console(
        lambda: read_all(settings.run_dir),
        line,
        stays=stays,
        hand=partial(ask, settings.run_dir),
    ).run(mouse=False)


def has_screen(root: Path = Path("/")) -> bool:
    """Is there anything that draws?  Many a machine in a rack has nothing; one that does not say
    so may have.
    """
    told = [path.read_text() for path in (root / "sys/class/vtconsole").glob("*/name")]
    return not told or any("dummy" not in one for one in told)


def _wait_for_somebody() -> None:
    """Others write to a serial line too: nothing is drawn over them unasked."""
    try:
        click.echo(ASK, nl=False)
        there = bool(sys.stdin.readline())
    except OSError as error:
        raise NoTerminal(f"the serial line cannot be used: {error.strerror}") from error
    if not there:
        raise NoTerminal("the serial line was hung up; connect a terminal to it")
