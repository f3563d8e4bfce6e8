"""CAN interfaces, set and brought up for who gets them.

One of software is made when it is first asked for, and taken away with the last; one that somebody
else made stays as it was found.  One of hardware is only set, and brought down again.  A note tells
which are ours.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.links import ip_batch

_UP = 1  # of the flags of an interface


@dataclass(frozen=True, slots=True)
class CanSetting:
    """`words` as `ip link set NAME type can` takes them; none: it is left as it is."""

    ifname: str
    virtual: bool = False
    words: tuple[str, ...] = ()
    found: bool = False  # virtual, and made by somebody else


class CanKeeper:
    """`journal` does not outlive a boot, and neither does what it tells of."""

    def __init__(self, journal: Path, root: Path = Path("/")) -> None:
        self._journal = journal
        self._net = root / "sys/class/net"

    def kept(self) -> tuple[CanSetting, ...]:
        """Those of ours that are up."""
        notes = (self._note(path) for path in sorted(self._journal.glob("*")))
        return tuple(one for one in notes if one is not None and self._is_up(one.ifname))

    async def set_up(self, one: CanSetting) -> None:
        there = self._is_there(one.ifname)
        noted = note_of(one, self._note(self._journal / one.ifname), there=there)
        atomic_write(self._journal / one.ifname, msgspec.json.encode(noted))
        await ip_batch(setting_lines(one, there=there))

    async def take_down(self, ifname: str) -> None:
        note = self._note(self._journal / ifname)
        if note is not None and self._is_there(ifname):
            await ip_batch(ending_lines(note))
        (self._journal / ifname).unlink(missing_ok=True)

    def _note(self, path: Path) -> CanSetting | None:
        try:
            return msgspec.json.decode(read_or_none(path) or b"", type=CanSetting)
        except msgspec.MsgspecError:
            return None

    def _is_there(self, ifname: str) -> bool:
        return (self._net / ifname).exists()

    def _is_up(self, ifname: str) -> bool:
        told = (read_or_none(self._net / ifname / "flags") or b"0").strip()
        return bool(int(told, 16) & _UP)


def note_of(one: CanSetting, before: CanSetting | None, *, there: bool) -> CanSetting:
    """What is noted of it; only a note of before tells that one that is there is ours."""
    ours = not there or (before is not None and before.virtual and not before.found)
    return replace(one, found=one.virtual and not ours)


def setting_lines(one: CanSetting, *, there: bool) -> tuple[str, ...]:
    """For `ip -batch`.  Bit times are taken only while an interface is down."""
    name = one.ifname
    making = (f"link add {name} type vcan",) if one.virtual and not there else ()
    words = " ".join(one.words)
    setting = (f"link set {name} down", f"link set {name} type can {words}") if words else ()
    return (*making, *setting, f"link set {name} up")


def ending_lines(note: CanSetting) -> tuple[str, ...]:
    """For `ip -batch`, when nobody has it any more."""
    if note.found:
        return ()
    return (f"link delete {note.ifname}" if note.virtual else f"link set {note.ifname} down",)
