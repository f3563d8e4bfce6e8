"""OCI image layouts on disk, made once and kept: what image builders of this program share."""

import gzip
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Rejected, Transient

MEDIA = "application/vnd.oci.image"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class ContainerSample:
    """An OCI layout; `manifest` and `layer` are its blobs."""

    layout: Path
    tag: str
    manifest_sha256: str
    manifest: Path
    layer: Path
    config: Path


@contextmanager
def cached(folder: Path) -> Generator[tuple[Path, bool]]:
    """Yields a folder to fill, which appears under its name only when whole."""
    if folder.is_dir():
        yield folder, False
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield temporary, True
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def command(*argv: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> str:
    """What a program prints.  Raises Rejected where it is missing, Transient where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - argv is built here, never by a shell
            [str(a) for a in argv], input=stdin, capture_output=True, check=False, cwd=cwd
        )
    except FileNotFoundError as error:
        raise Rejected(f"program {argv[0]} is not installed; install its Debian package") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
        raise Transient(
            f"`{' '.join(str(a) for a in argv)[:200]}` exited {done.returncode}: {said}"
        )
    return done.stdout.decode(errors="replace")


def write_layout(
    folder: Path,
    layer_tar: bytes,
    config: Mapping[str, object],
    tag: str,
    architecture: str = "amd64",
) -> None:
    """One image of one layer; `config` says how it is run, the same tar gives the same bytes."""
    layer = gzip.compress(layer_tar, compresslevel=6, mtime=0)
    whole: dict[str, object] = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer_tar)}"]},
    }
    config_blob = json.dumps(whole, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": _describe(f"{MEDIA}.config.v1+json", config_blob),
        "layers": [_describe(f"{MEDIA}.layer.v1.tar+gzip", layer)],
    }
    manifest_blob = json.dumps(manifest, sort_keys=True).encode()
    described = _describe(f"{MEDIA}.manifest.v1+json", manifest_blob)
    index = {"schemaVersion": 2, "manifests": [{**described, "annotations": {REF_NAME: tag}}]}
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in (layer, config_blob, manifest_blob):
        (blobs / sha256(blob)).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))


def read_layout(folder: Path, tag: str) -> ContainerSample:
    index = json.loads((folder / "index.json").read_text())
    digest = str(index["manifests"][0]["digest"]).removeprefix("sha256:")
    blobs = folder / "blobs" / "sha256"
    manifest = json.loads((blobs / digest).read_text())
    layer = str(manifest["layers"][0]["digest"]).removeprefix("sha256:")
    config = str(manifest["config"]["digest"]).removeprefix("sha256:")
    return ContainerSample(folder, tag, digest, blobs / digest, blobs / layer, blobs / config)


def _describe(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{sha256(blob)}", "size": len(blob)}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
