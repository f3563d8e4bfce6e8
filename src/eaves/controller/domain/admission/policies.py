"""Policies of projects, deployments, app profiles, asset groups: does what they name exist?"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from eaves.controller.domain.admission.refusal import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    NAME,
    Refusal,
    invalid,
    unknown,
)
from eaves.controller.domain.contract.app_policies import PolicyCommon
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.devices import ConfigurationLock, TagType
from eaves.controller.domain.contract.profiles import (
    AppProfileRead,
    AssetGroupRead,
    ProfileDeployment,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.policies.entries import InstPolicy, Makes, named, policy_name


def _admit_name(kind: str, name: str, title: str, before: str | None) -> list[Refusal]:
    refusals: list[Refusal] = []
    if before is not None and name != before:
        refusals.append(
            invalid("name", f"{kind} {before!r} cannot be renamed to {name!r}; create a new one")
        )
    elif not NAME.fullmatch(name):
        refusals.append(
            invalid(
                "name",
                f"{kind} name {name!r} does not fit: 3 to 256 letters, digits, '-', '_' or '.', "
                "the first a letter or digit",
            )
        )
    if len(title) > MAX_TITLE or not title.isprintable():
        refusals.append(
            invalid("title", f"{kind} {name!r}: a title has up to 256 printable characters")
        )
    return refusals


def _refuse_twice(names: Iterable[str], member: str) -> list[Refusal]:
    return [
        invalid(member, f"{member} has {count} policies called {name!r}; give each its own name")
        for name, count in sorted(Counter(names).items())
        if count > 1
    ]


def admit_project_policies(wanted: Tag, *, bundles: Collection[str]) -> tuple[Refusal, ...]:
    """`bundles`: ids of those that exist, of those that the app policy names."""
    refusals: list[Refusal] = []
    apps = (
        wanted.app_policy.app_policy.apps
        if (wanted.app_policy and wanted.app_policy.app_policy)
        else ()
    )
    at = "appPolicy.appPolicy.apps"
    refusals += [
        unknown("app bundle", app.app_id, f"{at}[{index}].appId")
        for index, app in enumerate(apps)
        if app.app_id not in bundles
    ]
    refusals += _refuse_twice((app.name for app in apps if app.name), at)
    networks = wanted.network_policy.network_policy if wanted.network_policy else None
    netinsts = networks.net_instance_config if networks else ()
    at = "networkPolicy.networkPolicy.netInstanceConfig"
    refusals += _refuse_twice((one.name for one in netinsts if one.name), at)
    if sum(one.device_default for one in netinsts) > 1:
        refusals.append(invalid(at, "more than one network is deviceDefault; a device has one"))
    if wanted.type is not TagType.DEPLOYMENT:
        return tuple(refusals)
    if apps or netinsts:
        refusals.append(
            invalid(
                "appPolicy" if apps else "networkPolicy",
                f"project {wanted.name!r} is a deployment project: its apps and networks stand in "
                f"its deployments, POST /v2/projects/id/{wanted.id}/deployments",
            )
        )
    lock = wanted.configuration_lock_policy
    body = lock.configuration_lock_policy if lock is not None else None
    if body is not None and body.config_lock is ConfigurationLock.ENABLED:
        refusals.append(
            invalid(
                "configurationLockPolicy",
                "a deployment project has no configuration lock; leave it",
            )
        )
    return tuple(refusals)


def admit_deployment(
    wanted: Deployment,
    *,
    project: Tag | None,
    bundles: Collection[str],
    images: Collection[str],
    tag_taken_by: str,
) -> tuple[Refusal, ...]:
    """`bundles` and `images`: references of the policies that lead somewhere."""
    refusals: list[Refusal] = []
    if project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    elif project.type is not TagType.DEPLOYMENT:
        refusals.append(
            invalid(
                "projectId",
                f"project {project.name!r} is {project.type}; deployments need one of type "
                f"{TagType.DEPLOYMENT}",
            )
        )
    refusals += _admit_name("deployment", wanted.name, wanted.title, None)
    if tag_taken_by:
        refusals.append(
            invalid(
                "deploymentTag",
                f"deployment {tag_taken_by!r} of this project has the deploymentTag "
                f"{wanted.deployment_tag!r} already; a node picks one deployment by it",
            )
        )
    groups: tuple[tuple[Makes, str, Sequence[InstPolicy]], ...] = (
        (Makes.NETINST, "networkInstPolicies", wanted.network_inst_policies),
        (Makes.VOLUME, "volumeInstPolicies", wanted.volume_inst_policies),
        (Makes.APP, "appInstPolicies", wanted.app_inst_policies),
    )
    for makes, member, policies in groups:
        names = (
            policy_name(one.meta_data or PolicyCommon(), makes, place)
            for place, one in enumerate(policies)
        )
        refusals += _refuse_twice(names, member)
    for index, app in enumerate(wanted.app_inst_policies):
        at = f"appInstPolicies[{index}].appInstConfig"
        if app.app_inst_config is None:
            refusals.append(invalid(at, f"{at} is missing; say which bundle it deploys"))
        elif app.app_inst_config.bundle_id not in bundles:
            bundle = app.app_inst_config.bundle_id
            refusals.append(unknown("app bundle", bundle, f"{at}.bundleId"))
    for index, volume in enumerate(wanted.volume_inst_policies):
        image = volume.vol_inst_config.image if volume.vol_inst_config else ""
        if image and image not in images:
            at = f"volumeInstPolicies[{index}].volInstConfig.image"
            refusals.append(unknown("image", image, at))
    return tuple(refusals)


def admit_profile(
    wanted: AppProfileRead, current: AppProfileRead | None, *, images: Collection[str]
) -> tuple[Refusal, ...]:
    before = current.name if current is not None else None
    refusals = _admit_name("app profile", wanted.name, wanted.title, before)
    for member, names in (
        ("appPolicies", [name for name, _ in named(wanted.app_policies, Makes.APP)]),
        ("networkPolicies", [name for name, _ in named(wanted.network_policies, Makes.NETINST)]),
        ("volumePolicies", [name for name, _ in named(wanted.volume_policies, Makes.VOLUME)]),
    ):
        refusals += _refuse_twice(names, member)
    for index, volume in enumerate(wanted.volume_policies):
        image = volume.volume_config.image if volume.volume_config else ""
        if image and image not in images:
            at = f"volumePolicies[{index}].volumeConfig.image"
            refusals.append(unknown("image", image, at))
    return tuple(refusals)


def admit_asset_group(
    wanted: AssetGroupRead,
    current: AssetGroupRead | None,
    *,
    project: Tag | None,
    lost: Collection[str],
) -> tuple[Refusal, ...]:
    """`lost`: ids that are those of no device of the project."""
    before = current.name if current is not None else None
    refusals = _admit_name("asset group", wanted.name, wanted.title, before)
    if len(wanted.description) > MAX_DESCRIPTION:
        refusals.append(invalid("description", "the description has more than 256 characters"))
    if wanted.project_id and project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    where = f"project {project.name!r}" if project is not None else "the enterprise"
    refusals += [
        invalid("assetIds.ids", f"{where} has no device {one!r}; list its devices for their ids")
        for one in sorted(lost)
    ]
    return tuple(refusals)


def admit_profile_deployment(
    wanted: ProfileDeployment,
    current: ProfileDeployment | None,
    *,
    project: Tag | None,
    profile: AppProfileRead | None,
    group: AssetGroupRead | None,
) -> tuple[Refusal, ...]:
    before = current.name if current is not None else None
    refusals = _admit_name("profile deployment", wanted.name, wanted.title, before)
    if len(wanted.description) > MAX_DESCRIPTION:
        refusals.append(invalid("description", "the description has more than 256 characters"))
    if project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    info, target = wanted.app_profile_info, wanted.target_asset_group
    if profile is None:
        id_ = info.app_profile_id if info is not None else ""
        refusals.append(unknown("app profile", id_, "appProfileInfo.appProfileId"))
    elif info is not None and not 0 <= info.version <= profile.latest_version:
        refusals.append(
            invalid(
                "appProfileInfo.version",
                f"app profile {profile.name!r} has no version {info.version}; it has 1 to "
                f"{profile.latest_version}, and 0 stands for the latest",
            )
        )
    if group is None:
        id_ = target.group_id if target is not None else ""
        refusals.append(unknown("asset group", id_, "targetAssetGroup.groupId"))
    elif group.project_id and group.project_id != wanted.project_id:
        refusals.append(
            invalid(
                "targetAssetGroup.groupId",
                f"asset group {group.name!r} belongs to another project; take one of the same",
            )
        )
    return tuple(refusals)
