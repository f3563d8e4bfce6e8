"""The pages of docs/how-to do what they say.

Blocks tagged `console-test` run against a controller of the test: a line after `$ ` is a command,
the lines below it must stand in what it prints, in this order.  Blocks tagged `yaml file=NAME` are
the files that the commands use.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.cli import Cli
from support.controller import Process, running
from support.generated import REPOSITORY

pytestmark = pytest.mark.system
HOW_TO = REPOSITORY / "docs/how-to"
BLOCK = re.compile(r"^```(console-test|yaml file=(\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES_BEFORE = {
    "deploy-an-app": ("add-a-second-machine",),
    "read-why": ("add-a-second-machine", "deploy-an-app"),
}


@dataclass(frozen=True, slots=True)
class Command:
    line: str
    shown: tuple[str, ...]


def files_in(page: Path) -> dict[str, str]:
    return {m[2]: m[3] for m in BLOCK.finditer(page.read_text()) if m[2]}


def commands_in(page: Path) -> list[Command]:
    lines = [
        line
        for m in BLOCK.finditer(page.read_text())
        if not m[2]
        for line in m[3].splitlines()
        if line.strip()
    ]
    found: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Command(line[2:], ()))
        else:
            found[-1] = Command(found[-1].line, (*found[-1].shown, line))
    return found


def _files_before(page: Path) -> dict[str, str]:
    """What a reader of this page has applied already."""
    before = PAGES_BEFORE.get(page.stem, ())
    return {name: text for p in before for name, text in files_in(HOW_TO / f"{p}.md").items()}


def _plain(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(folder / "password"))
    with running(Process(folder / "state", *options)) as started:
        yield started


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda p: p.stem)
def test_a_page_does_what_it_says(page: Path, process: Process, tmp_path: Path) -> None:
    commands = commands_in(page)
    assert commands
    cli = Cli.of(process, tmp_path)
    (tmp_path / "password").write_text("correct horse battery")
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
    for name, text in _files_before(page).items():
        (tmp_path / name).write_text(text)
        cli.ok("apply", "-f", name)
    for name, text in files_in(page).items():
        (tmp_path / name).write_text(text)
    for command in commands:
        _check(command, cli, process)
    for name in ("web.yaml", "site.yaml", "alerts.yaml"):
        if (tmp_path / name).exists():
            cli.ok("delete", "-f", name)


def _check(command: Command, cli: Cli, process: Process) -> None:
    """Run as a person would, at the addresses and folders of this test."""
    here = {
        "https://localhost:9443": cli.rest_url,
        "localhost:8443": f"localhost:{process.device_port}",
        "/var/lib/eaves/controller": str(process.state_dir),
    }
    line = command.line
    for usual, ours in here.items():
        line = line.replace(usual, ours)
    folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["/bin/bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cli.home,
        env={**cli.environment, "PATH": f"{folder}:{cli.environment['PATH']}"},
    )
    assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"
    rest = _plain(done.stdout)
    for expected in command.shown:
        for usual, ours in here.items():
            expected = expected.replace(usual, ours)  # noqa: PLW2901 - the same line, of this test
        wanted = _plain(expected)
        assert wanted in rest, f"$ {line}\n{done.stdout}\nlacks: {wanted}"
        rest = rest[rest.index(wanted) + len(wanted) :]
