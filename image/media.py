"""What is made of a root and its kernel images: disks, media, OCI artifact, SBOM.

No loop device and no mount: file systems are made in files and copied to their place (mtools, dd).
"""

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fetch import Locked, digest

from eaves.node.baseos.bundle import TRAILER, trailer
from eaves.node.baseos.entries import entry_name, entry_text
from eaves.node.installer.layout import (
    LEAST_DISK,
    Partition,
    medium_layout,
    partition_layout,
    sfdisk_script,
    size_of,
)

FALLBACK = {"amd64": "EFI/BOOT/BOOTX64.EFI", "arm64": "EFI/BOOT/BOOTAA64.EFI"}
LOADER_CONF = "timeout 0\neditor no\nauto-entries no\nauto-firmware no\n"
# Where the loader finds what it can enrol, while the firmware has no keys (is in setup mode).
KEYS = "loader/keys/auto"
ENROLLED = ("db.auth", "KEK.auth", "PK.auth")
INSTALL_ENTRY = "title Eaves installer\nsort-key eaves-install\nefi /EFI/eaves/install.efi\n"
OCI_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Made(NamedTuple):
    out: Path
    arch: str
    version: str
    loader: bytes  # systemd-boot
    manifest: bytes
    signature: bytes
    keys: Path | None  # of Secure Boot: what image/secureboot-keys made

    @property
    def seed(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"eaves-os/{self.arch}/{self.version}")


def write_others(made: Made) -> None:
    """All that is made of a root besides `write_disk` and `write_medium`, of which some is made."""
    write_oci(made)
    write_qcow2(made)
    write_iso(made.out)


def write_disk(made: Made) -> None:
    """A device as the installer would leave it, for virtual machines; P3 grows no more."""
    layout = {one.name: one for one in partition_layout(LEAST_DISK)}
    disk = made.out / "disk.raw"
    divide(disk, tuple(layout.values()), LEAST_DISK, made.seed)
    files = {
        "EFI/eaves/a.efi": (made.out / "uki.efi").read_bytes(),
        f"loader/entries/{entry_name('a')}": entry_text("a", 1, made.version).encode(),
    }
    put_fat(disk, layout["EFI System"], "EFI", {**boot_files(made), **files})
    put_slot(disk, layout["IMGA"], made)
    put_fat(disk, layout["CONFIG"], "CONFIG", {})
    put_state(disk, layout["STATE"], made.seed)


def write_qcow2(made: Made) -> None:
    disk = made.out / "disk.raw"
    subprocess.run(
        ["qemu-img", "convert", "-O", "qcow2", "-c", str(disk), str(disk.with_suffix(".qcow2"))],
        check=True,
    )


def write_medium(made: Made) -> None:
    """For a USB stick: boots the installer, and holds what it copies."""
    layout = {one.name: one for one in medium_layout((made.out / "root.img").stat().st_size)}
    disk = made.out / "installer.raw"
    divide(disk, tuple(layout.values()), size_of(tuple(layout.values())), made.seed)
    put_fat(disk, layout["EFI System"], "EFI", medium_files(made))
    put_slot(disk, layout["IMGA"], made)
    put_fat(disk, layout["CONFIG"], "CONFIG", {})


def write_iso(out: Path) -> None:
    """The medium with a table for optical drives before it: firmware boots the same ESP.

    For optical and virtual drives, and for firmware that boots it by HTTP.  The partitions of the
    stick are appended as they are, and get their names back.
    """
    stick, target = out / "installer.raw", out / "installer.iso"
    layout = medium_layout((out / "root.img").stat().st_size)
    folder = out / "iso.d"
    folder.mkdir()
    parts = {one: folder.with_name(f"part-{one.number}") for one in layout}
    try:
        argv = ["xorriso", "-as", "mkisofs", "-quiet", "-V", "EAVES", "-o", str(target)]
        argv += ["-appended_part_as_gpt", "-partition_offset", "16"]
        for one, path in parts.items():
            with stick.open("rb") as source, path.open("wb") as part:
                source.seek(one.start)
                shutil.copyfileobj(Limited(source, one.size), part, 1 << 20)
            argv += ["-append_partition", str(one.number), one.type, str(path)]
        argv += ["-e", "--interval:appended_partition_1:all::", "-no-emul-boot", str(folder)]
        subprocess.run(argv, check=True)
    finally:
        folder.rmdir()
        for path in parts.values():
            path.unlink(missing_ok=True)
    name_appended(target, [one.name for one in layout])


def name_appended(iso: Path, names: list[str]) -> None:
    """What xorriso calls Appended1 and so on."""
    told = subprocess.run(
        ["sfdisk", "--dump", str(iso)], check=True, capture_output=True, text=True
    ).stdout
    for number, name in enumerate(names, 1):
        line = next(one for one in told.splitlines() if f'name="Appended{number}"' in one)
        place = line.partition(" ")[0].removeprefix(str(iso))
        argv = ["sfdisk", "--quiet", "--part-label", str(iso), place, name]
        subprocess.run(argv, check=True)


