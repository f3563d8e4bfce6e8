"""The demonstration's traces on a host: what is made, what is closed, what is taken away."""

import ipaddress
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eaves.cli.demo import remains
from eaves.cli.demo.footprint import Footprint
from eaves.cli.demo.place import NETNS, RECORD, Place, choose_place, free_net, free_port
from eaves.cli.demo.processes import Claims, Process, ours, start_of
from eaves.cli.demo.remains import AlreadyRunning, Record
from eaves.cli.demo.sandbox import close_in, in_namespace, make_network, run_tool
from eaves.errors import Rejected

NET = ipaddress.IPv4Network
NOBODY: set[int] = set()


def process(pid: int, parent: int = 1, **fields: object) -> Process:
    return Process(pid, parent, start=100 + pid, name=f"p{pid}", **fields)  # type: ignore[arg-type]  # a test's shorthand


def test_the_first_network_that_overlaps_nothing_is_taken() -> None:
    candidates = [NET("10.231.0.0/24"), NET("10.231.1.0/24"), NET("10.231.2.0/24")]
    used = [NET("10.231.0.128/25"), NET("10.231.1.7/32"), NET("192.168.0.0/16")]
    assert free_net(used, candidates) == NET("10.231.2.0/24")
    with pytest.raises(Rejected, match="every network"):
        free_net([NET("10.0.0.0/8")], candidates)


def test_the_next_port_is_taken_when_the_usual_one_is_not_free() -> None:
    assert free_port(8443, lambda _port: True) == 8443
    assert free_port(8443, lambda port: port >= 8446) == 8446
    with pytest.raises(Rejected, match="no free TCP port"):
        free_port(8443, lambda _port: False)


@pytest.mark.parametrize(
    ("running", "found"),
    [
        pytest.param([process(7, token="t")], {7}, id="token"),
        pytest.param([process(7, token="other")], NOBODY, id="token of another run"),
        pytest.param([process(5)], {5}, id="recorded"),
        pytest.param([Process(5, 1, 999, "p5")], NOBODY, id="pid used again"),
        pytest.param([process(7, netns=42)], {7}, id="in a namespace of the run"),
        pytest.param([process(7, cgroups=("/eaves/demo/app",))], {7}, id="in a control group"),
        pytest.param([process(7, cgroups=("/eaves/demo2/app",))], NOBODY, id="a group like it"),
        pytest.param([process(7, token="t"), process(8, 7), process(9, 8)], {7, 8, 9}, id="heirs"),
        pytest.param([process(6, token="t")], NOBODY, id="the caller is spared"),
    ],
)
def test_only_proven_processes_are_ours(running: list[Process], found: set[int]) -> None:
    claims = Claims("t", frozenset({(5, 105)}), frozenset({42}), ("/eaves/demo",), frozenset({6}))
    assert {p.pid for p in ours(running, claims)} == found


def test_a_run_without_token_claims_nobody_by_an_empty_one() -> None:
    assert not ours([process(7), process(8)], Claims(""))


def test_a_folder_with_files_of_a_person_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(Rejected, match="not empty"):
        remains.fresh_folder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "dear"


def test_a_folder_of_an_earlier_demo_starts_empty(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    remains.fresh_folder(folder)
    (folder / "old").touch()
    remains.fresh_folder(folder)
    assert [p.name for p in folder.iterdir()] == [remains.MARKER]


def test_two_demos_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    refused = pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}")
    with remains.only_one(path), refused, remains.only_one(path):
        pass
    with remains.only_one(path):
        pass


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"token": ')
    assert Record.load(path) is None


