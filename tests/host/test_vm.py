"""A real machine from a real disk under the emulator: booted, reached, adopted, stopped."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from support.images import LocalVolumes, bios_disk

from eaves.cli.disks import DiskSample
from eaves.errors import Transient
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.domains import workshop
from eaves.node.domains.items import Disk, Domain, Firmware, Nic
from eaves.node.domains.monitor import monitor, run_state, tell
from eaves.node.domains.subsystem import DomainsSubsystem
from eaves.node.domains.vtpm import tpm_state_name
from eaves.node.host import cgroups
from eaves.node.host.accel import boot_probe
from eaves.node.host.applogs import read_lines
from eaves.node.host.process import APP_OOM_SCORE, ProcessId, identify, send_signal
from eaves.node.refs import emulator_uid

__all__ = ["bios_disk"]

pytestmark = [pytest.mark.host, pytest.mark.vm]
NUMBER = 232
TAP = refs.vif_name(NUMBER, 0)
MAC = "02:16:3e:01:02:03"
BOOT_S = 120.0
OWN_OOM_SCORE = int(Path("/proc/self/oom_score_adj").read_text())


def now() -> datetime:
    return datetime.now(UTC)


class Node:
    def __init__(self, name: str, base: Path, volumes: LocalVolumes) -> None:
        self.name, self.base, self.volumes = name, base, volumes
        self.run_dir = Path("/run") / f"eaves-{name}"
        self.app = AppInstanceId(str(uuid.uuid4()))
        self.subsystem = self.restarted()

    def restarted(self) -> DomainsSubsystem:
        """What a new node process would see: nothing is remembered in memory."""
        self.subsystem = DomainsSubsystem(
            self.name, self.base / "state", self.run_dir, self.volumes, now, stop_grace_s=60
        )
        return self.subsystem

    def item(self, greeting: str, nics: tuple[Nic, ...] = ()) -> Domain:
        return Domain(
            app=self.app,
            number=NUMBER,
            incarnation=1,
            memory_kib=256 * 1024,
            vcpus=1,
            firmware=Firmware.BIOS,
            disks=(Disk(VolumeId("disk"), 0),),
            nics=nics,
            user_data=f"GREETING={greeting}\n",
            seed_version="4",
        )

    async def make(self, item: Domain) -> None:
        await self.subsystem.configurators()["domain"].create(item, lambda _: None)

    async def take_away(self, item: Domain) -> None:
        await self.subsystem.configurators()["domain"].delete(item, lambda _: None)

    @property
    def process(self) -> ProcessId:
        facts = self.subsystem.facts(self.app)
        assert facts is not None, "machine does not run"
        return facts.run.process

    async def state(self) -> str:
        async with monitor(self.run_dir / "domains" / self.app / "qmp.sock", 30) as client:
            return await run_state(client)

    def console(self) -> str:
        source = self.subsystem.log_source(self.app)
        return "\n".join(line.text for line in read_lines(source, "").lines)


async def until(ask: Callable[[], object], seconds: float = BOOT_S) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(ask):  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(0.2)


@pytest.fixture
async def node(tmp_path: Path, bios_disk: DiskSample) -> AsyncIterator[Node]:
    volumes = LocalVolumes(tmp_path)
    volumes.add_disk("disk", bios_disk.path)
    node = Node(f"v{uuid.uuid4().hex[:8]}", tmp_path, volumes)
    yield node
    facts = node.restarted().facts(node.app)
    if facts is not None:
        send_signal(facts.run.process, signal.SIGKILL)
    await node.take_away(node.item(""))
    assert not [p for p in cgroups.folders(f"eaves/{node.name}") if p.exists()]
    shutil.rmtree(node.run_dir, ignore_errors=True)


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[str]:
    """A tap with an address of ours and a DHCP server behind it."""
    subprocess.run(f"ip tuntap add {TAP} mode tap".split(), check=True)
    subprocess.run(f"ip addr add 10.98.0.1/24 dev {TAP}".split(), check=True)
    subprocess.run(f"ip link set {TAP} up".split(), check=True)
    server = subprocess.Popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *(f"--interface={TAP}", "--bind-interfaces", f"--dhcp-host={MAC},10.98.0.2"),
            *("--dhcp-range=10.98.0.2,10.98.0.9,1h", f"--dhcp-leasefile={tmp_path}/leases"),
            *(f"--pid-file={tmp_path}/dnsmasq.pid", "--except-interface=lo"),
        ],
        stderr=subprocess.DEVNULL,
    )
    yield TAP
    server.terminate()
    server.wait()
    subprocess.run(["ip", "link", "del", TAP], check=True)


def http() -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open("http://10.98.0.2/", timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def statuses(process: ProcessId) -> list[dict[str, str]]:
    """What the kernel says of each thread."""
    files = Path(f"/proc/{process.pid}/task").glob("*/status")
    return [dict(line.split(":\t", 1) for line in f.read_text().splitlines()) for f in files]


def oom_scores(node: Node) -> Iterator[tuple[str, int]]:
    """Of each process of the app, by its name: the folder is in their arguments."""
    folder = f"/run/eaves-{node.name}/domains/{node.app}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if folder in (process / "cmdline").read_bytes():
                name = (process / "comm").read_text().strip()
                yield name, int((process / "oom_score_adj").read_text())


async def test_a_machine_answers_is_adopted_and_goes_down_by_its_power_button(
    node: Node, tap: str
) -> None:
    item = replace(node.item("hi there", (Nic(0, tap, MAC),)), vtpm=True)
    await node.make(item)
    await until(http)
    assert http() == "hello from a virtual machine, GREETING=hi there\n"

    process = node.process
    for status in statuses(process):
        assert status["Uid"].split() == 4 * [str(emulator_uid(item.number))]
        assert int(status["CapEff"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    assert dict(await asyncio.to_thread(oom_scores, node)) == {
        "sh": OWN_OOM_SCORE,
        f"eaves-vm-{item.number}": APP_OOM_SCORE,
        "swtpm": APP_OOM_SCORE,
    }
    node.restarted()
    seen = await node.subsystem.observe()
    assert seen.present == {item.ref: item}
    assert not seen.faults
    assert node.process == process

    tpm = node.base / "state/domains" / node.app / tpm_state_name(item) / "tpm2-00.permall"
    assert tpm.stat().st_size > 0
    facts = node.subsystem.facts(node.app)
    assert facts is not None
    assert facts.usage is not None
    assert facts.usage.memory_bytes > 32 * 1024 * 1024
    assert facts.usage.cpu_ns > 0
    assert facts.run.note.startswith(("TCG: ", "KVM: "))
    assert f"instance-id: {node.app}/4" in node.console()

    await node.take_away(item)
    assert identify(process.pid) is None
    assert "power button, going down" in node.console()
    assert not node.run_dir.joinpath("domains", node.app).exists()
    assert tpm.exists(), "the guest finds its keys again"


async def test_a_guest_that_powers_itself_off_is_reported_and_starts_again(node: Node) -> None:
    item = node.item("poweroff now")
    await node.make(item)
    await until(lambda: node.subsystem.facts(node.app) is None)
    seen = await node.restarted().observe()
    assert seen.faults[item.ref].text.startswith("guest powered off at ")
    assert seen.faults[item.ref].retry_at is not None
    assert seen.present[item.ref] != item

    await node.make(item)
    await until(lambda: node.console().count("init runs") == 2)


async def test_a_held_guest_stands_still_and_goes_on_also_after_its_node_died(node: Node) -> None:
    await node.make(node.item("held"))
    async with node.subsystem.held(node.app):
        assert await node.state() == "paused"
        await node.subsystem.observe()
        assert await node.state() == "paused", "a look in between lets nothing go"
        await node.restarted().observe()
        assert await node.state() == "running", "another process finds what the one before held"
    assert await node.state() == "running"


async def test_a_guest_whose_node_died_before_it_could_run_is_let_go(node: Node) -> None:
    """The node is a process of its own here, and gets SIGKILL as it turns to the emulator."""
    item = node.item("late")
    starting = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTING, node.name, str(node.base), str(node.run_dir)),
        env={**os.environ, "PYTHONPATH": "src:tests"},
        stdin=asyncio.subprocess.PIPE,
    )
    await starting.communicate(msgspec.json.encode(item))
    assert starting.returncode == -signal.SIGKILL
    process = node.process
    assert await node.state() == "prelaunch"
    seen = await node.restarted().observe()
    assert seen.present == {item.ref: item}
    assert await node.state() == "running"
    assert node.process == process


async def test_a_killed_emulator_is_reported_with_the_signal(node: Node) -> None:
    item = node.item("x")
    await node.make(item)
    send_signal(node.process, signal.SIGKILL)
    await until((node.run_dir / "domains" / node.app / "exit").exists, 20)
    text = (await node.subsystem.observe()).faults[item.ref].text
    assert "exit code 137 (SIGKILL)" in text


async def test_an_emulator_that_was_not_recorded_is_found_and_replaced(node: Node) -> None:
    """The node died between the launch and its note of it."""
    item = node.item("x")
    await node.make(item)
    orphan = node.process
    (node.run_dir / "domains" / node.app / "run.json").unlink()
    seen = await node.restarted().observe()
    assert seen.present[item.ref] != item
    await node.make(item)
    assert identify(orphan.pid) is None
    assert node.process != orphan


async def test_an_emulator_without_a_first_answer_is_not_left_paused(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = node.item("x")
    monkeypatch.setattr(workshop, "FIRST_ANSWER_S", 0.0)
    with pytest.raises(Transient, match=r"the emulator does not answer for 0 s"):
        await node.make(item)
    seen = await node.subsystem.observe()
    assert item.ref not in seen.present, "what stood still would be taken for a machine that runs"


async def test_a_hung_emulator_is_killed(node: Node) -> None:
    node.subsystem = DomainsSubsystem(
        node.name, node.base / "state", node.run_dir, node.volumes, now, stop_grace_s=0.5
    )
    item = node.item("x")
    await node.make(item)
    process = node.process
    async with monitor(node.run_dir / "domains" / node.app / "qmp.sock", 5) as client:
        await tell(client, "stop")
    await node.take_away(item)
    assert identify(process.pid) is None


async def test_the_probe_guest_runs_where_it_can() -> None:
    """Under TCG, so that a refusal under KVM says something about KVM."""
    answer = await boot_probe("tcg", "max", timeout_s=75)
    assert answer.kvm, answer.reason


STARTING = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import msgspec
from support.images import Disk, LocalVolumes
from eaves.node.domains.items import Domain
from eaves.node.domains.subsystem import DomainsSubsystem

def die(event, words):
    if event == "socket.connect" and str(words[1]).endswith("qmp.sock"):
        os.kill(os.getpid(), signal.SIGKILL)

async def main(name, base, run_dir):
    volumes = LocalVolumes(Path(base))
    volumes._disks["disk", 0] = Disk(Path(base) / "disk-0.qcow2")
    node = DomainsSubsystem(
        name, Path(base) / "state", Path(run_dir), volumes, lambda: datetime.now(UTC)
    )
    item = msgspec.json.decode(sys.stdin.buffer.read(), type=Domain)
    await node.configurators()["domain"].create(item, lambda _: None)

sys.addaudithook(die)
asyncio.run(main(*sys.argv[1:]))
"""
