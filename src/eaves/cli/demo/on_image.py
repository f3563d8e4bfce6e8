"""`eaves demo --image`: the node is our operating system, in QEMU with UEFI and a TPM.

Nothing is played here and nothing is typed on the node: firmware and kernel measure the boot, the
loader counts the tries of an update, and the slot that was good comes back by itself.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from eaves.cli.demo.computer import GUEST_NIC, Computer, Forward
from eaves.cli.demo.place import Place
from eaves.cli.demo.remains import Record
from eaves.cli.demo.sandbox import in_namespace
from eaves.cli.demo.scene import HELLO_PORT, MACHINE_PORT, Scene, on_stage
from eaves.cli.demo.story import build_hello, build_machine
from eaves.cli.demo.tell import Teller
from eaves.errors import Rejected

DEVICE: Final = "demo-node"
SERIAL: Final = "DEMO-0001"
MEMORY_MIB: Final = 3072
PAUSE_S: Final = 10.0  # the emulated processor needs those of this machine more than we do
BOOT_S: Final = 1800.0
UPDATE_S: Final = 3600.0  # fetched, written, booted and tested
APP_S: Final = 1800.0  # a machine within a machine, both emulated
BY_KVM: Final = "a probe guest ran under KVM"
OPENED: Final = "the key is known"  # as the node says it of its vault
BY_TPM: Final = "the TPM's share among those that gave it"
FILES: Final = (
    *("first/disk.raw", "first/pcrs.json", "first/system.eos"),
    *("second/system.eos", "second/measurements.json", "bad.eos", "update.pem"),
)
T = TypeVar("T")


class _Quoted(msgspec.Struct):
    index: int = 0
    value: str = ""


class _Quote(msgspec.Struct):
    pcrs: tuple[_Quoted, ...] = ()


class _Attested(msgspec.Struct):
    state: str = ""
    detail: str = ""
    quote: _Quote | None = None


class Error(msgspec.Struct):
    description: str = ""


class Software(msgspec.Struct, rename="camel"):
    """One slot, or a version that none holds."""

    activated: bool = False
    download_progress: int = 0
    short_version: str = ""
    partition_label: str = ""
    partition_state: str = ""
    sw_status: str = ""
    sw_error: Error | None = None


class _Device(msgspec.Struct, rename="camel"):
    sw_info: tuple[Software, ...] = ()


class _Described(msgspec.Struct):
    current: _Device = msgspec.field(default_factory=_Device)


def stage_of(software: tuple[Software, ...], version: str) -> str:
    """How far a version is; of its download, the quarters.  Empty: nothing is said of it."""
    for one in software:
        if one.short_version == version:
            stage = one.sw_status.removeprefix("DEVICE_SW_STATUS_").lower()
            quarters = one.download_progress // 25  # none are told while it is verified
            here = f", {quarters * 25} % here" if stage == "downloading" and quarters else ""
            slot = f", {one.partition_label} {one.partition_state}" if one.partition_label else ""
            return f"{version}: {stage}{here}{slot}"
    return ""


def runs(software: tuple[Software, ...], version: str) -> bool:
    """As a good version, not on trial."""
    return any(
        one.activated and one.short_version == version and one.partition_state == "active"
        for one in software
    )


def why_left(software: tuple[Software, ...], version: str) -> str:
    """As the node tells it; empty: it does not say that this version failed."""
    return next(
        (
            one.sw_error.description
            for one in software
            if one.short_version == version
            and one.sw_status.endswith("FAILED")
            and one.sw_error is not None
        ),
        "",
    )


@dataclass(frozen=True, slots=True)
class Images:
    """What `image/demo.py` wrote."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "first/disk.raw"

    @property
    def first(self) -> Path:
        return self.folder / "first/system.eos"

    @property
    def second(self) -> Path:
        return self.folder / "second"

    @property
    def bad(self) -> Path:
        return self.folder / "bad.eos"

    @property
    def key(self) -> Path:
        return self.folder / "update.pem"

    def predicted(self) -> dict[int, str]:
        """PCR values of a boot of the first version, as its build told them."""
        told = json.loads((self.folder / "first/pcrs.json").read_text())["uki.efi"]
        return {int(pcr): str(value) for pcr, value in told.items()}

    @staticmethod
    def version(update: Path) -> str:
        """The first member of an update is its manifest."""
        with tarfile.open(update) as tar:
            manifest = tar.extractfile("manifest.json")
            if manifest is None:
                raise Rejected(f"{update} holds no manifest.json: `make demo NODE=image` builds it")
            return str(json.load(manifest)["version"])


