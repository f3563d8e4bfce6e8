"""Generic images of the node's system, in a folder by tag: found, looked at, sent with a CONFIG.

Nothing here waits: what reads a disk is called in a thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from eaves.controller.domain.contract.installer_images import DeviceGenerateImageType
from eaves.controller.domain.installer_images import FILES, TAG
from eaves.disk_image import CONFIG, NoImage, Place, partition

MOST_CONFIG: Final = 64 << 20  # bytes of a CONFIG that is made in memory
PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A generic image."""

    path: Path
    size: int  # bytes
    config: Place


class NoSource(NoImage):
    """There is no generic image to send; the text says what to do."""


def tags_in(folder: Path | None) -> frozenset[str]:
    """Of the generic images that are there.  Blocking."""
    if folder is None or not folder.is_dir():
        return frozenset()
    return frozenset(one.name for one in folder.iterdir() if TAG.fullmatch(one.name))


def fault_of(folder: Path | None, tag: str, kind: DeviceGenerateImageType) -> str:
    """Why the generic image cannot be sent; empty when it can.  Blocking."""
    try:
        look_at(folder, tag, kind)
    except NoImage as error:
        return str(error)
    return ""


def look_at(folder: Path | None, tag: str, kind: DeviceGenerateImageType) -> Source:
    """Blocking.  Raises NoImage; its text names no path of this machine."""
    name = FILES.get(kind)
    if folder is None or name is None or not TAG.fullmatch(tag):
        raise NoSource("there are no installer images; set EAVES_INSTALLER_IMAGES to their folder")
    shown = f"{tag}/{name}"
    path = folder / tag / name
    try:
        size, config = path.stat().st_size, partition(path, CONFIG)
    except FileNotFoundError as error:
        raise NoSource(f"{shown} is not in EAVES_INSTALLER_IMAGES; put it there") from error
    except OSError as error:
        raise NoSource(f"{shown} cannot be read: {error.strerror}; mend its rights") from error
    except NoImage as error:
        raise NoSource(str(error).replace(str(path), shown)) from error
    if not 0 < config.size <= MOST_CONFIG or config.start + config.size > size:
        raise NoSource(f"{shown} ends before its partition {CONFIG} does; copy it again")
    return Source(path, size, config)


def pieces(source: Source, config: bytes) -> Iterator[bytes]:
    """The generic image with another CONFIG; read while it is sent."""
    with source.path.open("rb") as file:
        yield from _read(file, source.config.start)
        for at in range(0, len(config), PIECE):
            yield config[at : at + PIECE]
        end = source.config.start + len(config)
        file.seek(end)
        yield from _read(file, source.size - end)


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (data := file.read(min(size, PIECE))):
        size -= len(data)
        yield data
