"""An update like another one, under a version of its own, whose kernel gets more words.

Its root is the other's, so it is made within a second; a good system it is not: the root says
another version.  For updates that are to fail:

    rdinit=/none                               panics
    systemd.mask=eaves-node.service            has no node
    systemd.mask=systemd-networkd.service      has no network

One that panics reads no root: it may be without, and is small then.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import artifact
import pe
import uki
from cryptography.hazmat.primitives.asymmetric import ec

STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
KEPT = (".osrel", ".linux", ".initrd")
NO_ROOT = bytes(4096)


def make(
    of: Path,
    version: str,
    words: str,
    key: ec.EllipticCurvePrivateKey,
    target: Path,
    *,
    rootless: bool = False,
) -> Path:
    """`of`: the folder that image/build.py wrote; answers `target`."""
    before = pe.read_program((of / "uki.efi").read_bytes())
    line = before.content(".cmdline").rstrip(b"\0") + b" " + words.encode()
    with tempfile.TemporaryDirectory() as name:
        folder, parts = Path(name), dict[str, Path]()
        for part in (".osrel", ".cmdline", ".linux", ".initrd"):
            parts[part] = folder / part[1:]
            parts[part].write_bytes(before.content(part) if part in KEPT else line)
        uki.make_uki(STUB, parts, folder / "uki.efi")
        kernel = (folder / "uki.efi").read_bytes()
        said = json.loads((of / "manifest.json").read_bytes())
        said |= {"version": version, "measures": uki.measures(kernel)}
        said["uki"] = {"size": len(kernel), "sha256": hashlib.sha256(kernel).hexdigest()}
        root = of / "root.img"
        if rootless:
            root = folder / "root.img"
            root.write_bytes(NO_ROOT)
            said["root"] = {"size": len(NO_ROOT), "sha256": hashlib.sha256(NO_ROOT).hexdigest()}
        raw = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        artifact.write_bundle(target, raw, artifact.sign(key, raw), folder / "uki.efi", root)
    return target
