"""The update artifact as a file, and the key that signs it."""

import shutil
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.node.baseos.bundle import END, NAMES, head, padding


def update_key(path: Path) -> tuple[ec.EllipticCurvePrivateKey, Path]:
    """The key that signs updates, and the file of its public half; made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = ec.generate_private_key(ec.SECP256R1())
        path.touch(mode=0o600)
        path.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        print(f"image: made {path}: devices of this image take updates that it signs; keep it")
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise SystemExit(f"image: {path} is not a key of the curve P-256")
    public = path.with_suffix(".pem")
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return key, public


def sign(key: ec.EllipticCurvePrivateKey, raw: bytes) -> bytes:
    return key.sign(raw, ec.ECDSA(hashes.SHA256()))


def write_bundle(target: Path, raw: bytes, signature: bytes, kernel: Path, image: Path) -> None:
    with target.open("wb") as out:
        for name, part in zip(NAMES, (raw, signature, kernel, image), strict=True):
            size = part.stat().st_size if isinstance(part, Path) else len(part)
            out.write(head(name, size))
            if isinstance(part, Path):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, out, 1 << 20)
            else:
                out.write(part)
            out.write(padding(size))
        out.write(END)
