"""Keys and certificates on disk, in the node's vault where there is one.

A certificate lies with its key in a folder of its own, and one file names the folder that counts:
a power cut leaves the old pair or the new one, never halves of both.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from eaves.node.enrolment.decide import Kept
from eaves.node.enrolment.messages import Signer
from eaves.node.host.files import atomic_write, read_or_none

STATE, WAITING = "state.json", "waiting.json"
KEY, CERTIFICATE, AUTHORITIES = "key.pem", "certificate.pem", "authorities.pem"


@dataclass(frozen=True, slots=True)
class Store:
    folder: Path

    def _of(self, profile: str) -> Path:
        """A name is anything; a folder's is not."""
        return self.folder / sha256(profile.encode()).hexdigest()[:32]

    def load(self, profile: str) -> Kept | None:
        """What cannot be read counts as not there: it is enrolled again."""
        state = _document(self._of(profile) / STATE)
        place = self._of(profile) / state.get("holds", "none")
        key = _key(read_or_none(place / KEY))
        chain = _certificates(read_or_none(place / CERTIFICATE))
        if key is None or not chain:
            return None
        authorities = _certificates(read_or_none(place / AUTHORITIES))
        return Kept(Signer(chain[0], key), authorities, state.get("asked", ""))

    def certificates(self, profile: str) -> tuple[x509.Certificate, ...]:
        """The own one, then those of the authorities; none without a key.  It is not read."""
        place = self.key_file(profile).parent
        own = _certificates(read_or_none(place / CERTIFICATE))
        if not own or not (place / KEY).is_file():
            return ()
        return (own[0], *_certificates(read_or_none(place / AUTHORITIES)))

    def key_file(self, profile: str) -> Path:
        """Of what `load` gives."""
        state = _document(self._of(profile) / STATE)
        return self._of(profile) / state.get("holds", "none") / KEY

    def save(self, profile: str, kept: Kept) -> None:
        certificate = kept.holder.certificate
        name = certificate.fingerprint(SHA256()).hex()
        folder = self._of(profile)
        place = folder / name
        atomic_write(place / KEY, _key_pem(kept.holder.key))
        atomic_write(place / CERTIFICATE, certificate.public_bytes(Encoding.PEM))
        authorities = b"".join(c.public_bytes(Encoding.PEM) for c in kept.authorities)
        atomic_write(place / AUTHORITIES, authorities)
        state = {"holds": name, "asked": kept.asked}
        atomic_write(folder / STATE, msgspec.json.encode(state))
        (folder / WAITING).unlink(missing_ok=True)
        for other in folder.iterdir():
            if other.is_dir() and other != place:
                shutil.rmtree(other)

    def wait(self, profile: str, asked: str, key: rsa.RSAPrivateKey) -> None:
        """The server has a request of this key, and somebody has to approve it."""
        told = {"asked": asked, "key": _key_pem(key).decode()}
        atomic_write(self._of(profile) / WAITING, msgspec.json.encode(told))

    def waiting(self, profile: str, asked: str) -> rsa.RSAPrivateKey | None:
        told = _document(self._of(profile) / WAITING)
        return _key(told.get("key", "").encode()) if told.get("asked") == asked else None

    def give_up(self, profile: str) -> None:
        (self._of(profile) / WAITING).unlink(missing_ok=True)

    def keep_only(self, profiles: Iterable[str]) -> None:
        """A profile that is gone takes its key along."""
        wanted = {self._of(p) for p in profiles}
        for one in self.folder.iterdir() if self.folder.is_dir() else ():
            if one not in wanted:
                shutil.rmtree(one)


def _document(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(read_or_none(path) or b"{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key(pem: bytes | None) -> rsa.RSAPrivateKey | None:
    try:
        key = load_pem_private_key(pem or b"", None)
    except ValueError:
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def _certificates(pem: bytes | None) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem or b""))
    except ValueError:
        return ()