def test_without_root_one_sentence_names_the_command() -> None:
    if os.geteuid() != 0:
        argv = []
    else:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    done = subprocess.run(
        [*argv, sys.executable, "-m", "eaves", "demo", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "sudo" in done.stderr
    assert "-m eaves demo --check`" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@contextmanager
def network(folder: Path) -> Generator[tuple[Place, Record]]:
    """The demonstration's namespace and link, taken away by the code under test in any case."""
    with remains.only_one():
        remains.remove_leftovers()
        remains.fresh_folder(folder)
        place = choose_place(folder)
        record = remains.new_record(folder, "demo-test")
        try:
            make_network(place)
            yield place, record
        finally:
            remains.remove(record, keep_folder=False)


LISTEN = """
import socket, sys
s = socket.create_server((sys.argv[1], 0))
print(s.getsockname()[1], flush=True)
while True:
    s.accept()[0].close()
"""
CONNECT = """
import socket, sys
s = socket.socket()
s.settimeout(1)
print(s.connect_ex((sys.argv[1], int(sys.argv[2]))))
"""


@pytest.mark.host
def test_the_node_reaches_two_ports_of_the_host_and_no_other(tmp_path: Path) -> None:
    with network(tmp_path / "demo") as (place, record):
        ports = [
            int(_line_of(record.start([sys.executable, "-c", LISTEN, place.host], log), log))
            for log in (tmp_path / "a.log", tmp_path / "b.log", tmp_path / "c.log")
        ]
        mine = Place(place.folder, place.net, ports[0], ports[2])
        close_in(mine, ports[1])
        seen = [
            run_tool(in_namespace([sys.executable, "-c", CONNECT, place.host, str(port)])).strip()
            for port in ports
        ]
    assert seen[:2] == ["0", "0"]
    assert seen[2] != "0"


def _line_of(child: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert child.poll() is None, log.read_text()
        if text := log.read_text().strip():
            return text
    raise AssertionError(f"{log.name} stays empty")


@pytest.mark.host
def test_what_a_killed_demo_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Processes in its namespaces, with its token or on its record, mounts, groups, links."""
    before = Footprint.now(())
    with network(tmp_path / "demo") as (place, record):
        app = "eaves-demotest-app"
        run_tool(["ip", "netns", "add", app])
        run_tool(
            ["ip", "-n", NETNS, "link", "add", "v0", "type", "veth", "peer", "eth0"], check=False
        )
        run_tool(
            ["ip", "-n", NETNS, "link", "add", "v1", "type", "veth", "peer", "eth9", "netns", app]
        )
        (place.folder / "mnt").mkdir()
        run_tool(["mount", "-t", "tmpfs", "tmpfs", str(place.folder / "mnt")])
        sleeper = ["sleep", "600"]
        recorded = record.start(sleeper, tmp_path / "log")
        in_app = subprocess.Popen(["nsenter", f"--net=/run/netns/{app}", "--", *sleeper])
        with_token = subprocess.Popen(sleeper, env={**os.environ, "EAVES_DEMO_RUN": record.token})
        stranger = subprocess.Popen(sleeper)
        _until_in(app, in_app.pid)
        try:
            assert remains.remove_leftovers()
            assert [p.wait(60) for p in (recorded, in_app, with_token)] == [-15, -9, -9]
            assert stranger.poll() is None
            assert not (place.folder).exists()
            assert not RECORD.exists()
        finally:
            for child in (recorded, in_app, with_token, stranger):
                child.kill()
                child.wait()
    assert remains.settled(lambda: _left(before), 60) == []


def _left(before: Footprint) -> list[str]:
    """Other tests and people may use this machine; the demonstration's own traces count."""
    return [d for d in before.differences(Footprint.now(())) if "eaves-demo" in d or "_demo" in d]


def _until_in(namespace: str, pid: int) -> None:
    wanted = Path("/run/netns", namespace).stat().st_ino
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/ns/net").stat().st_ino != wanted:
        assert time.monotonic() < deadline
    assert start_of(pid)


@pytest.mark.host
def test_the_record_is_written_before_anything_is_made(tmp_path: Path) -> None:
    with network(tmp_path / "demo") as (_, record):
        child = record.start(["sleep", "600"], tmp_path / "log")
        stored = json.loads(RECORD.read_text())
        assert [child.pid, start_of(child.pid)] in stored["processes"]
        remains.remove(record, keep_folder=True)
        assert child.wait(60) == -15
        assert (tmp_path / "demo").exists()


@pytest.mark.host
def test_a_folder_that_is_mounted_on_itself_is_seen(tmp_path: Path) -> None:
    """As the first `ip netns add` after a boot does it: the demonstration takes it away again."""
    assert not remains.is_mounted(tmp_path)
    run_tool(["mount", "--bind", str(tmp_path), str(tmp_path)])
    try:
        assert remains.is_mounted(tmp_path)
    finally:
        run_tool(["umount", str(tmp_path)])
    assert not remains.is_mounted(tmp_path)
