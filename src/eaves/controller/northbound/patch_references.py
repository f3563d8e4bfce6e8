"""Which patch envelope app instances refer to: checked for all of them, changed for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.patches import admit_patch_reference
from eaves.controller.domain.admission.refusal import invalid, unknown
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.jobs import BulkConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.patches import PatchEnvelope, PatchReferenceUpdateConfig
from eaves.controller.northbound import catalog, crud, journal, records, rendering
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.verbs import keep_references
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects
from eaves.controller.store.bulk_jobs import JobObject
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId

INSTANCES_MOST: Final = 10_000
ENVELOPE: Final = "patchenvelopeId"  # in what a job is given


@dataclass(frozen=True, slots=True)
class References:
    """A request that was checked.  No envelope: the instances refer to none from now on."""

    instances: tuple[AppInstance, ...]
    envelope: PatchEnvelope | None

    @property
    def envelope_id(self) -> str:
        return self.envelope.id if self.envelope is not None else ""


async def checked(work: Work, body: PatchReferenceUpdateConfig) -> References:
    """Raises Problem with every reason against it."""
    envelope = await records.find(
        work.db, work.scope, records.PATCH_ENVELOPE, body.patchenvelope_id
    )
    instances = await _instances(work, body)
    refusals = _refuse(body, instances, envelope)
    netinsts: dict[str, Sequence[NetInstConfig]] = {}  # by device
    for index, one in enumerate(instances):
        if envelope is None:
            break
        if one.device_id not in netinsts:
            netinsts[one.device_id] = await _netinsts_beside(work, one)
        refusals += admit_patch_reference(
            _referring(one, envelope), envelope, netinsts[one.device_id], f"appInstIDList[{index}]"
        )
    if refusals:
        raise Problem.of_refusals(refusals)
    return References(instances, envelope)


async def _netinsts_beside(work: Work, instance: AppInstance) -> Sequence[NetInstConfig]:
    return await records.on_device(work.db, work.scope, records.NETINST, instance.device_id)


async def _instances(work: Work, body: PatchReferenceUpdateConfig) -> tuple[AppInstance, ...]:
    if len(body.app_inst_id_list) > INSTANCES_MOST:
        raise Problem(
            400,
            f"{len(body.app_inst_id_list):,} app instances are named, {INSTANCES_MOST:,} are "
            "allowed at once; send them in several requests",
            location="appInstIDList",
        )
    ids = tuple(dict.fromkeys(body.app_inst_id_list))
    return await records.in_order(work.db, work.scope, records.APP_INSTANCE, ids)


def _refuse(
    body: PatchReferenceUpdateConfig,
    instances: Iterable[AppInstance],
    envelope: PatchEnvelope | None,
) -> tuple[Refusal, ...]:
    found = {one.id: one for one in instances}
    refusals = [
        unknown("app instance", one, f"appInstIDList[{index}]")
        for index, one in enumerate(body.app_inst_id_list)
        if one not in found
    ]
    if not body.app_inst_id_list:
        refusals.append(invalid("appInstIDList", "no app instance is named; give their ids"))
    if body.patchenvelope_id and envelope is None:
        refusals.append(unknown("patch envelope", body.patchenvelope_id, "patchenvelopeId"))
    refusals += [
        invalid(
            f"appInstIDList[{index}]",
            f"app instance {found[one].name!r} is not in project {body.project_id!r}; leave it "
            "out or correct projectId",
        )
        for index, one in enumerate(body.app_inst_id_list)
        if one in found and body.project_id and found[one].project_id != body.project_id
    ]
    return tuple(refusals)


def _referring(instance: AppInstance, envelope: PatchEnvelope | None) -> AppInstance:
    return instance.model_copy(
        update={
            "patch_envelope_id": envelope.id if envelope is not None else "",
            "patch_envelope_name": envelope.name if envelope is not None else "",
        }
    )


async def refer(work: Work, instance: AppInstance, envelope: PatchEnvelope | None) -> None:
    """Whoever asks for it renders what changed."""
    wanted = _referring(instance, envelope)
    if wanted.patch_envelope_id == instance.patch_envelope_id:
        return
    prepared = await keep_references(work, catalog.INSTANCES, wanted)
    others = (prepared.references or frozenset()) - {instance.patch_envelope_id}
    prepared = replace(prepared, references=others | {wanted.patch_envelope_id})
    await objects.replace_object(
        work.db,
        work.scope,
        crud.draft_of(catalog.INSTANCES, work, prepared),
        work.stamp,
        expected=None,
        made_from=crud.expected_revision(instance),
    )
    work.changed.add(DeviceId(instance.device_id))
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.APP_INSTANCE,
            noun="app instance",
            object_id=instance.id,
            object_name=instance.name,
            project_id=instance.project_id,
            device_id=instance.device_id,
            what="patch envelope changed",
            before=instance,
            after=wanted,
        ),
    )


def as_config(envelope_id: str) -> BulkConfig:
    """What a job is given that does this to many instances."""
    return BulkConfig.from_json({ENVELOPE: envelope_id})


async def nothing_to_check(_work: Work, _config: BulkConfig) -> tuple[Refusal, ...]:
    """Who makes the job has checked all of it."""
    return ()


async def refer_one(work: Work, one: JobObject, config: BulkConfig) -> Made:
    """An instance of a job; what it is now may be something else than when the job was made."""
    instance = await crud.find(work, catalog.INSTANCES, object_id=one.object_id)
    wanted = str((config.model_extra or {}).get(ENVELOPE, ""))
    envelope = await records.find(work.db, work.scope, records.PATCH_ENVELOPE, wanted)
    if wanted and envelope is None:
        raise not_found("patch envelope", wanted)
    if instance.patch_envelope_id == wanted:
        return Made("as wanted already")
    if envelope is not None:
        refusals = admit_patch_reference(
            _referring(instance, envelope), envelope, await _netinsts_beside(work, instance)
        )
        if refusals:
            raise Problem.of_refusals(refusals)
    await refer(work, instance, envelope)
    target = catalog.INSTANCES.target(instance)
    await rendering.render_changed(work, Kind.APP_INSTANCE.value, target)
    return Made("patch envelope changed")
