"""Updates and slots of a few kilobytes, signed by keys of the test: files stand for partitions."""

import hashlib
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.node.baseos.bundle import END, FORMAT, NAMES, TRAILER, head, padding
from eaves.node.baseos.device import SlotDevice
from eaves.node.baseos.disk import Disk, Running
from eaves.node.baseos.entries import chosen, counted, other
from eaves.node.baseos.loader import Loader
from eaves.node.baseos.slots import Slot

ARCH, FLAVOUR = "x86_64", "standard"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Release:
    """A system that can be put into an update; each field can be made wrong."""

    version: str
    key: ec.EllipticCurvePrivateKey
    arch: str = ARCH
    flavour: str = FLAVOUR
    epoch: int = 1
    root: bytes = b""
    uki: bytes = b""
    wrong: dict[str, object] = field(default_factory=dict[str, object])  # of its manifest

    def __post_init__(self) -> None:
        self.root = self.root or f"root of {self.version}\n".encode() * 5000
        self.uki = self.uki or f"kernel of {self.version}\n".encode() * 500

    def manifest(self) -> bytes:
        said = {
            "format": FORMAT,
            "version": self.version,
            "arch": self.arch,
            "flavour": self.flavour,
            "epoch": self.epoch,
            "root": {"size": len(self.root), "sha256": sha256(self.root)},
            "uki": {"size": len(self.uki), "sha256": sha256(self.uki)},
            "root_hash": sha256(b"verity" + self.root),
            "hash_offset": len(self.root),
            "measures": {
                "uki": sha256(b"pe" + self.uki),
                "linux": sha256(b"the same kernel"),
                "initrd": sha256(b"the same initrd"),
                "section .cmdline": sha256(b"cmdline" + self.uki),
            },
            **self.wrong,
        }
        return json.dumps(said, sort_keys=True).encode()

    def signature(self) -> bytes:
        return self.key.sign(self.manifest(), ec.ECDSA(hashes.SHA256()))

    def pack(self) -> bytes:
        parts = (self.manifest(), self.signature(), self.uki, self.root)
        packed = b"".join(
            head(name, len(part)) + part + padding(len(part))
            for name, part in zip(NAMES, parts, strict=True)
        )
        return packed + END


class Computer:
    """Two slots and a boot partition in a folder, and the loader that systemd-boot would be."""

    def __init__(self, folder: Path, *, slot_bytes: int = 256 * 1024) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.esp = folder / "esp"
        (self.esp / "loader/entries").mkdir(parents=True)
        self.loader = Loader(self.esp)
        self.devices = {letter: SlotDevice(folder / f"slot-{letter}") for letter in "ab"}
        for device in self.devices.values():
            device.path.write_bytes(bytes(slot_bytes))
        self.running = "a"
        self.epoch = 1
        self.says: dict[str, str] = {}  # version of a manifest -> what that system says it is
        self.install(self.release("1"))

    def release(self, version: str, **fields: object) -> Release:
        release = Release(version, self.key)
        for name, value in fields.items():
            setattr(release, name, value)
        return release

    def install(self, release: Release) -> None:
        """As the installer does, into slot A."""
        device = self.devices["a"]
        room = device.path.stat().st_size
        with device.path.open("r+b") as file:
            file.write(release.root)
        device.finish(release.manifest(), release.signature())
        self.loader.put_kernel("a", [release.uki], sha256(release.uki))
        self.loader.mark("a", release.version)
        self.loader.commit("a", release.version, "b")
        assert len(release.root) <= room - TRAILER

    def update(self, release: Release) -> Path:
        path = self.folder / f"update-{release.version}"
        path.write_bytes(release.pack())
        return path

    def boot(self) -> str:
        """Choose as systemd-boot does, count the try, and answer the version that runs."""
        entry = chosen(self.loader.entries())
        assert entry is not None, "no bootable slot"
        after = counted(entry)
        if after != entry:
            folder = self.esp / "loader/entries"
            (folder / entry.name).rename(folder / after.name)
        self.running = entry.letter
        return self.version()

    def version(self) -> str:
        manifest = self.devices[self.running].manifest()
        assert manifest is not None, "a slot was booted that is not whole"
        return manifest.version

    def disk(self, writable: AbstractContextManager[None] | None = None) -> Disk:
        """As the node of the running slot sees it."""
        version = self.version()
        running = Running(self.running, self.says.get(version, version), ARCH, FLAVOUR, self.epoch)
        return Disk(
            running,
            self.devices,
            self.loader,
            lambda: writable or nullcontext(),
            (self.key.public_key(),),
        )

    def states(self) -> tuple[Slot, Slot]:
        seen = self.loader.states()
        return seen[self.running], seen[other(self.running)]
