"""The file of a backup: whole and authentic, or refused."""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eaves.controller.backup.archive import (
    FORMAT,
    MANIFEST,
    Manifest,
    Member,
    check,
    encode,
    writing,
)
from eaves.controller.backup.crypt import (
    CHUNK_BYTES,
    HEAD_BYTES,
    BackupUnreadable,
    BadPassphrase,
    Opening,
    Sealing,
    read_passphrase,
)

PASSPHRASE = b"correct horse battery"


def sealed(clear: bytes) -> bytes:
    to = io.BytesIO()
    with Sealing(to, PASSPHRASE, os.urandom) as sealing:
        for start in range(0, len(clear), 300_000):
            sealing.write(clear[start : start + 300_000])
    return to.getvalue()


def opened(content: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    return io.BufferedReader(Opening(io.BytesIO(content), "backup", passphrase)).read()


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES]
)
def test_what_is_opened_is_what_was_sealed(size: int) -> None:
    clear = os.urandom(size)
    assert opened(sealed(clear)) == clear


def test_no_clear_text_is_in_the_file() -> None:
    word = b"a secret that stands out"
    assert word not in sealed(word * 100_000)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "one byte short": lambda b: b[:-1],
    "cut at a chunk": lambda b: b[: HEAD_BYTES + CHUNK_BYTES + 16],
    "nothing but the head": lambda b: b[:HEAD_BYTES],
    "half a head": lambda b: b[:12],
    "a bit in a chunk": lambda b: flipped(b, 60),
    "a bit in the salt": lambda b: flipped(b, 10),
    "something behind": lambda b: b + b"more",
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_file_is_refused(how: str, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    with path.open("wb") as file, writing(file, PASSPHRASE, os.urandom) as to:
        to.add_bytes("data", os.urandom(3 * CHUNK_BYTES))
        to.add_bytes(MANIFEST, encode(manifest()))
    path.write_bytes(SPOILED[how](path.read_bytes()))
    with pytest.raises(BackupUnreadable):
        check(path, PASSPHRASE)


def manifest(**changes: object) -> Manifest:
    given: dict[str, object] = {
        "format": FORMAT,
        "release": "0",
        "schema": "0001",
        "database": "sqlite",
        "made_at": "",
        "telemetry": True,
        "members": {},
    }
    return Manifest(**(given | changes))  # type: ignore[arg-type]  # a test's short form


def test_a_member_that_the_manifest_does_not_know_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    with path.open("wb") as file, writing(file, PASSPHRASE, os.urandom) as to:
        to.add_bytes("smuggled", b"x")
        to.add_bytes(MANIFEST, encode(manifest()))
    with pytest.raises(BackupUnreadable, match="smuggled is not as its manifest says"):
        check(path, PASSPHRASE)


@pytest.mark.parametrize("name", ["keys/../../escaped", "/etc/escaped"])
def test_path_traversal_in_a_backup_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    """By somebody who knows the passphrase, with digests that fit."""
    path = tmp_path / "backup"
    content = b"planted"
    members = {name: Member(hashlib.sha256(content).hexdigest(), len(content))}
    with path.open("wb") as file, writing(file, PASSPHRASE, os.urandom) as to:
        to.add_bytes(name, content)
        to.add_bytes(MANIFEST, encode(manifest(members=members)))
    with pytest.raises(BackupUnreadable, match="leads out of the place of a restore"):
        check(path, PASSPHRASE)
    assert not list(tmp_path.parent.glob("**/escaped"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_path_traversal_by_links_in_a_backup_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "backup"
    link = tarfile.TarInfo("keys/link")
    link.type, link.linkname = kind, "/etc/passwd"
    with (
        path.open("wb") as file,
        Sealing(file, PASSPHRASE, os.urandom) as sealed,
        gzip.GzipFile(fileobj=sealed, mode="wb") as packed,
        tarfile.open(mode="w|", fileobj=packed) as tar,
    ):
        tar.addfile(link)
    with pytest.raises(BackupUnreadable):
        check(path, PASSPHRASE)


def test_another_passphrase_and_another_file_are_told_apart() -> None:
    with pytest.raises(BackupUnreadable, match="the passphrase is another one"):
        opened(sealed(b"x"), b"some other passphrase")
    with pytest.raises(BackupUnreadable, match="is no backup"):
        opened(b"SQLite format 3" + bytes(100))


def test_a_short_or_missing_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPassphrase, match="give a readable file"):
        read_passphrase(tmp_path / "absent")
    (tmp_path / "short").write_text("short\n")
    with pytest.raises(BadPassphrase, match="holds 5 characters"):
        read_passphrase(tmp_path / "short")
