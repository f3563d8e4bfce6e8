"""Images that one scenario alone needs: built once for a state of the source."""

import subprocess
import sys
from pathlib import Path

from support.image_builds import OUT, ROOT, Images, one_at_a_time, script, update_key
from support.image_disk import ImageDisk

from eaves.node.baseos.bundle import TRAILER, read_trailer

PACKAGES = Path("/var/cache/eaves-image/packages")
LOADER = "EFI/BOOT/BOOTX64.EFI"


def build_other(name: str, *options: str) -> Path:
    """An installed disk, update and predictions, of the version `name`."""
    out, now = OUT / name, str(script("source").digest())
    mark = out / "source"
    with one_at_a_time():
        if not mark.exists() or mark.read_text() != now:
            argv = [sys.executable, "image/build.py", "--version", name, "--media", "disk"]
            argv += ["--out", str(out), "--key", str(OUT / "update.key"), *options]
            subprocess.run(argv, cwd=ROOT, check=True)
            mark.write_text(now)
    return out


def build_signed(name: str) -> Path:
    """Its loader and kernel image are signed by own keys, as `make image SECUREBOOT=1` does it."""
    keys = OUT / "secureboot"
    subprocess.run([ROOT / "image/secureboot-keys", keys], check=True)
    return build_other(name, "--secure-boot", str(keys))


def disk_of(image: Path, version: str) -> Path:
    """What is installed from the medium that image/build.py left in `image`."""
    medium = ImageDisk(image / "installer.raw")
    slot = medium.place("IMGA")
    with medium.path.open("rb") as file:
        file.seek(slot.start + slot.size - TRAILER)
        held = read_trailer(file.read(TRAILER))
    assert held is not None
    return _installed(image, version, medium, *held)


def disk_with(images: Images, version: str, instead: tuple[bytes, bytes], folder: Path) -> Path:
    """The first system, under another version, with one change in a small file; installed."""
    made = script("variant").renamed(images.first, version, update_key(), folder, instead=instead)
    raw = (made / "manifest.json").read_bytes()
    signature = script("artifact").sign(update_key(), raw)
    return _installed(made, version, ImageDisk(images.installer), raw, signature)


def _installed(
    image: Path, version: str, medium: ImageDisk, manifest: bytes, signature: bytes
) -> Path:
    """`image`: where its root and its kernel image are; the loader is that of `medium`."""
    media, loader = script("media"), medium.read_file(LOADER)
    assert loader is not None
    media.write_disk(media.Made(image, "amd64", version, loader, manifest, signature, None))
    return image / "disk.raw"


def packaged_file(package: str, path: str, arch: str) -> bytes:
    """A file of a package of packages.lock, by the digest that stands there."""
    fetch = script("fetch")
    locked = fetch.read_lock(ROOT / "image/packages.lock", arch)
    (archive,) = fetch.fetch([one for one in locked if one.name == package], PACKAGES)
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, capture_output=True
    ).stdout
    return subprocess.run(
        ["tar", "--extract", "--to-stdout", f"./{path}"],
        input=packed, check=True, capture_output=True,
    ).stdout  # fmt: skip
