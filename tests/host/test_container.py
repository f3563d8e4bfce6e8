"""Containers by the installed runtime and conmon: started, limited, ended, adopted, taken away."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.images import LocalVolumes, web_image

from eaves.cli.layouts import ContainerSample
from eaves.errors import Rejected, Transient
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.containers.items import Container, Mount
from eaves.node.containers.subsystem import ContainersSubsystem
from eaves.node.host import cgroups
from eaves.node.host.applogs import read_lines, release
from eaves.node.host.process import APP_OOM_SCORE, identify
from eaves.node.host.runtimes import choose_runtime, state
from eaves.reconcile.apply import Clock, Reconciler
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import ItemRef, Observation
from eaves.reconcile.report import ItemState

__all__ = ["web_image"]

pytestmark = pytest.mark.host
MIB_KIB = 1024
NUMBER = 231
OWN_NETWORK = Path("/proc/self/ns/net").readlink()


@dataclass(frozen=True, slots=True)
class Volume:
    """Stands for what storage would report as there."""

    ref: ItemRef

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: "Volume", /) -> bool:
        return False


VOLUME = Volume(refs.volume(VolumeId("root"), 0))


def manager(node: "Node", clock: Clock | None = None) -> Reconciler:
    made = Reconciler(node.subsystem.configurators(), clock or now)
    made.observed(frozenset({"volume"}), Observation({VOLUME.ref: VOLUME}, {}))
    return made


def now() -> datetime:
    return datetime.now(UTC)


class Node:
    """One node's containers with everything they leave on the host."""

    def __init__(self, name: str, base: Path, run_dir: Path, volumes: LocalVolumes) -> None:
        self.name, self.base, self.run_dir, self.volumes = name, base, run_dir, volumes
        self.app = AppInstanceId(str(uuid.uuid4()))
        self.netns = refs.netns_name(refs.node_prefix(self.name), NUMBER)
        self.subsystem = self.restarted()

    def restarted(self) -> ContainersSubsystem:
        """What a new node process would see: nothing is remembered in memory."""
        self.subsystem = ContainersSubsystem(
            self.name, self.base / "state", self.run_dir, self.volumes, now, stop_grace_s=5
        )
        return self.subsystem

    def item(self, **changes: object) -> Container:
        values: dict[str, object] = {
            "app": self.app,
            "number": NUMBER,
            "incarnation": 1,
            "memory_kib": 64 * MIB_KIB,
            "vcpus": 1,
            "root": Mount(VolumeId("root"), 0, "/"),
            "mounts": (),
            "vifs": 0,
            "user_data": "GREETING=hi there\n",
        }
        return Container(**{**values, **changes})  # type: ignore[arg-type]  # field names are checked by the class

    async def make(self, item: Container) -> None:
        await self.subsystem.configurators()["container"].create(item, lambda _: None)

    async def take_away(self, item: Container) -> None:
        await self.subsystem.configurators()["container"].delete(item, lambda _: None)

    @property
    def pid(self) -> int:
        facts = self.subsystem.facts(self.app)
        assert facts is not None, "container does not run"
        return facts.run.pid

    def log(self) -> list[str]:
        source = self.subsystem.log_source(self.app)
        return [line.text for line in read_lines(source, "").lines]

    def folder(self) -> Path:
        return self.run_dir / "containers" / self.app


@pytest.fixture
async def node(tmp_path: Path, web_image: ContainerSample) -> AsyncIterator[Node]:
    name = f"t{uuid.uuid4().hex[:8]}"
    run_dir = Path("/run") / f"eaves-{name}"
    volumes = LocalVolumes(tmp_path / "volumes")
    volumes.add_container("root", web_image)
    node = Node(name, tmp_path, run_dir, volumes)
    yield node
    await node.restarted().configurators()["container"].delete(node.item(), lambda _: None)
    assert not [p for p in cgroups.folders(f"eaves/{name}") if p.exists()]
    shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture
