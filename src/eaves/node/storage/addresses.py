"""From a datastore's fields to the absolute URL that its objects lie below.  Pure.

Bases and the URLs below them are quoted here, once, where what is quoted gets signed.
"""

import re
from urllib.parse import SplitResult, quote, urlsplit

from eaves.errors import Rejected
from eaves.evapi.config import DatastoreConfig, DsType

S3_REGION = "us-west-2"  # where the API's datastores are when they do not say
GOOGLE_HOST = "storage.googleapis.com"
AZURE_ACCOUNT = "{account}"  # stands in a base whose host follows from the credentials
AZURE_SUFFIX = "blob.core.windows.net"

_AMAZON = re.compile(
    r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3[.-]?(?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)?"
    r"\.(?P<suffix>amazonaws\.com(?:\.cn)?)"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,220}")
_IN_HOST = re.compile(r"[a-z0-9-]{3,63}")  # with a dot no certificate would fit
_REGION = re.compile(r"[a-z0-9-]{1,40}")


def object_url(kind: str, base: str, relative: str) -> str:
    """Below `base`; a key of an object store may hold any character."""
    name = relative.lstrip("/")
    if kind in {"s3", "azure", "google"}:
        name = quote(name, safe="/~")
    return f"{base}/{name}"


def http_base(store: DatastoreConfig) -> str:
    usual = "https" if store.d_type is DsType.DsHttps else "http"
    parts = _address(store, usual)
    if usual == "https" and parts.scheme == "http":
        raise Rejected(f"datastore {store.id} is of type HTTPS but its address says http://")
    return _below(f"{parts.scheme}://{parts.netloc}", parts.path, store.dpath)


def s3_base(store: DatastoreConfig) -> tuple[str, str]:
    """The bucket's URL and its region.

    The first part of the path is the bucket, the rest begins each key.  Amazon's own buckets are
    asked by their host name, all others by the path, unless the address begins with the bucket.
    """
    parts = _address(store, "https", "s3.amazonaws.com")
    bucket, _, prefix = store.dpath.strip("/").partition("/")
    host = (parts.hostname or "").lower()
    amazon = _AMAZON.fullmatch(host)
    region = (amazon and amazon["region"]) or store.region.strip().lower() or S3_REGION
    if not _REGION.fullmatch(region):
        raise Rejected(f"datastore {store.id}: {store.region[:40]!r} is not a region of S3")
    if bucket and host.startswith(f"{bucket.lower()}."):
        bucket = ""
    elif amazon is not None and amazon["bucket"]:
        bucket, prefix = "", store.dpath
    if bucket:
        _check_bucket(store, bucket)
    elif not store.dpath.strip("/") and (amazon is None or not amazon["bucket"]):
        raise Rejected(f"datastore {store.id}: no bucket; write it as the path of the datastore")
    if amazon is None:
        return _below(
            f"{parts.scheme}://{parts.netloc}", parts.path, bucket, quoted(prefix)
        ), region
    own = amazon["bucket"] or (bucket if _IN_HOST.fullmatch(bucket) else "")
    by_path = "" if own else bucket
    place = f"s3.{region}.{amazon['suffix']}"
    return _below(f"https://{own + '.' if own else ''}{place}", by_path, quoted(prefix)), region


def azure_base(store: DatastoreConfig) -> str:
    """The container's URL; without an address, that of the account in Azure's own cloud."""
    parts = _address(store, "https", f"{AZURE_ACCOUNT}.{AZURE_SUFFIX}")
    if not store.dpath.strip("/") and not parts.path.strip("/"):
        raise Rejected(f"datastore {store.id}: no container; write it as the path of the datastore")
    return _below(f"{parts.scheme}://{parts.netloc}", parts.path, quoted(store.dpath))


def google_base(store: DatastoreConfig) -> str:
    """The bucket's URL in the XML API; an address without a dot is the bucket's name."""
    address = store.fqdn.strip().removeprefix("gs://").strip("/")
    path = store.dpath.strip("/")
    if address and "://" not in address and "." not in address and ":" not in address:
        return _below(f"https://{GOOGLE_HOST}", _check_bucket(store, address), quoted(path))
    parts = _address(store, "https", GOOGLE_HOST)
    in_host = (parts.hostname or "").endswith(f".{GOOGLE_HOST}")
    if not path and not parts.path.strip("/") and not in_host:
        raise Rejected(f"datastore {store.id}: no bucket; write it as the path of the datastore")
    return _below(f"{parts.scheme}://{parts.netloc}", parts.path, quoted(path))


def sftp_base(store: DatastoreConfig) -> str:
    """`sftp://host:port/path`: below where the user arrives; with a second stroke, absolute."""
    address = store.fqdn.strip()
    parts = _split(store, address if "://" in address else f"sftp://{address}")
    if parts.scheme not in {"sftp", "ssh"} or not parts.hostname:
        raise Rejected(f"datastore {store.id}: address {store.fqdn!r} is no sftp address")
    path = store.dpath.rstrip("/")
    if parts.path.strip("/"):
        path = f"{parts.path.rstrip('/')}/{path.strip('/')}".rstrip("/")
    return f"sftp://{parts.netloc}" + (f"/{path}" if path else "")


def quoted(path: str) -> str:
    return quote(path.strip("/"), safe="/~")


def _below(root: str, *paths: str) -> str:
    return "/".join((root, *(p.strip("/") for p in paths if p.strip("/"))))


def _address(store: DatastoreConfig, usual: str, default: str = "") -> SplitResult:
    """What `fqdn` says, with the usual scheme if it names none."""
    address = store.fqdn.strip().rstrip("/") or default
    parts = _split(store, address if "://" in address else f"{usual}://{address}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Rejected(f"datastore {store.id}: address {store.fqdn!r} is no http(s) address")
    return parts


def _split(store: DatastoreConfig, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # judged when it is read
    except ValueError as error:
        raise Rejected(f"datastore {store.id}: address {store.fqdn!r}: {error}") from error
    if parts.username or parts.password:
        raise Rejected(f"datastore {store.id}: its address holds a password; use its own field")
    return parts


def _check_bucket(store: DatastoreConfig, bucket: str) -> str:
    if not _BUCKET.fullmatch(bucket):
        raise Rejected(f"datastore {store.id}: {bucket[:80]!r} is not the name of a bucket")
    return bucket
