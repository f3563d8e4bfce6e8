"""Read devices with their policies and what they carry, many at a time.

This module imports the contract types and so is not for the path that starts or serves polls.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, or_, select

from eaves.controller.domain.concealment import passwords_of
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AssetGroupRead,
    ProfileDeployment,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.stored import read_stored
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.policies.decide import Owned, names_of
from eaves.controller.domain.policies.entries import (
    AppTemplate,
    Entry,
    Makes,
    Profiled,
    Template,
    entries_of_deployment,
    entries_of_profile,
    entries_of_project,
)
from eaves.controller.domain.policies.settle import Site
from eaves.controller.domain.secrets import SecretName, policy_prefix
from eaves.controller.domain.signed_images import ANY_IMAGE
from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.image_trust import find_trusts
from eaves.controller.store.inputs import load_all_inputs
from eaves.controller.store.sealed import find_secrets
from eaves.controller.store.tables import Kind, object_references, objects
from eaves.controller.store.tables_policies import app_profile_versions, policy_objects
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)


@dataclass(frozen=True)
class ProjectPolicies:
    """All that is in force in one project."""

    project: Tag | None
    deployments: tuple[Deployment, ...] = ()
    entries: tuple[Entry, ...] = ()


NONE = ProjectPolicies(None)


@dataclass(frozen=True)
class Sites:
    """Devices of one enterprise; those that are no more are left out."""

    enterprise_id: str
    sites: tuple[Site, ...]
    policies: Mapping[str, ProjectPolicies]  # by project id
    bundles: Mapping[str, App] = field(default_factory=dict[str, App])
    read: Mapping[DeviceId, DeviceInputs] = field(default_factory=dict[DeviceId, DeviceInputs])

    def policies_of(self, site: Site) -> ProjectPolicies:
        return self.policies.get(site.device.project_id, NONE)


async def load_sites(db: Db, device_ids: Collection[DeviceId]) -> tuple[Sites, ...]:
    """One for each enterprise, in the order of their ids."""
    by_enterprise: defaultdict[str, list[Site]] = defaultdict(list)
    read: defaultdict[str, dict[DeviceId, DeviceInputs]] = defaultdict(dict)
    for inputs in await load_all_inputs(db, device_ids):
        site = Site(
            device=inputs.device,
            model=inputs.model,
            netinsts=inputs.netinsts,
            volumes=inputs.volumes,
            instances=inputs.instances,
            bundles=inputs.bundles,
            images=inputs.images,
        )
        by_enterprise[inputs.enterprise_id].append(site)
        read[inputs.enterprise_id][DeviceId(inputs.device.id)] = inputs
    return tuple(
        [
            replace(await _of_enterprise(db, id_, by_enterprise[id_]), read=read[id_])
            for id_ in sorted(by_enterprise)
        ]
    )


async def _of_enterprise(db: Db, enterprise_id: str, sites: Sequence[Site]) -> Sites:
    projects = {site.device.project_id for site in sites} - {""}
    policies = await load_policies(db, enterprise_id, projects)
    return await complete_sites(db, enterprise_id, sites, policies)


async def complete_sites(
    db: Db,
    enterprise_id: str,
    sites: Sequence[Site],
    policies: Mapping[str, ProjectPolicies],
) -> Sites:
    """With all that these policies need to know of the devices."""
    ids = [site.device.id for site in sites]
    owned = await _owned(db, enterprise_id, ids)
    entries = [entry for one in policies.values() for entry in one.entries]
    bundles, images = await _wares(db, enterprise_id, entries)
    carried = [id_ for site in sites for id_ in site.carried]
    references = await _references(db, carried)
    taken = await _taken(db, enterprise_id, sites, policies)
    trusts = await find_trusts(
        db,
        enterprise_id,
        {site.device.project_id for site in sites},
        {image.id for image in (*images.values(), *_images_there(sites))},
    )
    shared = next(iter(sites), None)
    every_bundle = {**(shared.bundles if shared else {}), **bundles}
    every_image = {**(shared.images if shared else {}), **images}
    complete = tuple(
        site.complete(
            owned=tuple(owned.get(site.device.id, ())),
            bundles=every_bundle,
            images=every_image,
            references={id_: references.get(id_, frozenset()) for id_ in site.carried},
            taken=taken,
            trust=trusts.get(site.device.project_id, ANY_IMAGE),
        )
        for site in sites
    )
    return Sites(enterprise_id, complete, policies, every_bundle)


def _images_there(sites: Iterable[Site]) -> Iterable[ImageConfig]:
    """The sites of one enterprise share them."""
    shared = next(iter(sites), None)
    return shared.images.values() if shared is not None else ()


async def load_policies(
    db: Db, enterprise_id: str, project_ids: Collection[str]
) -> Mapping[str, ProjectPolicies]:
    """By project id; of every project that is there."""
    c = objects[Kind.PROJECT].c
    projects = await read_all(
        db, Kind.PROJECT, Tag, enterprise_id, is_one_of(db, c.id, project_ids)
    )
    deployments = await load_deployments(db, enterprise_id, project_ids)
    profiled = await _profiled(db, enterprise_id, project_ids)
    found: dict[str, ProjectPolicies] = {}
    for project in projects:
        mine = tuple(one for one in deployments if one.project_id == project.id)
        entries = list(entries_of_project(project))
        for deployment in mine:
            entries += entries_of_deployment(deployment, project.name)
        for one in profiled:
            if one.deployment.project_id == project.id:
                entries += entries_of_profile(one, project.name)
        found[project.id] = ProjectPolicies(project, mine, await with_seals(db, entries))
    return found


async def with_seals(db: Db, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """With the digests of the passwords that their policies give: another one is another wish."""
    every = tuple(entries)
    giving = {one.source.id for one in every if _gives_passwords(one.template)}
    stored = await find_secrets(db, giving)
    return tuple(_sealed(one, stored) if one.source.id in giving else one for one in every)


def _gives_passwords(template: Template) -> bool:
    manifest = template.manifest if isinstance(template, AppTemplate) else None
    configuration = manifest.configuration if manifest is not None else None
    return bool(passwords_of(configuration.custom_config if configuration is not None else None))


def _sealed(entry: Entry, stored: Mapping[SecretName, bytes]) -> Entry:
    if not isinstance(entry.template, AppTemplate):
        return entry
    prefix, digest = policy_prefix(entry.alias), hashlib.sha256()
    own = [
        (name.field, sealed)
        for name, sealed in stored.items()
        if name.object_id == entry.source.id and name.field.startswith(prefix)
    ]
    for field_name, sealed in sorted(own):
        digest.update(f"{field_name} {len(sealed)} ".encode() + sealed)
    mark = digest.hexdigest()[:24] if own else ""
    return replace(entry, template=replace(entry.template, sealed=mark))


async def load_deployments(
    db: Db, enterprise_id: str, project_ids: Collection[str]
) -> tuple[Deployment, ...]:
    """Of these projects."""
    c = objects[Kind.DEPLOYMENT].c
    return await read_all(
        db, Kind.DEPLOYMENT, Deployment, enterprise_id, is_one_of(db, c.project_id, project_ids)
    )


async def _profiled(
    db: Db, enterprise_id: str, project_ids: Collection[str]
) -> tuple[Profiled, ...]:
    c = objects[Kind.PROFILE_DEPLOYMENT].c
    deployments = await read_all(
        db,
        Kind.PROFILE_DEPLOYMENT,
        ProfileDeployment,
        enterprise_id,
        is_one_of(db, c.project_id, project_ids),
    )
    if not deployments:
        return ()
    found: list[Profiled] = []
    for given in deployments:
        one = await profiled(db, enterprise_id, given)
        if one is not None:
            found.append(one)
    return tuple(found)


async def profiled(db: Db, enterprise_id: str, deployment: ProfileDeployment) -> Profiled | None:
    """None: its group or the version of its profile is not there."""
    info, target = deployment.app_profile_info, deployment.target_asset_group
    if info is None or target is None:
        return None
    c = objects[Kind.ASSET_GROUP].c
    groups = await read_all(
        db, Kind.ASSET_GROUP, AssetGroupRead, enterprise_id, c.id == target.group_id
    )
    found = await find_version(db, enterprise_id, info.app_profile_id, info.version)
    if not groups or found is None:
        return None
    return Profiled(deployment, found[0], groups[0], found[1])


async def find_version(
    db: Db, enterprise_id: str, profile_id: str, version: int
) -> tuple[AppProfileRead, dict[str, str]] | None:
    """A version of an app profile (0: the latest), and the bundles of its apps by name."""
    c = app_profile_versions.c
    query = select(c.body).where(c.enterprise_id == enterprise_id, c.profile_id == profile_id)
    if version:
        query = query.where(c.version == version)
    row = (await db.execute(query.order_by(c.version.desc()).limit(1))).one_or_none()
    return None if row is None else read_version(row.body)


def read_version(body: str) -> tuple[AppProfileRead, dict[str, str]]:
    held = cast("dict[str, Any]", json.loads(body))
    bundles: dict[str, str] = held["bundles"]
    return AppProfileRead.from_json(held["profile"]), bundles


async def read_all(
    db: Db, kind: Kind, contract: type[T], enterprise_id: str, where: ColumnElement[bool]
) -> tuple[T, ...]:
    """In the order of ids."""
    c = objects[kind].c
    query = (
        select(c.id, c.revision, c.body)
        .where(c.enterprise_id == enterprise_id, where)
        .order_by(c.id)
    )
    return tuple(
        read_stored(contract, body, {"id": id_, "revision": ObjectRevision(curr=str(revision))})
        for id_, revision, body in await db.execute(query)
    )


async def _owned(
    db: Db, enterprise_id: str, device_ids: Collection[str]
) -> Mapping[str, list[Owned]]:
    c = policy_objects.c
    query = select(c.device_id, c.object_id, c.source_id, c.entry, c.kind, c.template).where(
        c.enterprise_id == enterprise_id, is_one_of(db, c.device_id, device_ids)
    )
    found: defaultdict[str, list[Owned]] = defaultdict(list)
    for row in await db.execute(query):
        owned = Owned(row.object_id, row.source_id, row.entry, Makes(row.kind), row.template)
        found[row.device_id].append(owned)
    return found


async def _wares(
    db: Db, enterprise_id: str, entries: Iterable[Entry]
) -> tuple[Mapping[str, App], Mapping[str, ImageConfig]]:
    """Bundles and images that entries name; images by id and by name."""
    wanted: set[str] = set()
    images: set[str] = set()
    for entry in entries:
        match entry.template:
            case AppTemplate() as template:
                wanted.add(template.bundle_id)
                if template.manifest is not None:
                    images |= {drive.imagename for drive in template.manifest.images}
            case VolInstConfig() as volume:
                images.add(volume.image)
            case _:
                pass
    c = objects[Kind.APP].c
    bundles = await read_all(db, Kind.APP, App, enterprise_id, is_one_of(db, c.id, wanted - {""}))
    for bundle in bundles:
        manifest = bundle.manifest_json
        images |= {drive.imagename for drive in (manifest.images if manifest else ())}
    i = objects[Kind.IMAGE].c
    named = images - {""}
    where = or_(is_one_of(db, i.name, named), is_one_of(db, i.id, named))
    stored = await read_all(db, Kind.IMAGE, ImageConfig, enterprise_id, where) if named else ()
    return (
        {bundle.id: bundle for bundle in bundles},
        {key: image for image in stored for key in (image.id, image.name)},
    )


async def _references(db: Db, ids: Collection[str]) -> Mapping[str, frozenset[str]]:
    c = object_references.c
    query = select(c.from_id, c.to_id).where(is_one_of(db, c.from_id, ids))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in await db.execute(query):
        found[row.from_id].add(row.to_id)
    return {key: frozenset(value) for key, value in found.items()}


async def _taken(
    db: Db,
    enterprise_id: str,
    sites: Iterable[Site],
    policies: Mapping[str, ProjectPolicies],
) -> Mapping[tuple[Makes, str], str]:
    """Of the names that the policies give on these devices, those in use, and by which object."""
    wanted: defaultdict[Makes, set[str]] = defaultdict(set)
    for site in sites:
        entries = policies.get(site.device.project_id, NONE).entries
        names = names_of(site.node, entries)
        for entry in entries:
            if entry.key in names:
                wanted[entry.makes].add(names[entry.key])
    found: dict[tuple[Makes, str], str] = {}
    for makes, names_wanted in wanted.items():
        c = objects[Kind(makes.value)].c
        query = select(c.name, c.id).where(
            c.enterprise_id == enterprise_id, is_one_of(db, c.name, names_wanted)
        )
        found |= {(makes, row.name): row.id for row in await db.execute(query)}
    return found
