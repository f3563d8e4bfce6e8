"""A computer in QEMU with UEFI and a TPM, that boots an image of the node's system.

UEFI and swtpm as Debian has them.  The accelerator is TCG, which every machine has: a boot takes
half a minute on an idle core, so what waits for one waits long.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eaves.errors import EavesError

GUEST_NIC: Final = "enp0s2"  # as the guest names its first network card
TPM_S: Final = 10.0
OFF_S: Final = 60.0
# Emulated, wide registers cost more than they bring: without them hashes take half the time.
EMULATED: Final = "max,-avx,-avx2,-la57"

Start = Callable[[list[str], Path], "subprocess.Popen[bytes]"]
"""Starts a program whose output goes to the end of a file."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """A build of UEFI, and what QEMU is told of the machine that it is for."""

    code: Path
    variables: Path
    packages: str = "ovmf qemu-system-x86"
    emulator: str = "qemu-system-x86_64"
    machine: tuple[str, ...] = ("-machine", "q35,accel=tcg", "-cpu", EMULATED)
    tpm: str = "tpm-crb"


_X86: Final = Path("/usr/share/OVMF")
_ARM: Final = Path("/usr/share/AAVMF")
FIRMWARE: Final = {
    "4M": Firmware(_X86 / "OVMF_CODE_4M.fd", _X86 / "OVMF_VARS_4M.fd"),
    "2M": Firmware(_X86 / "OVMF_CODE.fd", _X86 / "OVMF_VARS.fd"),
    # Verifies what it boots, once it has keys; only the firmware itself writes its variables.
    "secure": Firmware(
        _X86 / "OVMF_CODE_4M.secboot.fd",
        _X86 / "OVMF_VARS_4M.fd",
        machine=(
            *("-machine", "q35,accel=tcg,smm=on", "-cpu", EMULATED),
            *("-global", "driver=cfi.pflash01,property=secure,value=on"),
            *("-global", "ICH9-LPC.disable_s3=1"),
        ),
    ),
    "arm64": Firmware(
        _ARM / "AAVMF_CODE.fd",
        _ARM / "AAVMF_VARS.fd",
        packages="qemu-efi-aarch64 qemu-system-arm",
        emulator="qemu-system-aarch64",
        machine=("-machine", "virt,accel=tcg", "-cpu", "cortex-a72"),
        tpm="tpm-tis-device",
    ),
}


class ComputerFault(EavesError):
    """A program that the computer is made of is missing or does not start."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A TCP port of whoever runs QEMU, led to one of the guest."""

    address: str
    port: int
    guest_port: int

    def text(self) -> str:
        return f",hostfwd=tcp:{self.address}:{self.port}-:{self.guest_port}"


