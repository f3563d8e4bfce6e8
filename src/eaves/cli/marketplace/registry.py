"""What a registry says of an image: the digest that a tag has now, and how large the image is.

Plain http is spoken only with loopback and private addresses: what a registry answers decides which
programs run on devices.
"""

import base64
import hashlib
import http.client
import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import click

from eaves.cli.json_values import Json, object_of, objects_of

TIMEOUT_S: Final = 30.0
MOST_BYTES: Final = 4 << 20  # of a manifest
INDEXES: Final = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
ACCEPT: Final = ", ".join(
    (
        *sorted(INDEXES),
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
PAYLOAD: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
MOST_SIGNATURES: Final = 16
REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*):(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})"
)
CHALLENGE = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Account:
    user: str = ""
    password: str = ""

    @property
    def basic(self) -> str:
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
        return f"Basic {pair}" if self.user else ""


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a tag stands for at this moment."""

    repository: str
    tag: str
    digest: str  # "sha256:<hex>" of the manifest, or of the index of an image for many machines
    size_bytes: int  # of the layers for the architecture, packed

    @property
    def sha256(self) -> str:
        return self.digest.removeprefix("sha256:")

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry:
    """One registry; `address` is `docker://host[:port][/namespace]`, or http:// in a lab."""

    def __init__(self, address: str, account: Account, root_pem: str = "") -> None:
        parts = urlsplit(address if "://" in address else f"docker://{address}")
        if parts.scheme not in ("docker", "https", "http") or not parts.hostname:
            raise click.ClickException(f"registry {address!r}: write docker://HOST[:PORT]")
        if parts.username or parts.password:
            raise click.ClickException(
                f"registry {parts.hostname}: no password in the address; use --registry-user"
            )
        if parts.scheme == "http" and not _is_private(parts.hostname):
            raise click.ClickException(
                f"registry {parts.netloc}: plain http is only for private addresses; "
                "write docker://"
            )
        self.address = address
        self.host = parts.netloc
        self._plain = parts.scheme == "http"
        self._namespace = parts.path.strip("/")
        self._account = account
        self._root_pem = root_pem

    def pin(self, reference: str, architecture: str) -> Pinned:
        """Look `repository:tag` up; `architecture` is amd64 or arm64.  Raises ClickException."""
        found = REFERENCE.fullmatch(reference)
        if found is None:
            raise click.ClickException(f"image {reference!r} is no reference like NAME:TAG")
        repository, tag = found["repository"], found["tag"]
        answer = self._manifest(repository, tag)
        if answer.status in (401, 403, 404) and "/" not in repository:
            repository = f"library/{repository}"  # where some registries keep images of one word
            answer = self._manifest(repository, tag)
        if answer.status != http.HTTPStatus.OK:
            raise click.ClickException(
                f"registry {self.host} answers {answer.status} for {reference}; check its address, "
                "the name and --registry-user"
            )
        digest = _digest(answer, reference)
        return Pinned(repository, tag, digest, self._size(repository, answer, architecture))

    def _size(self, repository: str, answer: _Answer, architecture: str) -> int:
        manifest = _json(answer.body)
        if manifest.get("mediaType", answer.headers.get("content-type")) in INDEXES:
            digest = _for_machine(manifest, architecture)
            if not digest:
                raise click.ClickException(
                    f"{repository} on {self.host} has no image for linux/{architecture}; "
                    "choose another entry or --arch"
                )
            manifest = _json(self._manifest(repository, digest).body)
        return sum(int(layer.get("size", 0)) for layer in objects_of(manifest.get("layers")))

    def signatures(self, repository: str, sha256: str) -> list[tuple[str, bytes]]:
        """What `cosign sign` put beside an image: each in base64, with the payload it is over."""
        answer = self._manifest(repository, f"sha256-{sha256}.sig")
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return []
        if answer.status != http.HTTPStatus.OK:
            raise click.ClickException(
                f"registry {self.host} answers {answer.status} for the signatures of {repository}; "
                "check its address and --registry-user"
            )
        found: list[tuple[str, bytes]] = []
        for layer in objects_of(_json(answer.body).get("layers"))[:MOST_SIGNATURES]:
            signature = object_of(layer.get("annotations")).get(SIGNATURE)
            if layer.get("mediaType") == PAYLOAD and isinstance(signature, str):
                found.append((signature, self._blob(repository, str(layer.get("digest")))))
        return found

    def _blob(self, repository: str, digest: str) -> bytes:
        answer = self._fetch(repository, f"blobs/{quote(digest, safe=':')}", {})
        if answer.status != http.HTTPStatus.OK or f"sha256:{_sha256(answer.body)}" != digest:
            raise click.ClickException(
                f"registry {self.host}: {digest[:19]} of {repository} is not there, or not what "
                "its digest says; do not use it"
            )
        return answer.body

    def _manifest(self, repository: str, reference: str) -> _Answer:
        return self._fetch(
            repository, f"manifests/{quote(reference, safe=':')}", {"Accept": ACCEPT}
        )

    def _fetch(self, repository: str, what: str, headers: dict[str, str]) -> _Answer:
        name = "/".join(part for part in (self._namespace, repository) if part)
        path = f"/v2/{quote(name)}/{what}"
        if self._account.basic:
            headers["Authorization"] = self._account.basic
        answer = self._get(path, headers)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status == http.HTTPStatus.UNAUTHORIZED and challenge.startswith("Bearer "):
            headers["Authorization"] = f"Bearer {self._token(challenge, name)}"
            answer = self._get(path, headers)
        return answer

    def _token(self, challenge: str, name: str) -> str:
        said: dict[str, str] = dict(CHALLENGE.findall(challenge))
        parts = urlsplit(said.get("realm", ""))
        if parts.scheme != "https" and not (parts.scheme == "http" and self._plain):
            raise click.ClickException(
                f"registry {self.host} sends to {parts.geturl()!r} for a token; that is not https"
            )
        query = {"service": said.get("service", ""), "scope": f"repository:{name}:pull"}
        headers = {"Authorization": self._account.basic} if self._account.basic else {}
        target = f"{parts.path}?{urlencode(query)}"
        answer = self._get(target, headers, parts.netloc, plain=parts.scheme == "http")
        data = _json(answer.body) if answer.status == http.HTTPStatus.OK else {}
        return str(data.get("token") or data.get("access_token") or "")

    def _get(
        self, target: str, headers: Mapping[str, str], host: str = "", *, plain: bool | None = None
    ) -> _Answer:
        host = host or self.host
        if self._plain if plain is None else plain:
            connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        else:
            tls = ssl.create_default_context(cadata=self._root_pem or None)
            connection = http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=tls)
        try:
            connection.request("GET", target, headers=dict(headers))
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"cannot reach registry {host}: {error}") from error
        finally:
            connection.close()
        if len(body) > MOST_BYTES:
            raise click.ClickException(f"registry {host} answers more than a manifest can hold")
        return _Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)


def _is_private(host: str) -> bool:
    try:
        return host == "localhost" or not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(answer: _Answer, reference: str) -> str:
    """Computed, never believed: the header only has to agree."""
    digest = f"sha256:{_sha256(answer.body)}"
    said = answer.headers.get("docker-content-digest", digest)
    if said.startswith("sha256:") and said != digest:
        raise click.ClickException(
            f"{reference}: the registry says {said}, the manifest has {digest}; do not use it"
        )
    return digest


def _for_machine(index: Json, architecture: str) -> str:
    for entry in objects_of(index.get("manifests")):
        platform = object_of(entry.get("platform"))
        if (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return str(entry.get("digest", ""))
    return ""


def _json(body: bytes) -> Json:
    try:
        return object_of(json.loads(body))
    except ValueError as error:
        raise click.ClickException("the registry answers something that is not JSON") from error