def images_in(folder: Path) -> Images:
    """Raises Rejected."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise Rejected(f"{folder / missing[0]} is missing: `make demo NODE=image` builds it")
    return Images(folder)


@contextmanager
def image_stage(place: Place, record: Record) -> Generator[tuple[Scene, Computer]]:
    """The computer's only cable ends in the node's namespace; it is ended by `remains.remove`."""
    with on_stage(place, record) as scene:

        def start(argv: list[str], log: Path) -> "subprocess.Popen[bytes]":
            return record.start(in_namespace(argv), scene.log_of(log.stem))

        yield (
            scene,
            Computer(
                place.folder / "computer",
                start,
                memory_mib=MEMORY_MIB,
                serial=SERIAL,
                forwards=tuple(
                    Forward(place.node, port, port) for port in (HELLO_PORT, MACHINE_PORT)
                ),
            ),
        )


class ImageStory:
    """`holds`: every line of evidence so far does."""

    def __init__(self, scene: Scene, computer: Computer, images: Images, tell: Teller) -> None:
        self._scene, self._computer, self._images, self._tell = scene, computer, images, tell
        self._began = datetime.now(UTC)
        self.holds = True

    def tell_all(self) -> None:
        cache = self._scene.place.folder / "images"
        build_hello(self._scene.place.store_dir, cache)
        self._machine = build_machine(self._scene.place.store_dir, cache)
        self._scene.start_controller()
        self._scene.log_in()
        self._record()
        self._first_boot()
        self._accepted()
        self._container()
        self._updated()
        self._fallen_back()
        self._machine_on_it()  # last: it takes the processor, which is emulated, from all else

    def _record(self) -> None:
        self._tell.step(1, "A project that enforces attestation, and the disk of a node")
        self._apply("image.yaml", NIC=GUEST_NIC, SERIAL=SERIAL)
        out, disk = str(self._scene.place.config_dir), str(self._computer.disk)
        self._order(
            "image", "policy", "--project", "first-light", "--trust", f"os={self._images.key}"
        )
        self._scene.eaves("onboarding", DEVICE, "--out", out)
        self._computer.take_disk(self._images.disk)
        self._order("image", "configure", disk, "--from", out)

    def _first_boot(self) -> None:
        self._tell.step(2, "The node is powered on: UEFI, a TPM, our image, one cable; no keyboard")
        self._computer.power_on()
        if self._computer.process is not None:
            self._scene.children["qemu"] = self._computer.process
        since = self._tell.elapsed_s
        shown = self._until_attested("FAIL_NO_PCR")
        took = f"{self._tell.elapsed_s - since:.0f} s after it was switched on"
        self._evidence("it onboards by itself and sends a quote of its TPM", took)
        self._evidence("a boot that nobody accepted gets no configuration", shown.detail)
        self._as_predicted(shown)

    def _as_predicted(self, shown: _Attested) -> None:
        wanted = self._images.predicted()
        quoted = {one.index: one.value.lower() for one in shown.quote.pcrs} if shown.quote else {}
        pcrs = ", ".join(map(str, sorted(wanted)))
        other = [
            f"PCR {pcr}: {quoted.get(pcr)}" for pcr in wanted if quoted.get(pcr) != wanted[pcr]
        ]
        self._evidence(
            f"it measured what the build of its image told (PCR {pcrs})",
            "; ".join(other) or "the same values",
            holds=not other,
        )

    def _accepted(self) -> None:
        self._tell.step(3, "A person at the controller accepts what it measured, for its model")
        self._order("attestation", "accept", DEVICE, "--as", "golden")
        self._evidence("it attests under ENFORCE", self._until_attested("PASS").detail)
        version = Images.version(self._images.first)
        self._until(f"it reports that {version} runs", lambda: self._runs(version), BOOT_S)
        self._evidence("the system that runs", self._slots())

    def _container(self) -> None:
        self._tell.step(4, "A container on it")
        self._apply("4-hello.yaml")
        self._evidence("the container answers through the node", self._until_answers(HELLO_PORT))

    def _updated(self) -> None:
        self._tell.step(
            5, "An update of the operating system, signed, its measurements told before"
        )
        second = self._images.second
        version = self._offer(second / "system.eos")
        files = (str(second / "measurements.json"), str(second / "measurements.json.sig"))
        self._order("attestation", "expect", f"os-{version}", *files)
        self._began = datetime.now(UTC)
        self._order("device", "upgrade", DEVICE, "--image", f"os-{version}")
        self._until_updated(f"{version} is committed", version, runs)
        self._evidence("it was tried, tested with the controller and committed", self._slots())
        shown = self._until_attested("PASS")
        self._evidence("nobody accepted what it measures, and it attests", shown.detail)
        opened = self._until_line("vault", OPENED)
        by = "what was predicted" if BY_TPM in opened else "the share that the controller keeps"
        self._evidence(f"its vault opened by {by}", opened)
        self._evidence("the container answers again", self._until_answers(HELLO_PORT))

    def _fallen_back(self) -> None:
        self._tell.step(6, "A bad update: its kernel panics")
        self._order("attestation", "accept", DEVICE, "--as", "second")  # it is to come back to it
        before = Images.version(self._images.second / "system.eos")
        version = self._offer(self._images.bad)
        self._order("device", "upgrade", DEVICE, "--image", f"os-{version}")
        why = self._until_updated(f"{version} is left", version, why_left)
        reason = why.partition("\n")[0]  # below it stands the end of a log
        self._evidence("it is left by the machine itself, which tells why", reason)
        back = self._until(f"{before} runs", lambda: self._runs(before), BOOT_S)
        self._evidence("the version before runs again", self._slots(), holds=back)
        self._evidence("the container answers all the same", self._until_answers(HELLO_PORT))
        said = self._scene.eaves("why", "device", DEVICE)
        line = next((one.strip() for one in said.splitlines() if version in one), "")
        self._evidence("`eaves why device` tells it", line, holds=bool(line))

    def _machine_on_it(self) -> None:
        self._tell.step(7, "A virtual machine on it, a machine within a machine")
        disk = self._machine
        self._apply(
            "4-machine.yaml", MACHINE_SHA256=disk.sha256, MACHINE_BYTES=str(disk.size_bytes)
        )
        self._evidence("the machine answers through the node", self._until_answers(MACHINE_PORT))
        shown = self._until_line("accelerator", "reason")
        self._evidence("by which virtualisation", shown, holds=BY_KVM in shown)

    # What it is made of

    def _apply(self, name: str, **values: str) -> None:
        self._tell.command("apply", "-f", f".../{name}")
        for line in self._scene.apply(name, **values).splitlines():
            self._tell.say(line)

    def _order(self, *words: str) -> None:
        self._tell.command(*words)
        self._tell.say(self._scene.eaves(*words).strip())

    def _offer(self, update: Path) -> str:
        """Into the datastore, and told to the controller; answers its version."""
        version = Images.version(update)
        file = f"{version}.eos"
        shutil.copyfile(update, self._scene.place.store_dir / "files" / file)
        with update.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        size = str(update.stat().st_size)
        self._apply("image-update.yaml", VERSION=version, FILE=file, SIZE=size, SHA256=digest)
        return version

    def _until(self, what: str, probe: Callable[[], T], timeout_s: float) -> T:
        return self._scene.until(what, probe, timeout_s, PAUSE_S)

    def _until_updated(
        self, what: str, version: str, probe: Callable[[tuple[Software, ...], str], T]
    ) -> T:
        """Minutes pass: says how far the update is whenever that is something else."""
        said = ""

        def look() -> T:
            nonlocal said
            software = self._software()
            stage = stage_of(software, version)
            if stage not in ("", said):
                self._tell.say(stage)
                said = stage
            return probe(software, version)

        return self._until(what, look, UPDATE_S)

    def _until_attested(self, state: str) -> _Attested:
        def found() -> _Attested | None:
            said = self._scene.eaves("attestation", "show", DEVICE, "-o", "json")
            told = msgspec.json.decode(said, type=_Attested, strict=False)
            ended = told.state == f"ATTEST_STATE_{state}" and told.quote is not None
            return told if ended else None

        told = self._until(f"the controller says {state}", found, BOOT_S)
        return told or _Attested()

    def _until_answers(self, port: int) -> str:
        url = f"http://{self._scene.place.node}:{port}/"
        body = self._until(f"{url} answers", lambda: self._scene.get(port), APP_S)
        return f"{url} -> {body.strip().splitlines()[0]}"

    def _until_line(self, search: str, text: str) -> str:
        """Of the node's log, since the last update was asked for."""
        since = self._began.isoformat(timespec="seconds")

        def found() -> str:
            words = ("logs", DEVICE, "--device", "--since", since, "--search", search)
            lines = self._scene.eaves(*words).splitlines()
            return next((" ".join(line.split()) for line in lines if text in line), "")

        return self._until(f"the node's log says {text!r}", found, BOOT_S)

    def _software(self) -> tuple[Software, ...]:
        said = self._scene.eaves("describe", "device", DEVICE, "-o", "json")
        return msgspec.json.decode(said, type=_Described).current.sw_info

    def _runs(self, version: str) -> bool:
        return runs(self._software(), version)

    def _slots(self) -> str:
        return ", ".join(
            f"{one.short_version or 'empty'} in {one.partition_label} {one.partition_state}"
            for one in self._software()
        )

    def _evidence(self, what: str, shown: str, *, holds: bool = True) -> None:
        self.holds = self.holds and holds
        self._tell.evidence(what, holds=holds, shown=shown)
