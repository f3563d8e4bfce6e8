"""The five steps: project, node record, node powered on, apps deployed, apps observed."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from eaves.cli.demo.scene import HELLO_PORT, MACHINE_PORT, Scene
from eaves.cli.demo.tell import DemoFailed, Teller
from eaves.cli.disks import DiskSample
from eaves.cli.samples import container_image, vm_disk
from eaves.errors import EavesError

T = TypeVar("T")
BROKEN_BYTES = 1 << 20


class Background(Generic[T]):
    """One value that is made beside the story."""

    def __init__(self, make: Callable[[], T], name: str) -> None:
        self._make = make
        self._value: T | None = None
        self._error: EavesError | OSError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._make()
        except (EavesError, OSError) as error:
            self._error = error

    def value(self, timeout_s: float) -> T:
        self._thread.join(timeout_s)
        if self._error is not None:
            raise DemoFailed(f"a sample image could not be built: {self._error}") from self._error
        if self._value is None:
            raise DemoFailed(f"a sample image is not built after {timeout_s:g} s")
        return self._value


def build_hello(store: Path, cache: Path) -> None:
    layout = container_image(cache).layout
    shutil.copytree(layout, store / "oci" / "samples" / "hello", dirs_exist_ok=True)


def build_machine(store: Path, cache: Path) -> DiskSample:
    disk = vm_disk(cache)
    folder = store / "files"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(disk.path, folder / "machine.qcow2")
    (folder / "broken.raw").write_bytes(bytes(BROKEN_BYTES))
    return disk


class Story:
    def __init__(self, scene: Scene, tell: Teller) -> None:
        self._scene = scene
        self._tell = tell
        self.first_answer_s = 0.0

    def tell_all(self) -> None:
        cache = self._scene.place.folder / "images"
        build_hello(self._scene.place.store_dir, cache)
        self._scene.start_controller()
        self._scene.log_in()
        self._project()
        self._record()
        self._power_on()
        machine = Background(
            lambda: build_machine(self._scene.place.store_dir, cache), "build-machine"
        )
        self._deploy_hello()
        self._deploy_machine(machine.value(300))
        self._observe()

    def _apply(self, name: str, **values: str) -> None:
        self._tell.command("apply", "-f", f".../{name}")
        for line in self._scene.apply(name, **values).splitlines():
            self._tell.say(line)

    def _project(self) -> None:
        self._tell.step(1, "A project: its network, its hardware model, its datastores")
        self._apply("1-project.yaml")

    def _record(self) -> None:
        self._tell.step(2, "The record of a node, known by its serial number")
        self._apply("2-node.yaml")
        out = str(self._scene.place.config_dir)
        self._tell.command("onboarding", "demo-node", "--out", out)
        self._tell.say(self._scene.eaves("onboarding", "demo-node", "--out", out).strip())

    def _power_on(self) -> None:
        self._tell.step(3, "The node is plugged in and powered on")
        self._scene.start_node()
        # what is asked for now is waiting for the node when it has made itself known
        self._tell.say("a machine of its own: a network namespace behind one cable to this host")

    def _deploy_hello(self) -> None:
        self._tell.step(4, "Apps are deployed: a container first, a virtual machine beside it")
        self._apply("4-hello.yaml")
        scene, tell = self._scene, self._tell
        scene.until("the container answers", lambda: scene.get(HELLO_PORT, timeout_s=2), 300)
        self.first_answer_s = tell.elapsed_s
        tell.say(f"the container answers at http://{scene.place.node}:{HELLO_PORT}/")
        tell.title(f"  {self.first_answer_s:.1f} s from start to the first answering app")

    def _deploy_machine(self, disk: DiskSample) -> None:
        self._apply(
            "4-machine.yaml", MACHINE_SHA256=disk.sha256, MACHINE_BYTES=str(disk.size_bytes)
        )
        scene, tell = self._scene, self._tell
        scene.until("the machine answers", lambda: scene.get(MACHINE_PORT, timeout_s=2), 480)
        tell.say(
            f"the virtual machine answers at http://{scene.place.node}:{MACHINE_PORT}/"
            f" after {tell.elapsed_s:.1f} s"
        )

    def _observe(self) -> None:
        self._tell.step(5, "Apps are observed")
        for name in ("hello", "machine"):
            self._scene.eaves("wait", "instance", name, "--timeout", "80")
        for words in (("get", "device"), ("get", "instance")):
            self._tell.command(*words)
            for line in self._scene.eaves(*words).rstrip().splitlines():
                self._tell.say(line)
