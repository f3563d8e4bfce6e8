"""Encrypted folders of ext4 (fscrypt, policy version 2): the ioctls of the kernel, nothing more.

A folder has its policy from when it was empty, and all below it follows.  The key belongs to the
file system: with it the folder reads as any other, without it names are noise, files do not open
and nothing can be made.  Source: Documentation/filesystems/fscrypt.rst of Linux.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from eaves.errors import Rejected, Transient

KEY_BYTES: Final = 64  # what AES-256-XTS asks for on every kernel that knows version 2
IDENTIFIER_BYTES: Final = 16

_SET_POLICY: Final = 0x800C6613
_GET_POLICY_EX: Final = 0xC0096616
_ADD_KEY: Final = 0xC0506617
_REMOVE_KEY: Final = 0xC0406618
_KEY_STATUS: Final = 0xC080661A

_AES_256_XTS, _AES_256_CTS, _PAD_NAMES_32 = 1, 4, 3
_BY_IDENTIFIER: Final = 2
_FILES_BUSY, _OTHER_USERS = 1, 2


class Support(Enum):
    YES = "yes"
    NOT_ENABLED = "the file system could encrypt, but its feature `encrypt` is off"
    NO_KIND = "this kind of file system does not encrypt folders"


class KeyStatus(Enum):
    ABSENT = 1
    PRESENT = 2
    GOING = 3  # removed, but files that are open still use it


class NotEncryptable(Rejected):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be encrypted: {reason}")


class StillInUse(Transient):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is locked only in part: files below it are still open; stop what uses them"
            " (`fuser -vm`) and lock it again"
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Of a folder; `identifier` names the key, and follows from it."""

    version: int
    identifier: bytes


def support(folder: Path) -> Support:
    """What the file system of a folder (which exists) can do."""
    try:
        _policy(folder)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EINVAL):
            return Support.YES
        if error.errno == errno.EOPNOTSUPP:
            return Support.NOT_ENABLED
        if error.errno == errno.ENOTTY:
            return Support.NO_KIND
        raise
    return Support.YES


def policy_of(folder: Path) -> Policy | None:
    """None for a folder that is not encrypted, or not there."""
    try:
        return _policy(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOTTY):
            return None
        raise


def add_key(place: Path, key: bytes) -> bytes:
    """Give the file system of the folder `place` a key of 64 bytes; the answer is its identifier.

    `place` must not be encrypted with it: a folder that is open itself keeps its key in use.
    """
    if len(key) != KEY_BYTES:
        raise NotEncryptable(place, f"its key has {len(key)} bytes, not {KEY_BYTES}")
    argument = bytearray(_specifier(bytes(IDENTIFIER_BYTES)) + struct.pack("=II32x", len(key), 0))
    argument += key
    try:
        with _opened(place) as fd:
            fcntl.ioctl(fd, _ADD_KEY, argument, True)
    except OSError as error:
        raise NotEncryptable(place, error.strerror or str(error)) from error
    finally:
        argument[80:] = bytes(len(key))
    return bytes(argument[8 : 8 + IDENTIFIER_BYTES])


def set_policy(folder: Path, identifier: bytes) -> None:
    """Encrypt an empty folder with the key of this identifier, which must have been added."""
    policy = struct.pack("=BBBBB3x16s", 2, _AES_256_XTS, _AES_256_CTS, _PAD_NAMES_32, 0, identifier)
    try:
        with _opened(folder) as fd:
            fcntl.ioctl(fd, _SET_POLICY, policy)
    except OSError as error:
        said = {
            errno.ENOTEMPTY: "it is not empty",
            errno.EEXIST: "it is encrypted with another key",
        }
        reason = said.get(error.errno or 0, error.strerror or str(error))
        raise NotEncryptable(folder, reason) from error


def key_status(place: Path, identifier: bytes) -> KeyStatus:
    argument = bytearray(_specifier(identifier) + bytes(128 - 40))
    with _opened(place) as fd:
        fcntl.ioctl(fd, _KEY_STATUS, argument, True)
    return KeyStatus(struct.unpack_from("=I", argument, 64)[0])


def remove_key(place: Path, identifier: bytes) -> None:
    """Lock what the key opens; `place` as for `add_key`.

    Raises StillInUse when files that are open keep parts of it readable.
    """
    argument = bytearray(_specifier(identifier) + bytes(64 - 40))
    try:
        with _opened(place) as fd:
            fcntl.ioctl(fd, _REMOVE_KEY, argument, True)
    except OSError as error:
        if error.errno == errno.ENOKEY:
            return
        raise
    if struct.unpack_from("=I", argument, 40)[0] & (_FILES_BUSY | _OTHER_USERS):
        raise StillInUse(place)


def _policy(folder: Path) -> Policy:
    argument = bytearray(struct.pack("=Q24x", 24))
    with _opened(folder) as fd:
        fcntl.ioctl(fd, _GET_POLICY_EX, argument, True)
    version = argument[8]
    # A policy of version 1 names its key by 8 bytes at another place; none of ours is one.
    identifier = bytes(argument[16 : 16 + IDENTIFIER_BYTES]) if version == 2 else b""
    return Policy(version, identifier)


def _specifier(identifier: bytes) -> bytes:
    """fscrypt_key_specifier, 40 bytes."""
    return struct.pack("=II16s16x", _BY_IDENTIFIER, 0, identifier)


@contextmanager
def _opened(folder: Path) -> Generator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
