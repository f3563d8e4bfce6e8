"""Boots of the node's operating system in QEMU, on an emulated processor, and an update (root).

The computer is that of `make demo NODE=image`: UEFI, a TPM, our image, attestation enforced.  Told
are the seconds from the start of the kernel to the first answer of the controller, of a first boot
and of boots after a power cut; the memory in use on the idle system, kernel and all; and of an
update the time from the reset until the container answers again: firmware, then kernel and system.
When the kernel started is what the device says, whose clock begins at a whole second: a figure may
be too large by one, and firmware too small.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from support.demo_node import prepared
from support.row import finish

from eaves.cli.demo.on_image import (
    BOOT_S,
    DEVICE,
    UPDATE_S,
    ImageStory,
    image_stage,
    images_in,
    runs,
)
from eaves.cli.demo.place import free_port, port_is_free
from eaves.cli.demo.scene import HELLO_PORT, Memory
from eaves.cli.demo.story import build_hello
from eaves.cli.demo.tell import Teller

FULL: Final = True  # ten minutes, most of them an emulated processor's
PROJECT: Final = Path(__file__).parent.parent
IMAGES: Final = PROJECT / "build/image/demo"
BOOTS: Final = 3  # after power cuts
SETTLE_S: Final = 120.0  # its metrics come each minute
LOOK_S: Final = 0.25
REQUEST_LIMIT_S, MEMORY_LIMIT_MB, UPDATE_LIMIT_S = 25.0, 300.0, 60.0
ANSWERED: Final = "eaves_device_requests_total{"


class _Device(msgspec.Struct, rename="camel"):
    boot_time: str = ""
    memory: Memory | None = msgspec.field(default=None, name="Memory")


class _Described(msgspec.Struct):
    current: _Device = msgspec.field(default_factory=_Device)


class Measured(ImageStory):
    metrics_port: int = 0

    def measure(self) -> dict[str, float]:
        self._offered()
        first = self._first_request_s()
        self._until_attested("FAIL_NO_PCR")
        self._accepted()
        first -= self._kernel_at("")
        time.sleep(SETTLE_S)
        memory = self._until("its memory is told", lambda: self._device().memory, BOOT_S)
        later = [self._boot_s() for _ in range(BOOTS)]
        self._container()
        firmware, system = self._update_s()
        return {
            "first_boot_request_s": round(first, 1),
            "request_s": round(statistics.median(later), 1),
            "slowest_request_s": round(max(later), 1),
            "memory_in_use_mb": round(memory.used_mb, 1) if memory else 0.0,
            "update_firmware_s": round(firmware, 1),
            "update_kernel_to_app_s": round(system, 1),
        }

    def _offered(self) -> None:
        place = self._scene.place
        build_hello(place.store_dir, place.folder / "images")
        self.metrics_port = free_port(9464, port_is_free)
        self._scene.start_controller("--metrics-listen", f"127.0.0.1:{self.metrics_port}")
        self._scene.log_in()
        self._record()

    def _boot_s(self) -> float:
        """After a power cut: seconds from its kernel's start to the first answer."""
        before = self._device().boot_time
        self._computer.power_cut()
        return self._first_request_s() - self._kernel_at(before)

    def _first_request_s(self) -> float:
        """It is powered on; answers when the controller had answered it, in seconds of the day."""
        before = self._answered()
        self._computer.power_on()
        if self._computer.process is not None:
            self._scene.children["qemu"] = self._computer.process
        self._scene.until("the first request", lambda: self._answered() > before, BOOT_S, LOOK_S)
        return time.time()

    def _answered(self) -> float:
        """Requests of devices, each of them."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(ANSWERED))

    def _device(self) -> _Device:
        said = self._scene.eaves("describe", "device", DEVICE, "-o", "json")
        return msgspec.json.decode(said, type=_Described).current

    def _kernel_at(self, before: str) -> float:
        """When the kernel of the boot after `before` started."""
        told = self._until(
            "it tells of its boot",
            lambda: (now := self._device().boot_time) not in ("", before) and now,
            BOOT_S,
        )
        return datetime.fromisoformat(str(told)).timestamp()

    def _update_s(self) -> tuple[float, float]:
        """Of firmware, and from the kernel's start until the container answers."""
        second, before = self._images.second, self._device().boot_time
        version = self._offer(second / "system.eos")
        files = (str(second / "measurements.json"), str(second / "measurements.json.sig"))
        self._order("attestation", "expect", f"os-{version}", *files)
        with resets(self._computer.folder / "qmp.sock") as at:
            self._order("device", "upgrade", DEVICE, "--image", f"os-{version}")
            self._until("it starts anew", lambda: bool(at), UPDATE_S)
            self._scene.until("it answers", lambda: self._scene.get(HELLO_PORT), BOOT_S, LOOK_S)
            up = time.time()
        kernel = self._kernel_at(before)
        self._until(f"{version} is committed", lambda: runs(self._software(), version), UPDATE_S)
        return kernel - at[0], up - kernel


@contextlib.contextmanager
def resets(door: Path) -> Generator[list[float]]:
    """Of a machine of QEMU, in seconds of the day, as they come."""
    at: list[float] = []

    def read(stream: Any) -> None:
        for line in stream:
            told = json.loads(line)
            if told.get("event") == "RESET":
                stamp = told["timestamp"]
                at.append(stamp["seconds"] + stamp["microseconds"] / 1e6)

    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(door))
        line.sendall(b'{"execute": "qmp_capabilities"}\n')
        reader = threading.Thread(target=read, args=(line.makefile("r"),), daemon=True)
        reader.start()
        try:
            yield at
        finally:
            line.shutdown(socket.SHUT_RDWR)
            reader.join()


def measured() -> dict[str, float]:
    images = images_in(IMAGES)
    with (
        prepared() as (place, record),
        image_stage(place, record) as (scene, computer),
        contextlib.redirect_stdout(sys.stderr),
    ):
        return Measured(scene, computer, images, Teller()).measure()


def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "image-boot", "skipped": "needs root"}))
        return 0
    argv = [sys.executable, "image/demo.py"]
    subprocess.run(argv, cwd=PROJECT, check=True, stdout=sys.stderr)
    told = measured()
    slowest = max(told["slowest_request_s"], told["first_boot_request_s"])
    return finish(
        {
            "name": "image-boot",
            **told,
            "memory_limit_mb": MEMORY_LIMIT_MB,
            "update_limit_s": UPDATE_LIMIT_S,
            "limit_s": REQUEST_LIMIT_S,
            "met": slowest <= REQUEST_LIMIT_S
            and told["memory_in_use_mb"] <= MEMORY_LIMIT_MB
            and told["update_kernel_to_app_s"] <= UPDATE_LIMIT_S,
            "generator_ok": True,  # nothing is sent
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
