"""The uplinks as one thing that lives, where the machine under them fails."""

from pathlib import Path

from support.ports import at, entry

from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.model import Entry
from eaves.node.uplinks.seen import Seen
from eaves.node.uplinks.service import Tools, Uplinks


class Keep:
    """Keeps nothing."""

    def save(self, name: str, data: bytes) -> None:
        """Once written, never asked for."""


class Blind(Machine):
    """A kernel that takes everything, and tells nothing for a while."""

    async def apply(self, entry: Entry) -> None:
        """Done."""

    async def look(self, entry: Entry | None) -> Seen:
        raise OSError("netlink: no buffer space available")


async def test_a_look_that_fails_does_not_end_what_decides(tmp_path: Path) -> None:
    machine = Blind(Place(tmp_path, "one"))
    tools = Tools(machine, Keep(), lambda: at(0), lambda: 0.0, lambda: None, tmp_path, "https://c")
    uplinks = Uplinks(tools)
    await uplinks._apply(entry("eth0"))
    assert uplinks.seen.ports == ()
    assert uplinks._look_now.is_set()
