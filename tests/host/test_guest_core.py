"""A guest that tells of its crash, under the real emulator: its memory is kept, and it goes on."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.network_node import allocations, app

from eaves.evapi.config import ConfigItem, EdgeDevConfig
from eaves.evapi.evecommon import EncryptionBlock
from eaves.ids import VolumeId
from eaves.node.domains.guest_core import NAME, PANICKED, GuestCores
from eaves.node.domains.items import Disk, Domain
from eaves.node.domains.monitor import monitor, run_state, tell
from eaves.node.domains.qemu import DiskFile, Place, qemu_argv
from eaves.node.host.accel import Accel
from eaves.node.refs import AppInForce
from eaves.node.runtime.wish import make_wish

pytestmark = [pytest.mark.host, pytest.mark.vm]
# mov dx, 0x505; mov al, 1; out dx, al; hlt; jmp back: what a kernel does that panics.
CRASH = bytes.fromhex("ba0505b001eef4ebfd")
WITHIN_S = 60.0


def domain(*items: ConfigItem) -> Domain:
    one = AppInForce(app(1, "shop").config, app(1, "shop").app, 1, True, 1)
    told = EdgeDevConfig(apps=(one.config,), config_items=items)
    wish = make_wish(
        told, (one,), allocations(told, [one]), (), {}, lambda _: EncryptionBlock(), "eaves-test"
    )
    (made,) = [item for item in wish.graph.values() if isinstance(item, Domain)]
    return replace(made, memory_kib=32 * 1024, vcpus=1, disks=(Disk(VolumeId("disk"), 0),), nics=())


def started(item: Domain, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    disk = folder / "disk.raw"
    disk.write_bytes(CRASH.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    accel = Accel(kvm=False, reason="test")
    files = (DiskFile(disk, "raw", read_only=True, cdrom=False),)
    place = Place(folder, folder / "console.log", accel, files, None, None)
    for path in (folder, *folder.parents):
        if path.owner() == "root" and "pytest" in path.name:
            path.chmod(0o755)
    return subprocess.Popen(qemu_argv(item, place)), place.qmp


async def crashed(socket: Path) -> bool:
    """Does it stand still because of that?  What knows no crash runs on."""
    async with monitor(socket, WITHIN_S) as client, asyncio.timeout(WITHIN_S):
        await tell(client, "cont")
        while (state := await run_state(client)) != PANICKED:
            told = await client.execute("human-monitor-command", {"command-line": "info registers"})
            if "HLT=1" in str(told):
                return False
            assert state in {"running", "prelaunch"}
            await asyncio.sleep(0.1)
        return True


@pytest.mark.parametrize("value", ["true", "false"])
async def test_the_memory_of_a_guest_that_crashes_is_kept_where_the_node_says(
    tmp_path: Path, value: str
) -> None:
    item = domain(ConfigItem(key="debug.qemu.guest.core", value=value))
    emulator, socket = started(item, tmp_path)
    try:
        assert await crashed(socket) is (value == "true")
        core = tmp_path / NAME
        cores = GuestCores(lambda _: (1 << 40, 0, 1 << 40), WITHIN_S)
        kept = await cores.keep(socket, core, 32 << 20, WITHIN_S, goes_on=True)
        assert kept is core.exists() is item.keep_guest_core
        if kept:
            assert core.read_bytes()[:5] in {b"KDUMP", b"\x7fELF\x02", b"\x7fELF\x01", b"maked"}
            assert core.stat().st_mode & 0o777 == 0o600
        async with monitor(socket, WITHIN_S) as client:
            assert await run_state(client) == "running"
    finally:
        emulator.kill()
        emulator.wait(WITHIN_S)
