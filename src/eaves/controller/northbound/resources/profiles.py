"""App profiles with their versions, asset groups, profile deployments."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, exists, insert, select

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.policies import (
    admit_asset_group,
    admit_profile,
    admit_profile_deployment,
)
from eaves.controller.domain.admission.refusal import invalid
from eaves.controller.domain.concealment import conceal_manifests
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.envelope import Origin
from eaves.controller.domain.contract.manifests import VMManifest
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AppProfileStatusType,
    AssetGroupRead,
    ProfileAppPolicy,
    ProfileDeployment,
)
from eaves.controller.domain.policies.entries import Makes, asset_term, named
from eaves.controller.domain.secrets import SecretName, policy_prefix
from eaves.controller.northbound import policies, records
from eaves.controller.northbound.resources.apps import prepare_app
from eaves.controller.northbound.resources.facts import FactsById, names
from eaves.controller.northbound.sealing import brings_new
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects, sealed
from eaves.controller.store.objects import Draft
from eaves.controller.store.policy_sites import find_version
from eaves.controller.store.tables import Kind, object_ids, object_references
from eaves.controller.store.tables import objects as tables
from eaves.controller.store.tables_policies import app_profile_versions
from eaves.errors import Rejected

BUNDLE_TITLE = "Made by an app profile"


# --- app profiles --------------------------------------------------------------------------------


def content_of(profile: AppProfileRead) -> object:
    """What makes another version when it changes."""
    return (profile.app_policies, profile.network_policies, profile.volume_policies)


async def prepare_profile(
    work: Work, wanted: AppProfileRead, current: AppProfileRead | None
) -> Prepared[AppProfileRead]:
    images = {
        one.volume_config.image for one in wanted.volume_policies if one.volume_config is not None
    }
    found = await records.by_reference(work.db, work.scope, records.IMAGE, images)
    refusals = [
        *admit_profile(wanted, current, images=found),
        *await _refuse_bundles(work, wanted),
    ]
    concealed = conceal_manifests(
        (name, one.app_config.manifest_json if one.app_config else None)
        for name, one in named(wanted.app_policies, Makes.APP)
    )
    public = wanted.model_copy(
        update={
            "app_policies": tuple(
                _with_manifest(one, name, concealed.public)
                for name, one in named(wanted.app_policies, Makes.APP)
            )
        }
    )
    before = current.latest_version if current is not None else 0
    same = current is not None and content_of(current) == content_of(public)
    if same and await brings_new(work, wanted.id, concealed.secrets):
        same = False
    version = before if same else before + 1
    kept = await _bundles_of(work, wanted.id) if current is not None else frozenset[str]()
    return Prepared(
        public.model_copy(
            update={"latest_version": version, "status": AppProfileStatusType.INACTIVE}
        ),
        tuple(refusals),
        references=frozenset({image.id for image in found.values()}) | kept,
        secrets=concealed.secrets,
        secret_fields=concealed.fields,
    )


def _with_manifest(
    policy: ProfileAppPolicy, name: str, manifests: Mapping[str, VMManifest]
) -> ProfileAppPolicy:
    manifest = manifests.get(name)
    if manifest is None or policy.app_config is None:
        return policy
    config = policy.app_config.model_copy(update={"manifest_json": manifest})
    return policy.model_copy(update={"app_config": config})


async def _refuse_bundles(work: Work, wanted: AppProfileRead) -> tuple[Refusal, ...]:
    refusals: list[Refusal] = []
    for index, (name, one) in enumerate(named(wanted.app_policies, Makes.APP)):
        where = f"appPolicies[{index}].appConfig"
        bundle = bundle_of(wanted, name, one, "")
        if bundle is None:
            refusals.append(
                invalid(f"{where}.manifestJSON", f"{where} has no manifestJSON; it says what runs")
            )
            continue
        prepared = await prepare_app(work, bundle, None)
        refusals += [
            Refusal(refusal.code, f"{where}.{refusal.member}", refusal.details)
            for refusal in prepared.refusals
        ]
    return tuple(refusals)


def bundle_of(
    profile: AppProfileRead, name: str, policy: ProfileAppPolicy, object_id: str
) -> App | None:
    """The bundle that an app of a profile comes to; None: it has no manifest."""
    config = policy.app_config
    if config is None or config.manifest_json is None:
        return None
    label = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
    return App(
        id=object_id,
        name=f"{profile.name[:100]}.{label[:100]}.v{profile.latest_version}",
        title=BUNDLE_TITLE,
        manifest_json=config.manifest_json,
    )


async def _bundles_of(work: Work, profile_id: str) -> frozenset[str]:
    c = app_profile_versions.c
    query = select(c.body).where(
        c.enterprise_id == work.scope.enterprise, c.profile_id == profile_id
    )
    bodies = (await work.db.execute(query)).scalars().all()
    return frozenset(one for body in bodies for one in json.loads(body)["bundles"].values())


async def store_version(work: Work, wanted: AppProfileRead, current: AppProfileRead | None) -> None:
    """A new version; deployments of the latest one follow.

    Each app has a bundle, and keeps it from version to version until what it runs changes.
    """
    if current is not None and current.latest_version == wanted.latest_version:
        return
    before = await _bundles_before(work, wanted)
    bundles: dict[str, str] = {}
    made: list[str] = []
    for name, one in named(wanted.app_policies, Makes.APP):
        config, kept = one.app_config, before.get(name)
        if config is not None and kept is not None and config.manifest_json == kept.manifest:
            bundles[name] = kept.bundle_id
            continue
        bundle = bundle_of(wanted, name, one, work.new_id())
        if bundle is not None:
            bundles[name] = bundle.id
            made.append(bundle.id)
            await _insert_bundle(work, wanted, name, bundle)
    body = {"profile": wanted.to_json(), "bundles": bundles}
    await work.db.execute(
        insert(app_profile_versions).values(
            enterprise_id=work.scope.enterprise,
            profile_id=wanted.id,
            version=wanted.latest_version,
            body=json.dumps(body),
        )
    )
    if made:
        await work.db.execute(
            insert(object_references), [{"from_id": wanted.id, "to_id": one} for one in made]
        )
    await _touch_users(work, wanted.id)


@dataclass(frozen=True, slots=True)
class _Kept:
    bundle_id: str
    manifest: VMManifest


async def _bundles_before(work: Work, wanted: AppProfileRead) -> Mapping[str, _Kept]:
    """Of the apps of the version before this one whose passwords are the same as now, by name."""
    found = await find_version(work.db, work.scope.enterprise, wanted.id, 0)
    if found is None:
        return {}
    profile, bundles = found
    kept: dict[str, _Kept] = {}
    for name, one in named(profile.app_policies, Makes.APP):
        manifest = one.app_config.manifest_json if one.app_config is not None else None
        bundle_id = bundles.get(name)
        if manifest is None or bundle_id is None:
            continue
        if await _same_passwords(work, wanted.id, policy_prefix(name), bundle_id):
            kept[name] = _Kept(bundle_id, manifest)
    return kept


async def _same_passwords(work: Work, profile_id: str, prefix: str, bundle_id: str) -> bool:
    """Whether a bundle has the passwords that its profile has behind this prefix."""
    stored = await sealed.find_secrets(work.db, (profile_id, bundle_id))
    mine: dict[str, SecretName] = {}
    theirs: dict[str, SecretName] = {}
    for name in stored:
        if name.object_id == bundle_id:
            theirs[name.field] = name
        elif name.field.startswith(prefix):
            mine[name.field.removeprefix(prefix)] = name

    def clear(name: SecretName) -> bytes:
        return work.keys.open(name.purpose, stored[name])

    try:
        return mine.keys() == theirs.keys() and all(
            clear(mine[one]) == clear(theirs[one]) for one in mine
        )
    except Rejected:
        return False  # the key file was lost: what was sent anew can be read again


async def _insert_bundle(work: Work, profile: AppProfileRead, name: str, bundle: App) -> None:
    prepared = await prepare_app(work, bundle, None)
    item = prepared.wanted.model_copy(update={"origin_type": Origin.APP_PROFILE_LOCAL})
    await objects.insert_object(
        work.db,
        work.scope,
        Draft(
            kind=Kind.APP,
            id=bundle.id,
            enterprise_id=work.scope.enterprise,
            name=bundle.name,
            title=bundle.title,
            state=prepared.state,
            references=prepared.references,
            body=item.to_json_text(),
        ),
        work.stamp,
    )
    prefix = policy_prefix(name)
    stored = await sealed.find_secrets(work.db, (profile.id,))
    for old, value in stored.items():
        if old.field.startswith(prefix):
            new = SecretName(bundle.id, old.field.removeprefix(prefix))
            await sealed.put_secret(work.db, new, policies.means_of(work).reseal(old, new, value))


async def _touch_users(work: Work, object_id: str) -> None:
    """Projects whose profile deployments refer to this profile or group."""
    c, table = object_references.c, tables[Kind.PROFILE_DEPLOYMENT]
    query = (
        select(table.c.project_id)
        .distinct()
        .join(object_references, c.from_id == table.c.id)
        .where(c.to_id == object_id)
        .order_by(table.c.project_id)
    )
    for project_id in (await work.db.execute(query)).scalars().all():
        await policies.touch_project(work, project_id)


async def release_bundles(
    work: Work, gone: AppProfileRead, _current: AppProfileRead | None
) -> None:
    """The profile no longer needs its bundles; what still does is told by their deletion."""
    bundles = await _bundles_of(work, gone.id)
    c = object_references.c
    await work.db.execute(
        delete(object_references).where(c.from_id == gone.id, c.to_id.in_(bundles))
    )
    used = await work.db.execute(select(exists().where(c.to_id == gone.id)))
    if used.scalar_one():
        return  # refused in a moment, by those that refer to the profile
    for bundle in sorted(bundles):
        await objects.delete_object(work.db, work.scope, Kind.APP, bundle)


async def present_profile(work: Work, item: AppProfileRead) -> AppProfileRead:
    """In use, or not."""
    c, ids = object_references.c, object_ids.c
    query = select(
        exists().where(
            c.to_id == item.id, c.from_id == ids.id, ids.kind == Kind.PROFILE_DEPLOYMENT.value
        )
    )
    used = (await work.db.execute(query)).scalar_one()
    status = AppProfileStatusType.ACTIVE if used else AppProfileStatusType.INACTIVE
    return item.model_copy(update={"status": status})


# --- asset groups --------------------------------------------------------------------------------


async def prepare_group(
    work: Work, wanted: AssetGroupRead, current: AssetGroupRead | None
) -> Prepared[AssetGroupRead]:
    project = await records.find(work.db, work.scope, records.PROJECT, wanted.project_id)
    ids = sorted({one for one in (wanted.asset_ids.ids if wanted.asset_ids else ()) if one})
    there = await records.in_order(work.db, work.scope, records.DEVICE, ids)
    members = {
        one.id for one in there if not wanted.project_id or one.project_id == wanted.project_id
    }
    complete = wanted.model_copy(update={"title": wanted.title or wanted.name, "asset_count": 0})
    return Prepared(
        complete,
        admit_asset_group(wanted, current, project=project, lost=set(ids) - members),
        references=frozenset({wanted.project_id} | members),
        project_id=wanted.project_id,
    )


async def group_written(work: Work, wanted: AssetGroupRead, current: AssetGroupRead | None) -> None:
    if current is not None:
        await _touch_users(work, wanted.id)


async def present_group(work: Work, item: AssetGroupRead) -> AssetGroupRead:
    term = asset_term(item)
    nodes = await policies.nodes_of(work, item.project_id)
    return item.model_copy(update={"asset_count": sum(1 for node in nodes if term.holds(node))})


async def group_facts(work: Work, items: tuple[AssetGroupRead, ...]) -> FactsById:
    projects = await names(work, Kind.PROJECT)
    return {item.id: {"projectName": projects.get(item.project_id, "")} for item in items}


# --- profile deployments -------------------------------------------------------------------------


async def prepare_profile_deployment(
    work: Work, wanted: ProfileDeployment, current: ProfileDeployment | None
) -> Prepared[ProfileDeployment]:
    db, scope = work.db, work.scope
    info, target = wanted.app_profile_info, wanted.target_asset_group
    project = await records.find(db, scope, records.PROJECT, wanted.project_id)
    profile = await records.find(
        db, scope, records.APP_PROFILE, info.app_profile_id if info else ""
    )
    group = await records.find(db, scope, records.ASSET_GROUP, target.group_id if target else "")
    refusals = admit_profile_deployment(
        wanted, current, project=project, profile=profile, group=group
    )
    references = {one.id for one in (project, profile, group) if one is not None}
    return Prepared(
        wanted,
        refusals,
        references=frozenset(references),
        project_id=wanted.project_id,
    )


async def profile_deployment_written(
    work: Work, wanted: ProfileDeployment, current: ProfileDeployment | None
) -> None:
    projects = {wanted.project_id, current.project_id if current is not None else ""}
    for project_id in sorted(projects - {""}):
        await policies.touch_project(work, project_id)


async def present_profile_deployment(work: Work, item: ProfileDeployment) -> ProfileDeployment:
    status = await policies.status_of(work, item.project_id)
    return item.model_copy(update={"status": status.value})
