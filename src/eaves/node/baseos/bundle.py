"""The update artifact: one file, content-addressed, signed.  It is also the layer of an OCI image.

    manifest.json    what the rest is, and what it will measure
    manifest.sig     ECDSA P-256 over SHA-256 of manifest.json, DER (`openssl dgst -sha256 -sign`)
    uki.efi          kernel, initrd and command line, which holds the hash of the root
    root.img         erofs, then its dm-verity tree

A plain tar with exactly these members, in this order, so that it can be checked before the first
byte of a slot changes.  What the wire asks for is the digest of the whole; the signature is about
who built it.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.errors import Rejected

MANIFEST, SIGNATURE, UKI, ROOT = "manifest.json", "manifest.sig", "uki.efi", "root.img"
NAMES: Final = (MANIFEST, SIGNATURE, UKI, ROOT)
FORMAT: Final = 1
BLOCK: Final = 512
MOST_MANIFEST: Final = 3072  # bytes: it stands in the last block of a slot, with its signature
MOST_SIGNATURE: Final = 128
TRAILER: Final = 4096  # bytes at the end of a slot
_MAGIC: Final = b"EAVESOS1"
_HEAD: Final = struct.Struct(">8sHH32s")  # magic, sizes of manifest and signature, SHA-256 of both
_CHUNK: Final = 1 << 20


class BundleUnusable(Rejected):
    """An update that cannot run here; the text says what is wrong with it."""


class Part(msgspec.Struct, frozen=True):
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    version: str  # as IMAGE_VERSION in its os-release
    arch: str  # uname machine
    flavour: str
    epoch: int  # raised when older versions must not come back
    root: Part
    uki: Part
    root_hash: str  # of dm-verity, hex
    hash_offset: int  # where the verity tree begins in root.img
    measures: dict[str, str]  # part of the boot -> SHA-256 hex, see `eaves.node.baseos.predict`


@dataclass(frozen=True, slots=True)
class Member:
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    manifest: Manifest
    raw: bytes  # manifest.json as it was signed
    signature: bytes
    uki: Member
    root: Member


@dataclass(frozen=True, slots=True)
class Place:
    """What an update must fit to."""

    wanted: str  # version; empty: any
    arch: str
    flavour: str
    bar: int  # the least epoch
    slot_bytes: int
    boot_bytes: int  # free for its kernel image


def read_manifest(raw: bytes) -> Manifest:
    """Raises BundleUnusable."""
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BundleUnusable(f"{MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BundleUnusable(
            f"{MANIFEST} is of format {manifest.format}, this node reads {FORMAT}; update to a"
            " version between first"
        )
    return manifest


def read_bundle(file: BinaryIO, size: int, keys: Iterable[ec.EllipticCurvePublicKey]) -> Bundle:
    """Its members and its manifest, once one of `keys` has signed that.  Raises BundleUnusable."""
    members = dict(_members(file, size))
    for name, most in ((MANIFEST, MOST_MANIFEST), (SIGNATURE, MOST_SIGNATURE)):
        if members[name].size > most:
            raise BundleUnusable(f"{name} has {members[name].size} bytes, at most {most} are read")
    raw, signature = (_read(file, members[name]) for name in (MANIFEST, SIGNATURE))
    if not is_signed(raw, signature, keys):
        raise BundleUnusable(
            "no key of this device signed it; build it with a key that the running system holds,"
            " or install the device anew"
        )
    manifest = read_manifest(raw)
    for name, part in ((UKI, manifest.uki), (ROOT, manifest.root)):
        if members[name].size != part.size:
            raise BundleUnusable(
                f"{name} has {members[name].size} bytes, its manifest says {part.size}"
            )
    return Bundle(manifest, raw, signature, members[UKI], members[ROOT])


def check_parts(file: BinaryIO, bundle: Bundle) -> None:
    """Are kernel image and root those that were signed?  Raises BundleUnusable.

    What was fetched is what the controller named; this is about how it was built.
    """
    manifest = bundle.manifest
    for name, member, part in (
        (UKI, bundle.uki, manifest.uki),
        (ROOT, bundle.root, manifest.root),
    ):
        digest = hashlib.sha256()
        for chunk in chunks(file, member):
            digest.update(chunk)
        if digest.hexdigest() != part.sha256:
            raise BundleUnusable(
                f"{name} has sha256 {digest.hexdigest()}, its signed manifest says {part.sha256};"
                " build it again"
            )


def is_signed(raw: bytes, signature: bytes, keys: Iterable[ec.EllipticCurvePublicKey]) -> bool:
    for key in keys:
        try:
            key.verify(signature, raw, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def read_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Raises Rejected."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise Rejected(f"a key for updates cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Rejected("a key for updates is not of the curve P-256")
    return key


def admit(manifest: Manifest, place: Place) -> None:
    """Raises BundleUnusable with every reason at once."""
    why: list[str] = []
    if place.wanted and manifest.version != place.wanted:
        why.append(f"it holds version {manifest.version}, the configuration names {place.wanted}")
    if manifest.arch != place.arch:
        why.append(f"it is for {manifest.arch}, this machine is {place.arch}")
    if manifest.flavour != place.flavour:
        why.append(f"it is of flavour {manifest.flavour}, this device is {place.flavour}")
    if manifest.epoch < place.bar:
        why.append(
            f"it is older than what may run here: its epoch is {manifest.epoch},"
            f" the running system asks for {place.bar}"
        )
    if manifest.root.size > place.slot_bytes - TRAILER:
        why.append(
            f"its root has {manifest.root.size} bytes, a slot here holds"
            f" {place.slot_bytes - TRAILER}"
        )
    if manifest.uki.size > place.boot_bytes:
        why.append(
            f"its kernel image has {manifest.uki.size} bytes, {place.boot_bytes} are free on the"
            " boot partition"
        )
    if why:
        raise BundleUnusable("; ".join(why))


# The last block of a slot: written last, it says that the rest is whole.


def trailer(raw: bytes, signature: bytes) -> bytes:
    if len(raw) > MOST_MANIFEST or len(signature) > MOST_SIGNATURE:
        raise BundleUnusable(f"{MANIFEST} does not fit into the last block of a slot")
    digest = hashlib.sha256(raw + signature).digest()
    block = _HEAD.pack(_MAGIC, len(raw), len(signature), digest) + raw + signature
    return block.ljust(TRAILER, b"\0")


def read_trailer(block: bytes) -> tuple[bytes, bytes] | None:
    """Manifest and signature; None: the slot holds nothing whole."""
    if len(block) < _HEAD.size:
        return None
    magic, size, signed, digest = _HEAD.unpack_from(block)
    body = block[_HEAD.size : _HEAD.size + size + signed]
    if magic != _MAGIC or hashlib.sha256(body).digest() != digest:
        return None
    return body[:size], body[size:]


# The tar


def head(name: str, size: int) -> bytes:
    """A member's header: of nobody, of no time, so that the same parts give the same bytes."""
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode()
    for at, text in ((100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0")):
        block[at : at + 8] = text
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"%011o\0" % 0
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\00000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


END: Final = bytes(2 * BLOCK)


def _members(file: BinaryIO, size: int) -> Iterator[tuple[str, Member]]:
    at = 0
    for name in NAMES:
        file.seek(at)
        block = file.read(BLOCK)
        length = _length(block)
        if block != head(name, length):
            raise BundleUnusable(f"it is no update: {name} is not where it belongs")
        at += BLOCK
        if at + length > size:
            raise BundleUnusable(f"it is cut off within {name}")
        yield name, Member(at, length)
        at += length + len(padding(length))


def _length(block: bytes) -> int:
    digits = block[124:135]
    if len(block) != BLOCK or not all(0x30 <= digit <= 0x37 for digit in digits):
        raise BundleUnusable("it is no update: a header of a member cannot be read")
    return int(digits, 8)


def _read(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.size)


def chunks(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The bytes of a member; raises BundleUnusable where they end early."""
    file.seek(member.offset)
    left = member.size
    while left:
        data = file.read(min(left, _CHUNK))
        if not data:
            raise BundleUnusable("it ends before its last member does")
        left -= len(data)
        yield data
