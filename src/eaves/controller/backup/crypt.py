"""The outermost layer of a backup: AES-256-GCM in chunks, under a key made of a passphrase.

    "EAVESBK1", salt (16), log2 N, r, p of scrypt (1 each), nonce prefix (7), chunks

A chunk is 1 MiB of clear text and its tag; the last one is shorter.  Its nonce is the prefix, the
number of the chunk (4 bytes) and 1 for the last chunk, else 0: chunks can neither be moved nor left
out nor cut off.  The head is authenticated with each.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eaves.errors import Rejected

MAGIC: Final = b"EAVESBK1"
SALT_BYTES: Final = 16
PREFIX_BYTES: Final = 7
HEAD_BYTES: Final = len(MAGIC) + SALT_BYTES + 3 + PREFIX_BYTES
CHUNK_BYTES: Final = 1024 * 1024
TAG_BYTES: Final = 16
_LOG2_N, _R, _P = 16, 8, 1  # 64 MiB and some tenths of a second for each guess
_MAX_LOG2_N: Final = 20
LEAST_PASSPHRASE: Final = 12  # characters


class BackupUnreadable(Rejected):
    """The file is no backup, is damaged, or the passphrase is another one."""


class BadPassphrase(Rejected):
    """A passphrase that cannot be used."""


def read_passphrase(path: Path) -> bytes:
    """The first line of a file.  Raises BadPassphrase."""
    try:
        text = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, ValueError) as error:
        raise BadPassphrase(f"--passphrase-file {path}: {error}; give a readable file") from error
    if len(text) < LEAST_PASSPHRASE:
        raise BadPassphrase(
            f"--passphrase-file {path} holds {len(text)} characters; give {LEAST_PASSPHRASE} or "
            "more, for example from `openssl rand -base64 24`"
        )
    return text.encode()


def _key(passphrase: bytes, salt: bytes, log2_n: int, r: int, p: int) -> AESGCM:
    room = 256 * r * (1 << log2_n)
    return AESGCM(
        hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=room, dklen=32)
    )


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


class Sealing(io.RawIOBase):
    """Encrypts what is written and passes it on; `close` writes the last chunk."""

    def __init__(self, to: BinaryIO, passphrase: bytes, random: Callable[[int], bytes]) -> None:
        super().__init__()
        self._to, self._prefix = to, random(PREFIX_BYTES)
        salt = random(SALT_BYTES)
        self._head = MAGIC + salt + bytes((_LOG2_N, _R, _P)) + self._prefix
        self._cipher = _key(passphrase, salt, _LOG2_N, _R, _P)
        self._held, self._number = bytearray(), 0
        to.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]  # any buffer of bytes, as every caller here gives it
        self._held += data
        while len(self._held) > CHUNK_BYTES:  # the last chunk is known only at the end
            self._put(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._held), last=True)
            super().close()

    def _put(self, clear: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._to.write(self._cipher.encrypt(nonce, clear, self._head))
        self._number += 1


class Opening(io.RawIOBase):
    """Reads what `Sealing` wrote; every byte it gives out is authenticated.

    Raises BackupUnreadable, at the latest when the end is reached.
    """

    def __init__(self, source: BinaryIO, name: str, passphrase: bytes) -> None:
        super().__init__()
        head = source.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
            raise BackupUnreadable(f"{name} is no backup of `eaves controller backup`")
        salt, rest = head[len(MAGIC) :][:SALT_BYTES], head[len(MAGIC) + SALT_BYTES :]
        log2_n, r, p = rest[:3]
        if not (1 <= log2_n <= _MAX_LOG2_N and 1 <= r <= 16 and 1 <= p <= 4):
            raise BackupUnreadable(f"{name}: its head is damaged; take another copy of the file")
        self._source, self._name, self._head, self._prefix = source, name, head, rest[3:]
        self._cipher = _key(passphrase, salt, log2_n, r, p)
        self._next = source.read(CHUNK_BYTES + TAG_BYTES)
        self._clear, self._number = memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # any writable buffer, as io.BufferedReader gives it
        while not self._clear and self._next:
            self._clear = memoryview(self._open())
        count = min(len(buffer), len(self._clear))
        buffer[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._source.read(CHUNK_BYTES + TAG_BYTES)
        nonce = _nonce(self._prefix, self._number, last=not self._next)
        try:
            clear = self._cipher.decrypt(nonce, sealed, self._head)
        except (InvalidTag, ValueError) as error:
            why = (
                "the passphrase is another one, or the file is damaged"
                if self._number == 0
                else f"damaged or cut off after {self._number} MiB; take another copy of the file"
            )
            raise BackupUnreadable(f"{self._name}: {why}") from error
        self._number += 1
        return clear
