"""`eaves image`, `eaves artifact`: bytes into the controller's own store, and what comes then."""

import hashlib
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import click

from eaves.cli import signatures
from eaves.cli.client import ApiError, Client
from eaves.cli.completion import complete_of
from eaves.cli.image_configure import configure
from eaves.cli.json_values import Json
from eaves.cli.kinds import find_kind
from eaves.cli.output import size_text
from eaves.cli.progress import Progress
from eaves.cli.session import load_session

PIECE: Final = 4 << 20  # bytes
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_HERE: Final = re.compile(r"bytes=0-(\d+)")
TRIES: Final = 5  # of one piece, over a line that breaks
PAUSE_S: Final = 1.0
OK, CONFLICT = 200, 409
AGAIN: Final = "run the same command again: it goes on where it stopped"


@click.group()
def image() -> None:
    """Bring the bytes of images into the controller, make them ready, say who signed them."""


@image.command("upload")
@click.argument("name", shell_complete=complete_of("image"))
@click.argument("file", type=FILE)
@click.option(
    "--piece",
    "piece_bytes",
    type=click.IntRange(1 << 16, 1 << 28),
    default=PIECE,
    show_default=True,
    help="Bytes in one request.",
)
def upload_image(name: str, file: Path, piece_bytes: int) -> None:
    """Upload the bytes of an image of a datastore that the controller keeps itself.

    The datastore is of type FILE_STORAGE; the image is there already (`eaves apply`).  Over a line
    that breaks, run it again: it goes on where it stopped.
    """
    with Client(load_session()) as client:
        found = client.get(find_kind("image"), name)
        _refuse_other(found, file)
        path = f"{find_kind('image').path}/name/{name}/upload/chunked"
        send_file(client, path, file, f"image/{name}", piece_bytes)
        now = client.get(find_kind("image"), name)
    click.echo(f"image/{name}: {size_text(now.get('imageSizeBytes'))} are there, {_state(now)}")


def _refuse_other(image_now: Json, file: Path) -> None:
    """Raises ClickException before the first byte where the digest is known and another."""
    wanted = str(image_now.get("imageSha256") or "").lower().removeprefix("sha256:")
    if not wanted:
        return
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != wanted:
        raise click.ClickException(
            f"{file} has sha256 {digest}, image {image_now.get('name')!r} asks for {wanted};"
            " send the right file, or correct imageSha256"
        )


def _state(now: Json) -> str:
    return str(now.get("imageStatus") or "").removeprefix("IMAGE_STATUS_")


@image.command()
@click.argument("name", shell_complete=complete_of("image"))
def uplink(name: str) -> None:
    """Look an image up in its datastore and make it ready for use."""
    with Client(load_session()) as client:
        kind = find_kind("image")
        found = client.get(kind, name)
        client.call("PUT", f"{kind.path}/id/{found['id']}/uplink", found)
        now = client.get(kind, name)
    click.echo(f"image/{name}: {_state(now)}")


@image.command()
@click.argument("name", shell_complete=complete_of("image"))
@click.option("--off", is_flag=True, help="Take the mark away.")
def latest(name: str, *, off: bool) -> None:
    """Mark a base image as the latest of its architecture."""
    with Client(load_session()) as client:
        kind = find_kind("image")
        found = client.get(kind, name)
        path = f"{kind.path}/baseos/latest"
        if off:
            client.call("DELETE", path, query={"id": str(found["id"])})
        else:
            client.call("PUT", path, {"id": found["id"], "name": found["name"]})
    click.echo(
        f"image/{name}: {'no longer' if off else 'is'} the latest of {found.get('imageArch')}"
    )


for _command in (signatures.sign, signatures.signatures, signatures.policy):
    image.add_command(_command)
image.add_command(configure)


@click.group()
def artifact() -> None:
    """Keep small files in the controller: logos, licences, what a patch carries."""


@artifact.command("upload")
@click.argument("name")
@click.argument("file", type=FILE)
def upload_artifact(name: str, file: Path) -> None:
    """Keep a file under a name; one that is under way already goes on."""
    kind = find_kind("artifact")
    with Client(load_session()) as client:
        found = client.find(kind, name) or client.call("POST", kind.path, {"name": name})
        path = f"{kind.path}/id/{found['id']}/upload/chunked"
        send_file(client, path, file, f"artifact/{name}", PIECE)
    click.echo(f"artifact/{name}: {size_text(file.stat().st_size)} are there")


def send_file(client: Client, path: str, file: Path, title: str, piece_bytes: int) -> None:
    """Send what is not there yet, piece by piece.  Raises ClickException."""
    total = file.stat().st_size
    if not total:
        raise click.ClickException(f"{file} is empty; nothing to send")
    with file.open("rb") as opened, Progress(title, size_text) as progress:
        done = begun = _begun(client, path, total)
        progress.tell(done, total, "goes on" if 0 < done < total else "")
        while done < total:
            try:
                now = _send(client, path, opened, done, total, piece_bytes)
            except ApiError as error:
                if error.status != CONFLICT or not begun:
                    raise
                now = begun = 0  # what is there is of another file: from the first byte on
                done = -1
            if now <= done:
                raise click.ClickException(
                    f"{file} became shorter while it was sent; send it again"
                )
            done = now
            progress.tell(done, total)


def _begun(client: Client, path: str, total: int) -> int:
    """How many of the bytes are there."""
    question = {"Content-Range": f"bytes */{total}", "Content-Type": "application/octet-stream"}
    answer = client.exchange("PUT", path, b"", question)
    return total if answer.status == OK else _received(answer.headers)


def _received(headers: Mapping[str, str]) -> int:
    found = _HERE.fullmatch(headers.get("range", ""))
    return int(found[1]) + 1 if found else 0


def _send(
    client: Client, path: str, opened: BinaryIO, start: int, total: int, piece_bytes: int
) -> int:
    """One piece; what broke is asked about and sent again.  How many bytes are there then."""
    left, broken = TRIES, False
    while True:
        try:
            if broken:
                start = _begun(client, path, total)
            opened.seek(start)
            data = opened.read(min(piece_bytes, total - start))
            if not data:
                return start
            place = {
                "Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}",
                "Content-Type": "application/octet-stream",
            }
            answer = client.exchange("PUT", path, data, place)
            return total if answer.status == OK else _received(answer.headers)
        except ApiError:
            raise
        except click.ClickException as error:
            left, broken = left - 1, True
            if not left:
                raise click.ClickException(f"{error.message}\n       {AGAIN}") from error
            time.sleep(PAUSE_S)
