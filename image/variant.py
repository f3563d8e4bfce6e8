"""Updates like another one, made within seconds, under a version of their own.

`renamed` is a good system: its root says its version.  `make` leaves the root as it is, so that it
never is what it says, which its node finds.  Both may add words to the kernel's, for updates that
are to fail:

    rdinit=/none                               panics
    systemd.mask=eaves-node.service            has no node
    module_blacklist=virtio_net                has no network

One that is never run, or panics, reads no root: it may be without, and is small then.
"""

import hashlib
import json
import mmap
import shutil
import tempfile
import uuid
from pathlib import Path

import artifact
import pe
import uki
from cryptography.hazmat.primitives.asymmetric import ec
from verity import add_tree

STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
NO_ROOT = bytes(4096)


def make(
    of: Path,
    version: str,
    words: str,
    key: ec.EllipticCurvePrivateKey,
    target: Path,
    *,
    rootless: bool = False,
    epoch: int | None = None,
) -> Path:
    """`of`: the folder that image/build.py wrote; answers `target`.  `epoch`: another one."""
    parts, said = _kernel(of), _said(of)
    parts[".cmdline"] += f" {words}".encode()
    said |= {"version": version} if epoch is None else {"version": version, "epoch": epoch}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = of / "root.img"
        if rootless:
            image = folder / "root.img"
            image.write_bytes(NO_ROOT)
            said["root"] = _part(image)
        _write(parts, said, image, key, folder, target)
    return target


def renamed(
    of: Path,
    version: str,
    key: ec.EllipticCurvePrivateKey,
    out: Path,
    words: str = "",
    instead: tuple[bytes, bytes] = (b"", b""),
) -> Path:
    """A folder as image/build.py writes it, for an update alone: system.eos and its parts.

    `version`: as long as that of `of`, whose os-release stands in the root as plain bytes, as every
    small file does; `instead`: bytes of another one, and as many that come in their place.
    """
    parts, said = _kernel(of), _said(of)
    before = parts[".osrel"]
    after = before.replace(said["version"].encode(), version.encode())
    if len(before) != len(after) or before == after:
        raise SystemExit(f"image: {said['version']} cannot become {version}: another length")
    out.mkdir(parents=True, exist_ok=True)
    image = out / "root.img"
    shutil.copyfile(of / "root.img", image)
    for old, new in ((before, after), instead):
        if old:
            _replace(image, old, new)
    with image.open("r+b") as file:
        file.truncate(said["hash_offset"])
    root_hash, _ = add_tree(image, uuid.uuid5(uuid.NAMESPACE_URL, f"eaves-os/{version}"))
    parts[".osrel"] = after
    parts[".cmdline"] = parts[".cmdline"].replace(said["root_hash"].encode(), root_hash.encode())
    parts[".cmdline"] += f" {words}".encode() if words else b""
    said |= {"version": version, "root_hash": root_hash, "root": _part(image)}
    raw = _write(parts, said, image, key, out, out / "system.eos")
    (out / "manifest.json").write_bytes(raw)
    return out


def _kernel(of: Path) -> dict[str, bytes]:
    program = pe.read_program((of / "uki.efi").read_bytes())
    return {
        ".osrel": program.content(".osrel").rstrip(b"\0"),
        ".cmdline": program.content(".cmdline").rstrip(b"\0"),
        ".linux": program.content(".linux"),
        ".initrd": program.content(".initrd"),
    }


def _said(of: Path) -> dict:  # type: ignore[type-arg]  # a manifest, as JSON has it
    return json.loads((of / "manifest.json").read_bytes())


def _part(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _replace(image: Path, before: bytes, after: bytes) -> None:
    """Erofs packs no file that fits into a block: it stands there as it is."""
    if len(before) != len(after):
        raise SystemExit(f"image: {len(after)} bytes are no change in place for {len(before)}")
    with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as held:
        at = held.find(before)
        if at < 0 or held.find(before, at + 1) >= 0:
            raise SystemExit(f"image: {before[:40]!r} is not once in {image}, as plain bytes")
        held[at : at + len(after)] = after


def _write(
    parts: dict[str, bytes],
    said: dict[str, object],
    image: Path,
    key: ec.EllipticCurvePrivateKey,
    folder: Path,
    target: Path,
) -> bytes:
    """Kernel image into `folder`, all of it into `target`; answers the manifest."""
    with tempfile.TemporaryDirectory() as name:
        files = {part: Path(name) / part[1:] for part in parts}
        for part, data in parts.items():
            files[part].write_bytes(data)
        uki.make_uki(STUB, files, folder / "uki.efi")
    kernel = (folder / "uki.efi").read_bytes()
    said |= {"measures": uki.measures(kernel), "uki": _part(folder / "uki.efi")}
    raw = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    artifact.write_bundle(target, raw, artifact.sign(key, raw), folder / "uki.efi", image)
    return raw
