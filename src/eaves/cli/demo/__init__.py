"""`eaves demo`: controller, node, a container and a virtual machine on this machine.

The command line stays importable without root and without the libraries of the parts it starts.
"""

import os
import shlex
import sys
from pathlib import Path

import click

from eaves.errors import EavesError


@click.command()
@click.option("--check", is_flag=True, help="No person needed: check each step by use, then end.")
@click.option(
    "--tpm", is_flag=True, help="Show measured boots instead: a node with a TPM in software."
)
@click.option(
    "--image",
    "images",
    type=click.Path(path_type=Path, file_okay=False),
    help="Show the node's own operating system instead: a folder that image/demo.py wrote.",
)
@click.option(
    "--state-dir",
    default=".eaves-demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this run; it is removed at the end.",
)
def command(*, check: bool, tpm: bool, images: Path | None, state_dir: Path) -> None:
    """Show Eaves on this machine.

    Starts a controller, a node, a container and a virtual machine; Ctrl-C takes all of it away.
    """
    if os.geteuid() != 0:
        again = shlex.join([sys.executable, "-m", "eaves", "demo", *sys.argv[2:]])
        raise click.ClickException(
            f"the demo makes a network namespace and starts machines: run `sudo {again}`"
        )
    from eaves.cli.demo.run import run_demo  # noqa: PLC0415 - nothing of it is needed above

    try:
        code = run_demo(state_dir.absolute(), check=check, tpm=tpm, images=images)
    except EavesError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)