class Limited:
    """The next bytes of a file, and then its end."""

    def __init__(self, file: object, size: int) -> None:
        self._read = file.read  # type: ignore[attr-defined] - a binary file
        self._left = size

    def read(self, size: int) -> bytes:
        data = bytes(self._read(min(size, self._left)))
        self._left -= len(data)
        return data


def write_oci(made: Made) -> None:
    """An image of one layer, which is the update artifact, byte for byte."""
    folder = made.out / "oci"
    shutil.rmtree(folder, ignore_errors=True)
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    artifact = made.out / "system.eos"
    layer = digest(artifact)
    os.link(artifact, blobs / layer)
    architecture = made.arch
    config = put_blob(
        blobs,
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        },
    )
    manifest = put_blob(
        blobs,
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST_TYPE,
            "config": {"mediaType": OCI_CONFIG_TYPE, **config},
            "layers": [
                {
                    "mediaType": OCI_LAYER_TYPE,
                    "digest": f"sha256:{layer}",
                    "size": artifact.stat().st_size,
                }
            ],
        },
    )
    annotations = {"org.opencontainers.image.ref.name": made.version}
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": OCI_MANIFEST_TYPE, **manifest, "annotations": annotations}],
    }
    (folder / "index.json").write_text(json.dumps(index, sort_keys=True))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def put_blob(blobs: Path, content: object) -> dict[str, object]:
    data = json.dumps(content, sort_keys=True).encode()
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"digest": f"sha256:{name}", "size": len(data)}


def boot_files(made: Made) -> dict[str, bytes]:
    files = {FALLBACK[made.arch]: made.loader, "loader/loader.conf": LOADER_CONF.encode()}
    if made.keys is not None:
        files |= {f"{KEYS}/{name}": (made.keys / name).read_bytes() for name in ENROLLED}
    return files


def medium_files(made: Made) -> dict[str, bytes]:
    return {
        **boot_files(made),
        "EFI/eaves/a.efi": (made.out / "uki.efi").read_bytes(),
        "EFI/eaves/install.efi": (made.out / "installer.efi").read_bytes(),
        "loader/entries/install.conf": INSTALL_ENTRY.encode(),
    }


def divide(disk: Path, layout: tuple[Partition, ...], size: int, seed: uuid.UUID) -> None:
    disk.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(size)
    script = sfdisk_script(layout, seed).encode()
    subprocess.run(["sfdisk", "--quiet", str(disk)], input=script, check=True)


def put_fat(disk: Path, place: Partition, label: str, files: dict[str, bytes]) -> None:
    """FAT32 from 64 MiB on, as the firmware expects of an ESP."""
    image = disk.with_name(f"{disk.name}.{place.name.replace(' ', '-')}")
    with image.open("wb") as file:
        file.truncate(place.size)
    wide = ["-F", "32"] if place.size >= 64 << 20 else []
    subprocess.run(
        ["mkfs.vfat", "--invariant", *wide, "-n", label, str(image)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    made: set[str] = set()
    for name, data in files.items():
        for folder in reversed(Path(name).parents[:-1]):
            if str(folder) not in made:
                subprocess.run(["mmd", "-i", str(image), f"::{folder}"], check=True)
                made.add(str(folder))
        subprocess.run(["mcopy", "-i", str(image), "-", f"::{name}"], input=data, check=True)
    put(image, disk, place.start)
    image.unlink()


def put_slot(disk: Path, place: Partition, made: Made) -> None:
    put(made.out / "root.img", disk, place.start)
    with disk.open("r+b") as file:
        file.seek(place.start + place.size - TRAILER)
        file.write(trailer(made.manifest, made.signature))


def put_state(disk: Path, place: Partition, seed: uuid.UUID) -> None:
    image = disk.with_name(f"{disk.name}.state")
    with image.open("wb") as file:
        file.truncate(place.size)
    name = str(uuid.uuid5(seed, "state"))
    options = ["-q", "-F", "-O", "encrypt", "-L", "STATE", "-U", name, "-E", f"hash_seed={name}"]
    subprocess.run(["mkfs.ext4", *options, str(image)], check=True)
    put(image, disk, place.start)
    image.unlink()


def put(source: Path, disk: Path, start: int) -> None:
    """Holes stay holes."""
    subprocess.run(
        [
            "dd", f"if={source}", f"of={disk}", "bs=1M", f"seek={start >> 20}",
            "conv=notrunc,sparse", "status=none",
        ],
        check=True,
    )  # fmt: skip


def write_sbom(root: Path, locked: Iterable[Locked], target: Path, version: str) -> None:
    """CycloneDX 1.5: Debian packages of the lock, and the node's libraries as installed."""
    parts = [
        {
            "type": "library",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:deb/debian/{one.name}@{one.version}?arch={one.arch}",
            "hashes": [{"alg": "SHA-256", "content": one.sha256}],
        }
        for one in locked
    ]
    for folder in sorted((root / "usr/lib/eaves").glob("*.dist-info")):
        name, _, number = folder.name.removesuffix(".dist-info").partition("-")
        purl = f"pkg:pypi/{name.lower()}@{number}"
        parts.append({"type": "library", "name": name, "version": number, "purl": purl})
    said = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "operating-system", "name": "eaves-os", "version": version}
        },
        "components": parts,
    }
    target.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
