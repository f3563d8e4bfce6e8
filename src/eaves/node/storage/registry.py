"""Container images from a registry: OCI distribution and Docker v2.

A name becomes a digest once; everything after that is fetched by digest and checked against it.
"""

import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from eaves.errors import Rejected, Transient
from eaves.node.storage.authorizers import Anonymous, Basic, Challenged, Credentials
from eaves.node.storage.names import ImageName, is_local
from eaves.node.storage.ondisk import ImageConfig
from eaves.node.storage.transport import Transport

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LAYER_TYPES = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    }
)
MOST_JSON = 4 * 1024**2
MOST_LAYERS = 127  # what image builders keep to as well
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "armv7l": "arm"}


@dataclass(frozen=True, slots=True)
class Platform:
    os: str = "linux"
    architecture: str = "amd64"

    @classmethod
    def here(cls) -> "Platform":
        machine = os.uname().machine
        return cls("linux", ARCHITECTURES.get(machine, machine))


@dataclass(frozen=True, slots=True)
class Descriptor:
    sha256: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class JsonBlob:
    """A manifest or an index, as it came."""

    sha256: str
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Image:
    """What has to be fetched for one platform.  `documents`: index and manifest, top first."""

    documents: tuple[JsonBlob, ...]
    config: Descriptor
    layers: tuple[Descriptor, ...]  # bottom first

    @property
    def digest(self) -> str:
        return self.documents[0].sha256

    @property
    def size_bytes(self) -> int:
        return self.config.size_bytes + sum(layer.size_bytes for layer in self.layers)


class RegistryAuth(Anonymous):
    """Answers a registry's challenge: a token from where it says, or user and password."""

    def __init__(
        self, transport: Transport, credentials: Credentials | None, *, allow_insecure: bool
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._allow_insecure = allow_insecure
        self._header = ""
        self._origin = ""

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        if not self._header or _origin(url) != self._origin:
            return {}
        return {"Authorization": self._header}

    async def answer(self, challenge: Challenged) -> bool:
        scheme, _, rest = challenge.www_authenticate.partition(" ")
        said = {k.lower(): a or b for k, a, b in _PARAMETER.findall(rest)}
        self._origin = _origin(challenge.url)
        match scheme.lower():
            case "bearer":
                self._header = f"Bearer {await self._token(challenge.url, said)}"
                return True
            case "basic" if self._credentials is not None:
                basic = Basic(self._credentials, allow_insecure=self._allow_insecure)
                header = (await basic.headers(challenge.url, {})).get("Authorization", "")
                known, self._header = self._header == header, header
                return bool(header) and not known
            case _:
                return False

    async def _token(self, url: str, said: Mapping[str, str]) -> str:
        realm = urljoin(url, said.get("realm", ""))
        parts = urlsplit(realm)
        plain_registry = url.startswith("http://")
        if parts.scheme != "https" and not (plain_registry and is_local(parts.hostname or "")):
            raise Rejected(f"{url}: sends its tokens from {realm}; only https will do")
        query = {k: said[k] for k in ("service", "scope") if said.get(k)}
        joint = "&" if parts.query else "?"
        asked = realm + (joint + urlencode(query) if query else "")
        who = (
            Anonymous()
            if self._credentials is None
            else Basic(self._credentials, allow_insecure=self._allow_insecure)
        )
        body, _ = await self._transport.read(asked, who, MOST_JSON, {})
        answer = _object(body, realm)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise Transient(f"{realm}: answered without a token; check the datastore's credentials")
        return token


class Registry:
    def __init__(self, transport: Transport, auth: RegistryAuth, base: str) -> None:
        self._transport = transport
        self.auth = auth
        self._base = base

    def blob_url(self, name: ImageName, sha256: str) -> str:
        return f"{self._base}/{name.repository}/blobs/sha256:{sha256}"

    async def document(self, name: ImageName) -> JsonBlob:
        """A manifest or index by tag or digest; what came is what its digest says."""
        url = f"{self._base}/{name.repository}/manifests/{name.reference}"
        accept = ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))
        body, headers = await self._transport.read(url, self.auth, MOST_JSON, {"Accept": accept})
        got = hashlib.sha256(body).hexdigest()
        asked = name.reference if name.by_digest else headers.get("Docker-Content-Digest", "")
        wanted = _DIGEST.fullmatch(asked)
        if wanted is not None and wanted[1] != got:
            raise Rejected(f"{url}: sha256 {got}, wanted {wanted[1]}")
        media_type = _object(body, url).get("mediaType") or headers.get("Content-Type", "")
        return JsonBlob(got, body, str(media_type).partition(";")[0].strip())


