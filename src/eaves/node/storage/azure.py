"""Azure blobs: a storage account's key signs each request, or a shared access signature is one.

Source: "Authorize with Shared Key" and "Service SAS", Azure Storage services.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import structlog

from eaves.errors import Rejected
from eaves.node.storage.authorizers import Anonymous, Credentials, Refused

log = structlog.get_logger(__name__)

VERSION = "2020-10-02"
ADVICE = {
    "AuthenticationFailed": "the key does not fit the account, or the clock of this device is "
    "wrong; check both",
    "AuthorizationFailure": "the storage account does not let this device in; check its "
    "credentials and the network rules of the account",
    "AuthorizationPermissionMismatch": "the signature does not allow to read; make one that does",
    "BlobArchived": "the blob is archived; move it to a tier that can be read",
    "BlobNotFound": "it is not in the container; check the name and the path",
    "ContainerNotFound": "there is no such container; check the path of the datastore",
    "PublicAccessNotPermitted": "it is not public; give the datastore credentials",
    "ResourceNotFound": "there is no such container, or it is not public; check the path of the "
    "datastore and its credentials",
    "ServerBusy": "the datastore is busy; it is tried again",
}


def authorizer(
    credentials: Credentials | None, now: Callable[[], float], *, allow_insecure: bool
) -> "AzureBlobs":
    """For an account and its key, a shared access signature in the place of the key, or nobody."""
    if credentials is None:
        return AzureBlobs()
    word = credentials.password.strip()
    if "sig=" in word:
        return SharedAccess(word.removeprefix("?"), now, allow_insecure=allow_insecure)
    if not word:
        return AzureBlobs()
    try:
        key = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(
            "the password of an Azure datastore has to be the account's key, in base64 as it is "
            "shown, or a shared access signature; this one is neither"
        ) from None
    return SharedKey(credentials.username.strip(), key, now)


class AzureBlobs(Anonymous):
    """Blobs of a public container; says the version of the protocol, as the others do."""

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        return {"x-ms-version": VERSION}

    def advice(self, refused: Refused) -> str:
        return ADVICE.get(refused.reason, "")


class SharedKey(AzureBlobs):
    """Signs with the account's key; `account` blank: the first word of the host's name."""

    def __init__(self, account: str, key: bytes, now: Callable[[], float]) -> None:
        self._account, self._key, self._now = account, key, now

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        return sign(self._account, self._key, url, sent, self._now())


class SharedAccess(AzureBlobs):
    """A signature that stands in the URL is as good as a password: kept to TLS, and untold."""

    def __init__(self, signature: str, now: Callable[[], float], *, allow_insecure: bool) -> None:
        self._signature, self._now, self._allow_insecure = signature, now, allow_insecure

    def address(self, url: str) -> str:
        if not url.startswith("https://") and not self._allow_insecure:
            log.warning("credentials_withheld", url=url, reason="plain http")
            return url
        return f"{url}?{self._signature}"

    def advice(self, refused: Refused) -> str:
        end = _moment(parse_qs(self._signature).get("se", [""])[0])
        if end is not None and end.timestamp() < self._now():
            return f"the shared access signature ended at {end.isoformat()}; give a new one"
        if refused.reason == "AuthenticationFailed":
            return "the shared access signature is not accepted; give the datastore a new one"
        return super().advice(refused)


def sign(
    account: str, key: bytes, url: str, sent: Mapping[str, str], now: float
) -> Mapping[str, str]:
    """The headers that prove a GET of `url`, which has to be quoted already, at `now`."""
    parts = urlsplit(url)
    account = account or (parts.hostname or "").partition(".")[0]
    date = format_datetime(datetime.fromtimestamp(int(now), UTC), usegmt=True)
    span = next((value for name, value in sent.items() if name.lower() == "range"), "")
    # Encoding, language, length, MD5, type, date and four conditions: none is sent.
    to_sign = "\n".join(
        (
            "GET",
            *[""] * 10,
            span,
            f"x-ms-date:{date}",
            f"x-ms-version:{VERSION}",
            f"/{account}{parts.path or '/'}",
        )
    )
    signature = base64.b64encode(hmac.digest(key, to_sign.encode(), "sha256")).decode()
    return {
        "x-ms-date": date,
        "x-ms-version": VERSION,
        "Authorization": f"SharedKey {account}:{signature}",
    }


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
