"""The key store: made at first start, kept, renewed without a stop.

Files below the state folder, mode 0600:

    root-certificate.pem      what devices and REST clients trust
    secret.key                opens the secrets of the database (`secret_key`); may stand elsewhere
    signing/root.pem signing/intermediate.pem signing/signing.pem signing/ecdh-<n>.pem
    onboarding/authority.pem  issues the identities that installers carry
    tls/cert.pem tls/key.pem  the server certificate with its chain

A pair of ours is one file, key and certificate, so that a power cut never leaves halves of two
pairs.  Both threads of the controller read it: what changes is one frozen `Ring`, exchanged whole.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.controller.keys import files, issue
from eaves.controller.keys.issue import Issued
from eaves.controller.keys.names import content_server, server_names
from eaves.controller.keys.ring import EcdhIdentity, Identity, Ring
from eaves.controller.keys.secret_key import kept_secret_box
from eaves.controller.keys.secrets import SecretBox
from eaves.controller.settings import OwnSigning, Settings
from eaves.evapi.cipher import cipher_context, cipher_key, encrypt
from eaves.evapi.envelope import Sender, controller_sender
from eaves.evapi.errors import UnusableKey
from eaves.evapi.evecommon import CipherBlock, CipherContext
from eaves.evapi.keys import KeySigner, SoftKeyAgreement

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]

AUDIT_LOG = "the audit log"
KEPT_ECDH = 2  # at least: the newest, and the one that devices may still refer to
OVERLAP = timedelta(days=2 * 365)
"""How long one that was replaced stays listed: what devices keep on disk refers to it, and one may
be away for a year.
"""
MOST_ECDH = 12


@dataclass(frozen=True, slots=True)
class OnboardingIdentity:
    """What goes into the configuration folder of a device."""

    certificate_pem: bytes
    key_pem: bytes


class Part(StrEnum):
    """What may be exchanged before it expires."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal check changed."""

    tls: bool = False
    signing: bool = False  # the published list: every device must hear of it


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the listeners serve: certificate with chain, and its key."""

    certificate: Path
    key: Path


class KeyStore:
    """See the module text.  Made by `open_keys`."""

    def __init__(
        self,
        settings: Settings,
        *,
        root: Issued,
        intermediate: Issued,
        onboarding: Issued,
        secrets: SecretBox,
        ring: Ring,
        clock: Clock,
        random: Random,
    ) -> None:
        self._random = random
        self._sender: tuple[Ring, Sender] | None = None
        self._settings = settings
        self._root = root
        self._intermediate = intermediate
        self._onboarding = onboarding
        self._secrets = secrets
        self._ring = ring
        self._clock = clock
        self._tls_seen = b""
        self._lock = threading.Lock()  # one renewal at a time; readers need none

    # --- what is in force ---------------------------------------------------------------------

    @property
    def ring(self) -> Ring:
        """The certificates in force; take it once and use that value."""
        return self._ring

    @property
    def controllercert_confighash(self) -> str:
        return self._ring.controllercert_confighash

    @property
    def root_certificate_pem(self) -> bytes:
        """The content of `root-certificate.pem` for devices: all roots they need to trust."""
        roots = self._ring.root_pem
        own = self._settings.own_tls
        if own is not None and own.root is not None:
            roots += b"".join(files.read_certificates(own.root))
        elif own is None and self._settings.own_signing is not None:
            roots += self._root.pem
        return roots

    @property
    def tls(self) -> TlsFiles:
        own = self._settings.own_tls
        if own is not None:
            return TlsFiles(own.certificate, own.key)
        folder = self._settings.state_dir / "tls"
        return TlsFiles(folder / "cert.pem", folder / "key.pem")

    @property
    def sender(self) -> Sender:
        """Seals answers to devices: `evapi.envelope.seal(payload, keys.sender)`."""
        ring = self._ring
        if self._sender is None or self._sender[0] is not ring:
            signer = KeySigner(ring.signing.key)
            self._sender = (ring, controller_sender(signer, ring.signing.pem))
        return self._sender[1]

    # --- cipher blocks --------------------------------------------------------------------------

    def encrypt_for_device(
        self, device_ecdh_pem: bytes, plaintext: bytes
    ) -> tuple[CipherContext, CipherBlock]:
        """Encrypt for the device that uploaded this key-exchange certificate.

        `plaintext` is a serialized EncryptionBlock (or what the field asks for).  The context is
        the same for every block of one pair of certificates; list it once in the config.
        """
        own = self._ring.ecdh[0]
        context = cipher_context(own.hash16, hashlib.sha256(device_ecdh_pem).digest()[:16])
        key = self.agreed_key(device_ecdh_pem)
        return context, encrypt(plaintext, key, context.context_id, self._random)

    def agreed_key(self, device_ecdh_pem: bytes) -> bytes:
        """The AES key of the context of our newest and this certificate.  Raises UnusableKey."""
        peer = x509.load_pem_x509_certificate(device_ecdh_pem).public_key()
        if not isinstance(peer, ec.EllipticCurvePublicKey):
            raise UnusableKey("ECDH certificate of the device", "its key is not on a curve")
        return cipher_key(SoftKeyAgreement(self._ring.ecdh[0].key), peer)

    # --- secrets at rest ------------------------------------------------------------------------

    def code(self, purpose: str, text: str) -> str:
        """See `SecretBox.code`."""
        return self._secrets.code(purpose, text)

    @property
    def content_server(self) -> str:
        """`host:port` where devices fetch what the controller keeps for them."""
        return content_server(self._settings)

    def seal(self, purpose: str, clear: bytes) -> bytes:
        """Encrypt a secret for the database; `purpose` names table, column and object."""
        return self._secrets.seal(purpose, clear)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` made for the same purpose.  Raises SecretUnreadable."""
        return self._secrets.open(purpose, sealed)

    @property
    def audit_key(self) -> bytes:
        """Seals the audit log; it comes from the secret key, so it is not in the database."""
        return self._secrets.derived(AUDIT_LOG)

    # --- onboarding -----------------------------------------------------------------------------

    def issue_onboarding(self, onboarding_key: str) -> OnboardingIdentity:
        """Make an identity whose common name is the onboarding key; every call makes a new one."""
        made = issue.issue_onboarding(onboarding_key, self._onboarding, self._clock())
        return OnboardingIdentity(made.pem, made.key_pem)

    def is_own_onboarding(self, certificate: x509.Certificate) -> bool:
        """Tell whether this controller issued an onboarding certificate; dates do not count."""
        return _issued_by(certificate, self._onboarding)

    # --- renewal --------------------------------------------------------------------------------

    def renew(self) -> Renewed:
        """Make what expires soon anew, read what others renewed; blocking file work.

        Keys that several controllers share are left to `keys.shared`.
        """
        signing = self._settings.alone and self.adopt(self.due())
        own = self._renew_own()
        return Renewed(tls=own.tls, signing=signing or own.signing)

    def _renew_own(self) -> Renewed:
        """The server certificate, and files that somebody else renews."""
        with self._lock:
            ring = self._ring
            if self._settings.own_signing is not None:
                ring = _with_own_signing(ring, self._settings.own_signing)
            signing = ring.controllercert_confighash != self._ring.controllercert_confighash
            self._ring = ring
            return Renewed(tls=self._renew_tls(self._clock()), signing=signing)

    def due(self, asked: Collection[Part] = ()) -> dict[str, bytes]:
        """Key files, by their names in the state folder, in the place of what expires soon.

        And of what is `asked` for.  Nothing is written: `adopt` takes them, here and in every
        process that shares the keys.
        """
        now, ring = self._clock(), self._ring
        made: dict[str, bytes] = {}
        own = self._settings.own_signing is not None
        soon = ring.signing.expires - now < issue.SIGNING_RENEWAL
        if not own and (soon or Part.SIGNING in asked):
            signing = issue.issue_signing(self._intermediate, now)
            made["signing/signing.pem"] = signing.key_pem + signing.pem
        if ring.ecdh[0].expires - now < issue.SIGNING_RENEWAL or Part.ENCRYPTION in asked:
            ecdh = issue.issue_ecdh(self._intermediate, now)
            number = _next_number(self._settings.state_dir / "signing")
            made[f"signing/ecdh-{number}.pem"] = ecdh.key_pem + ecdh.pem
        return made

    def adopt(self, shared: Mapping[str, bytes]) -> bool:
        """Write key files and use them from now on; True when the published list changed."""
        with self._lock:
            for name, content in shared.items():
                path = self._settings.state_dir / name
                if not path.exists() or path.read_bytes() != content:
                    files.write_private(path, content)
            if not shared:
                return False
            ring = _read_ring(self._settings, self._root, self._intermediate, self._clock())
            changed = ring.controllercert_confighash != self._ring.controllercert_confighash
            if changed:
                self._ring = ring
            return changed

    def shared_files(self) -> dict[str, bytes]:
        """What every controller on one database needs alike, by names in the state folder."""
        state = self._settings.state_dir
        paths = [state / "onboarding" / "authority.pem", *sorted((state / "signing").glob("*.pem"))]
        return {str(path.relative_to(state)): path.read_bytes() for path in paths}

    def _renew_tls(self, now: datetime) -> bool:
        if self._settings.own_tls is None:
            _keep_tls(self._settings, server_names(self._settings), self._intermediate, now)
        seen = tls_digest(self.tls)
        changed = bool(self._tls_seen) and seen != self._tls_seen
        self._tls_seen = seen
        return changed