@dataclass
class Computer:
    """`folder` is its case: disk, firmware variables, TPM state and console survive in it."""

    folder: Path
    start: Start
    firmware: str = "4M"
    memory_mib: int = 2048
    serial: str = "EAVES-0001"
    forwards: tuple[Forward, ...] = ()
    extra: tuple[str, ...] = ()
    has_tpm: bool = True  # without one, what it has is kept
    process: "subprocess.Popen[bytes] | None" = None
    swtpm: "subprocess.Popen[bytes] | None" = None
    boots: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        uefi = FIRMWARE[self.firmware]
        if not uefi.code.exists():
            raise ComputerFault(f"{uefi.code} is missing: `apt install {uefi.packages}`")
        if not self.variables.exists():
            shutil.copyfile(uefi.variables, self.variables)
        self._make_tpm()

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def variables(self) -> Path:
        return self.folder / "vars.fd"

    @property
    def console(self) -> Path:
        """What came from its serial line."""
        return self.folder / "console.log"

    def take_disk(self, source: Path) -> None:
        """Holes stay holes."""
        argv = ["cp", "--sparse=always", "--reflink=auto", str(source), str(self.disk)]
        subprocess.run(argv, check=True)  # noqa: S603 - argv is ours

    def power_on(self, *, medium: Path | None = None) -> None:
        """`medium`: a USB stick that is booted first; with it, the end of the system ends all."""
        if self.process is not None:
            raise ComputerFault(f"the computer in {self.folder} is on already")
        if self.has_tpm:
            self._start_tpm()
        self.process = self.start(self._argv(medium), self.folder / "qemu.log")
        self.boots.append(time.monotonic())

    def power_cut(self) -> None:
        """Nothing is told to anybody."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
        self._end_tpm()

    def clear_tpm(self) -> None:
        """Another TPM stands where it was."""
        shutil.rmtree(self.folder / "tpm")
        self._make_tpm()

    def _argv(self, medium: Path | None) -> list[str]:
        uefi = FIRMWARE[self.firmware]
        argv = ["setpriv", "--pdeathsig", "KILL", uefi.emulator, *uefi.machine]
        argv += ["-smp", "2", "-m", str(self.memory_mib), "-nodefaults"]
        argv += ["-display", "none", "-no-reboot" if medium else "-no-user-config"]
        argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={uefi.code}"]
        argv += ["-drive", f"if=pflash,format=raw,unit=1,file={self.variables}"]
        if self.has_tpm:
            argv += ["-chardev", f"socket,id=tpm,path={self.folder}/tpm.sock"]
            argv += ["-tpmdev", "emulator,id=tpm0,chardev=tpm"]
            argv += ["-device", f"{uefi.tpm},tpmdev=tpm0"]
        argv += ["-chardev", f"socket,id=con,path={self.folder}/serial.sock,server=on,wait=off"]
        argv[-1] += f",logfile={self.console},logappend=on"
        argv += ["-serial", "chardev:con"]
        argv += ["-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off"]
        argv += ["-smbios", f"type=1,serial={self.serial},manufacturer=QEMU,product=Eaves"]
        argv += ["-device", "i6300esb", "-action", "watchdog=reset"]
        led = "".join(one.text() for one in self.forwards)
        argv += ["-netdev", f"user,id=net0,ipv6=off{led}", "-device", "virtio-net-pci,netdev=net0"]
        argv += ["-object", "rng-random,id=rng0,filename=/dev/urandom"]
        argv += ["-device", "virtio-rng-pci,rng=rng0"]
        argv += ["-blockdev", json.dumps(self._disk_node())]
        argv += ["-device", "virtio-blk-pci,drive=disk0,bootindex=2,write-cache=on"]
        if medium is not None:
            argv += ["-drive", f"if=none,id=usb,format=raw,readonly=on,file={medium}"]
            argv += ["-device", "qemu-xhci", "-device", "usb-storage,drive=usb,bootindex=1"]
        return [*argv, *self.extra]

    def _disk_node(self) -> dict[str, object]:
        file = {"driver": "file", "filename": str(self.disk)}
        return {"driver": "raw", "node-name": "disk0", "file": file}

    def _make_tpm(self) -> None:
        state = self.folder / "tpm"
        if state.exists():
            return
        state.mkdir(mode=0o700)
        argv = ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--pcr-banks", "sha256"]
        try:
            subprocess.run(argv, check=True, capture_output=True)  # noqa: S603 - argv is ours
        except FileNotFoundError as error:
            raise ComputerFault("swtpm_setup is missing: `apt install swtpm-tools`") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()
            raise ComputerFault(f"swtpm_setup made no TPM in {state}: {said}") from error

    def _start_tpm(self) -> None:
        path = self.folder / "tpm.sock"
        path.unlink(missing_ok=True)
        argv = ["setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--terminate"]
        argv += ["--tpmstate", f"dir={self.folder}/tpm", "--ctrl", f"type=unixio,path={path}"]
        argv += ["--flags", "not-need-init,startup-clear"]
        self.swtpm = self.start(argv, self.folder / "swtpm.log")
        deadline = time.monotonic() + TPM_S
        while not path.exists():
            if time.monotonic() > deadline:
                raise ComputerFault(
                    f"swtpm made no {path}; {self.folder}/swtpm.log tells what it said"
                )
            time.sleep(0.02)

    def _end_tpm(self) -> None:
        swtpm, self.swtpm = self.swtpm, None
        if swtpm is None:
            return
        try:
            swtpm.wait(OFF_S)  # it goes with the connection
        except subprocess.TimeoutExpired:
            swtpm.kill()
            swtpm.wait()
