"""The helper that unpacks one image layer: `python -I -m eaves.node.storage.unpack LAYER DEST`.

A layer is a tar by a stranger.  The helper locks itself into DEST before it reads the first
header, so that no name, link or bug leads out of it; names that try are refused all the same.
Whiteouts become what overlayfs (mounted with `userxattr`) understands.  Device nodes are left out:
the runtime brings the few that a container gets.

Prints one JSON object; exits 3 when the layer is refused, 4 when the disk does not take it.
"""

import argparse
import ctypes
import errno
import gzip
import json
import os
import shutil
import stat
import sys
import tarfile
import zlib
from pathlib import Path
from typing import IO

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
OPAQUE_XATTR = "user.overlay.opaque"
KEPT_XATTR = "security.capability"
MOST_ENTRIES = 500_000  # the largest images that people make have some 300,000
ENTRY_BYTES = 4096  # what an entry takes beside its content: inode, name, rounding
MOST_PATH = 4096
_KEEP = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 31  # chown, dac_override, fowner, fsetid, setfcap


class Refused(Exception):
    """The layer asks for something that no honest layer needs."""


class Full(Exception):
    """It does not fit."""


class Unpacker:
    """Unpacks below the current root.  `limit` bounds the bytes of all that is made together."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.size = 0
        self.entries = 0
        self.devices_left_out = 0
        self._made = 0  # entries, and folders that none named
        self._folders: list[tuple[str, float]] = []

    def unpack(self, tar: tarfile.TarFile) -> None:
        for member in tar:
            self.entries += 1
            self._count()
            self._take(tar, member)
            # A stream needs no memory of what passed.
            tar.members = []  # type: ignore[attr-defined] # missing in typeshed
        for path, mtime in reversed(self._folders):
            if _kind(path) == stat.S_IFDIR:
                os.utime(path, (mtime, mtime))

    def _count(self) -> None:
        """Every entry costs, or a small layer could take all inodes."""
        self._made += 1
        if self._made > MOST_ENTRIES:
            raise Refused(f"more than {MOST_ENTRIES} entries")
        self._spend(ENTRY_BYTES)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Full("the unpacked layer is larger than the space that remains")

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = clean(member.name)
        if path == "/":
            if member.isdir():
                self._dress(path, member)
            return
        parent, _, name = path.rpartition("/")
        self._make_parents(parent)
        if name.startswith(WHITEOUT):
            self._white_out(parent or "/", name)
        elif member.isdir():
            self._folder(path, member)
        elif member.isreg():
            self._file(tar, path, member)
        elif member.issym():
            _clear(path)
            Path(path).symlink_to(member.linkname)
            os.chown(path, member.uid, member.gid, follow_symlinks=False)
        elif member.islnk():
            target = clean(member.linkname)
            if target != path:
                _clear(path)
                os.link(target, path, follow_symlinks=False)
        elif member.isfifo():
            _clear(path)
            os.mkfifo(path)
            self._dress(path, member)
        elif member.isdev():
            self.devices_left_out += 1
        else:
            raise Refused(f"{member.name!r}: entry of type {member.type!r}")

    def _make_parents(self, parent: str) -> None:
        at = ""
        for part in parent.split("/")[1:]:
            at = f"{at}/{part}"
            if _kind(at) is None:
                self._count()
                Path(at).mkdir(0o755)

    def _white_out(self, parent: str, name: str) -> None:
        if name == OPAQUE:
            os.setxattr(parent, OPAQUE_XATTR, b"y")
            return
        hidden = name.removeprefix(WHITEOUT)
        if not hidden or hidden in {".", ".."} or name.startswith(WHITEOUT + WHITEOUT):
            return  # marks of another file system's book-keeping
        path = f"{parent.rstrip('/')}/{hidden}"
        match _kind(path):
            case None:
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
            case stat.S_IFDIR:  # this layer put a new folder in the place of the old one
                os.setxattr(path, OPAQUE_XATTR, b"y")
            case _:
                pass

    def _folder(self, path: str, member: tarfile.TarInfo) -> None:
        kind = _kind(path)
        if kind != stat.S_IFDIR:
            _clear(path)
            Path(path).mkdir(0o755)
            if kind == stat.S_IFCHR:
                os.setxattr(path, OPAQUE_XATTR, b"y")
        self._dress(path, member)
        self._folders.append((path, member.mtime))

    def _file(self, tar: tarfile.TarFile, path: str, member: tarfile.TarInfo) -> None:
        if member.size < 0:
            raise Refused(f"{member.name!r}: a size below zero")
        self._spend(member.size)
        self.size += member.size
        source = tar.extractfile(member)
        if source is None:
            raise Refused(f"{member.name!r}: a file without content")
        _clear(path)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as sink:
            shutil.copyfileobj(source, sink, 1024 * 1024)
        self._dress(path, member)

    def _dress(self, path: str, member: tarfile.TarInfo) -> None:
        os.chown(path, member.uid, member.gid, follow_symlinks=False)
        Path(path).chmod(member.mode & 0o7777)
        value = member.pax_headers.get(f"SCHILY.xattr.{KEPT_XATTR}")
        if value is not None and member.isreg():
            os.setxattr(path, KEPT_XATTR, value.encode("utf-8", "surrogateescape"))
        os.utime(path, (member.mtime, member.mtime))


def clean(name: str) -> str:
    """The absolute path below the new root; a way up is refused even if it would stay inside."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise Refused(f"{name!r}: leads out of the image")
    if len(name) > MOST_PATH or "\0" in name:
        raise Refused(f"{name[:80]!r}...: a path that no file system takes")
    return "/" + "/".join(parts)


def _kind(path: str) -> int | None:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def _clear(path: str) -> None:
    match _kind(path):
        case None:
            return
        case stat.S_IFDIR:
            shutil.rmtree(path)
        case _:
            Path(path).unlink()


def open_layer(raw: IO[bytes]) -> tarfile.TarFile:
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    stream = gzip.GzipFile(fileobj=raw) if packed else raw
    return tarfile.open(fileobj=stream, mode="r|")


def drop_powers() -> None:
    """Give up the power to leave the new root again."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(_KEEP, _KEEP, 0, 0, 0, 0)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("layer")
    parser.add_argument("dest")
    parser.add_argument("--limit", type=int, required=True)
    options = parser.parse_args(argv)
    os.umask(0)
    with Path(options.layer).open("rb") as raw:
        os.chroot(options.dest)
        os.chdir("/")
        drop_powers()
        unpacker = Unpacker(options.limit)
        try:
            with open_layer(raw) as tar:
                unpacker.unpack(tar)
        except Refused as error:
            return _end(3, str(error))
        except Full as error:
            return _end(4, str(error))
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            return _end(3, f"not a sound layer: {error}")
        except (MemoryError, RecursionError, OverflowError) as error:
            # As large headers, chains of them and numbers beyond every field do.
            return _end(3, f"not a sound layer: {type(error).__name__} while reading it")
        except OSError as error:
            return _end(4 if error.errno in {errno.ENOSPC, errno.EDQUOT} else 3, str(error))
    said = {
        "size": unpacker.size,
        "entries": unpacker.entries,
        "devices_left_out": unpacker.devices_left_out,
    }
    sys.stdout.write(json.dumps(said))
    return 0


def _end(code: int, text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
