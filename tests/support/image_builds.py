"""Images for tests: built once, or taken as they were built before; and how long to test them."""

import hashlib
import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = Path(os.environ.get("EAVES_IMAGE", ROOT / "build/image/test"))
SHORT, USUAL, FULL = "short", "usual", "full"
HOW_LONG = os.environ.get("EAVES_IMAGE_TESTS", SHORT)


@dataclass(frozen=True)
class Images:
    """Two versions of one system, signed by one key; each the folder that image/build.py wrote."""

    first: Path
    second: Path

    @property
    def installer(self) -> Path:
        return self.first / "installer.raw"


@dataclass(frozen=True)
class Store:
    """What guests fetch from."""

    files: Path
    url: str  # as guests see it


def why_not() -> str:
    """Why no image can be had here; empty: it can."""
    if os.geteuid() != 0:
        return "an image is built by root"
    if not (ROOT / "image/packages.lock").exists():
        return "image/packages.lock is missing: run image/lock"
    missing = [
        p
        for p in ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/bin/mmdebstrap")
        if not Path(p).exists()
    ]
    if missing:
        return f"{missing[0]} is missing: run packaging/ensure-packages --with-image"
    return ""


def both() -> Images:
    return Images(build("1.0-test"), build("2.0-test"))


def variant(images: Images, version: str, words: str, folder: Path) -> Path:
    """The second system under another version, whose kernel gets more words; answers its update.

    `rdinit=/none` panics, `systemd.mask=systemd-networkd.service` has no network,
    `systemd.mask=eaves-node.service` has no node.
    """
    sys.path.insert(0, str(ROOT / "image"))
    try:
        make = importlib.import_module("build")
        pe, uki = importlib.import_module("pe"), importlib.import_module("uki")
    finally:
        sys.path.remove(str(ROOT / "image"))
    folder.mkdir()
    before = pe.read_program((images.second / "uki.efi").read_bytes())
    line = before.content(".cmdline").rstrip(b"\0") + b" " + words.encode()
    parts: dict[str, Path] = {}
    for name in (".osrel", ".cmdline", ".linux", ".initrd"):
        parts[name] = folder / name[1:]
        parts[name].write_bytes(line if name == ".cmdline" else before.content(name))
    stub = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
    uki.make_uki(stub, parts, folder / "uki.efi")
    kernel = (folder / "uki.efi").read_bytes()
    said = json.loads((images.second / "manifest.json").read_bytes())
    said |= {"version": version, "measures": uki.measures(kernel)}
    said["uki"] = {"size": len(kernel), "sha256": hashlib.sha256(kernel).hexdigest()}
    raw = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    key, _ = make.update_key(OUT / "update.key")
    target = folder / "system.eos"
    root = images.second / "root.img"
    make.write_bundle(target, raw, make.sign(key, raw), folder / "uki.efi", root)
    return target


def build(version: str) -> Path:
    out = OUT / version
    if not (out / "installer.raw").exists():
        argv = [sys.executable, "image/build.py", "--version", version]
        argv += ["--out", str(out), "--key", str(OUT / "update.key")]
        subprocess.run(argv, cwd=ROOT, check=True)
    return out
