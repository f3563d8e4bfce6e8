"""From the device's configuration to content trees and volumes, with a sentence for each refusal.

What is already here keeps what it was made from: a content tree that changed its generation, or
left the configuration, stays for the volumes that stand on it.  So does one that came before its
project asked for signed images: its fault is told, what runs from it goes on.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from eaves.errors import Rejected
from eaves.evapi.config import (
    AppInstanceConfig,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    Target,
    VolumeContentOriginType,
)
from eaves.evapi.config import ContentTree as ContentTreeConfig
from eaves.evapi.config import Volume as VolumeConfig
from eaves.evapi.image_signature import (
    ANY,
    KEYS,
    POLICY,
    NotSigned,
    Trusted,
    decode_signatures,
    read_keys,
    verify_image,
)
from eaves.ids import ContentTreeId, DatastoreId, VolumeId
from eaves.node import refs
from eaves.node.storage.addresses import (
    azure_base,
    google_base,
    http_base,
    s3_base,
    sftp_base,
)
from eaves.node.storage.items import (
    CONTAINER,
    DISK_FORMATS,
    ContentTree,
    Snapshot,
    Source,
    Volume,
)
from eaves.node.storage.names import image_name, registry_base
from eaves.reconcile.item import Graph, Item, ItemRef

KINDS = {
    DsType.DsHttp: "http",
    DsType.DsHttps: "http",
    DsType.DsS3: "s3",
    DsType.DsSFTP: "sftp",
    DsType.DsContainerRegistry: "registry",
    DsType.DsAzureBlob: "azure",
    DsType.DsGoogleStorage: "google",
}
ONE_FILE = ("ISO", "RAW")  # formats whose volume may be the content itself
FILES = frozenset({Target.Kernel, Target.Initrd, Target.RamDisk, Target.AppCustom})
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A wish that cannot be carried out as it stands, and why."""

    ref: ItemRef
    text: str


