"""Keys of a TPM in the forms that the rest of the node asks for: none of them can be read."""

from collections import OrderedDict
from typing import Final, NoReturn

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from eaves.evapi.errors import UnusableKey
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.errors import TpmUnusable
from eaves.node.tpm.layout import Handle

_REMEMBERED: Final = 8  # shared points: of the controller's current and previous keys


class TpmSigner:
    """Signs envelopes: r || s, 32 bytes each."""

    __slots__ = ("_auth", "_handle", "_tpm")

    def __init__(self, tpm: Tpm, handle: Handle, auth: bytes) -> None:
        self._tpm, self._handle, self._auth = tpm, handle, auth

    def sign_digest(self, digest: bytes) -> bytes:
        r, s = self._tpm.sign(self._handle, digest, self._auth)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class TpmKeyAgreement:
    """Opens cipher blocks.  A shared point is asked for once: a TPM takes a tenth of a second."""

    __slots__ = ("_handle", "_known", "_tpm")

    def __init__(self, tpm: Tpm, handle: Handle = Handle.ECDH) -> None:
        self._tpm, self._handle = tpm, handle
        self._known: OrderedDict[tuple[int, int], tuple[bytes, bytes]] = OrderedDict()

    def shared_point(self, peer: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
        if not isinstance(peer.curve, ec.SECP256R1):
            raise UnusableKey(f"ECDH key on {peer.curve.name}", "the key exchange is on P-256")
        numbers = peer.public_numbers()
        where = (numbers.x, numbers.y)
        if where not in self._known:
            self._known[where] = self._tpm.shared_point(self._handle, peer)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[where]


class TpmCertKey(ec.EllipticCurvePrivateKey):
    """The device key as what signs certificates; everything that would show it is refused."""

    def __init__(self, tpm: Tpm, handle: Handle, auth: bytes) -> None:
        self._tpm, self._handle, self._auth = tpm, handle, auth

    def sign(
        self,
        data: bytes | bytearray | memoryview,
        signature_algorithm: ec.EllipticCurveSignatureAlgorithm,
    ) -> bytes:
        asked = signature_algorithm.algorithm
        if isinstance(asked, Prehashed) or not isinstance(asked, hashes.SHA256):
            raise UnusableKey("TPM device key", "it signs SHA-256 of the data")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(bytes(data))
        return encode_dss_signature(*self._tpm.sign(self._handle, digest.finalize(), self._auth))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        key = self._tpm.public_key(self._handle)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TpmUnusable(f"the TPM key at {self._handle:#x} is no EC key")
        return key

    @property
    def curve(self) -> ec.EllipticCurve:
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        return 256

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        self._stays("agree on keys")

    def private_numbers(self) -> NoReturn:
        self._stays("be read")

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,  # noqa: A002 - named so by the library's class
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        self._stays("be read")

    def __copy__(self) -> "TpmCertKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "TpmCertKey":
        return self

    def _stays(self, what: str) -> NoReturn:
        raise UnusableKey("TPM device key", f"it cannot {what}: it stays in the TPM")
