"""What is done to an object once: reboot, restart, purge, refresh, activate, deactivate."""

import click

from eaves.cli.client import Client
from eaves.cli.completion import complete_names, complete_of
from eaves.cli.kinds import Kind, KindType, OfObjects, find_kind
from eaves.cli.session import load_session


def _do(kind: Kind, name: str, path: str, done: str) -> None:
    with Client(load_session()) as client:
        found = client.get(kind, name)
        client.call("PUT", f"{kind.path}/id/{found['id']}/{path}")
    click.echo(f"{kind.name}/{name}: {done}")


@click.command()
@click.argument("device", shell_complete=complete_of("device"))
def reboot(device: str) -> None:
    """Reboot a device.

    Off the OS image the node stops its apps and restarts its own process; with
    --host-power=real the machine restarts.
    """
    _do(find_kind("device"), device, "reboot", "reboot asked for")


@click.command()
@click.argument("instance", shell_complete=complete_of("instance"))
def restart(instance: str) -> None:
    """Restart an app instance; its volumes stay."""
    _do(find_kind("instance"), instance, "restart", "restart asked for")


@click.command()
@click.argument("instance", shell_complete=complete_of("instance"))
def purge(instance: str) -> None:
    """Start an app instance anew, with new volumes from its images.

    What the app wrote to its volumes is lost.
    """
    _do(find_kind("instance"), instance, "refresh/purge", "purge asked for")


@click.command()
@click.argument("instance", shell_complete=complete_of("instance"))
def refresh(instance: str) -> None:
    """Bring an app instance to the newest version of its app."""
    _do(find_kind("instance"), instance, "refresh", "refresh asked for")


NAMES = click.argument("names", nargs=-1, required=True, shell_complete=complete_names)


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType("device", "instance"))
@NAMES
def activate(kind: Kind, names: tuple[str, ...]) -> None:
    """Activate devices or app instances."""
    for name in names:
        _do(kind, name, "activate", "activated")


@click.command(cls=OfObjects)
@click.argument("kind", type=KindType("device", "instance"))
@NAMES
def deactivate(kind: Kind, names: tuple[str, ...]) -> None:
    """Deactivate devices or app instances.

    The app stops, its volumes stay; all apps of a deactivated device stop.
    """
    for name in names:
        _do(kind, name, "deactivate", "deactivated")