@dataclass(frozen=True, slots=True)
class StorageIntent:
    items: tuple[Item, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """What an image needs to come here."""

    signed_only: bool = False
    trusted: tuple[Trusted, ...] = ()
    fault: str = ""  # why no key can be read


def demand_of(config: EdgeDevConfig) -> Demand:
    """By its properties.  A word or key that cannot be read trusts less, never more."""
    said = {item.key: item.value for item in config.config_items}
    if said.get(POLICY, "").strip().lower() in ("", ANY):
        return Demand()
    try:
        return Demand(signed_only=True, trusted=read_keys(said.get(KEYS, "")))
    except Rejected as error:
        return Demand(signed_only=True, fault=f"; {error}")


def intent(
    config: EdgeDevConfig,
    present: Graph | None = None,
    snapshots: Sequence[Snapshot] = (),
    restored: Sequence[Volume] = (),
) -> StorageIntent:
    """`present` is what was observed to be there; `restored` get their data from a snapshot."""
    there: Graph = present or {}
    going_back = {volume.ref: volume for volume in restored}
    stores = {store.id: store for store in config.datastores}
    demand = demand_of(config)
    trees: dict[ItemRef, ContentTree] = {}
    refused: dict[ItemRef, str] = {}
    generations: dict[str, int] = {}
    for wish in config.content_info:
        ref = refs.content_tree(ContentTreeId(wish.uuid.lower()), wish.generation_count)
        generations[wish.uuid.lower()] = wish.generation_count
        try:
            trees[ref] = content_tree(wish, stores)
            admit_signature(wish, demand)
        except Rejected as error:
            trees.pop(ref, None)
            refused[ref] = str(error)
    volumes: dict[ItemRef, Volume] = {}
    for volume_wish in config.volumes:
        ref = refs.volume(VolumeId(volume_wish.uuid.lower()), volume_wish.generation_count)
        try:
            asked = volume_config(volume_wish, trees, generations)
            if ref not in there:
                admit_target(volume_wish, asked)
            volume = going_back.get(ref) or _standing_on(asked, there.get(ref))
        except Rejected as error:
            refused[ref] = str(error)
            continue
        origin = volume.origin
        if origin is not None and origin not in trees:
            kept = there.get(origin)
            if not isinstance(kept, ContentTree):
                why = refused.get(origin, f"{origin} is not in the configuration")
                refused[ref] = f"{ref} cannot be made: {why}"
                continue
            trees[origin] = kept
        volumes[ref] = volume
    for origin in {need for snapshot in snapshots for need in snapshot.needs()}:
        kept = there.get(origin)
        if isinstance(kept, ContentTree):
            trees.setdefault(origin, kept)
    items: tuple[Item, ...] = (*trees.values(), *volumes.values(), *snapshots)
    return StorageIntent(items, tuple(Refusal(r, text) for r, text in refused.items()))


def _standing_on(volume: Volume, present: Item | None) -> Volume:
    """A volume that exists keeps its data, and the generation of what it was made from."""
    if isinstance(present, Volume) and present.tree == volume.tree:
        return replace(
            volume,
            tree_generation=present.tree_generation,
            format=present.format,
            as_is=present.as_is,
            restored=present.restored,
        )
    return volume


def content_tree(wish: ContentTreeConfig, stores: Mapping[str, DatastoreConfig]) -> ContentTree:
    tree = _uuid(wish.uuid, "content tree")
    word = wish.iformat.name
    sha256 = wish.sha256.lower().removeprefix("sha256:")
    what = f"content tree {wish.display_name or tree}"
    if word not in DISK_FORMATS and word != CONTAINER:
        known = ", ".join(sorted({*DISK_FORMATS, CONTAINER}))
        raise Rejected(f"{what}: format {word} is not supported; use one of {known}")
    if not sha256 and word != CONTAINER:
        raise Rejected(f"{what}: no sha256; only a container image may come without")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise Rejected(f"{what}: sha256 {wish.sha256[:80]!r} is not 64 hexadecimal digits")
    if not wish.url.strip("/ "):
        raise Rejected(f"{what}: no relative URL; name the file or the image in the datastore")
    names = wish.ds_ids_list or ((wish.ds_id,) if wish.ds_id else ())
    if not names:
        raise Rejected(f"{what}: no datastore is named")
    if word == CONTAINER:
        image_name(wish.url, sha256)
    sources: list[Source] = []
    problems: list[str] = []
    for name in names:
        try:
            sources.append(source(_find(stores, name), word))
        except Rejected as error:
            problems.append(str(error))
    if not sources:
        raise Rejected(f"{what}: {'; '.join(problems)}")
    return ContentTree(
        id=ContentTreeId(tree),
        generation=wish.generation_count,
        url=wish.url,
        format=word,
        sha256=sha256,
        max_size_bytes=wish.max_size_bytes,
        sources=tuple(sources),
    )


def admit_signature(wish: ContentTreeConfig, demand: Demand) -> None:
    """Raises Rejected for an image that the project of this node does not let in."""
    if not demand.signed_only:
        return
    told = wish.siginfo.signature if wish.siginfo is not None else b""
    digest = wish.sha256.lower().removeprefix("sha256:")
    verdict = verify_image(digest, decode_signatures(told) if told else (), demand.trusted)
    if isinstance(verdict, NotSigned):
        raise Rejected(
            f"image {wish.display_name or wish.uuid} is refused: this node takes signed images "
            f"only, and {verdict.why}{demand.fault}; sign it and tell the controller the signature"
        )


def _find(stores: Mapping[str, DatastoreConfig], name: str) -> DatastoreConfig:
    store = stores.get(name)
    if store is None:
        raise Rejected(f"datastore {name} is not in the configuration")
    return store


def source(store: DatastoreConfig, format_word: str) -> Source:
    """One datastore as a source for content of that format."""
    container = format_word == CONTAINER
    kind = KINDS.get(store.d_type)
    if kind is None:
        raise Rejected(f"datastore {store.id} is of type {store.d_type.name}, which is not known")
    if container and kind != "registry":
        raise Rejected(f"datastore {store.id} holds files; a container image comes from a registry")
    if kind == "registry" and not container:
        raise Rejected(
            f"datastore {store.id} is a container registry; content of format {format_word} "
            "comes from a datastore of files"
        )
    region = ""
    match kind:
        case "registry":
            base = registry_base(store.fqdn.strip(), store.dpath)
        case "s3":
            base, region = s3_base(store)
        case "azure":
            base = azure_base(store)
        case "google":
            base = google_base(store)
        case "sftp":
            base = sftp_base(store)
        case _:
            base = http_base(store)
    return Source(
        datastore=DatastoreId(store.id),
        kind=kind,
        base=base,
        credentials=f"datastore/{store.id}" if has_credentials(store) else "",
        ca_pem=tuple(pem.decode(errors="replace") for pem in store.ds_cert_pem),
        region=region,
    )


def has_credentials(store: DatastoreConfig) -> bool:
    return bool(store.api_key or store.password or store.cipher_data is not None)


def volume_config(
    wish: VolumeConfig, trees: Mapping[ItemRef, ContentTree], generations: Mapping[str, int]
) -> Volume:
    volume = VolumeId(_uuid(wish.uuid, "volume"))
    what = f"volume {wish.display_name or volume}"
    origin = VolumeContentOriginType.VCOT_UNKNOWN if wish.origin is None else wish.origin.type
    if wish.maxsizebytes < 0:
        raise Rejected(f"{what}: size {wish.maxsizebytes} is negative")
    tree: ContentTreeId | None
    match origin:
        case VolumeContentOriginType.VCOT_BLANK:
            if not wish.maxsizebytes:
                raise Rejected(f"{what}: blank and without a size; give maxsizebytes")
            tree, generation, word = None, 0, "RAW"
        case VolumeContentOriginType.VCOT_DOWNLOAD:
            named = "" if wish.origin is None else wish.origin.download_content_tree_id
            tree = ContentTreeId(_uuid(named, f"{what}: content tree"))
            generation = generations.get(tree, 0)
            made_from = trees.get(refs.content_tree(tree, generation))
            word = "RAW" if made_from is None else made_from.format
        case _:  # not only the known ones: the wire's enums are open
            raise Rejected(f"{what}: origin {origin.name} is neither blank nor a download")
    return Volume(
        id=volume,
        generation=wish.generation_count,
        tree=tree,
        tree_generation=generation,
        size_bytes=wish.maxsizebytes,
        format=word,
        read_only=wish.readonly,
        encrypted=not wish.clear_text,
        as_is=wish.target in FILES,
    )


def admit_target(wish: VolumeConfig, asked: Volume) -> None:
    """Raises Rejected for a volume that cannot be what its target says."""
    what = f"volume {wish.display_name or wish.uuid}: target {wish.target.name}"
    if not asked.as_is and wish.target not in (Target.TgtUnknown, Target.Disk):
        raise Rejected(f"{what} is not known; use Disk, Kernel, Initrd, RamDisk or AppCustom")
    if asked.as_is and (asked.tree is None or asked.format not in ONE_FILE):
        raise Rejected(
            f"{what} needs one file that is downloaded as it is; make it from a content tree of "
            f"format {' or '.join(ONE_FILE)}"
        )


def _uuid(text: str, what: str) -> str:
    """Identifiers become file names: nothing but the canonical form may pass."""
    try:
        return str(UUID(text)) if len(text) == 36 else _no_uuid(text, what)
    except ValueError:
        return _no_uuid(text, what)


def _no_uuid(text: str, what: str) -> str:
    raise Rejected(f"{what} {text[:80]!r}: not a UUID")


def users_of(apps: tuple[AppInstanceConfig, ...]) -> dict[ItemRef, int]:
    """How many apps name each volume."""
    counts: dict[ItemRef, int] = {}
    for app in apps:
        for used in app.volume_ref_list:
            ref = refs.volume(VolumeId(used.uuid.lower()), used.generation_count)
            counts[ref] = counts.get(ref, 0) + 1
    return counts


def format_named(word: str) -> Format:
    return Format[word] if word in Format.__members__ else Format.FmtUnknown
