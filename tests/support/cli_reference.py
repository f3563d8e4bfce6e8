"""The page docs/reference/cli.md, made from the commands."""

import inspect
from collections.abc import Iterator

import click

from eaves.cli.kinds import KINDS
from eaves.main import SECTIONS

HEAD = """# Command line

Made from the commands; `eaves COMMAND -h` prints the same.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | refused, failed, not found, not so within the time: the reason is on standard error |
| 2 | the command line itself is wrong |

`eaves diff` ends with 0 when nothing differs, 1 when something does, 2 when it could not tell.

| variable | meaning |
| --- | --- |
| `EAVES_CONFIG` | folder of the kept logins; else `eaves/` in `$XDG_CONFIG_HOME` or `~/.config` |
| `EAVES_CONTEXT` | login to use, of `eaves context list`; as `eaves --context NAME COMMAND` |
| `EAVES_URL`, `EAVES_TOKEN` | controller and API token, instead of a kept login |
| `EAVES_CA` | file with the certificate authority to trust, beside `EAVES_URL` |
| `HTTPS_PROXY`, `NO_PROXY` | proxy to reach the controller through |
| `NO_COLOR` | no colours, even on a terminal |

An object is named by its kind and its name, `device edge-1` or `device/edge-1`. `-l KEY=VALUE`
means objects with this tag. In files, fields of the REST contract are spelt as there, references
may be names (`project: NAME` for `projectId`), and enum words may leave their prefix out.

## Kinds
"""


def reference(main: click.Group) -> str:
    lines = [HEAD, *_of_kinds()]
    with click.Context(main, info_name="eaves") as context:
        for title, parts in SECTIONS.items():
            lines.append(f"## {title}\n")
            for name in parts:
                command = main.get_command(context, name)
                assert command is not None
                lines += _of_command(f"eaves {name}", command, context)
    return "\n".join(lines).rstrip() + "\n"


def _of_kinds() -> Iterator[str]:
    yield "| kind | also | from files | `-l` | names stand for ids at |"
    yield "| --- | --- | --- | --- | --- |"
    for kind in KINDS:
        files = ("made, changed" if kind.changes else "made") if kind.made else ""
        cells = (
            f"`{kind.name}`",
            ", ".join(kind.aliases),
            files,
            "yes" if kind.tags else "",
            ", ".join(f"`{pattern}`" for pattern in kind.references),
        )
        yield f"| {' | '.join(cells)} |".replace("  ", " ").replace("  ", " ")
    yield ""


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
