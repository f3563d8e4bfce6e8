"""The demonstration's computer, as tests use it: its console is read, its writes are logged."""

import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from support.blklog import end, read_log, replay

from eaves.cli.demo.computer import Computer, Forward

BOOT_S = 300.0  # ten times what an idle machine takes
INSTALL_S = 1200.0
DISK_BYTES = 12 * 1024**3


MADE: "list[ImageMachine]" = []


def boots_begun() -> int:
    """Of all machines, as the firmware tells of each; also those that a machine began by itself."""
    consoles = (one.console for one in MADE)
    return sum(one.read_bytes().count(b"BdsDxe: starting") for one in consoles if one.exists())


class GuestFault(Exception):
    """The guest did not come as far as was waited for; the end of its console says where it is."""


def start(argv: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as sink:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )


class ImageMachine(Computer):
    def __init__(self, folder: Path, *, web_port: int = 0, **fields: Any) -> None:
        """`web_port`: of this machine, led to port 8080 of the guest; 0: none."""
        led = (Forward("127.0.0.1", web_port, 8080),) if web_port else ()
        super().__init__(folder, start, forwards=led, **fields)
        self.web_port = web_port
        MADE.append(self)
        self.seen = 0  # bytes of the console that were looked at
        self.online_s = 0.0  # from its first power-on to what it told as one that is good
        self.log_writes = False
        self.aside = False

    @property
    def write_log(self) -> Path:
        return self.folder / "writes.log"

    def blank_disk(self) -> None:
        with self.disk.open("wb") as file:
            file.truncate(DISK_BYTES)

    def take_disk(self, source: Path) -> None:
        """With room behind it, as a disk has on which the image was written."""
        super().take_disk(source)
        os.truncate(self.disk, DISK_BYTES)
        subprocess.run(["sfdisk", "--relocate", "gpt-bak-std", str(self.disk)], check=True)

    def power_on(
        self, *, medium: Path | None = None, log_writes: bool = False, aside: bool = False
    ) -> None:
        """`aside`: its disk stays as it is until it is off; then `cut` says what became of it."""
        self.log_writes, self.aside = log_writes or aside, aside
        self.seen = self.console.stat().st_size if self.console.exists() else 0
        super().power_on(medium=medium)

    def power_cut(self) -> None:
        super().power_cut()
        self._settle()

    def cut(self, chance: random.Random) -> str:
        """Power goes.  What was flushed is on the disk; `chance` takes of what came after it."""
        assert self.aside
        super().power_cut()
        return self._settle(chance)

    def _settle(self, chance: random.Random | None = None) -> str:
        if not self.aside:
            return ""
        self.aside = False
        said = "nothing was written"
        if self.write_log.stat().st_size:  # QEMU begins it with the first write
            log = read_log(self.write_log)
            left = end(log, chance)
            replay(log, left, self.disk)
            said = left.text()
        self.write_log.unlink()
        (self.folder / "aside.qcow2").unlink()
        return said

    def _disk_node(self) -> dict[str, object]:
        node = super()._disk_node()
        if not self.log_writes:
            return node
        self.write_log.unlink(missing_ok=True)
        self.write_log.touch()
        del node["node-name"]
        if self.aside:
            path = self.folder / "aside.qcow2"
            argv = [
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-F",
                "raw",
                "-b",
                str(self.disk),
                str(path),
            ]
            subprocess.run(argv, check=True)
            node = {
                "driver": "qcow2",
                "file": {"driver": "file", "filename": str(path)},
                "backing": node,
                "cache": {"no-flush": True},  # it ends with the test
            }
        return {
            "driver": "blklogwrites",
            "node-name": "disk0",
            "file": node,
            "log": {"driver": "file", "filename": str(self.write_log)},
            "log-sector-size": 512,
            "log-super-update-interval": 1,
        }

    def wait_installed(self) -> None:
        """By the medium in it; then it is off."""
        self.wait_said("is installed on /dev/vda", INSTALL_S)
        self.wait_off(INSTALL_S)

    def wait_off(self, timeout_s: float = BOOT_S) -> None:
        assert self.process is not None
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise GuestFault(f"still on after {timeout_s:g} s; {self.end_of_console()}") from None
        self.process = None
        self._end_tpm()
        self._settle()

    def wait_said(self, text: str, timeout_s: float = BOOT_S) -> str:
        """Until the console shows it; answers what came since the last look."""
        deadline = time.monotonic() + timeout_s
        while True:
            data = self.console.read_bytes() if self.console.exists() else b""
            fresh = data[self.seen :].decode(errors="replace")
            if text in fresh:
                self.seen += len(fresh[: fresh.index(text) + len(text)].encode(errors="replace"))
                return fresh
            if self.process is None or self.process.poll() is not None:
                raise GuestFault(f"it went off before {text!r}; {self.end_of_console()}")
            if time.monotonic() > deadline:
                raise GuestFault(f"no {text!r} in {timeout_s:g} s; {self.end_of_console()}")
            time.sleep(0.2)

    def press_enter(self) -> None:
        """On its serial line."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(self.folder / "serial.sock"))
            line.sendall(b"\r")

    def end_of_console(self) -> str:
        data = self.console.read_bytes()[-1500:] if self.console.exists() else b""
        return f"its console ends with:\n{data.decode(errors='replace')}"

    def tell(self, command: str, **arguments: Any) -> Any:
        """One QMP command; answers what it returns."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(30)
            door.connect(str(self.folder / "qmp.sock"))
            stream = door.makefile("rw")
            json.loads(stream.readline())
            _ask(stream, "qmp_capabilities", {})
            return _ask(stream, command, arguments)


def _ask(stream: TextIO, command: str, arguments: dict[str, Any]) -> Any:
    """Events come between; what is returned ends the wait."""
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    while True:
        answer = json.loads(stream.readline())
        if "error" in answer:
            raise GuestFault(f"{command}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]


@contextmanager
def image_machine(folder: Path, **fields: Any) -> Generator[ImageMachine]:
    machine = ImageMachine(folder, **fields)
    try:
        yield machine
    finally:
        machine.power_cut()
