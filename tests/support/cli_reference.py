"""The page docs/reference/cli.md, made from the commands."""

import inspect
from collections.abc import Iterator

import click

from eaves.main import SECTIONS

HEAD = """# Command line

Made from the commands; `eaves COMMAND -h` prints the same.

Exit codes: 0 done; 1 refused, failed or not found, with the reason on standard error; 2 the command
line itself is wrong.

| variable | meaning |
| --- | --- |
| `EAVES_CONFIG` | folder of the kept login; else `eaves/` in `$XDG_CONFIG_HOME` or `~/.config` |
| `EAVES_URL`, `EAVES_TOKEN` | controller and API token, instead of a kept login |
| `EAVES_CA` | file with the certificate authority to trust, beside `EAVES_URL` |
| `HTTPS_PROXY`, `NO_PROXY` | proxy to reach the controller through |
| `NO_COLOR` | no colours, even on a terminal |

Completion of commands and options in bash: `eval "$(_EAVES_COMPLETE=bash_source eaves)"`; zsh and
fish the same way.
"""


def reference(main: click.Group) -> str:
    lines = [HEAD]
    with click.Context(main, info_name="eaves") as context:
        for title, parts in SECTIONS.items():
            lines.append(f"## {title}\n")
            for name in parts:
                command = main.get_command(context, name)
                assert command is not None
                lines += _of_command(f"eaves {name}", command, context)
    return "\n".join(lines).rstrip() + "\n"


def _of_command(path: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    with click.Context(command, info_name=path.rpartition(" ")[2], parent=parent) as context:
        yield f"### {path}\n"
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"```text\n{path} {pieces}\n```\n"
        yield inspect.cleandoc(command.help or "") + "\n"
        records = [
            record
            for parameter in command.params
            if isinstance(parameter, click.Option)
            and (record := parameter.get_help_record(context)) is not None
        ]
        if records:
            yield "| option | meaning |\n| --- | --- |"
            yield "\n".join(f"| `{_cell(o)}` | {_cell(text)} |" for o, text in records) + "\n"
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                if below is not None and not below.hidden:
                    yield from _of_command(f"{path} {name}", below, context)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
