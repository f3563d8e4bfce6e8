"""The node of the demonstration, with its two apps, and what its log tells of more of them (root).

The demonstration is the one of `eaves demo`: a controller and a node behind a cable of its own, on
this host.  Only one of them runs at a time.
"""

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from support.row import finish, work_folder

from eaves.cli.demo import remains
from eaves.cli.demo.place import Place, choose_place
from eaves.cli.demo.processes import RUN_VARIABLE
from eaves.cli.demo.scene import NODE_NAME, Scene, on_stage
from eaves.cli.demo.story import Story
from eaves.cli.demo.tell import Teller
from eaves.node.runtime.status_file import read_status

RUNS: Final = 5
START_TIMEOUT_S: Final = 120.0
SETTLE_S: Final = 5.0  # what was taken away leaves the machine to itself
FIRST_APPS: Final = 2  # those of the story

CONTAINER: Final = """
kind: instance
name: NAME
app: hello
device: demo-node
project: first-light
appType: APP_TYPE_CONTAINER
vminfo: {cpus: 1, memory: MEMORY_KIB, mode: HV_NOHYPER}
drives:
  - {imagename: hello, drvtype: HDD, target: Disk}
interfaces:
  - {intfname: eth0, intforder: 1, netinstname: apps, acls: []}
"""


def container(name: str, memory_kib: int) -> str:
    """An instance of the story's container, as it is applied."""
    return CONTAINER.replace("NAME", name).replace("MEMORY_KIB", str(memory_kib))


@contextlib.contextmanager
def prepared() -> Generator[tuple[Place, remains.Record]]:
    """A place for the one demonstration of this machine; what it started ends with the block."""
    with work_folder() as folder, remains.only_one():
        remains.remove_leftovers()
        remains.fresh_folder(folder / "demo")
        record = remains.new_record(folder / "demo", NODE_NAME)
        os.environ[RUN_VARIABLE] = record.token
        place = choose_place(folder / "demo")
        try:
            yield place, record
        finally:
            remains.remove(record, keep_folder=False)


@contextlib.contextmanager
def demonstration() -> Generator[Scene]:
    """Both apps of the story answer: their images are on the node."""
    with prepared() as (place, record), on_stage(place, record) as scene:
        with contextlib.redirect_stdout(sys.stderr):
            Story(scene, Teller()).tell_all()
        yield scene


def apply(scene: Scene, name: str, text: str) -> Path:
    path = scene.place.yaml_dir / name
    path.write_text(text)
    scene.eaves("apply", "-f", str(path))
    return path


def node_pid() -> int:
    """Raises SystemExit when no node told of itself."""
    status = read_status(remains.NODE_RUN / NODE_NAME)
    if status is None:
        raise SystemExit("the node of the demonstration wrote no status")
    return status.pid


def start_s(scene: Scene, name: str, text: str, event: str) -> float:
    """Apply one more instance: seconds from the configuration that holds it to `event`.

    Both ends are lines of the node's log.  The instance is taken away again.
    """
    log = scene.log_of("node")
    begin = log.stat().st_size

    def line(what: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
        return next((said for said in said_since(log, begin) if what(said)), None)

    path = apply(scene, f"{name}.yaml", text)
    started = scene.until(
        f"{event} of {name}", lambda: line(lambda said: said["event"] == event), START_TIMEOUT_S
    )
    applied = scene.until(
        "the configuration is applied",
        lambda: line(
            lambda said: said["event"] == "config_applied" and said["apps"] == FIRST_APPS + 1
        ),
        START_TIMEOUT_S,
    )
    if started is None or applied is None:
        raise SystemExit(f"{name}: the node's log tells of no start")
    scene.eaves("delete", "-f", str(path))
    scene.until(
        f"{name} is gone",
        lambda: line(
            lambda said: (
                said["event"] == "config_applied"
                and said["apps"] == FIRST_APPS
                and moment(said["timestamp"]) > moment(started["timestamp"])
            )
        ),
        START_TIMEOUT_S,
    )
    time.sleep(SETTLE_S)
    return (moment(started["timestamp"]) - moment(applied["seen"])).total_seconds()


def said_since(log: Path, begin: int) -> Generator[Mapping[str, Any]]:
    """Whole lines of the node's log that are JSON."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().split(b"\n")[:-1]
    for each in lines:
        try:
            said = json.loads(each)
        except ValueError:
            continue  # what a tool wrote beside it
        if isinstance(said, dict) and "event" in said:
            yield said


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def measure_starts(row: str, event: str, limit_s: float, text: Callable[[str], str]) -> int:
    """The row of a start: the median of several, each of another instance."""
    if os.geteuid() != 0:
        print(json.dumps({"name": row, "skipped": "needs root"}))
        return 0
    with demonstration() as scene:
        names = [f"start-{number}" for number in range(RUNS)]
        took = [start_s(scene, name, text(name), event) for name in names]
    median = statistics.median(took)
    return finish(
        {
            "name": row,
            "start_s": round(median, 3),
            "slowest_s": round(max(took), 3),
            "runs": len(took),
            "limit_s": limit_s,
            "met": median <= limit_s,
            "generator_ok": True,  # nothing is sent
        }
    )
