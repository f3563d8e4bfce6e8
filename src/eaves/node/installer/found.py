"""The disks of this machine, as `lsblk` shows them; and the parser of what it says."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from eaves.errors import Transient
from eaves.node.host.process import run
from eaves.node.installer.rules import Disk

COLUMNS = "PATH,TYPE,SIZE,RM,RO,SERIAL,MODEL,PTTYPE,FSTYPE,PARTLABEL"
BEGUN = b"EAVES: installation begun\n"
"""At the start of P3 until the installation is whole; what makes the vault there overwrites it."""


class Row(msgspec.Struct, frozen=True):
    path: str
    type: str
    size: int
    rm: bool = False
    ro: bool = False
    serial: str | None = None
    model: str | None = None
    pttype: str | None = None
    fstype: str | None = None
    partlabel: str | None = None
    children: tuple["Row", ...] = ()


class _Told(msgspec.Struct, frozen=True):
    blockdevices: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """Where other names of disks are links to them."""

    folder: Path = Path("/dev/disk/by-id")

    def of(self, path: str) -> tuple[str, ...]:
        if not self.folder.is_dir():
            return ()
        return tuple(
            str(link) for link in sorted(self.folder.iterdir()) if str(link.resolve()) == path
        )


async def disks(booted_from: str) -> tuple[Disk, ...]:
    told = await run(["lsblk", "--json", "--bytes", "--output", COLUMNS])
    return read_disks(told.out.encode(), booted_from, Names())


def read_disks(told: bytes, booted_from: str, names: Names) -> tuple[Disk, ...]:
    """Raises Transient for what `lsblk` did not mean."""
    try:
        rows = msgspec.json.decode(told, type=_Told).blockdevices
    except msgspec.MsgspecError as error:
        raise Transient(f"lsblk told something else than disks: {error}") from error
    return tuple(
        Disk(
            path=row.path,
            size=row.size,
            names=names.of(row.path),
            serial=row.serial or "",
            model=(row.model or "").strip(),
            removable=row.rm,
            read_only=row.ro,
            booted_from=row.path == booted_from,
            holds=_holds(row),
        )
        for row in rows
        if row.type == "disk"
    )


def _holds(row: Row) -> str:
    if row.fstype:
        return row.fstype
    if row.pttype and not _begun(row):
        return f"{row.pttype} with {len(row.children)} partitions"
    return ""


def _begun(row: Row) -> bool:
    """Did an installation end before its time?  Nothing of anybody is on that disk."""
    for part in row.children:
        if part.partlabel == "P3":
            try:
                with Path(part.path).open("rb") as file:
                    return file.read(len(BEGUN)) == BEGUN
            except OSError:
                return False
    return False
