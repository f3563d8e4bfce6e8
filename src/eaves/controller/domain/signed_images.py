"""Which images may go to the devices of a project: all, or those that a trusted key signed.

An enterprise and each of its projects have a policy of their own.  Where one of the two asks for
signatures they are needed, and the keys of both count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.evapi.config import ConfigItem
from eaves.evapi.image_signature import (
    KEYS,
    MOST_KEYS,
    POLICY,
    SIGNED_ONLY,
    BadSignatureText,
    ImageSignature,
    NotSigned,
    Trusted,
    Verdict,
    keys_text,
    read_key,
    verify_image,
)


class TrustedKey(Contract):
    name: str = ""
    pem: str = ""


class ImagePolicy(Contract):
    """Of one project, or of a whole enterprise."""

    signed_only: bool = False
    trusted_keys: tuple[TrustedKey, ...] = ()


class ImageSignatures(Contract):
    """What was told of one image; each as `cosign download signature` prints it."""

    list: tuple[JsonObject, ...] = ()


Signatures = Mapping[str, tuple[ImageSignature, ...]]  # by image id


@dataclass(frozen=True)
class ImageTrust:
    """What counts for the devices of one project, and what is signed."""

    signed_only: bool = False
    keys: tuple[TrustedKey, ...] = ()
    signatures: Signatures = field(default_factory=dict[str, tuple[ImageSignature, ...]])

    @property
    def trusted(self) -> tuple[Trusted, ...]:
        return tuple(read_key(one.pem, one.name) for one in self.keys)

    def verdict(self, image: ImageConfig) -> Verdict:
        return _verdict(digest_of(image), self.signatures.get(image.id, ()), self.trusted)

    def refusal(self, image: ImageConfig) -> str:
        """Why the policy keeps this image out; empty where it does not."""
        if not self.signed_only:
            return ""
        verdict = self.verdict(image)
        if not isinstance(verdict, NotSigned):
            return ""
        return (
            f"image {image.name!r}: only signed images are let in here, and {verdict.why}; sign it "
            f"with a trusted key and tell the signature: `eaves image sign {image.name} FILE`"
        )

    def config_items(self) -> tuple[ConfigItem, ...]:
        """What the device is told, so that it refuses by itself; nothing where all are let in."""
        if not self.signed_only:
            return ()
        return (
            ConfigItem(key=POLICY, value=SIGNED_ONLY),
            ConfigItem(key=KEYS, value=keys_text(one.pem for one in self.keys)),
        )


ANY_IMAGE = ImageTrust()


@lru_cache(maxsize=4096)
def _verdict(
    digest: str, signatures: tuple[ImageSignature, ...], trusted: tuple[Trusted, ...]
) -> Verdict:
    """Kept: many devices use one image, and the same three always come to the same."""
    return verify_image(digest, signatures, trusted)


def digest_of(image: ImageConfig) -> str:
    return image.image_sha256.lower().removeprefix("sha256:")


def trust_of(
    enterprise: ImagePolicy, project: ImagePolicy, signatures: Signatures | None = None
) -> ImageTrust:
    keys = {one.pem: one for one in (*enterprise.trusted_keys, *project.trusted_keys)}
    return ImageTrust(
        signed_only=enterprise.signed_only or project.signed_only,
        keys=tuple(keys.values()),
        signatures=signatures or {},
    )


def policy_faults(wanted: ImagePolicy) -> list[tuple[str, str]]:
    """Member and reason, of everything that is wrong with a policy."""
    faults: list[tuple[str, str]] = []
    if len(wanted.trusted_keys) > MOST_KEYS:
        faults.append(
            ("trustedKeys", f"{len(wanted.trusted_keys)} keys are too many; keep {MOST_KEYS}")
        )
    seen: dict[str, int] = {}
    for index, one in enumerate(wanted.trusted_keys[:MOST_KEYS]):
        at = f"trustedKeys[{index}]"
        try:
            fingerprint = read_key(one.pem, one.name).fingerprint
        except BadSignatureText as error:
            faults.append((f"{at}.pem", str(error)))
            continue
        if not one.name.strip() or len(one.name) > 256 or not one.name.isprintable():
            faults.append((f"{at}.name", "a trusted key needs a name of 1 to 256 characters"))
        if fingerprint in seen:
            faults.append((at, f"the same key stands in trustedKeys[{seen[fingerprint]}]; once"))
        seen.setdefault(fingerprint, index)
    return faults
