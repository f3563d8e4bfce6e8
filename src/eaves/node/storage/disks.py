"""Disk images: what a downloaded one really is, and overlays, copies and blanks made of it.

A disk image is hostile input.  Its header is read by a helper without powers; what the node's own
processes open later is either raw, or qcow2 whose header was found to name no other file.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from eaves.errors import Rejected, Transient
from eaves.node.host.process import run
from eaves.node.storage.sandbox import INPUT, OUTPUT, run_parser, said

INFO_S = 60.0
CONVERT_S = 6 * 3600.0
QEMU_WORD = {
    "RAW": "raw",
    "ISO": "raw",
    "QCOW": "qcow",
    "QCOW2": "qcow2",
    "VHD": "vpc",
    "VMDK": "vmdk",
    "VHDX": "vhdx",
}
_ONE_FILE_VMDK = frozenset({"monolithicSparse", "streamOptimized"})


@dataclass(frozen=True, slots=True)
class Disk:
    format: str  # qemu's word
    virtual_size: int


class _Specific(msgspec.Struct, rename="kebab"):
    data: dict[str, object] = {}


class _Info(msgspec.Struct, rename="kebab"):
    format: str
    virtual_size: int
    backing_filename: str = ""
    encrypted: bool = False
    format_specific: _Specific | None = None


async def examine(path: Path, declared: str) -> Disk:
    """What the image is.  Rejected when it is not what `declared` says, or names other files."""
    wanted = QEMU_WORD[declared]
    # A fixed VHD has its mark at the end, where no probe looks: it is opened as what it should be.
    explicit = ["-f", "vpc"] if declared == "VHD" else []
    done = await run_parser(
        ["qemu-img", "info", "--output=json", *explicit, INPUT], read=path, timeout_s=INFO_S
    )
    if done.code:
        raise Rejected(f"disk image declared as {declared}: cannot be read: {said(done)}")
    try:
        info = msgspec.json.decode(done.out, type=_Info)
    except msgspec.MsgspecError as error:
        raise Transient(f"qemu-img info answered with something else: {error}") from error
    if info.format != wanted:
        raise Rejected(
            f"the disk image is of format {info.format}, the configuration says {declared}; "
            "correct the format of the content tree"
        )
    extra = {} if info.format_specific is None else info.format_specific.data
    if info.backing_filename or extra.get("data-file"):
        other = info.backing_filename or extra.get("data-file")
        raise Rejected(
            f"the disk image reads another file, {str(other)[:200]!r}; make it self-contained"
        )
    if wanted == "vmdk" and extra.get("create-type") not in _ONE_FILE_VMDK:
        raise Rejected(
            f"VMDK of type {extra.get('create-type')}: only self-contained ones are taken"
        )
    if info.encrypted:
        raise Rejected("the disk image is encrypted; its key is not known here")
    return Disk(info.format, info.virtual_size)


async def make_overlay(path: Path, backing: str, disk: Disk, size_bytes: int) -> None:
    """A qcow2 that starts as `backing` (a path relative to it) and takes all that is written."""
    # Unsafe means here: do not open the backing file; its header is a stranger's.
    await run(
        [
            *("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", disk.format),
            *(str(path), str(size_bytes)),
        ]
    )


async def make_converted(path: Path, content: Path, disk: Disk, size_bytes: int) -> None:
    most = max(size_bytes, disk.virtual_size)
    written = most + most // 32 + 64 * 1024**2  # and what qcow2 keeps its tables in
    _empty_file(path, 0o666)  # for the helper, which gets it open; nobody else reaches the folder
    done = await run_parser(
        ["qemu-img", "convert", "-q", "-f", disk.format, "-O", "qcow2", INPUT, OUTPUT],
        read=content,
        write=path,
        timeout_s=CONVERT_S,
        file_bytes=written,
    )
    if done.code:
        raise Transient(f"converting from {disk.format} failed: {said(done)}")
    if size_bytes > disk.virtual_size:
        grown = ["qemu-img", "resize", "-q", "-f", "qcow2", OUTPUT, str(size_bytes)]
        done = await run_parser(
            grown, read=content, write=path, timeout_s=INFO_S, file_bytes=written
        )
        if done.code:
            raise Transient(f"growing to {size_bytes} bytes failed: {said(done)}")


def make_blank(path: Path, size_bytes: int) -> None:
    """A raw disk of zeros that takes space as it is written."""
    with path.open("xb") as file:
        path.chmod(0o600)
        file.truncate(size_bytes)


def _empty_file(path: Path, mode: int) -> None:
    path.touch()
    path.chmod(mode)