def network(node: Node) -> Iterator[str]:
    """The app's namespace as the network would make it, with a veth to a second one."""
    peer = f"{node.name}-peer"
    ns = node.netns
    for command in (
        f"ip netns add {ns}",
        f"ip netns add {peer}",
        f"ip -n {peer} link add v0 type veth peer name eth0 netns {ns}",
        f"ip -n {peer} addr add 10.99.0.1/24 dev v0",
        f"ip -n {ns} addr add 10.99.0.2/24 dev eth0",
        f"ip -n {peer} link set v0 up",
        f"ip -n {ns} link set eth0 up",
        f"ip -n {ns} link set lo up",
    ):
        subprocess.run(command.split(), check=True)
    yield peer
    for name in (ns, peer):
        subprocess.run(["ip", "netns", "del", name], check=True)


async def until(ask: Callable[[], object], seconds: float = 30) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(seconds):
        while not ask():  # noqa: ASYNC110 - the kernel has no event to wait for
            await asyncio.sleep(0.05)


def proc(node: Node, what: str) -> Path:
    return Path(f"/proc/{node.pid}") / what


def http(peer: str) -> str:
    done = subprocess.run(
        ["ip", "netns", "exec", peer, "curl", "-s", "-m", "2", "http://10.99.0.2/"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


async def test_the_web_server_answers_in_its_own_network_with_its_environment(
    node: Node, network: str
) -> None:
    await node.make(node.item(vifs=1, name_servers=("10.99.0.1",)))
    await until(lambda: http(network))
    assert http(network) == "hello from a container, GREETING=hi there\n"
    await until(lambda: any("starting as 0, GREETING=hi there" in line for line in node.log()))
    resolv = proc(node, "root/etc/resolv.conf").read_text()
    assert resolv == "nameserver 10.99.0.1\n"


async def test_a_container_has_few_rights(node: Node) -> None:
    await node.make(node.item())
    status = dict(
        line.split(":\t", 1)
        for line in proc(node, "status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["CapEff"], 16) & (1 << 21) == 0, "CAP_SYS_ADMIN"
    assert proc(node, "ns/net").readlink() != OWN_NETWORK
    assert int(proc(node, "oom_score_adj").read_text()) == APP_OOM_SCORE


async def test_no_namespace_or_mount_is_made_inside_but_processes_and_threads_are(
    node: Node,
) -> None:
    """The probe is the Python that runs the tests."""
    node.volumes.add_tree("usr", Path("/usr"))
    node.volumes.add_tree("python", Path(sys.base_prefix))
    program = Path(sys.executable).resolve().relative_to(sys.base_prefix)  # noqa: ASYNC240 - one link
    libraries = "/usr/lib/x86_64-linux-gnu"
    loader = f"{libraries}/ld-linux-x86-64.so.2 --library-path {libraries}:/python/lib"
    seed = {
        "write_files": [{"path": "/probe.py", "content": PROBE}],
        "runcmd": [
            "PYTHONHOME=/python",
            f"EVE_ECO_CMD={loader} /python/{program} /probe.py",
        ],
    }
    item = node.item(
        mounts=(Mount(VolumeId("usr"), 0, "/usr"), Mount(VolumeId("python"), 0, "/python")),
        user_data=f"#cloud-config\n{json.dumps(seed)}",
    )
    await node.make(item)
    await until(lambda: node.log()[-1:] == ["end"])
    assert node.log() == [
        "unshare: EPERM",
        "clone: EPERM",
        "clone3: ENOSYS",
        "mount: EPERM",
        "fsopen: EPERM",
        "io_uring_setup: EPERM",
        "thread",
        "process 0",
        "powercap []",
        "end",
    ]


async def test_a_second_manager_finds_the_same_process_and_has_nothing_to_do(node: Node) -> None:
    item = node.item()
    first = manager(node)
    first.intend(graph_of([VOLUME, item]))
    await first.settle()
    pid = node.pid

    node.restarted()
    second = manager(node)
    second.observed(node.subsystem.kinds, await node.subsystem.observe())
    second.intend(graph_of([VOLUME, item]))
    report = await second.settle()

    assert second.steps_run == 0
    assert report.items[item.ref].state is ItemState.PRESENT
    assert node.pid == pid


async def test_a_node_that_systemd_waits_for_waits_for_no_container(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the image: a runtime that knows of that socket waits for an app that knows nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with asyncio.timeout(30):  # half of what a runtime is waited for
            await node.make(node.item())
        assert b"NOTIFY_SOCKET" not in proc(node, "environ").read_bytes()


async def managed(node: Node, folder: Path, text: str) -> asyncio.subprocess.Process:
    """Another process makes the container."""
    script = folder / "manager.py"
    script.write_text(text)
    image = str(node.volumes.container_rootfs(VolumeId("root"), 0).lower)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(script), node.name, str(folder), str(node.run_dir), node.app, image),
        env={**os.environ, "PYTHONPATH": "src:tests"},
    )


async def test_a_killed_manager_leaves_the_container_running(node: Node, tmp_path: Path) -> None:
    """The manager is a process of its own here, and gets SIGKILL."""
    manager = await managed(node, tmp_path, MANAGER)
    await until(lambda: node.subsystem.facts(node.app) is not None)
    pid = node.pid
    manager.kill()
    await manager.wait()

    node.restarted()
    assert node.pid == pid
    assert node.item().ref in (await node.subsystem.observe()).present


async def test_a_container_whose_manager_died_before_it_could_run_is_let_go(
    node: Node, tmp_path: Path
) -> None:
    """SIGKILL comes as the manager turns to the runtime for the second time."""
    dying = await managed(node, tmp_path, DYING + MANAGER)
    assert await dying.wait() == -signal.SIGKILL
    pid, runtime = node.pid, choose_runtime(node.run_dir / "containers" / ".oci")
    assert await state(runtime, node.app) == "created"
    assert node.item().ref in (await node.restarted().observe()).present
    assert await state(runtime, node.app) == "running"
    assert node.pid == pid


async def test_another_incarnation_is_another_process(node: Node) -> None:
    reconciler = manager(node)
    reconciler.intend(graph_of([VOLUME, node.item()]))
    await reconciler.settle()
    before = node.pid
    reconciler.intend(graph_of([VOLUME, node.item(incarnation=2)]))
    await reconciler.settle()
    assert identify(before) is None
    assert node.pid != before


async def test_an_exit_while_no_manager_ran_is_reported_with_its_code(node: Node) -> None:
    item = node.item(user_data="EVE_ECO_CMD=sh -c 'echo last words; exit 7'\n")
    await node.make(item)
    await until(lambda: node.subsystem.facts(node.app) is None)

    seen = await node.restarted().observe()
    fault = seen.faults[item.ref]
    assert "container exited with exit code 7 at" in fault.text
    assert fault.retry_at == fault.at + timedelta(seconds=600)
    assert abs(fault.at - now()) < timedelta(minutes=1)
    assert seen.present[item.ref] != item
    assert node.log()[-1] == "last words"


async def test_after_the_retry_time_it_starts_again(node: Node) -> None:
    item = node.item(user_data="EVE_ECO_CMD=false\n")
    await node.make(item)
    await until(lambda: node.subsystem.facts(node.app) is None)
    later = manager(node, lambda: now() + timedelta(seconds=601))
    later.observed(node.subsystem.kinds, await node.subsystem.observe())
    later.intend(graph_of([VOLUME, node.item()]))
    await later.settle()
    assert node.pid


async def test_memory_above_the_limit_kills(node: Node) -> None:
    hog = "EVE_ECO_CMD=sh -c 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'\n"
    item = node.item(memory_kib=16 * MIB_KIB, user_data=hog)
    await node.make(item)
    await until(lambda: node.subsystem.facts(node.app) is None)
    text = (await node.subsystem.observe()).faults[item.ref].text
    assert "SIGKILL" in text
    assert "memory limit" in text


async def test_limits_move_under_a_running_container(node: Node) -> None:
    reconciler = manager(node)
    reconciler.intend(graph_of([VOLUME, node.item()]))
    await reconciler.settle()
    pid = node.pid
    for mebibytes in (128, 32):
        reconciler.intend(graph_of([VOLUME, node.item(memory_kib=mebibytes * MIB_KIB)]))
        await reconciler.settle()
        facts = node.subsystem.facts(node.app)
        assert facts is not None
        assert facts.memory_limit_bytes == mebibytes * 1024 * 1024
    assert node.pid == pid


async def test_a_held_container_stands_still_and_goes_on(node: Node) -> None:
    await node.make(node.item())
    runtime = choose_runtime(node.run_dir / "containers" / ".oci")
    async with node.subsystem.held(node.app):
        assert await state(runtime, node.app) == "paused"
        await node.restarted().observe()
        assert await state(runtime, node.app) == "running", "held by a node that died"
    assert await state(runtime, node.app) == "running"


async def test_usage_is_measured(node: Node) -> None:
    await node.make(node.item())
    await until(lambda: any("starting" in line for line in node.log()))
    facts = node.subsystem.facts(node.app)
    assert facts is not None
    assert facts.usage is not None
    assert facts.usage.cpu_ns > 0
    assert 0 < facts.usage.memory_bytes < 64 * 1024 * 1024


async def test_a_disk_and_files_of_user_data_are_mounted(node: Node) -> None:
    node.volumes.add_blank("data", 16 * 1024 * 1024)
    seed = (
        "#cloud-config\nwrite_files:\n- path: /etc/app.conf\n  content: tuned\n"
        "  permissions: '0600'\nruncmd:\n- GREETING=x\n"
    )
    item = node.item(mounts=(Mount(VolumeId("data"), 0, "/data"),), user_data=seed)
    await node.make(item)
    root = Path(f"/proc/{node.pid}/root")
    assert (root / "etc/app.conf").read_text() == "tuned"
    (root / "data/kept").write_text("yes")
    await node.take_away(item)
    await node.make(item)
    assert proc(node, "root/data/kept").read_text() == "yes"


async def test_a_container_cannot_fill_the_hosts_run_by_the_files_it_is_given(node: Node) -> None:
    script = (
        "for f in /etc/hosts /etc/resolv.conf /etc/app.conf; do "
        "dd if=/dev/zero bs=1M count=8 2>/dev/null >> $f; echo $f $?; done; "
        "wc -c /etc/app.conf; sleep 600"
    )
    seed = {
        "write_files": [{"path": "/etc/app.conf", "content": "tuned"}],
        "runcmd": [f"EVE_ECO_CMD=sh -c '{script}'"],
    }
    await node.make(
        node.item(name_servers=("10.0.0.1",), user_data=f"#cloud-config\n{json.dumps(seed)}")
    )
    await until(lambda: any(line.endswith("/etc/app.conf") for line in node.log()))
    await until(lambda: len(node.log()) >= 4)
    said = [line for line in node.log() if "Read-only" not in line and "can't create" not in line]
    assert said[:3] == ["/etc/hosts 1", "/etc/resolv.conf 1", "/etc/app.conf 1"]
    assert int(said[3].split()[0]) <= 1024 * 1024 + 4096
    here = sum(path.stat().st_size for path in node.folder().rglob("seed/*"))
    assert here < 4096


def fill(disk: Path, content: str) -> None:
    if content == "ext2":
        subprocess.run(["mkfs.ext2", "-q", disk], check=True)
        return
    table = content == "partitions"
    with disk.open("r+b") as file:
        file.seek(510 if table else 12345)
        file.write(b"\x55\xaa" if table else b"precious")


@pytest.mark.parametrize("content", ["partitions", "ext2", "nothing known"])
async def test_only_a_disk_that_was_never_written_is_formatted(node: Node, content: str) -> None:
    disk = node.volumes.add_blank("data", 16 * 1024 * 1024)
    fill(disk, content)
    before = disk.read_bytes()
    item = node.item(mounts=(Mount(VolumeId("data"), 0, "/data"),))
    with pytest.raises(Rejected, match="mounts ext4 only"):
        await node.make(item)
    assert disk.read_bytes() == before


async def test_no_log_line_is_lost_or_doubled_over_restarts(node: Node) -> None:
    item = node.item(
        user_data="EVE_ECO_CMD=sh -c 'n=0; while [ $n -lt 3000 ]; do echo line $n; n=$((n+1)); "
        "done; sleep 600'\n"
    )
    await node.make(item)
    got: list[str] = []
    position = ""

    def read_on() -> bool:
        nonlocal position
        source = node.restarted().log_source(node.app)
        batch = read_lines(source, position, most_bytes=1)
        position = batch.position
        release(source, position)
        got.extend(line.text for line in batch.lines)
        return len(got) >= 3000

    await until(read_on)
    assert got == [f"line {n}" for n in range(3000)]


@pytest.mark.parametrize("stage", ["folder", "mounted", "created", "started"])
async def test_half_made_ones_are_taken_away(node: Node, stage: str) -> None:
    item = node.item()
    if stage == "folder":
        node.folder().mkdir(parents=True)
    else:
        await node.make(item)
        pid = node.pid
        if stage in {"mounted", "created"}:
            (node.folder() / "run.json").unlink()
        if stage == "mounted":
            os.kill(pid, signal.SIGKILL)
    seen = await node.restarted().observe()
    assert item.ref in seen.present
    reconciler = manager(node)
    reconciler.observed(node.subsystem.kinds, seen)
    reconciler.intend(graph_of([VOLUME]))
    await reconciler.settle()
    assert not node.folder().exists()
    await node.make(item)
    assert node.pid


async def test_one_that_its_runtime_makes_and_does_not_start_is_taken_away(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alive and only created, it would be taken for a container that runs."""
    refuses = tmp_path / "refuses"
    refuses.touch()
    real = choose_runtime(tmp_path / "oci").program
    program = tmp_path / "bin" / Path(real).name
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ncase " $* " in *" start "*)\n'
        f'  [ ! -e {refuses} ] || {{ echo "no start today" >&2; exit 1; }};;\nesac\n'
        f'exec {real} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    item = node.item()
    with pytest.raises(Transient, match="no start today"):
        await node.make(item)
    assert not node.folder().exists()
    assert (await node.subsystem.observe()).present == {}

    refuses.unlink()
    await node.make(item)
    assert node.pid


async def test_a_power_cut_needs_only_the_state_directory(node: Node) -> None:
    item = node.item()
    await node.make(item)
    await until(lambda: any("starting" in line for line in node.log()))
    for pid in cgroups.pids(node.subsystem._workshop.cgroup(node.app)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await node.take_away(item)
    shutil.rmtree(node.run_dir)
    node.restarted()
    assert (await node.subsystem.observe()).present == {}
    await node.make(item)
    await until(lambda: sum("starting" in line for line in node.log()) == 2)


async def test_an_image_without_command_says_what_to_do(node: Node) -> None:
    with pytest.raises(Rejected, match="not KEY=VALUE"):
        await node.make(node.item(user_data="this is no pair"))


PROBE = """
import ctypes, errno, glob, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
NEWUSER, SIGCHLD = 0x10000000, 17
def tried(name, number, *args):
    answer = libc.syscall(number, *args)
    print(f"{name}: {errno.errorcode[ctypes.get_errno()] if answer < 0 else answer}")
tried("unshare", 272, NEWUSER)
tried("clone", 56, NEWUSER | SIGCHLD, 0, 0, 0, 0)
tried("clone3", 435, 0, 0)
tried("mount", 165, b"none", b"/tmp", b"tmpfs", 0, 0)
tried("fsopen", 430, b"tmpfs", 0)
tried("io_uring_setup", 425, 1, 0)
thread = threading.Thread(target=lambda: print("thread"))
thread.start()
thread.join()
print("process", subprocess.run(["/bin/true"]).returncode)
print("powercap", glob.glob("/sys/devices/virtual/powercap/*"))
print("end", flush=True)
threading.Event().wait()
"""

DYING = """
import os, signal, sys

def die(event, words):
    if event == "subprocess.Popen" and "start" in words[1]:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""
MANAGER = """
import asyncio, sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from support.images import Image, LocalVolumes, Parts
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.containers.items import Container, Mount
from eaves.node.containers.subsystem import ContainersSubsystem

async def main(name, base, run_dir, app, lower):
    volumes = LocalVolumes(Path(base) / "volumes")
    lower = Path(lower)
    image = Image(entrypoint=("/bin/start-web",))
    volumes._parts["root", 0] = Parts(lower, lower.parent / "upper", image)
    node = ContainersSubsystem(
        name, Path(base) / "state", Path(run_dir), volumes, lambda: datetime.now(UTC)
    )
    root = Mount(VolumeId("root"), 0, "/")
    item = Container(AppInstanceId(app), 231, 1, 65536, 1, root, (), 0)
    await node.configurators()["container"].create(item, lambda _: None)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
