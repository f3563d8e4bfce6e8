"""`eaves image configure`: make a generic image of the node's system that of a controller.

Everything that differs from device to device stands in one small partition of the image, CONFIG, so
nothing is built anew: files are put into it as it stands in the file (mtools).
"""

import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

CONFIG = "CONFIG"
REQUIRED = ("server", "root-certificate.pem")
TAKEN = (
    *REQUIRED,
    "v2tlsbaseroot-certificates.pem",
    "onboard.cert.pem",
    "onboard.key.pem",
    "soft_serial",
    "bootstrap-config.pb",
)
_SECTOR = 512
_HEAD = struct.Struct("<8s64xQII")  # signature ... table, entries, size of one
_ENTRY = struct.Struct("<16s16sQQQ72s")
_MOST_ENTRIES = 256


class Place(NamedTuple):
    start: int  # bytes
    size: int


class NoImage(click.ClickException):
    """What was named is not an image of ours."""


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
        files["bootstrap-config.pb"] = bootstrap.read_bytes()
    conf = install_conf(disk, after, wipe=wipe)
    if conf:
        files["install.conf"] = conf.encode()
    place = partition(path, CONFIG)
    for name, data in sorted(files.items()):
        put(path, place, name, data)
    click.echo(f"{path}: {', '.join(sorted(files))}")


def install_conf(disk: str | None, after: str | None, *, wipe: bool) -> str:
    """Empty when nothing is said: the installer's own rules hold."""
    lines = [
        f"disk={disk}" if disk else "",
        "wipe=yes" if wipe else "",
        f"after={after}" if after else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def partition(path: Path, name: str) -> Place:
    """Where it stands in an image or on a stick.  Raises NoImage."""
    with path.open("rb") as file:
        first = file.read(4)
        if first == b"QFI\xfb":
            raise NoImage(
                f"{path} is a qcow2 image: configure the raw one and convert that"
                " (`qemu-img convert -O qcow2 disk.raw disk.qcow2`)"
            )
        file.seek(_SECTOR)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:8] != b"EFI PART":
            raise NoImage(f"{path} holds no partition table; name disk.raw or installer.raw")
        _, table, count, size = _HEAD.unpack(head)
        file.seek(table * _SECTOR)
        entries = file.read(min(count, _MOST_ENTRIES) * size)
    for place, label in _entries(entries, size):
        if label == name:
            return place
    raise NoImage(f"{path} holds no partition {name}: it is not an image of ours")


def _entries(table: bytes, size: int) -> Iterable[tuple[Place, str]]:
    for at in range(0, len(table) - _ENTRY.size + 1, max(size, _ENTRY.size)):
        kind, _, first, last, _, label = _ENTRY.unpack_from(table, at)
        if any(kind):
            text = label.decode("utf-16-le", errors="replace").rstrip("\0")
            yield Place(first * _SECTOR, (last - first + 1) * _SECTOR), text


def put(path: Path, place: Place, name: str, data: bytes) -> None:
    """Replace one file of a FAT partition."""
    done = subprocess.run(  # noqa: S603 - argv is ours
        ["mcopy", "-o", "-i", f"{path}@@{place.start}", "-", f"::{name}"],  # noqa: S607 - of Debian's mtools
        input=data,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip() or f"mcopy ended with {done.returncode}"
        raise click.ClickException(f"{path}: {name} was not written: {why}")
