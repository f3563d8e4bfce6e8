"""What is inside the encryption: a gzipped tar whose last member says what all of it is."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

import msgspec

from eaves.controller.backup.crypt import BackupUnreadable, Opening, Sealing

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PART_BYTES: Final = 1024 * 1024
MOST_MANIFEST_BYTES: Final = 64 * 1024 * 1024


class Member(msgspec.Struct, frozen=True):
    sha256: str
    size: int  # bytes


class Partition(msgspec.Struct, frozen=True):
    """A part of a PostgreSQL table that is partitioned."""

    name: str
    parent: str
    bound: str  # as PostgreSQL writes it: FOR VALUES FROM ... TO ...


class Rows(msgspec.Struct, frozen=True):
    """The rows of one PostgreSQL table; the members `postgresql/TABLE/NNNNNN` hold them."""

    table: str
    columns: tuple[str, ...]
    parts: int


class Manifest(msgspec.Struct, frozen=True):
    format: int
    release: str
    schema: str
    database: str  # sqlite | postgresql
    made_at: str
    telemetry: bool
    members: dict[str, Member]
    tables: tuple[Rows, ...] = ()  # in the order in which they can be filled
    partitions: tuple[Partition, ...] = ()
    sequences: dict[str, int] = {}  # the last number that each gave out


class Writer:
    """Adds members one after the other."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, Member] = {}

    def add(self, name: str, size: int, parts: Iterable[bytes]) -> None:
        """`parts` have `size` bytes together."""
        source = _Parts(parts)
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._tar.addfile(info, source)
        self.members[name] = Member(source.digest.hexdigest(), size)

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add(name, len(content), (content,))


class _Parts(io.RawIOBase):
    """Parts as a file to read from; hashes what passes."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        super().__init__()
        self._parts, self._held = iter(parts), b""
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._held) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._held += part
        given = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(given) :]
        self.digest.update(given)
        return given


@contextmanager
def writing(to: BinaryIO, passphrase: bytes, random: Callable[[int], bytes]) -> Generator[Writer]:
    with (
        Sealing(to, passphrase, random) as sealed,
        gzip.GzipFile(filename="", fileobj=sealed, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(mode="w|", fileobj=packed, bufsize=PART_BYTES) as tar,
    ):
        yield Writer(tar)


def read_members(path: Path, passphrase: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    """Each member, to be read before the next is asked for.  Raises BackupUnreadable."""
    with path.open("rb") as file:
        opened = io.BufferedReader(Opening(file, str(path), passphrase), PART_BYTES)
        try:
            with (
                gzip.GzipFile(fileobj=opened, mode="rb") as packed,
                tarfile.open(mode="r|", fileobj=packed, bufsize=PART_BYTES) as tar,
            ):
                for info in tar:
                    _refuse_leading_out(path, info.name)
                    content = tar.extractfile(info)
                    if content is None:
                        raise BackupUnreadable(f"{path}: member {info.name!r} is no file")
                    yield info.name, content
                while packed.read(PART_BYTES):
                    pass  # to the very end: only there is it known that nothing was cut off
            while opened.read(PART_BYTES):
                pass
        except (tarfile.TarError, OSError, EOFError) as error:
            raise BackupUnreadable(f"{path}: {error}; take another copy of the file") from error


def _refuse_leading_out(path: Path, member: str) -> None:
    if {"", ".", ".."} & set(member.split("/")):
        raise BackupUnreadable(
            f"{path}: member {member!r} leads out of the place of a restore; nothing that was "
            "backed up is called so: take another copy of the file"
        )


def parts_of(content: IO[bytes]) -> Iterator[bytes]:
    while part := content.read(PART_BYTES):
        yield part


def check(path: Path, passphrase: bytes) -> Manifest:
    """Read all of a backup, compare every digest, and tell what it holds.  Writes nothing.

    Raises BackupUnreadable.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    for name, content in read_members(path, passphrase):
        if name == MANIFEST:
            manifest = _manifest(path, content)
            continue
        digest, size = hashlib.sha256(), 0
        for part in parts_of(content):
            digest.update(part)
            size += len(part)
        found[name] = Member(digest.hexdigest(), size)
    if manifest is None:
        raise BackupUnreadable(f"{path} holds no manifest; the backup was not finished")
    if manifest.format != FORMAT:
        raise BackupUnreadable(
            f"{path} has format {manifest.format}, this release reads {FORMAT}; "
            f"restore it with release {manifest.release}"
        )
    if found != manifest.members:
        wrong = sorted(set(found.items()) ^ set(manifest.members.items()), key=lambda m: m[0])
        raise BackupUnreadable(f"{path}: {wrong[0][0]} is not as its manifest says")
    return manifest


def _manifest(path: Path, content: IO[bytes]) -> Manifest:
    text = content.read(MOST_MANIFEST_BYTES + 1)
    if len(text) > MOST_MANIFEST_BYTES:
        raise BackupUnreadable(f"{path}: its manifest has more than {MOST_MANIFEST_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupUnreadable(f"{path}: its manifest cannot be read: {error}") from error


def encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)
