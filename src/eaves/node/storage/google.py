"""Google's object storage: a service account's key is changed for a token that ends in an hour.

The password of the datastore holds the JSON file of the key, as it is or in base64.  Anything else
is the secret of an interoperability key, which signs as S3 does.  Source: "Using OAuth 2.0 for
Server to Server Applications", Google Identity.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from eaves.errors import Rejected, Transient
from eaves.node.storage.authorizers import Anonymous, Authorizer, Challenged, Credentials, origin
from eaves.node.storage.names import is_local
from eaves.node.storage.sigv4 import SignatureV4
from eaves.node.storage.transport import Transport

log = structlog.get_logger(__name__)

SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
LIFE_S = 3600  # the longest that may be asked for
SPARE_S = 60.0  # before its end a token is not begun with
MOST_ANSWER = 64 * 1024
HMAC_REGION = "auto"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    email: str
    key: rsa.RSAPrivateKey = field(repr=False)
    key_id: str = ""
    token_uri: str = TOKEN_URI


class _KeyFile(msgspec.Struct):
    """The JSON file, as far as it is needed here."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = TOKEN_URI


class _TokenAnswer(msgspec.Struct):
    access_token: str = ""
    expires_in: float = 0.0
    error: str = ""
    error_description: str = ""


def authorizer(
    credentials: Credentials | None,
    transport: Transport,
    now: Callable[[], float],
    *,
    allow_insecure: bool,
) -> Authorizer:
    """For a service account, an interoperability key, or nobody."""
    if credentials is None or not credentials.password.strip():
        return Anonymous()
    text = credentials.password.strip()
    if not text.startswith("{"):
        try:
            decoded = base64.b64decode(text, validate=True).strip()
        except (binascii.Error, ValueError):
            decoded = b""
        if not decoded.startswith(b"{"):
            return SignatureV4(credentials, HMAC_REGION, now)
        text = decoded.decode(errors="replace")
    account = service_account(text)
    return GoogleToken(account, transport, now, allow_insecure=allow_insecure)


def service_account(text: str) -> ServiceAccount:
    """Read a key file.  Raises Rejected, without a word of what it holds."""
    try:
        said = msgspec.json.decode(text, type=_KeyFile)
    except (msgspec.MsgspecError, RecursionError):
        raise Rejected("the key of the service account is not the JSON file it came as") from None
    if said.type != "service_account" or not said.client_email:
        raise Rejected(f"the key file is of type {said.type[:40]!r}; give one of a service account")
    parts = urlsplit(said.token_uri)
    if parts.scheme != "https" and not is_local(parts.hostname or ""):
        raise Rejected(f"the key file asks for tokens at {said.token_uri[:80]!r}, not by https")
    try:
        key = serialization.load_pem_private_key(said.private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Rejected(f"the private key of {said.client_email} cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Rejected(f"the private key of {said.client_email} is not an RSA key")
    return ServiceAccount(said.client_email, key, said.private_key_id, said.token_uri)


def assertion(account: ServiceAccount, now: float) -> str:
    """A signed JWT, good for an hour, that asks for a token to read with."""
    header = {"alg": "RS256", "typ": "JWT", "kid": account.key_id}
    claims = {
        "iss": account.email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": int(now),
        "exp": int(now) + LIFE_S,
    }
    to_sign = b".".join(_base64url(msgspec.json.encode(part)) for part in (header, claims))
    signature = account.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
    return (to_sign + b"." + _base64url(signature)).decode()


class GoogleToken(Anonymous):
    """Bearer tokens, renewed before they end and once when one is refused."""

    def __init__(
        self,
        account: ServiceAccount,
        transport: Transport,
        now: Callable[[], float],
        *,
        allow_insecure: bool,
    ) -> None:
        self._account, self._transport, self._now = account, transport, now
        self._allow_insecure = allow_insecure
        self._token = ""
        self._until = 0.0
        self._refused = ""

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        if origin(url)[0] != "https" and not self._allow_insecure:
            log.warning("credentials_withheld", url=url, reason="plain http")
            return {}
        if self._now() >= self._until:
            await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    async def answer(self, challenge: Challenged) -> bool:
        if not self._token or self._refused == self._token:
            return False
        self._refused, self._until = self._token, 0.0
        return True

    async def _renew(self) -> None:
        where = self._account.token_uri
        form = {"grant_type": GRANT, "assertion": assertion(self._account, self._now())}
        status, body = await self._transport.post(where, form, MOST_ANSWER)
        try:
            said = msgspec.json.decode(body, type=_TokenAnswer)
        except (msgspec.MsgspecError, RecursionError):
            said = _TokenAnswer()
        if status != 200 or not said.access_token:
            seen = said.error if said.error.replace("_", "").isalnum() else ""
            raise Transient(
                f"{where}: no token for {self._account.email}: HTTP status {status}"
                + (f" ({seen[:60]})" if seen else "")
                + "; check that its key still holds and that the clock of this device is right"
            )
        self._token = said.access_token
        self._until = self._now() + max(said.expires_in - SPARE_S, 0.0)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
