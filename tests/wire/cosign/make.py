"""Made the files beside this one, once: signatures of images in the formats of cosign and openssl.

`python tests/wire/cosign/make.py` makes them anew, with other keys; private keys are not kept.
"""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = Path(__file__).parent
REFERENCE = "registry.example.org/team/web"
DISK = b"the bytes of a disk image" * 1000
INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [],
    }
).encode()

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def signed(key: PrivateKey, data: bytes) -> bytes:
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)


def payload_of(digest: str) -> bytes:
    """As cosign writes it: no spaces, members in this order."""
    critical = {
        "identity": {"docker-reference": REFERENCE},
        "image": {"docker-manifest-digest": f"sha256:{digest}"},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signature_manifest(payload: bytes, signature: str) -> dict[str, object]:
    """What `cosign sign` pushes under the tag sha256-<digest>.sig."""
    config = b"{}"
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": len(config),
            "digest": f"sha256:{hashlib.sha256(config).hexdigest()}",
        },
        "layers": [
            {
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "size": len(payload),
                "digest": f"sha256:{hashlib.sha256(payload).hexdigest()}",
                "annotations": {"dev.cosignproject.cosign/signature": signature},
            }
        ],
    }


def main() -> None:
    keys: dict[str, PrivateKey] = {
        "ecdsa": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 3072),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    image, disk = hashlib.sha256(INDEX).hexdigest(), hashlib.sha256(DISK)
    payload = payload_of(image)
    (HERE / "payload.json").write_bytes(payload)
    vectors: dict[str, object] = {"image": image, "disk": disk.hexdigest()}
    for name, key in keys.items():
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (HERE / f"{name}.pub").write_bytes(pem)
        plain = disk.digest() if name == "ed25519" else DISK
        vectors[name] = {
            "cosign": {
                "Base64Signature": encoded(signed(key, payload)),
                "Payload": encoded(payload),
            },
            "detached": {"Base64Signature": encoded(signed(key, plain))},
        }
    cosign = encoded(signed(keys["ecdsa"], payload))
    manifest = signature_manifest(payload, cosign)
    (HERE / "signature-manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (HERE / "vectors.json").write_text(json.dumps(vectors, indent=2) + "\n")


if __name__ == "__main__":
    main()