def _issued_by(certificate: x509.Certificate, issuer: Issued) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def tls_digest(tls: TlsFiles) -> bytes:
    """What the files hold now; a difference is a reason to reload the listeners."""
    return hashlib.sha256(tls.certificate.read_bytes() + tls.key.read_bytes()).digest()


def open_keys(settings: Settings, *, clock: Clock, random: Random = os.urandom) -> KeyStore:
    """Read the key files of a state folder, making what is missing."""
    now = clock()
    state = settings.state_dir
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing = state / "signing"
    root = _kept(signing / "root.pem", lambda: issue.issue_root(now))
    published = state / "root-certificate.pem"
    if not published.exists() or published.read_bytes() != root.pem:
        files.write_private(published, root.pem, 0o644)  # clients of any user read it
    intermediate = _kept(
        signing / "intermediate.pem", lambda: issue.issue_authority("Eaves devices", root, now)
    )
    onboarding = _kept(
        state / "onboarding" / "authority.pem",
        lambda: issue.issue_authority("Eaves onboarding", root, now),
    )
    ring = _read_ring(settings, root, intermediate, now)
    store = KeyStore(
        settings,
        root=root,
        intermediate=intermediate,
        onboarding=onboarding,
        secrets=kept_secret_box(settings, random),
        ring=ring,
        clock=clock,
        random=random,
    )
    store.renew()
    return store


