"""Brands, models, projects, devices."""

from functools import partial

from eaves.controller.domain.admission import (
    admit_brand,
    admit_device,
    admit_model,
    admit_project,
)
from eaves.controller.domain.admission.policies import admit_project_policies
from eaves.controller.domain.admission.refusal import unknown
from eaves.controller.domain.concealment import conceal_manifests
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.devices import DeviceConfig, TagType
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.policies.attestation import asked_by_project
from eaves.controller.domain.policies.entries import app_name
from eaves.controller.domain.render.enrolment import profile_id_of
from eaves.controller.northbound import policies, records
from eaves.controller.northbound.completion import (
    complete_device,
    complete_model,
    complete_project,
)
from eaves.controller.northbound.resources.machines import bind_uploaded, refuse_clashes
from eaves.controller.northbound.resources.networking import bare_port
from eaves.controller.northbound.resources.signed import refuse_unsigned_wares
from eaves.controller.northbound.sealing import brings_new
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import devices, reports
from eaves.controller.store import objects as object_rows
from eaves.controller.store.debug_windows import close_window
from eaves.controller.store.machines import note_left
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId

AT_ONCE = 5000  # devices in one statement


async def prepare_brand(
    _work: Work, wanted: SysBrand, current: SysBrand | None
) -> Prepared[SysBrand]:
    return Prepared(wanted, admit_brand(wanted, current), state=wanted.state.value)


async def prepare_model(
    work: Work, wanted: SysModel, current: SysModel | None
) -> Prepared[SysModel]:
    brand = await records.find(work.db, work.scope, records.BRAND, wanted.brand_id)
    complete = complete_model(wanted, current, template_ids=work.new_id)
    return Prepared(
        complete,
        admit_model(complete, current, brand=brand),
        references=frozenset({wanted.brand_id}),
        state=wanted.state.value,
    )


async def prepare_project(work: Work, wanted: Tag, current: Tag | None) -> Prepared[Tag]:
    profile_id = profile_id_of(wanted)
    profile = await records.find(work.db, work.scope, records.CEP, profile_id)
    policy = wanted.app_policy.app_policy if wanted.app_policy is not None else None
    apps = policy.apps if policy is not None else ()
    named = sorted({app.app_id for app in apps} - {""})
    found = await records.in_order(work.db, work.scope, records.APP, named)
    bundles = {one.id: one for one in found}
    refusals = (
        *admit_project(wanted, current),
        *admit_project_policies(wanted, bundles=bundles),
        *await refuse_unsigned_wares(
            work,
            wanted.id,
            {
                f"appPolicy.appPolicy.apps[{index}].appId": bundles[app.app_id]
                for index, app in enumerate(apps)
                if app.app_id in bundles
            },
        ),
    )
    if profile_id and profile is None:
        at = "portBasedNetworkAccessControlPolicy.portBasedNetworkAccessControlPolicy"
        refusals += (unknown(records.CEP.noun, profile_id, f"{at}.certificateEnrollmentId"),)
    concealed = conceal_manifests(
        (app_name(app, n), app.manifest_json) for n, app in enumerate(apps)
    )
    # a deployment that came along is an object of its own, with secrets of its own
    alone = wanted.model_copy(update={"deployment": None})
    public = complete_project(alone, current, work.new_id)
    if public.app_policy is not None and policy is not None:
        kept = tuple(
            app.model_copy(update={"manifest_json": concealed.public[app_name(app, n)]})
            if app_name(app, n) in concealed.public
            else app
            for n, app in enumerate(apps)
        )
        changed = public.app_policy.model_copy(
            update={"app_policy": policy.model_copy(update={"apps": kept})}
        )
        public = public.model_copy(update={"app_policy": changed})
    new_secrets = current is not None and await brings_new(work, wanted.id, concealed.secrets)
    return Prepared(
        public,
        refusals,
        references=frozenset({*bundles} | ({profile_id} if profile is not None else set())),
        state=wanted.type.value,
        secrets=concealed.secrets,
        secret_fields=concealed.fields,
        # what is stored of the policy does not show that a password is another one
        after=partial(policies.touch_project, work, wanted.id) if new_secrets else None,
    )


async def project_written(work: Work, wanted: Tag, current: Tag | None) -> None:
    await enforce(work, wanted, current)
    await policies.project_written(work, wanted, current)


