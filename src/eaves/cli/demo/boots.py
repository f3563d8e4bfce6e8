"""A machine that boots and measures what it boots: swtpm in a folder, beside a log of events.

It plays what firmware, boot loader and kernel stub do before a node runs, with the events that a
machine with UEFI, systemd-boot and a unified kernel image makes.  What is booted is words: no
kernel runs.  So a node can be shown a changed boot chain where none can be booted; everything
after the measurement (keys, quotes, sealing) is done by a real TPM implementation.

    with Machine(folder) as machine:
        machine.boot(Chain())                       # power off, power on, measure
        ...  eaves node --tpm {machine.tcti} --event-log {machine.event_log}
        machine.boot(CHANGES["command line"](Chain()))
"""

import hashlib
import importlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from eaves.errors import EavesError
from eaves.evapi.event_log_form import (
    ACTION,
    CRTM_VERSION,
    EFI_ACTION,
    EFI_APPLICATION,
    EFI_BOOT,
    EFI_CONFIG,
    EFI_FIRMWARE,
    EFI_GPT,
    EVENT_TAG,
    IPL,
    SEPARATOR,
    SHA256,
    Step,
    header,
    program,
    tag,
    variable,
)

START_S: Final = 60.0
_PORTS: Final = range(20_000, 30_000, 2)  # below those that the kernel gives away


class MachineFault(EavesError):
    """swtpm is missing, does not start or does not answer."""


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Chain:
    """What a machine boots; each field is measured where such a machine measures it."""

    firmware: str = "Acme UEFI 2.7"
    secure_boot: bool = True
    boot_order: tuple[str, ...] = ("disk", "usb", "network")
    loader: str = "systemd-boot 252"
    os_version: str = "14.5.0"
    kernel: str = "Linux 6.12.30"
    initrd: str = "initrd of 14.5.0"
    command_line: str = "root=PARTLABEL=IMGA ro quiet"
    configuration: str = "server and root-certificate.pem"

    def steps(self) -> tuple[Step, ...]:
        return (*self._firmware(), *self._programs(), *self._kernel())

    def _firmware(self) -> tuple[Step, ...]:
        numbers = {"disk": 1, "usb": 2, "network": 3}
        order = b"".join(numbers[one].to_bytes(2, "little") for one in self.boot_order)
        secure = bytes((int(self.secure_boot),))
        named = self.firmware.encode()
        keys = (("PK", b"pk"), ("KEK", b"kek"), ("db", b"db"), ("dbx", b"dbx"))
        return (
            Step(0, CRTM_VERSION, self.firmware.encode("utf-16-le") + b"\0\0"),
            Step(0, EFI_FIRMWARE, b"firmware volume " + named, _hash(b"code of " + named)),
            Step(2, EFI_FIRMWARE, b"option ROM of the network card"),
            Step(3, EFI_CONFIG, variable("OptionRomPolicy", b"\x04")),
            Step(7, EFI_CONFIG, variable("SecureBoot", secure)),
            *(Step(7, EFI_CONFIG, variable(name, value)) for name, value in keys),
            Step(1, EFI_BOOT, variable("BootOrder", order)),
            *(
                Step(1, EFI_BOOT, variable(f"Boot{number:04d}", one.encode()))
                for one, number in numbers.items()
            ),
            *(Step(number, SEPARATOR, bytes(4)) for number in range(8)),
        )

    def _programs(self) -> tuple[Step, ...]:
        """The firmware measures each program that it loads; from another medium, another one."""
        first = self.boot_order[0]
        loader = f"\\EFI\\systemd\\systemd-bootx64.efi of {first}"
        image = f"\\EFI\\Linux\\eaves_{self.os_version}.efi"
        whole = f"{self.kernel}|{self.initrd}|{self.os_version}"
        return (
            Step(4, EFI_ACTION, b"Calling EFI Application from Boot Option"),
            Step(5, EFI_GPT, f"partition table of {first}".encode()),
            Step(
                4,
                EFI_APPLICATION,
                program(loader),
                _hash(f"{self.loader} of {first}".encode()),
            ),
            Step(4, EFI_APPLICATION, program(image), _hash(whole.encode())),
            Step(5, ACTION, b"Exit Boot Services Returned with Success"),
        )

    def _kernel(self) -> tuple[Step, ...]:
        """As the stub of a unified kernel image measures its sections, and Linux its initrd."""
        release = f"VERSION_ID={self.os_version}"
        sections = ((".linux", self.kernel), (".osrel", release), (".initrd", self.initrd))
        measured: list[Step] = []
        for name, content in sections:
            told = f"{name} {content}" if name == ".osrel" else f"{name} of the kernel image"
            named = f"{name}\0".encode()
            measured.append(Step(11, IPL, f"{name} (name)".encode(), _hash(named)))
            measured.append(Step(11, IPL, told.encode(), _hash(content.encode())))
        line = self.command_line.encode("utf-16-le") + b"\0\0"
        return (
            *measured,
            Step(12, IPL, line),
            Step(9, EVENT_TAG, tag("Linux initrd"), _hash(self.initrd.encode())),
            Step(13, IPL, b"root file system", _hash(b"root of " + self.os_version.encode())),
            Step(14, IPL, b"configuration partition", _hash(self.configuration.encode())),
        )


