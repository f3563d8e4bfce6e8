"""AWS signature version 4 for reading objects: Amazon's S3, what is like it, and Google's XML API.

Pure but for the clock.  Source: "Signature Calculations for the Authorization Header", Amazon S3.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from eaves.node.storage.authorizers import Anonymous, Credentials, Refused

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_REGION = re.compile(r"[a-z0-9-]{1,40}")

ADVICE = {
    "AuthorizationHeaderMalformed": "set the datastore's region to that of the bucket",
    "ExpiredToken": "the credentials of the datastore have expired; give it new ones",
    "InvalidAccessKeyId": "no such access key; check the API key of the datastore",
    "InvalidObjectState": "the object is archived; restore it first",
    "NoSuchBucket": "there is no such bucket; check the path of the datastore",
    "NoSuchKey": "it is not in the bucket; check the name and the path",
    "PermanentRedirect": "set the datastore's region to that of the bucket",
    "RequestTimeTooSkewed": "the clock of this device is wrong; check its time server",
    "SignatureDoesNotMatch": "the secret does not fit the access key; check the datastore's",
    "SlowDown": "the datastore is busy; it is tried again",
}


class SignatureV4(Anonymous):
    """Signs each request; the secret itself is never sent."""

    def __init__(self, credentials: Credentials, region: str, now: Callable[[], float]) -> None:
        self._credentials = credentials
        self._region = region
        self._now = now

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        return sign(self._credentials, self._region, url, sent, self._now())

    def advice(self, refused: Refused) -> str:
        lies_in = refused.headers.get("x-amz-bucket-region", "")
        if lies_in != self._region and _REGION.fullmatch(lies_in):
            return f"the bucket lies in region {lies_in}, the datastore says {self._region}"
        return ADVICE.get(refused.reason, "")


def sign(
    credentials: Credentials, region: str, url: str, sent: Mapping[str, str], now: float
) -> Mapping[str, str]:
    """The headers that prove a GET of `url`, which has to be quoted already, at `now`."""
    parts = urlsplit(url)
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {
        "host": parts.netloc,
        "x-amz-content-sha256": EMPTY_SHA256,
        "x-amz-date": moment,
        **{name.lower(): value for name, value in sent.items() if name.lower() == "range"},
    }
    names = ";".join(sorted(signed))
    request = "\n".join(
        (
            "GET",
            parts.path or "/",
            "&".join(sorted(p if "=" in p else f"{p}=" for p in parts.query.split("&") if p)),
            *(f"{name}:{signed[name].strip()}" for name in sorted(signed)),
            "",
            names,
            EMPTY_SHA256,
        )
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.password.strip()}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    who = f"Credential={credentials.username.strip()}/{scope}"
    return {
        "x-amz-content-sha256": EMPTY_SHA256,
        "x-amz-date": moment,
        "Authorization": f"{ALGORITHM} {who}, SignedHeaders={names}, Signature={signature}",
    }