def _kept(path: Path, make: Callable[[], Issued]) -> Issued:
    found = files.read_issued(path)
    if found is not None:
        return found
    made = make()
    files.write_issued(path, made)
    return made


def _read_ring(settings: Settings, root: Issued, intermediate: Issued, now: datetime) -> Ring:
    folder = settings.state_dir / "signing"
    signing = _kept(folder / "signing.pem", lambda: issue.issue_signing(intermediate, now))
    numbers = _ecdh_numbers(folder)
    if not numbers:
        files.write_issued(folder / "ecdh-1.pem", issue.issue_ecdh(intermediate, now))
        numbers = (1,)
    ecdh = _in_use([_read_ecdh(folder, n) for n in sorted(numbers, reverse=True)[:MOST_ECDH]], now)
    ring = Ring(
        root_pem=root.pem,
        intermediates=(intermediate.pem,),
        signing=Identity(signing.pem, signing.certificate, signing.key),
        ecdh=ecdh,
    )
    own = settings.own_signing
    return ring if own is None else _with_own_signing(ring, own)


def _in_use(newest_first: Sequence[EcdhIdentity], now: datetime) -> tuple[EcdhIdentity, ...]:
    """Those that something on the disk of a device may still refer to."""
    kept = list(newest_first[:KEPT_ECDH])
    for newer, one in pairwise(newest_first[KEPT_ECDH - 1 :]):
        if now - newer.certificate.not_valid_before_utc > OVERLAP:
            break
        kept.append(one)
    return tuple(kept)


def _with_own_signing(ring: Ring, own: OwnSigning) -> Ring:
    """Put somebody's chain in front; the ECDH certificates keep theirs, below both roots."""
    leaf, *chain = files.read_certificates(own.certificates)
    certificate = files.parse_certificate(leaf, own.certificates)
    key = files.read_key(own.key)
    if certificate.public_key() != key.public_key():
        raise files.BadKeyFile(f"{own.key} is not the key of {own.certificates}")
    roots = b"".join(files.read_certificates(own.root))
    return replace(
        ring,
        root_pem=roots if ring.root_pem.startswith(roots) else roots + ring.root_pem,
        intermediates=_unique((*ring.intermediates, *chain)),
        signing=Identity(leaf, certificate, key),
    )


def _unique(pems: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(pems))


def _ecdh_numbers(folder: Path) -> tuple[int, ...]:
    names = (path.stem.removeprefix("ecdh-") for path in folder.glob("ecdh-*.pem"))
    return tuple(int(name) for name in names if name.isdecimal())


def _next_number(folder: Path) -> int:
    return max(_ecdh_numbers(folder), default=0) + 1


def _read_ecdh(folder: Path, number: int) -> EcdhIdentity:
    path = folder / f"ecdh-{number}.pem"
    found = files.read_issued(path)
    if found is None:
        raise files.BadKeyFile(f"{path} is missing; restore it from the backup")
    return EcdhIdentity(found.pem, found.certificate, found.key)


def _keep_tls(
    settings: Settings, names: tuple[str, ...], intermediate: Issued, now: datetime
) -> None:
    """Make the server certificate unless a good one of ours is there.

    Good is one that covers the names and is far from its end.
    """
    folder = settings.state_dir / "tls"
    certificate, key = folder / "cert.pem", folder / "key.pem"
    if certificate.exists() and key.exists():
        current = files.parse_certificate(files.read_certificates(certificate)[0], certificate)
        covered = set(names) <= issue.names_of(current)
        fits = current.public_key() == files.read_ec_key(key).public_key()
        fits = fits and _issued_by(current, intermediate)
        if covered and fits and current.not_valid_after_utc - now >= issue.TLS_RENEWAL:
            return
    made = issue.issue_tls(names, intermediate, now)
    files.write_private(key, made.key_pem)
    files.write_private(certificate, made.pem + intermediate.pem)
