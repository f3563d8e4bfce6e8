"""The console as somebody sees it who stands before the device: 80x24, keys alone."""

import subprocess
import sys

import msgspec
import pytest
from click.testing import CliRunner
from textual.widgets import Static

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.node.console.app import Console
from eaves.node.console.page import Line
from eaves.node.console.readings import Readings
from eaves.node.console.voice import Voice
from eaves.node.main import command
from eaves.node.runtime.log_policy import console_level
from eaves.node.runtime.status_file import (
    AppStatus,
    ControllerStatus,
    DeviceStatus,
    NodeStatus,
)

HOSTILE = "[red]x[/red] [@click=app.bell]y[/] \x1b[2J\x00 " + "z" * 10_000
STATUS = NodeStatus(
    "2026-11-22T06:00:00+00:00",
    "eaves-0.1.0",
    0,
    0,
    DeviceStatus(name=HOSTILE, uuid="8a5e9a5c-0000-4000-8000-000000000001", vault=HOSTILE),
    ControllerStatus(url=HOSTILE, problem="no DHCP lease on eth0; check the cable"),
    [],
    [AppStatus("a", "web", "container", "running", "RUNNING", [HOSTILE])],
    [],
)
KEYS = (
    "q", "ctrl+c", "ctrl+q", "ctrl+z", "ctrl+p", "ctrl+d", "ctrl+backslash", "escape", "f1", "f10",
    "enter", "tab", "shift+tab", "colon", "exclamation_mark", "x", "s", "up", "down", "end",
)  # fmt: skip


def drawn(app: Console) -> list[str]:
    return ["".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()]


def text(app: Console, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).content)


async def test_the_pages_fit_a_serial_line_and_turn_by_key() -> None:
    app = Console(lambda: Readings(STATUS), Line.SERIAL, stays=True)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = drawn(app)
        assert len(screen) == 24
        assert all(len(line) <= 80 for line in screen)
        assert "8a5e9a5c-0000-4000-8000-000000000001" in text(app, "text")
        assert any("no DHCP lease on eth0" in line for line in screen)
        assert all(c.isprintable() for line in screen for c in line)
        await pilot.press("3")
        assert text(app, "text").startswith("web (container) runs")
        assert "[red]x[/red] [@click=app.bell]y[/]  [2J" in text(app, "text")
        await pilot.press("right")
        assert "All that the configuration asks for is there." in text(app, "text")
        await pilot.press("right", "left", "left")
        assert "[3 Apps]" in text(app, "tabs")


async def test_no_key_leads_out_of_it_where_it_stays() -> None:
    app = Console(lambda: Readings(STATUS), Line.SCREEN, stays=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*KEYS)
        assert app.is_running
        assert len(app.screen_stack) == 1  # no palette, no help, no prompt
        assert "8a5e9a5c-0000-4000-8000-000000000001" in text(app, "text")
    assert app.return_code in (0, None)


async def test_who_called_it_leaves_it_with_q() -> None:
    app = Console(lambda: Readings(STATUS), Line.OTHER, stays=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
    assert not app.is_running


async def test_what_the_controller_shuts_goes_from_the_screen_and_comes_back() -> None:
    shut = msgspec.structs.replace(
        STATUS, device=msgspec.structs.replace(STATUS.device, screen=False)
    )
    seen = [Readings(STATUS), Readings(shut), Readings(STATUS)]
    app = Console(lambda: seen[0], Line.SCREEN, stays=True)
    async with app.run_test(size=(80, 24)) as pilot:
        seen.pop(0)
        app.refresh_pages()
        await pilot.press("2", "right")
        assert "debug.enable.vga" in text(app, "text")
        assert not any("8a5e9a5c" in line for line in drawn(app))
        seen.pop(0)
        app.refresh_pages()
        assert "8a5e9a5c" in text(app, "text")


def test_without_a_terminal_the_other_commands_are_named() -> None:
    done = CliRunner().invoke(command, ["--name", "none", "console"])
    assert done.exit_code == 3
    assert "`eaves node status` and `eaves node diag` print instead" in done.output


def test_the_console_of_a_device_is_itself_alone() -> None:
    """A device has one on each terminal: none of them holds the node in memory."""
    program = "import sys, eaves.node.console.__main__, eaves.node.console.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "eaves.node.console.app" in done.stdout.split()
    assert not {"eaves.node.compose", "aiohttp"} & set(done.stdout.split())

    argv = [sys.executable, "-m", "eaves.node.console", "--stays"]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "a console needs a terminal" in done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("off", []),
        ("warn", ["apps.json is damaged"]),
        ("INFO", ["apps.json is damaged", "shown on the terminal"]),
        ("debug", ["apps.json is damaged", "shown on the terminal", "page Network"]),
    ],
)
async def test_the_console_says_as_much_of_itself_as_the_controller_asks_for(
    word: str, said: list[str]
) -> None:
    items, _ = apply_items([ConfigItem(key="debug.tui.loglevel", value=word)])
    device = msgspec.structs.replace(STATUS.device, console_level=console_level(items))
    seen = Readings(
        msgspec.structs.replace(STATUS, device=device), damaged=("apps.json is damaged",)
    )
    lines: list[str] = []
    voice = Voice(lambda _, text: lines.append(text))
    app = Console(lambda: seen, Line.OTHER, stays=False, voice=voice)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        app.refresh_pages()
    assert lines == said