async def device_written(work: Work, wanted: DeviceConfig, current: DeviceConfig | None) -> None:
    touched = policies.means_another_node(wanted, current)
    known = current is not None and _claimed(wanted) == _claimed(current)
    # before its other rows, if it has any: who looks after policies locks in this order
    if touched and not (known and work.render_later):
        await policies.lock_node(work, wanted)
    # whether it attests is looked at with its policies, where these are looked at later
    if not known or (touched and not work.render_later):
        await claim(work, wanted)
    if touched and work.render_later:
        work.touched[wanted.id] = wanted.project_id
    elif touched:
        await policies.touch_devices(work, {wanted.id: wanted.project_id})


def _claimed(device: DeviceConfig) -> tuple[object, ...]:
    """By what a machine is taken for this device, and what asks it to attest."""
    return (
        *(device.obkey, device.serialno, device.identity),
        *(device.project_id, device.admin_state),
    )


async def device_leaves(work: Work, gone: DeviceConfig, current: DeviceConfig | None) -> None:
    await policies.device_leaves(work, gone)
    await release(work, gone, current)


async def prepare_device(
    work: Work, wanted: DeviceConfig, current: DeviceConfig | None
) -> Prepared[DeviceConfig]:
    db, scope = work.db, work.scope
    project = await records.find(db, scope, records.PROJECT, wanted.project_id)
    model = await records.find(db, scope, records.MODEL, wanted.model_id)
    wanted = wanted.model_copy(update={"interfaces": tuple(map(bare_port, wanted.interfaces))})
    ports = [*wanted.interfaces]
    ports += [vlan.interface for vlan in wanted.vlan_adapters if vlan.interface is not None]
    ports += [bond.interface for bond in wanted.bond_adapter if bond.interface is not None]
    networks = await records.by_reference(
        db, scope, records.NETWORK, (port.netname or port.netid for port in ports)
    )
    complete = complete_device(
        wanted,
        current,
        model=model,
        network_ids={name: network.id for name, network in networks.items()},
        onboarding_key=work.new_id(),
        soft_serial=work.new_id(),
    )
    claimed, clashes = await refuse_clashes(work, complete)
    refusals = clashes + admit_device(
        complete, current, project=project, model=model, networks=networks, claimed=claimed
    )
    references = {complete.project_id, complete.model_id}
    references |= {network.id for network in networks.values()}
    return Prepared(
        complete,
        refusals,
        references=frozenset(references),
        project_id=complete.project_id,
        state=complete.admin_state.value,
    )


async def claim(work: Work, wanted: DeviceConfig) -> None:
    """Reserve onboarding key and serial, over all enterprises; put in force whether it attests."""
    await devices.claim_serial(work.db, DeviceId(wanted.id), wanted.obkey, wanted.serialno)
    project = await records.find(work.db, work.scope, records.PROJECT, wanted.project_id)
    required = project is not None and await policies.must_attest(work, project, wanted)
    if project is not None:
        ids = (DeviceId(wanted.id),)
        work.told.update(await devices.set_attestation_required(work.db, ids, required=required))
    if wanted.identity:
        await bind_uploaded(work, wanted, attestation_required=required)


async def enforce(work: Work, wanted: Tag, current: Tag | None) -> None:
    """The project's attestation policy is in force on all of its devices at once.

    Where it no longer asks, deployments may: then it is switched off node by node.
    """
    required = asked_by_project(wanted)
    if current is None or asked_by_project(current) == required:
        return
    if not required and wanted.type is TagType.DEPLOYMENT:
        await policies.touch_project(work, wanted.id)
        return
    members = await object_rows.ids_in_project(work.db, work.scope, Kind.DEVICE, wanted.id)
    ids = tuple(DeviceId(member) for member in members)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        work.told.update(await devices.set_attestation_required(work.db, some, required=required))


async def release(work: Work, gone: DeviceConfig, _current: DeviceConfig | None) -> None:
    """The device gets 404 from now on; what it reported is dropped, which machine it was stays."""
    id_, by = DeviceId(gone.id), work.principal.user_name
    await note_left(work.db, work.scope.enterprise, id_, "off-boarded", by, work.now)
    await devices.mark_gone(work.db, DeviceId(gone.id))
    await close_window(work.db, work.scope.enterprise, gone.id)
    await reports.forget_device(work.db, DeviceId(gone.id))
