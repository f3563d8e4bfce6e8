"""The uplinks as one thing that lives, where the machine under them fails."""

from pathlib import Path

from support.ports import adapter, at, config, entry, nic

from eaves.evapi.config.devmodel import BondAdapter
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.identify import Found, Missing
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


def test_a_bond_whose_member_is_gone_keeps_the_others(tmp_path: Path) -> None:
    pair = BondAdapter(logicallabel="pair", lower_layer_names=("eth0", "eth1"))
    told = config(adapter("pair"), nics=[nic("eth0"), nic("eth1")], bonds=[pair])
    bonded = controller_entry(told, at(0))
    own = Machine(Place(tmp_path, "one", owned=True), managed=frozenset({"eth0"}))
    lent = Machine(Place(tmp_path, "two"), managed=frozenset({"eth0"}))
    gone: dict[str, Found | Missing] = {"eth0": Found("eth0"), "eth1": Missing("it is gone")}
    there: dict[str, Found | Missing] = {"eth0": Found("eth0"), "eth1": Found("eth1")}
    assert own._is_ours("pair", bonded, gone)
    assert own._is_ours("pair", bonded, there)  # the other is ready in a moment
    assert lent._is_ours("pair", bonded, gone)
    assert not lent._is_ours("pair", bonded, there)  # it is the host's
    assert not own._is_ours("pair", bonded, {"eth0": Missing("gone"), "eth1": Missing("gone")})
