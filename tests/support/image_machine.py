"""A computer in QEMU with UEFI and a TPM, that boots our image; its power can be cut.

OVMF and swtpm as the image's users have them.  The accelerator is TCG, which every machine has: a
boot takes half a minute on an idle core, so what waits for one waits long.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

FIRMWARE = {
    "4M": (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")),
    "2M": (Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd")),
}
BOOT_S = 300.0  # ten times what an idle machine takes
DISK_BYTES = 12 * 1024**3


class GuestFault(Exception):
    """The guest did not come as far as was waited for; the end of its console says where it is."""


@dataclass
class ImageMachine:
    """`folder` is its case: disks, firmware variables, TPM state and console survive in it."""

    folder: Path
    firmware: str = "4M"
    memory_mib: int = 2048
    extra: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    swtpm: "subprocess.Popen[bytes] | None" = None
    seen: int = 0  # bytes of the console that were looked at
    serial: str = "EAVES-0001"
    web_port: int = 0  # of this machine, led to port 8080 of the guest; 0: none
    boots: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        code, variables = FIRMWARE[self.firmware]
        if not code.exists():
            raise GuestFault(f"{code} is missing: `apt install ovmf`")
        if not self.variables.exists():
            shutil.copyfile(variables, self.variables)
        self._make_tpm()

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def variables(self) -> Path:
        return self.folder / "vars.fd"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def write_log(self) -> Path:
        return self.folder / "writes.log"

    def blank_disk(self) -> None:
        with self.disk.open("wb") as file:
            file.truncate(DISK_BYTES)

    def take_disk(self, source: Path) -> None:
        """Holes stay holes."""
        subprocess.run(["cp", "--sparse=always", str(source), str(self.disk)], check=True)
        os.truncate(self.disk, DISK_BYTES)
        subprocess.run(["sfdisk", "--relocate", "gpt-bak-std", str(self.disk)], check=True)

    def power_on(self, *, medium: Path | None = None, log_writes: bool = False) -> None:
        assert self.process is None, "it is on"
        self._start_tpm()
        self.seen = self.console.stat().st_size if self.console.exists() else 0
        code, _ = FIRMWARE[self.firmware]
        argv = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "q35,accel=tcg"]
        argv += ["-cpu", "max", "-smp", "2", "-m", str(self.memory_mib), "-nodefaults"]
        argv += ["-display", "none", "-no-reboot" if medium else "-no-user-config"]
        argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"]
        argv += ["-drive", f"if=pflash,format=raw,unit=1,file={self.variables}"]
        argv += ["-chardev", f"socket,id=tpm,path={self.folder}/tpm.sock"]
        argv += ["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]
        argv += ["-chardev", f"file,id=con,path={self.console},append=on", "-serial", "chardev:con"]
        argv += ["-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off"]
        argv += ["-smbios", f"type=1,serial={self.serial},manufacturer=QEMU,product=Eaves"]
        argv += ["-device", "i6300esb", "-action", "watchdog=reset"]
        led = f",hostfwd=tcp:127.0.0.1:{self.web_port}-:8080" if self.web_port else ""
        argv += ["-netdev", f"user,id=net0{led}", "-device", "virtio-net-pci,netdev=net0"]
        argv += ["-object", "rng-random,id=rng0,filename=/dev/urandom"]
        argv += ["-device", "virtio-rng-pci,rng=rng0"]
        argv += self._disk_words(log_writes=log_writes)
        if medium is not None:
            argv += ["-drive", f"if=none,id=usb,format=raw,readonly=on,file={medium}"]
            argv += ["-device", "qemu-xhci", "-device", "usb-storage,drive=usb,bootindex=1"]
        with (self.folder / "qemu.log").open("ab") as sink:
            self.process = subprocess.Popen(
                [*argv, *self.extra],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self.boots.append(time.monotonic())

    def _disk_words(self, *, log_writes: bool) -> list[str]:
        file = {"driver": "file", "filename": str(self.disk)}
        node: dict[str, object] = {"driver": "raw", "node-name": "disk0", "file": file}
        if log_writes:
            self.write_log.unlink(missing_ok=True)
            self.write_log.touch()
            node = {
                "driver": "blklogwrites",
                "node-name": "disk0",
                "file": {"driver": "raw", "file": file},
                "log": {"driver": "file", "filename": str(self.write_log)},
                "log-sector-size": 512,
                "log-super-update-interval": 1,
            }
        device = "virtio-blk-pci,drive=disk0,bootindex=2,write-cache=on"
        return ["-blockdev", json.dumps(node), "-device", device]

    def power_cut(self) -> None:
        """Nothing is told to anybody."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
        self._end_tpm()

    def wait_off(self, timeout_s: float = BOOT_S) -> None:
        assert self.process is not None
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise GuestFault(f"still on after {timeout_s:g} s; {self.end_of_console()}") from None
        self.process = None
        self._end_tpm()

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

    def _make_tpm(self) -> None:
        state = self.folder / "tpm"
        if state.exists():
            return
        state.mkdir(mode=0o700)
        subprocess.run(
            ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--pcr-banks", "sha256"],
            check=True,
            capture_output=True,
        )

    def clear_tpm(self) -> None:
        """Another TPM stands where it was."""
        shutil.rmtree(self.folder / "tpm")
        self._make_tpm()

    def _start_tpm(self) -> None:
        path = self.folder / "tpm.sock"
        path.unlink(missing_ok=True)
        argv = ["setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--terminate"]
        argv += ["--tpmstate", f"dir={self.folder}/tpm", "--ctrl", f"type=unixio,path={path}"]
        argv += ["--flags", "not-need-init,startup-clear"]
        with (self.folder / "swtpm.log").open("ab") as sink:
            self.swtpm = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        deadline = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > deadline:
                raise GuestFault(f"swtpm made no {path}")
            time.sleep(0.02)

    def _end_tpm(self) -> None:
        swtpm, self.swtpm = self.swtpm, None
        if swtpm is None:
            return
        try:
            swtpm.wait(60)  # it goes with the connection
        except subprocess.TimeoutExpired:
            swtpm.kill()
            swtpm.wait()


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
