"""What a sign-in at a provider of identities remembers: sealed into the state that goes along.

So strangers who begin sign-ins fill no table; only a state that came back is written down, as used.
"""

import base64
import binascii
import hashlib
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
    """`owner` has the profile; `enterprise` is that of the user; `loopback_port`: where a command
    on the machine of the person listens, 0: nowhere.
    """

    seed: str
    profile_id: str
    owner: EnterpriseId
    enterprise: EnterpriseId
    redirect_uri: str
    loopback_port: int
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


def _text(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).decode().rstrip("=")


def _derived(what: str, seed: str) -> str:
    """43 characters that tell nothing of the seed, nor of each other."""
    return _text(hashlib.sha256(f"{what}/{seed}".encode()).digest())


def new_way(
    random: Callable[[int], bytes],
    *,
    profile_id: str,
    owner: EnterpriseId,
    enterprise: EnterpriseId,
    redirect_uri: str,
    loopback_port: int,
    expires_at: datetime,
) -> Way:
    return Way(
        seed=_text(random(SEED_BYTES)),
        profile_id=profile_id,
        owner=owner,
        enterprise=enterprise,
        redirect_uri=redirect_uri,
        loopback_port=loopback_port,
        expires_at=expires_at,
    )


def sealed_way(keys: KeyStore, way: Way) -> str:
    told = [
        *(way.seed, way.profile_id, way.owner),
        "" if way.enterprise == way.owner else way.enterprise,
        *(way.redirect_uri, way.loopback_port, int(way.expires_at.timestamp())),
    ]
    return _text(keys.seal(PURPOSE, json.dumps(told, separators=(",", ":")).encode()))


def open_way(keys: KeyStore, state: str, now: datetime) -> Way | None:
    """None for what is none of ours, or too old."""
    if not state or len(state) > MAX_STATE or not state.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
        told: list[Any] = json.loads(keys.open(PURPOSE, sealed))
    except (binascii.Error, ValueError, Rejected):
        return None
    seed, profile_id, owner, enterprise, redirect_uri, port, expires = told
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    if expires_at <= now:
        return None
    return Way(
        seed=str(seed),
        profile_id=str(profile_id),
        owner=EnterpriseId(str(owner)),
        enterprise=EnterpriseId(str(enterprise or owner)),
        redirect_uri=str(redirect_uri),
        loopback_port=int(port),
        expires_at=expires_at,
    )
