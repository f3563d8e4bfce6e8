"""A key that signs images, for tests; what comes out has the formats of cosign and openssl."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eaves.evapi.image_signature import ImageSignature


@dataclass(frozen=True)
class Signer:
    name: str = "release"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    @property
    def pem(self) -> str:
        public = self.key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def detached(self, sha256: str) -> ImageSignature:
        """Over the file of this digest."""
        prehashed = ec.ECDSA(Prehashed(hashes.SHA256()))
        return ImageSignature(self.key.sign(bytes.fromhex(sha256), prehashed))

    def cosign(self, sha256: str, reference: str = "registry.test/app") -> ImageSignature:
        critical = {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": f"sha256:{sha256}"},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        return ImageSignature(self.key.sign(payload, ec.ECDSA(hashes.SHA256())), payload)


def beside_image(one: ImageSignature) -> tuple[bytes, str]:
    """The manifest of the tag sha256-<digest>.sig, and the digest of the payload it lists."""
    digest = f"sha256:{hashlib.sha256(one.payload).hexdigest()}"
    layer = {
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "size": len(one.payload),
        "digest": digest,
        "annotations": {
            "dev.cosignproject.cosign/signature": base64.b64encode(one.signature).decode()
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2},
        "layers": [layer],
    }
    return json.dumps(manifest).encode(), digest


def measurements(
    signer: Signer, sha256: str, version: str, events: Mapping[int, Sequence[str]]
) -> dict[str, str]:
    """What an image with this digest will measure, as it is told: by PCR, `digest text` each."""
    values = [
        {"index": pcr, "type": "PCR_TYPE_EVENT_LOG", "value": one}
        for pcr, some in events.items()
        for one in some
    ] or [{"index": 11, "type": "PCR_TYPE_HASH", "value": "0" * 64}]
    said = {"format": "eaves-measurements/1", "imageSha256": sha256, "eveVersion": version}
    document = json.dumps({**said, "PCRValues": values}).encode()
    signature = signer.detached(hashlib.sha256(document).hexdigest()).signature
    return {
        "document": base64.b64encode(document).decode(),
        "signature": base64.b64encode(signature).decode(),
    }