CHANGES: Final[Mapping[str, Callable[[Chain], Chain]]] = MappingProxyType(
    {
        "command line": lambda c: replace(c, command_line=f"{c.command_line} init=/bin/sh"),
        "initrd": lambda c: replace(c, initrd=f"{c.initrd}, with a key logger"),
        "boot order": lambda c: replace(c, boot_order=("usb", "disk", "network")),
        "kernel": lambda c: replace(c, kernel="Linux 6.12.30 of somebody else"),
        "boot loader": lambda c: replace(c, loader="a boot loader of somebody else"),
        "firmware": lambda c: replace(c, firmware="Acme UEFI 2.7 of somebody else"),
        "secure boot": lambda c: replace(c, secure_boot=False),
        "OS version": lambda c: replace(c, os_version="13.4.0", initrd="initrd of 13.4.0"),
    }
)
"""What somebody may do to a machine that he can touch; the last one rolls it back."""


@dataclass
class Machine:
    """`folder` is its flash: TPM state and the event log of the last boot survive in it."""

    folder: Path
    address: str = "127.0.0.1"  # where the TPM answers
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = 0  # and the next; 0: chosen at the first boot
    _swtpm: "subprocess.Popen[bytes] | None" = None

    @property
    def tcti(self) -> str:
        return f"swtpm:host={self.address},port={self.port}"

    @property
    def event_log(self) -> Path:
        return self.folder / "binary_bios_measurements"

    @property
    def pid(self) -> int:
        return 0 if self._swtpm is None else self._swtpm.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    def boot(self, chain: Chain) -> None:
        """Raises MachineFault."""
        self.power_off()
        self._power_on()
        steps = chain.steps()
        self._extend(steps)
        self.event_log.write_bytes(header() + b"".join(step.logged() for step in steps))

    def extend(self, step: Step, *, logged: bool = True) -> None:
        """One more thing that is measured; only while nobody else holds the TPM."""
        self._extend((step,))
        if logged:
            with self.event_log.open("ab") as log:
                log.write(step.logged())

    def power_off(self) -> None:
        swtpm, self._swtpm = self._swtpm, None
        if swtpm is not None:
            swtpm.kill()
            swtpm.wait()

    def _power_on(self) -> None:
        if shutil.which("swtpm") is None:
            raise MachineFault("swtpm is missing: `apt install swtpm`")
        state = self.folder / "tpm"
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = self.port or free_pair(self.address)
        with (self.folder / "swtpm.log").open("ab") as log:
            self._swtpm = subprocess.Popen(  # noqa: S603 - argv is ours
                [
                    *("setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2"),
                    *("--tpmstate", f"dir={state}", "--flags", "not-need-init,startup-clear"),
                    *("--server", f"type=tcp,port={self.port},bindaddr={self.address}"),
                    *("--ctrl", f"type=tcp,port={self.port + 1},bindaddr={self.address}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )

    def _extend(self, steps: tuple[Step, ...]) -> None:
        tss = _tss()
        esys = self._connected(tss)
        try:
            for step in steps:
                digest = tss.TPMT_HA(hashAlg=SHA256, digest=tss.TPMU_HA(sha256=step.measured))
                esys.pcr_extend(tss.ESYS_TR(step.pcr), tss.TPML_DIGEST_VALUES([digest]))
        finally:
            esys.close()

    def _connected(self, tss: Any) -> Any:
        """The TPM says nothing when it is ready: ask until it answers."""
        end = time.monotonic() + START_S
        while True:
            try:
                return tss.ESAPI(self.tcti)
            except (tss.TSS2_Exception, RuntimeError) as error:
                ended = self._swtpm is None or self._swtpm.poll() is not None
                if ended or time.monotonic() > end:
                    raise MachineFault(
                        f"swtpm does not answer at {self.tcti} ({error}); it said:"
                        f" {(self.folder / 'swtpm.log').read_text()[-300:]!r}"
                    ) from error
            time.sleep(0.01)


def free_pair(address: str) -> int:
    """The first of two TCP ports in a row that nobody listens on."""
    for port in random.sample(_PORTS, 200):
        if _is_free(address, port) and _is_free(address, port + 1):
            return port
    raise MachineFault(f"no two free TCP ports in a row at {address}")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _tss() -> Any:
    """tpm2-pytss is published without types, and loaded only by who plays a machine."""
    os.environ.setdefault("TSS2_LOG", "all+NONE")
    try:
        return importlib.import_module("tpm2_pytss")
    except ImportError as error:
        raise MachineFault(
            f"tpm2-pytss cannot be loaded ({error}): `make demo TPM=1` installs it"
        ) from error
