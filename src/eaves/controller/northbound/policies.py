"""What a write means to the policies: the nodes that it matters to are looked at.

A few nodes are made as their policies want them in the transaction of the write; more than
`AT_ONCE` are left to a job.  Beside other writers (PostgreSQL) each is looked at once more: a
policy that is written at the same time is not seen yet.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.devices import DeviceConfig, PolicyStatus, TagType
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.policies.attestation import enforces_attestation
from eaves.controller.domain.policies.entries import Makes
from eaves.controller.domain.policies.selectors import Node
from eaves.controller.domain.policies.settle import node_of
from eaves.controller.domain.secrets import SecretName
from eaves.controller.domain.why import Cause, Why
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Work
from eaves.controller.store import policies as rows
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.inputs import NOTHING_READ
from eaves.controller.store.policies import Progress
from eaves.controller.store.policy_reconcile import (
    Means,
    Reconciled,
    faults_as_text,
    reconcile,
    remove_owned,
)
from eaves.controller.store.policy_sites import load_deployments
from eaves.ids import DeviceId

AT_ONCE: Final = 25
"""Nodes that a write looks at itself, at most."""
FIRST_RETRY: Final = timedelta(seconds=5)
BY_HAND: Final = frozenset(
    {
        *("activate", "purge", "refresh", "restart", "revision", "manifestInfo"),
        *("bundleversion", "cloudInitVersion", "encryptedSecrets", "isSecretUpdated"),
    }
)
"""What a person may change of an instance that a policy owns."""


def means_of(work: Work) -> Means:
    def reseal(old: SecretName, new: SecretName, sealed: bytes) -> bytes:
        return work.keys.seal(new.purpose, work.keys.open(old.purpose, sealed))

    return Means(work.now, work.new_id, reseal)


async def touch_project(work: Work, project_id: str) -> None:
    """A policy of this project changed."""
    enterprise = work.scope.enterprise
    ids = await rows.some_devices(work.db, enterprise, project_id, AT_ONCE + 1)
    many = len(ids) > AT_ONCE
    if many or work.db.dialect.name != "sqlite":
        # first, as the job does: two who lock in another order wait for each other
        await rows.want_project(work.db, enterprise, project_id, work.new_id())
    if not many:
        await touch_devices(work, dict.fromkeys(ids, project_id))


async def touch_devices(work: Work, devices: dict[str, str]) -> Mapping[DeviceId, DeviceInputs]:
    """A few devices, with their projects; what those are made from that policies left alone."""
    if not devices:
        return NOTHING_READ
    alone = work.db.dialect.name == "sqlite"
    if not alone:  # first, as the job does: two who lock in another order wait for each other
        await rows.want_devices(work.db, work.scope.enterprise, devices, work.now)
    try:
        async with savepoint(work.db):
            done = await reconcile(work.db, sorted(map(DeviceId, devices)), means_of(work))
    except IntegrityError:  # a name that another process gave away at this moment: left to a job
        if alone:
            await rows.want_devices(work.db, work.scope.enterprise, devices, work.now)
        return NOTHING_READ
    work.changed.update(done.changed)
    work.told.update(done.told)
    if alone:
        await _note(work, devices, done)
    return done.read


async def touch_left(work: Work) -> Mapping[DeviceId, DeviceInputs]:
    """The devices that writes of this transaction left to whoever began it; some dozens.

    After all other changes of theirs, and before rendering: what policies make of a device is part
    of its configuration.  Of those that they left alone, what they are rendered from.
    """
    left = dict(work.touched)
    work.touched.clear()
    return await touch_devices(work, left)


async def _note(work: Work, devices: dict[str, str], done: Reconciled) -> None:
    await rows.note_settled(work.db, [id_ for id_ in devices if id_ not in done.faults])
    await rows.note_faults(
        work.db,
        [
            {
                "enterprise_id": work.scope.enterprise,
                "device_id": id_,
                "project_id": devices[id_],
                "attempts": 1,
                "due_at": work.now + FIRST_RETRY,
                "faults": faults_as_text(faults),
            }
            for id_, faults in done.faults.items()
        ],
    )


def means_another_node(wanted: DeviceConfig, current: DeviceConfig | None) -> bool:
    """What a policy reads of a device changed: a reboot is none of its business."""
    return (
        current is None
        or node_of(wanted) != node_of(current)
        or (wanted.model_id != current.model_id or wanted.interfaces != current.interfaces)
    )


async def lock_node(work: Work, device: DeviceConfig) -> None:
    """Nobody else looks after the policies of this device before the transaction ends."""
    if work.db.dialect.name != "sqlite":  # which has one writer anyway
        own = {device.id: device.project_id}
        await rows.want_devices(work.db, work.scope.enterprise, own, work.now)


async def device_leaves(work: Work, gone: DeviceConfig) -> None:
    """What policies made on it goes with it."""
    await lock_node(work, gone)
    await remove_owned(work.db, DeviceId(gone.id), means_of(work))
    await rows.forget_device(work.db, gone.id)


async def must_attest(work: Work, project: Tag, device: DeviceConfig) -> bool:
    """`project`: that of the device; deployments of it may ask for more than it does."""
    deployments: tuple[Deployment, ...] = ()
    if project.type is TagType.DEPLOYMENT:
        deployments = await load_deployments(work.db, work.scope.enterprise, {project.id})
    return enforces_attestation(project, deployments, node_of(device))


async def project_written(work: Work, wanted: Tag, current: Tag | None) -> None:
    before = (current.app_policy, current.network_policy, current.type) if current else None
    if before != (wanted.app_policy, wanted.network_policy, wanted.type):
        await touch_project(work, wanted.id)


async def refuse_edit(work: Work, wanted: Contract, current: Contract | None) -> None:
    """A policy's object follows the policy; a person starts, stops, restarts and purges it."""
    if current is None:
        return
    source = await _owner(work, current)
    if not source:
        return
    old, new = current.to_json(), wanted.to_json()
    changed = sorted(
        name
        for name in {*old, *new} - BY_HAND
        if old.get(name) != new.get(name) and (old.get(name) or new.get(name))
    )
    if changed:
        raise Problem(
            409,
            f"{getattr(current, 'name', '')!r} was made by policy {source} and follows it: "
            f"{', '.join(changed)} cannot change here; change the policy",
            location=changed[0],
        )


