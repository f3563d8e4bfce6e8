"""Health of disks: who they are by /sys, what they say of themselves by smartctl.

`parse_smart` is pure.  A disk of NVMe has a log page instead of numbered attributes; the figures
that ATA has too are told under its numbers, as EVE-OS does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from eaves.node.host.process import CommandFailed, CommandMissing, run

SMARTCTL = "smartctl"
LONGEST_S = 30.0  # a disk that sleeps is woken
NOT_OPENED = 0b011  # exit status bits: bad command line, device not opened
VIRTUAL = ("loop", "ram", "zram", "dm-", "md", "sr", "nbd", "zd")
NVME_BY_ATA = {"power_on_hours": 9, "power_cycles": 12, "temperature": 194}


@dataclass(frozen=True, slots=True)
class Attribute:
    number: int  # 0: it has none
    name: str
    raw: int
    value: int = 0
    worst: int = 0
    threshold: int = 0
    when_failed: str = ""
    kind: str = ""  # "Pre-fail" or "Old_age"


@dataclass(frozen=True, slots=True)
class DiskHealth:
    device: str
    model: str = ""
    serial: str = ""
    wwn: str = ""
    attributes: tuple[Attribute, ...] = ()
    problem: str = ""  # why not all of it is known


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """A disk that hardware stands behind; counters run since the machine was started."""

    name: str
    size_bytes: int
    model: str = ""
    serial: str = ""
    wwn: str = ""
    reads: int = 0
    read_bytes: int = 0
    writes: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Disks:
    root: Path = field(default=Path("/"))

    def devices(self) -> tuple[BlockDevice, ...]:
        folder = self.root / "sys/block"
        if not folder.is_dir():
            return ()
        found = (self._device(one) for one in sorted(folder.iterdir()))
        return tuple(one for one in found if one is not None)

    def _device(self, folder: Path) -> BlockDevice | None:
        if folder.name.startswith(VIRTUAL) or not (folder / "device").exists():
            return None
        sectors = _text(folder / "size")
        reads, read_bytes, writes, written_bytes = parse_stat(_text(folder / "stat"))
        return BlockDevice(
            folder.name,
            int(sectors) * 512 if sectors.isdigit() else 0,
            _text(folder / "device/model"),
            _text(folder / "device/serial") or _text(folder / "serial"),
            _text(folder / "wwid") or _text(folder / "device/wwid"),
            reads,
            read_bytes,
            writes,
            written_bytes,
        )


def parse_stat(text: str) -> tuple[int, int, int, int]:
    """Reads, bytes read, writes, bytes written of /sys/block/*/stat; zeros for what is no such."""
    words = text.split()
    if len(words) < 7 or not all(word.isdigit() for word in words[:7]):
        return 0, 0, 0, 0
    return int(words[0]), int(words[2]) * 512, int(words[4]), int(words[6]) * 512


async def disk_health(device: BlockDevice) -> DiskHealth:
    """Never raises: a disk that cannot be asked says so in `problem`."""
    known = DiskHealth(f"/dev/{device.name}", device.model, device.serial, device.wwn)
    try:
        done = await run(
            [SMARTCTL, "--json", "--all", f"/dev/{device.name}"], check=False, timeout_s=LONGEST_S
        )
    except (CommandMissing, CommandFailed) as error:
        return _with_problem(known, str(error))
    return parse_smart(known, done.out, done.code)


def parse_smart(known: DiskHealth, out: str, code: int) -> DiskHealth:
    """What smartctl's JSON adds to what is `known` of a disk."""
    try:
        told: object = json.loads(out)
    except (ValueError, RecursionError):
        told = None
    answer = _object(told)
    if not answer:
        return _with_problem(known, f"{known.device}: smartctl exited {code} without an answer")
    attributes = (*_ata(answer), *_nvme(answer))
    said = _messages(answer)
    problem = ""
    if code & NOT_OPENED:
        problem = f"{known.device}: smartctl cannot open it: {said or f'exit status {code}'}"
    elif not attributes:
        problem = f"{known.device} tells no SMART attributes{f': {said}' if said else ''}"
    return DiskHealth(
        known.device,
        _clean(answer.get("model_name", "")) or known.model,
        _clean(answer.get("serial_number", "")) or known.serial,
        _wwn(answer.get("wwn")) or known.wwn,
        attributes,
        problem,
    )


def _with_problem(known: DiskHealth, problem: str) -> DiskHealth:
    return DiskHealth(
        known.device, known.model, known.serial, known.wwn, known.attributes, problem[:512]
    )


def _messages(answer: Mapping[str, Any]) -> str:
    listed = _objects(_object(answer.get("smartctl")).get("messages"))
    return "; ".join(_clean(m.get("string", "")) for m in listed)[:300]


def _wwn(told: object) -> str:
    """As the kernel writes it: naa, OUI and id in one hexadecimal number."""
    parts = _object(told)
    if not parts:
        return ""
    naa, oui, one = (_number(parts.get(key)) for key in ("naa", "oui", "id"))
    return f"0x{naa:x}{oui:06x}{one:09x}"


def _ata(answer: Mapping[str, Any]) -> tuple[Attribute, ...]:
    table = _object(answer.get("ata_smart_attributes"))
    return tuple(_row(row) for row in _objects(table.get("table")))


def _row(row: Mapping[str, Any]) -> Attribute:
    raw, flags = _object(row.get("raw")), _object(row.get("flags"))
    return Attribute(
        min(_number(row.get("id")), 255),
        _clean(row.get("name", "")),
        _number(raw.get("value")),
        _number(row.get("value")),
        _number(row.get("worst")),
        _number(row.get("thresh")),
        _clean(row.get("when_failed", "")),
        "Pre-fail" if flags.get("prefailure") is True else "Old_age",
    )


def _nvme(answer: Mapping[str, Any]) -> tuple[Attribute, ...]:
    page = _object(answer.get("nvme_smart_health_information_log"))
    return tuple(
        Attribute(NVME_BY_ATA.get(name, 0), _clean(name), _number(value))
        for name, value in page.items()
        if isinstance(value, int) and not isinstance(value, bool)
    )


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        return {}
    return cast("dict[str, Any]", value)  # keys of JSON are text


def _objects(value: object) -> tuple[Mapping[str, Any], ...]:
    listed = cast("list[object]", value) if isinstance(value, list) else []  # of anything
    return tuple(_object(one) for one in listed)


def _clean(value: object) -> str:
    """Text that UTF-8 can hold."""
    return str(value).encode(errors="replace").decode()


def _number(value: object) -> int:
    """Within 64 bits: a disk may say anything."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return max(0, min(value, 2**63 - 1))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
