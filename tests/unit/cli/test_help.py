"""Help of the command line: made from a table, true to the commands, quick to come."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from support.cli_reference import reference
from support.generated import REPOSITORY, is_up_to_date

from eaves.main import PARTS, main

HEAVY = (
    *("yaml", "httpx", "rich", "fastapi", "aiohttp", "cryptography", "sqlalchemy", "msgspec"),
    *("ssl", "http.client", "email", "asyncio", "pydantic"),
)
OURS = [name for name, part in PARTS.items() if part.where.startswith("eaves.cli.")]


@pytest.mark.parametrize("name", OURS)
def test_the_table_of_commands_says_what_each_command_says(name: str) -> None:
    with click.Context(main) as context:
        command = main.get_command(context, name)
        assert command is not None
        told = (command.help or "").strip().partition("\n\n")[0].replace("\n", " ")
        assert told.startswith(PARTS[name].help.removesuffix(".")), told


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_option_is_explained(name: str) -> None:
    with click.Context(main) as context:
        command = main.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"eaves {name} {parameter.opts[0]}"


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["appply"])
    assert result.exit_code == 2
    assert "there is no command 'appply'; did you mean apply?" in result.output


def test_help_imports_nothing_heavy() -> None:
    probe = (
        "import sys\nfrom click.testing import CliRunner\nfrom eaves.main import main\n"
        "assert CliRunner().invoke(main, ['-h']).exit_code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
        "print([m for m in sys.modules if m.startswith('eaves.') and m != 'eaves.main'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_the_reference_page_is_that_of_the_commands() -> None:
    is_up_to_date(REPOSITORY / "docs/reference/cli.md", reference(main))
