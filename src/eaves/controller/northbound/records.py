"""Stored objects as contract types, within the scope of the caller."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eaves.controller.domain.contract.alerts import AlertChannel, AlertRule
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.artifacts import Artifact
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile
from eaves.controller.domain.contract.base import Contract, rfc3339
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.patches import PatchEnvelope
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AssetGroupRead,
    ProfileDeployment,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.contract.stored import KnownParts, read_stored
from eaves.controller.domain.contract.users import DetailedUser, Enterprise, Realm
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.scope import Scope
from eaves.controller.store import objects
from eaves.controller.store.objects import Filter, Revision, StoredObject
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db
from eaves.ids import ProjectId

T = TypeVar("T", bound=Contract)

IDS_AT_ONCE = 1000  # in one query


@dataclass(frozen=True, slots=True)
class KindOf(Generic[T]):
    """Which table holds which type, and what a person calls it."""

    kind: Kind
    contract: type[T]
    noun: str

    def read(self, stored: StoredObject, known: KnownParts | None = None) -> T:
        changes = {"id": stored.id, "revision": revision_of(stored.revision)}
        return read_stored(self.contract, stored.body, changes, known)


BRAND = KindOf(Kind.BRAND, SysBrand, "brand")
MODEL = KindOf(Kind.MODEL, SysModel, "model")
PROJECT = KindOf(Kind.PROJECT, Tag, "project")
NETWORK = KindOf(Kind.NETWORK, NetConfig, "network")
DATASTORE = KindOf(Kind.DATASTORE, DatastoreInfo, "datastore")
IMAGE = KindOf(Kind.IMAGE, ImageConfig, "image")
DEVICE = KindOf(Kind.DEVICE, DeviceConfig, "device")
NETINST = KindOf(Kind.NETINST, NetInstConfig, "network instance")
VOLUME = KindOf(Kind.VOLUME, VolInstConfig, "volume instance")
APP = KindOf(Kind.APP, App, "app bundle")
APP_INSTANCE = KindOf(Kind.APP_INSTANCE, AppInstance, "app instance")
DEPLOYMENT = KindOf(Kind.DEPLOYMENT, Deployment, "deployment")
APP_PROFILE = KindOf(Kind.APP_PROFILE, AppProfileRead, "app profile")
ASSET_GROUP = KindOf(Kind.ASSET_GROUP, AssetGroupRead, "asset group")
PROFILE_DEPLOYMENT = KindOf(Kind.PROFILE_DEPLOYMENT, ProfileDeployment, "profile deployment")
PATCH_ENVELOPE = KindOf(Kind.PATCH_ENVELOPE, PatchEnvelope, "patch envelope")
ARTIFACT = KindOf(Kind.ARTIFACT, Artifact, "artifact")
ALERT_RULE = KindOf(Kind.ALERT_RULE, AlertRule, "alert rule")
ALERT_CHANNEL = KindOf(Kind.ALERT_CHANNEL, AlertChannel, "alert channel")
ENTERPRISE = KindOf(Kind.ENTERPRISE, Enterprise, "enterprise")
REALM = KindOf(Kind.REALM, Realm, "realm")
ROLE = KindOf(Kind.ROLE, Role, "role")
AUTH_PROFILE = KindOf(Kind.AUTH_PROFILE, AuthorizationProfile, "authorization profile")
USER = KindOf(Kind.USER, DetailedUser, "user")
CEP = KindOf(Kind.CEP, SCEPProfile, "certificate enrolment profile")


def revision_of(revision: Revision) -> ObjectRevision:
    return ObjectRevision(
        curr=str(revision.curr),
        prev=str(revision.prev) if revision.prev else "",
        created_at=rfc3339(revision.created_at),
        created_by=revision.created_by,
        updated_at=rfc3339(revision.updated_at),
        updated_by=revision.updated_by,
    )


def in_sight(scope: Scope, item: Contract) -> bool:
    """Whether the projects that may use something (`projectAccessList`) have one in the scope.

    What names no project is open to all of them.
    """
    listed: tuple[str, ...] = getattr(item, "project_access_list", ())
    if scope.projects is None or not listed:
        return True
    return not scope.projects.isdisjoint(ProjectId(project) for project in listed)


def _seen(scope: Scope, item: T) -> T | None:
    return item if in_sight(scope, item) else None


async def find(db: Db, scope: Scope, of: KindOf[T], object_id: str) -> T | None:
    stored = await objects.find_object(db, scope, of.kind, object_id) if object_id else None
    return None if stored is None else _seen(scope, of.read(stored))


async def find_named(db: Db, scope: Scope, of: KindOf[T], reference: str) -> T | None:
    """Look a reference up that may be a name or an id."""
    if not reference:
        return None
    stored = await objects.find_object_by_name(db, scope, of.kind, reference)
    if stored is None:
        stored = await objects.find_object(db, scope, of.kind, reference)
    return None if stored is None else _seen(scope, of.read(stored))


async def list_all(
    db: Db, scope: Scope, of: KindOf[T], wanted: Filter = objects.ALL
) -> tuple[T, ...]:
    """Every object, however many, read in batches that follow the names."""
    found: list[T] = []
    after = ""
    while True:
        batch = await objects.list_objects(
            db, scope, of.kind, wanted, after=after, limit=objects.MAX_PAGE
        )
        found += [item for item in map(of.read, batch) if in_sight(scope, item)]
        if len(batch) < objects.MAX_PAGE:
            return tuple(found)
        after = batch[-1].name


async def in_order(db: Db, scope: Scope, of: KindOf[T], ids: Sequence[str]) -> tuple[T, ...]:
    """These objects, in this order."""
    found: dict[str, T] = {}
    known = KnownParts()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        batch = await objects.find_objects(db, scope, of.kind, some)
        found |= {one: of.read(stored, known) for one, stored in batch.items()}
    return tuple(found[one] for one in ids if one in found and in_sight(scope, found[one]))


async def names_of(db: Db, scope: Scope, kind: Kind) -> Mapping[str, str]:
    """The name of every object of a kind, by id."""
    return {one.id: one.name for one in await objects.list_names(db, scope, kind)}


async def on_device(db: Db, scope: Scope, of: KindOf[T], device_id: str) -> tuple[T, ...]:
    if not device_id:
        return ()
    return await list_all(db, scope, of, Filter(device_id=device_id))


async def by_reference(
    db: Db, scope: Scope, of: KindOf[T], references: Iterable[str]
) -> Mapping[str, T]:
    """Objects by the name or id under which something refers to them; the lost ones are absent."""
    found: dict[str, T] = {}
    for reference in sorted(set(references) - {""}):
        item = await find_named(db, scope, of, reference)
        if item is not None:
            found[reference] = item
    return found


async def missing(
    db: Db, scope: Scope, of: KindOf[T], references: Iterable[str]
) -> tuple[str, ...]:
    wanted = tuple(references)
    found = await by_reference(db, scope, of, wanted)
    return tuple(reference for reference in wanted if reference and reference not in found)


async def references_of(db: Db, object_id: str) -> frozenset[str]:
    """The ids of what an object refers to, as they are stored."""
    return await objects.references_of(db, object_id)
