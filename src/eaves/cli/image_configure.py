"""`eaves image configure`: make a generic image of the node's system that of a controller.

Everything that differs from device to device stands in one small partition of the image, CONFIG, so
nothing is built anew: files are put into it as it stands in the file (mtools).
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import click

from eaves.disk_image import (
    BOOTSTRAP,
    CONFIG,
    INSTALL_CONF,
    ONBOARD_CERTIFICATE,
    ONBOARD_KEY,
    ROOT_CERTIFICATE,
    SERVER,
    SOFT_SERIAL,
    NoImage,
    Place,
    install_conf,
    partition,
)

PORTS_BY_HAND = "DevicePortConfig"
REQUIRED = (SERVER, ROOT_CERTIFICATE)
TAKEN = (
    *REQUIRED,
    "v2tlsbaseroot-certificates.pem",
    ONBOARD_CERTIFICATE,
    ONBOARD_KEY,
    SOFT_SERIAL,
    BOOTSTRAP,
)


@click.command("configure")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder written by `eaves onboarding`.",
)
@click.option(
    "--bootstrap",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Signed first configuration: proxies and static addresses.",
)
@click.option("--disk", help="For an installer: auto, a device, or serial:SERIAL.")
@click.option("--wipe", is_flag=True, help="For an installer: take a disk that holds data.")
@click.option(
    "--after",
    type=click.Choice(["reboot", "poweroff"]),
    help="For an installer: what follows the installation.",
)
def configure(
    path: Path,
    folder: Path,
    bootstrap: Path | None,
    disk: str | None,
    after: str | None,
    *,
    wipe: bool,
) -> None:
    """Put a controller's address, root and onboarding key into PATH, an image or a USB stick."""
    if shutil.which("mcopy") is None:
        raise click.ClickException("mcopy is missing: `apt install mtools`")
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise click.ClickException(
            f"{folder} holds no {' and no '.join(missing)}; `eaves onboarding` writes such a folder"
        )
    files = {name: (folder / name).read_bytes() for name in TAKEN if (folder / name).is_file()}
    if bootstrap is not None:
        files[BOOTSTRAP] = bootstrap.read_bytes()
    conf = install_conf(disk, after, wipe=wipe)
    if conf:
        files[INSTALL_CONF] = conf.encode()
    try:
        place = partition(path, CONFIG)
    except NoImage as error:
        raise click.ClickException(str(error)) from error
    stamp(path, place, files)
    click.echo(f"{path}: {', '.join(sorted(files))}")


def stamp(path: Path, place: Place, files: Mapping[str, bytes]) -> None:
    """What it was told before is gone; `server` is the last to stand there.

    Cut off anywhere, it is an image that names no controller, and this is to be run once more.
    """
    mtools(path, place, "mdel", f"::{SERVER}", fails=False)
    mtools(path, place, "mdeltree", f"::{PORTS_BY_HAND}", fails=False)
    for name in sorted({*TAKEN, INSTALL_CONF} - {*files, SERVER}):
        mtools(path, place, "mdel", f"::{name}", fails=False)  # most were never there
    for name in sorted(files, key=lambda name: (name == SERVER, name)):
        mtools(path, place, "mcopy", "-o", "-", f"::{name}", given=files[name])


def mtools(
    path: Path, place: Place, program: str, *words: str, given: bytes = b"", fails: bool = True
) -> None:
    """One program of Debian's mtools, on a FAT partition of an image."""
    argv = [program, "-i", f"{path}@@{place.start}", *words]
    done = subprocess.run(argv, input=given, capture_output=True, check=False)  # noqa: S603 - ours
    if done.returncode and fails:
        why = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise click.ClickException(
            f"{path}: CONFIG is half written, {words[-1]} was not ({program}: {why}); mend that and"
            " run the same command again"
        )