async def image_of(
    name: ImageName, platform: Platform, document: Callable[[ImageName], Awaitable[JsonBlob]]
) -> Image:
    """From the top object to what must be fetched; `document` brings manifests and indexes."""
    top = await document(name)
    where = f"image {name.repository}@sha256:{top.sha256[:12]}"
    documents: tuple[JsonBlob, ...] = (top,)
    if _is_index(top):
        chosen = choose(_object(top.data, where), platform, where)
        manifest = await document(ImageName(name.repository, f"sha256:{chosen.sha256}"))
        documents = (top, manifest)
    return read_manifest(documents, where)


def choose(index: Mapping[str, object], platform: Platform, where: str) -> Descriptor:
    """The manifest for this platform."""
    seen: list[str] = []
    for entry in _list(index.get("manifests")):
        runs_on = _mapping(entry.get("platform"))
        system = str(runs_on.get("os", "linux"))
        machine = str(runs_on.get("architecture", "amd64"))
        if (system, machine) == (platform.os, platform.architecture):
            return descriptor(entry, where)
        seen.append(f"{system}/{machine}")
    raise Rejected(
        f"{where}: nothing for {platform.os}/{platform.architecture} in it, "
        f"only {', '.join(seen) or 'nothing at all'}"
    )


def read_manifest(documents: tuple[JsonBlob, ...], where: str) -> Image:
    manifest = _object(documents[-1].data, where)
    if "config" not in manifest or "layers" not in manifest:
        raise Rejected(f"{where}: {documents[-1].media_type or 'its manifest'} is not supported")
    layers = tuple(descriptor(entry, where) for entry in _list(manifest.get("layers")))
    if len(layers) > MOST_LAYERS:
        raise Rejected(f"{where}: {len(layers)} layers, at most {MOST_LAYERS} can be stacked")
    for layer in layers:
        if layer.media_type not in LAYER_TYPES:
            raise Rejected(
                f"{where}: layer of type {layer.media_type}; supported are tar and gzip: "
                "build the image with gzip compression"
            )
    return Image(documents, descriptor(_mapping(manifest.get("config")), where), layers)


def descriptor(entry: Mapping[str, object], where: str) -> Descriptor:
    digest = _DIGEST.fullmatch(str(entry.get("digest", "")))
    size = entry.get("size")
    if digest is None or not isinstance(size, int) or not 0 <= size < 2**62:
        raise Rejected(f"{where}: a descriptor without sha256 digest or size")
    return Descriptor(digest[1], size, str(entry.get("mediaType", "")))


def image_config(data: bytes, where: str) -> ImageConfig:
    """What the image asks to be run as."""
    said = _mapping(_object(data, where).get("config"))
    labels = {k: v for k, v in _mapping(said.get("Labels")).items() if isinstance(v, str)}
    return ImageConfig(
        entrypoint=_words(said.get("Entrypoint")),
        cmd=_words(said.get("Cmd")),
        env=_words(said.get("Env")),
        workdir=str(said.get("WorkingDir") or ""),
        user=str(said.get("User") or ""),
        stop_signal=str(said.get("StopSignal") or ""),
        labels=labels,
    )


def _is_index(document: JsonBlob) -> bool:
    if document.media_type in INDEX_TYPES:
        return True
    return "manifests" in _object(document.data, document.sha256)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _object(data: bytes, where: str) -> Mapping[str, object]:
    try:
        return msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Rejected(f"{where}: not a JSON object ({error})") from error


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        return {}
    # JSON objects have only strings as keys; isinstance cannot say so.
    return cast("dict[str, object]", value)


def _list(value: object) -> list[Mapping[str, object]]:
    return [_mapping(entry) for entry in _values(value)]


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in _values(value))


def _values(value: object) -> list[object]:
    # What is in a list is judged by who takes it out.
    return cast("list[object]", value) if isinstance(value, list) else []