async def refuse_delete(work: Work, current: Contract, _again: Contract | None) -> None:
    source = await _owner(work, current)
    if source:
        raise Problem(
            409,
            f"{getattr(current, 'name', '')!r} was made by policy {source} and follows it; change "
            "the policy, or take the node out of it",
        )


async def _owner(work: Work, item: Contract) -> str:
    assert isinstance(item, AppInstance | NetInstConfig | VolInstConfig)  # noqa: S101 - what policies make
    return await rows.owner_of(work.db, work.scope.enterprise, item.id)


async def nodes_of(work: Work, project_id: str) -> tuple[Node, ...]:
    """The nodes of a project (empty: of every one) that the caller may see, by their names."""
    found = await rows.nodes(work.db, work.scope, project_id)
    return tuple(Node(*row[:4], json.loads(row[4])) for row in found)


async def status_of(work: Work, project_id: str) -> PolicyStatus:
    return status_in(await rows.progress_of(work.db, work.scope.enterprise, project_id))


def status_in(progress: Progress) -> PolicyStatus:
    if not progress.done:
        return PolicyStatus.INPROGRESS
    return PolicyStatus.FAILED if progress.faulty else PolicyStatus.READY


def message_of(progress: Progress) -> str:
    if not progress.done:
        left = f"{progress.waiting:,} nodes are" if not progress.sweeping else "Nodes are"
        return f"{left} still to be brought to this policy"
    if not progress.faulty:
        return "Policy configured successfully"
    (first, *_) = json.loads(progress.fault)
    return f"{progress.faulty:,} nodes lack something, for example: {first['reasons'][0]}"[:256]


async def present_policies(work: Work, item: Tag) -> Tag:
    """How far the nodes of a project have come with its app and network policy."""
    if item.app_policy is None and item.network_policy is None:
        return item
    progress = await rows.progress_of(work.db, work.scope.enterprise, item.id)
    said = {"status": status_in(progress), "status_message": message_of(progress)}
    changes: dict[str, object] = {
        name: policy.model_copy(update=said)
        for name, policy in (
            ("app_policy", item.app_policy),
            ("network_policy", item.network_policy),
        )
        if policy is not None
    }
    return item.model_copy(update=changes)


async def with_faults(work: Work, device_id: str, told: Why) -> Why:
    """What policies could not make on a device stands before what else is said of it."""
    text = await rows.faults_of(work.db, work.scope.enterprise, device_id)
    if not text:
        return told
    faults: list[JsonObject] = json.loads(text)
    causes = tuple(Cause(_text_of(fault), "it is tried again by itself") for fault in faults)
    return replace(told, met=False, causes=causes + (() if told.met else told.causes))


def _text_of(fault: JsonObject) -> str:
    reasons = "; ".join(fault["reasons"])
    if not fault["source"]:
        return reasons  # it is about all policies of the node
    noun = Makes(fault["makes"]).noun
    return f"{fault['source']} wants {noun} {fault['name']!r} here: {reasons}"
