"""Which slot was booted, by what the image wrote at its boot.

    /run/eaves/boot.env      by the initrd: SLOT, SLOT_A, SLOT_B, P3 (devices), ESP_MOUNT
    /usr/lib/os-release      below the verified root: IMAGE_VERSION, EAVES_EPOCH, EAVES_FLAVOUR
    /usr/share/eaves/update-keys/*.pem    who may sign an update

A machine without the first runs the node on its own operating system, which is not ours to update.
"""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.errors import Rejected
from eaves.node.baseos.bundle import read_key
from eaves.node.baseos.device import SlotDevice
from eaves.node.baseos.disk import Disk, Running
from eaves.node.baseos.entries import LETTERS
from eaves.node.baseos.loader import Loader
from eaves.node.host.bootmount import writable
from eaves.node.host.files import read_or_none

OS_RELEASE = Path("/usr/lib/os-release")
UPDATE_KEYS = Path("/usr/share/eaves/update-keys")


class ImageIncomplete(Rejected):
    """What was booted is an image of ours that lacks something."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}: this image was not made whole; build it again")


@dataclass(frozen=True, slots=True)
class Booted:
    running: Running
    slots: tuple[Path, Path]  # devices of A and B
    esp: Path  # where the boot partition is mounted
    persist: Path  # device of P3


def read_words(text: str) -> dict[str, str]:
    """KEY=value lines, the values in quotes or not, as os-release has them."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def read_booted(boot_env: Path, os_release: Path = OS_RELEASE) -> Booted | None:
    """None: this machine runs no image of ours.  Raises ImageIncomplete."""
    found = read_or_none(boot_env)
    if found is None:
        return None
    boot = read_words(found.decode(errors="replace"))
    system = read_words((read_or_none(os_release) or b"").decode(errors="replace"))
    if boot.get("SLOT") not in LETTERS:
        raise ImageIncomplete(boot_env, f"names no slot but {boot.get('SLOT')!r}")
    if not system.get("IMAGE_VERSION") or not system.get("EAVES_EPOCH", "").isdigit():
        raise ImageIncomplete(os_release, "has no IMAGE_VERSION or EAVES_EPOCH")
    missing = [key for key in ("SLOT_A", "SLOT_B", "ESP_MOUNT", "P3") if not boot.get(key)]
    if missing:
        raise ImageIncomplete(boot_env, f"does not say {', '.join(missing)}")
    running = Running(
        boot["SLOT"],
        system["IMAGE_VERSION"],
        platform.machine(),
        system.get("EAVES_FLAVOUR", ""),
        int(system["EAVES_EPOCH"]),
    )
    slots = Path(boot["SLOT_A"]), Path(boot["SLOT_B"])
    return Booted(running, slots, Path(boot["ESP_MOUNT"]), Path(boot["P3"]))


def update_keys(folder: Path = UPDATE_KEYS) -> tuple[ec.EllipticCurvePublicKey, ...]:
    """Raises Rejected for one that cannot be read."""
    return tuple(read_key(path.read_bytes()) for path in sorted(folder.glob("*.pem")))


def disk_of(booted: Booted, keys: Iterable[ec.EllipticCurvePublicKey]) -> Disk:
    devices = {letter: SlotDevice(path) for letter, path in zip(LETTERS, booted.slots, strict=True)}
    return Disk(booted.running, devices, Loader(booted.esp), lambda: writable(booted.esp), keys)
