"""What a sign-in at a provider of identities remembers: sealed into the state that goes along.

So strangers who begin sign-ins fill no table; only a state that came back is written down, as used.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from eaves.controller.keys import KeyStore
from eaves.errors import Rejected
from eaves.ids import EnterpriseId

PURPOSE: Final = "login-state"
SEED_BYTES: Final = 32
MAX_STATE: Final = 4096


@dataclass(frozen=True, slots=True)
class Way:
    """`revision`: of the profile, the same until the end; `issuer`: of the provider, and
    whether its answer names it; `owner` has the profile; `enterprise` is that of the user;
    `challenge`: SHA-256 of what only whoever began knows, empty where it keeps nothing;
    `loopback_port`: where a command on the machine of the person listens, 0: nowhere;
    `in_console`: it was begun in the console, and ends there.
    """

    seed: str
    profile_id: str
    revision: str
    issuer: str
    issuer_named: bool
    owner: EnterpriseId
    enterprise: EnterpriseId
    redirect_uri: str
    challenge: str
    loopback_port: int
    in_console: bool
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Way(profile_id={self.profile_id!r})"

    @property
    def state_hash(self) -> bytes:
        """Of what the state holds, since the same may be spelled in several ways."""
        return hashlib.sha256(f"used/{self.seed}".encode()).digest()

    @property
    def nonce(self) -> str:
        return _derived("nonce", self.seed)

    @property
    def verifier(self) -> str:
        return _derived("verifier", self.seed)

    def is_of(self, issuer: str) -> bool:
        """Whether an answer comes from the provider that was asked; `issuer` is empty where it
        does not say so itself.  Source: RFC 9207, section 2.4.
        """
        return issuer == self.issuer if issuer else not self.issuer_named

    def is_ended_by(self, verifier: str) -> bool:
        """Whether it is whoever began that ends it."""
        known = challenge_of(verifier).encode()
        return not self.challenge or hmac.compare_digest(known, self.challenge.encode())


def _text(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).decode().rstrip("=")


def challenge_of(verifier: str) -> str:
    """43 characters.  As that of RFC 7636, section 4.2, between a client and this controller."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def _derived(what: str, seed: str) -> str:
    """43 characters that tell nothing of the seed, nor of each other."""
    return _text(hashlib.sha256(f"{what}/{seed}".encode()).digest())


def new_way(
    random: Callable[[int], bytes],
    *,
    profile_id: str,
    revision: str,
    issuer: str,
    issuer_named: bool,
    owner: EnterpriseId,
    enterprise: EnterpriseId,
    redirect_uri: str,
    challenge: str,
    loopback_port: int,
    in_console: bool,
    expires_at: datetime,
) -> Way:
    return Way(
        seed=_text(random(SEED_BYTES)),
        profile_id=profile_id,
        revision=revision,
        issuer=issuer,
        issuer_named=issuer_named,
        owner=owner,
        enterprise=enterprise,
        redirect_uri=redirect_uri,
        challenge=challenge,
        loopback_port=loopback_port,
        in_console=in_console,
        expires_at=expires_at,
    )


def sealed_way(keys: KeyStore, way: Way) -> str:
    told = [
        *(way.seed, way.profile_id, way.revision, way.issuer, way.issuer_named, way.owner),
        "" if way.enterprise == way.owner else way.enterprise,
        *(way.redirect_uri, way.challenge, way.loopback_port, way.in_console),
        int(way.expires_at.timestamp()),
    ]
    return _text(keys.seal(PURPOSE, json.dumps(told, separators=(",", ":")).encode()))


def open_way(keys: KeyStore, state: str, now: datetime) -> Way | None:
    """None for what is none of ours, or too old."""
    if not state or len(state) > MAX_STATE or not state.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
        told: list[Any] = json.loads(keys.open(PURPOSE, sealed))
        seed, profile_id, revision, issuer, named, *rest = told
        owner, enterprise, redirect_uri, challenge, port, in_console, expires = rest
    except (binascii.Error, ValueError, Rejected):  # or one of another release
        return None
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    if expires_at <= now:
        return None
    return Way(
        seed=str(seed),
        profile_id=str(profile_id),
        revision=str(revision),
        issuer=str(issuer),
        issuer_named=bool(named),
        owner=EnterpriseId(str(owner)),
        enterprise=EnterpriseId(str(enterprise or owner)),
        redirect_uri=str(redirect_uri),
        challenge=str(challenge),
        loopback_port=int(port),
        in_console=bool(in_console),
        expires_at=expires_at,
    )
