"""Names of container images and of the registries that hold them.  Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from eaves.errors import Rejected

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"})


@dataclass(frozen=True, slots=True)
class ImageName:
    repository: str
    reference: str  # a tag, or "sha256:<hex>"

    @property
    def by_digest(self) -> bool:
        return self.reference.startswith("sha256:")


def image_name(text: str, sha256: str = "") -> ImageName:
    """Parse `repository[:tag][@digest]`; a digest, or else `sha256`, wins over the tag."""
    name, _, digest = text.strip().strip("/").partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    repository = head + slash + last
    if not digest and sha256:
        digest = f"sha256:{sha256.lower()}"
    reference = digest or tag or "latest"
    if not _REPOSITORY.fullmatch(repository):
        raise Rejected(f"image name {text!r}: {repository!r} is not a repository name")
    if not (_DIGEST.fullmatch(reference) if digest else _TAG.fullmatch(reference)):
        raise Rejected(f"image name {text!r}: {reference!r} is neither a tag nor a sha256 digest")
    return ImageName(repository, reference)


def registry_base(address: str, path: str) -> str:
    """The `https://host/v2/<namespace>` that a datastore's address and path stand for.

    Plain http is taken only where the address asks for it by `http://` and cannot be a place on
    the internet: what a registry answers decides which programs run here.
    """
    with_scheme = address if "://" in address else f"docker://{address}"
    parts = urlsplit(with_scheme)
    if parts.scheme not in {"docker", "https", "http"} or not parts.hostname:
        raise Rejected(f"registry address {address!r}: write docker://host[:port]")
    if parts.username or parts.password:
        raise Rejected(f"registry address of {parts.hostname} holds a password; use its own field")
    host = parts.netloc
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise Rejected(
            f"registry {host} is asked for over plain http; that is allowed only for loopback "
            "and private addresses: use docker://"
        )
    namespace = "/".join(p for p in (parts.path.strip("/"), path.strip("/")) if p)
    if host in DOCKER_HUB:
        host = "registry-1.docker.io"
        namespace = "" if namespace in {"library", "v2"} else namespace
    scheme = "http" if parts.scheme == "http" else "https"
    return f"{scheme}://{host}/v2" + (f"/{namespace}" if namespace else "")


def is_local(host: str) -> bool:
    """Loopback, private and link-local: an address no stranger on the internet can answer from."""
    if host == "localhost":
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
