"""The `eaves` command.  Each part is imported only when it is asked for."""

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Part:
    module: str
    attribute: str
    help: str
    extra: str  # the extra of the distribution that brings its libraries


PARTS: dict[str, Part] = {
    "controller": Part(
        "eaves.controller.main", "command", "Run the controller of a fleet.", "controller"
    ),
    "node": Part(
        "eaves.node.main", "command", "Run, install or inspect the node of this machine.", "node"
    ),
    "demo": Part("eaves.cli.demo", "command", "Controller, node and apps on this machine.", "cli"),
}
FLEET_PART = "eaves.cli.main"


class LazyGroup(click.Group):
    """Lists every command without importing what runs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*PARTS, *_fleet_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        part = PARTS.get(cmd_name)
        if part is None:
            return _fleet_commands().get(cmd_name)
        try:
            command = getattr(importlib.import_module(part.module), part.attribute)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("eaves."):
                raise
            raise click.ClickException(
                f"`eaves {cmd_name}` needs the library {error.name}: "
                f"pip install 'eaves[{part.extra}]'"
            ) from error
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{part.module}.{part.attribute} is not a command")
        return command


def _fleet_commands() -> dict[str, click.Command]:
    """The commands that talk to a controller: login, get, apply, ...; they share one group."""
    try:
        group = importlib.import_module(FLEET_PART).command
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("eaves."):
            raise
        return {}
    return dict(group.commands) if isinstance(group, click.Group) else {}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eaves", prog_name="eaves")
def main() -> None:
    """Eaves manages edge devices: a controller, the node they run, and this command line."""
