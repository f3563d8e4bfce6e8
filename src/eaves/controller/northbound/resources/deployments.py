"""Deployments of a project."""

from eaves.controller.domain.admission.policies import admit_deployment
from eaves.controller.domain.concealment import conceal_manifests
from eaves.controller.domain.contract.app_policies import AppInstPolicy, PolicyCommon
from eaves.controller.domain.contract.deployments import (
    Deployment,
    DevicePolicy,
    DevicePolicyType,
)
from eaves.controller.domain.policies.entries import Makes, policy_name
from eaves.controller.northbound import policies, records
from eaves.controller.northbound.resources.signed import refuse_unsigned_wares
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store.objects import Filter

ATTESTATION = "-attestation"


def stored_name(deployment: Deployment) -> str:
    """Names are unique in a project."""
    return f"{deployment.project_id}:{deployment.name}"


def complete(wanted: Deployment) -> Deployment:
    return wanted.model_copy(
        update={"device_policies": tuple(_suffixed(one) for one in wanted.device_policies)}
    )


def _suffixed(policy: DevicePolicy) -> DevicePolicy:
    """A policy of attestation says so in its name."""
    meta = policy.meta_data
    attests = (
        policy.attestation_policy is not None
        or policy.policy_sub_type is DevicePolicyType.ATTESTATION
    )
    if meta is None or not attests or not meta.name or meta.name.endswith(ATTESTATION):
        return policy
    named = meta.model_copy(update={"name": meta.name + ATTESTATION})
    return policy.model_copy(update={"meta_data": named})


def app_name(policy: AppInstPolicy, index: int) -> str:
    return policy_name(policy.meta_data or PolicyCommon(), Makes.APP, index)


async def of_project(work: Work, project_id: str) -> tuple[Deployment, ...]:
    """The deployments of one project."""
    wanted = Filter(project_id=project_id)
    return await records.list_all(work.db, work.scope, records.DEPLOYMENT, wanted)


async def prepare_deployment(
    work: Work, wanted: Deployment, _current: Deployment | None
) -> Prepared[Deployment]:
    db, scope = work.db, work.scope
    project = await records.find(db, scope, records.PROJECT, wanted.project_id)
    bundle_ids = {
        one.app_inst_config.bundle_id for one in wanted.app_inst_policies if one.app_inst_config
    }
    found = await records.in_order(db, scope, records.APP, sorted(bundle_ids))
    bundles = {one.id: one for one in found}
    images = await records.by_reference(
        db,
        scope,
        records.IMAGE,
        (one.vol_inst_config.image for one in wanted.volume_inst_policies if one.vol_inst_config),
    )
    others = await of_project(work, wanted.project_id)
    holder = next(
        (
            one.name
            for one in others
            if one.id != wanted.id and wanted.deployment_tag == one.deployment_tag != ""
        ),
        "",
    )
    refusals = admit_deployment(
        wanted, project=project, bundles=bundles, images=images, tag_taken_by=holder
    )
    refusals += await refuse_unsigned_wares(
        work,
        wanted.project_id,
        {
            f"appInstPolicies[{index}].appInstConfig.bundleId": bundles[config.bundle_id]
            for index, one in enumerate(wanted.app_inst_policies)
            if (config := one.app_inst_config) is not None and config.bundle_id in bundles
        },
        {
            f"volumeInstPolicies[{index}].volInstConfig.image": images[volume.image]
            for index, one in enumerate(wanted.volume_inst_policies)
            if (volume := one.vol_inst_config) is not None and volume.image in images
        },
    )
    concealed = conceal_manifests(
        (app_name(one, index), one.app_inst_config.manifest_json if one.app_inst_config else None)
        for index, one in enumerate(wanted.app_inst_policies)
    )
    apps: list[AppInstPolicy] = []
    for index, one in enumerate(wanted.app_inst_policies):
        public = concealed.public.get(app_name(one, index))
        config = one.app_inst_config
        if public is not None and config is not None:
            changed = config.model_copy(update={"manifest_json": public})
            apps.append(one.model_copy(update={"app_inst_config": changed}))
        else:
            apps.append(one)
    references = {wanted.project_id, *bundles} | {image.id for image in images.values()}
    return Prepared(
        complete(wanted.model_copy(update={"app_inst_policies": tuple(apps)})),
        refusals,
        references=frozenset(references),
        project_id=wanted.project_id,
        state=wanted.deployment_tag,
        secrets=concealed.secrets,
        secret_fields=concealed.fields,
    )


async def deployment_written(work: Work, wanted: Deployment, _current: Deployment | None) -> None:
    await policies.touch_project(work, wanted.project_id)
