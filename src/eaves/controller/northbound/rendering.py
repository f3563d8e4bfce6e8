"""The configuration of the devices that a write touches.

A few are rendered in the transaction of the write.  More than `AT_ONCE` are left to a durable job
of the same transaction, once one device of each model was rendered on trial: what cannot be
rendered is refused to the person who asks for it, and does not fail later, out of sight.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import Rendered, render_device
from eaves.controller.keys import KeyStore
from eaves.controller.keys.facts import controller_facts
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.work import Work
from eaves.controller.store import render_jobs
from eaves.controller.store.affected import devices_affected, models_affected
from eaves.controller.store.inputs import (
    NOTHING_READ,
    Render,
    load_all_inputs,
    render_and_store,
)
from eaves.controller.store.render_jobs import NewJob
from eaves.controller.store.unit import Db
from eaves.errors import EavesError
from eaves.evapi.config import undated
from eaves.ids import DeviceId

AT_ONCE: Final = 100
"""Devices that a write renders itself, at most."""
MODELS_TRIED: Final = 50


async def devices_of(work: Work, item: Contract, *, every: bool = False) -> frozenset[DeviceId]:
    """The devices whose configuration speaks of this object, as the references stand now.

    Of more than `AT_ONCE` some, unless `every` one is asked for: a job finds the others.
    """
    object_id = str(getattr(item, "id", ""))
    if isinstance(item, DeviceConfig):  # what refers to a device is carried by it, or groups it
        return frozenset({DeviceId(object_id)})
    limit = None if every else AT_ONCE + 1
    found = await devices_affected(work.db, object_id, limit=limit)
    return frozenset(DeviceId(one) for one in found)


async def render_changed(
    work: Work, kind: str, target: Target, *, through_lock: bool = False
) -> None:
    """Render every device that this request changed, or leave them to a job.

    A failure fails the request.  `target` is the object that was written; `through_lock` also
    delivers what waits behind a configuration lock.
    """
    if work.render_later:
        return
    facts = controller_facts(work.keys)

    def render(inputs: DeviceInputs) -> Rendered:
        return render_device(without_lock(inputs) if through_lock else inputs, facts)

    if len(work.changed) > AT_ONCE:
        await _leave_to_job(work, kind, target, render)
        return
    await render_and_store(work.db, sorted(work.changed), render, work.now)
    work.told.update(work.changed)


def without_lock(inputs: DeviceInputs) -> DeviceInputs:
    return replace(inputs, held=b"")


async def render_all(
    db: Db,
    keys: KeyStore,
    device_ids: Collection[DeviceId],
    now: datetime,
    read: Mapping[DeviceId, DeviceInputs] = NOTHING_READ,
) -> None:
    """Render what several changes of one transaction left for later; some dozens.

    `read`: as `render_and_store` takes it.  Raises what rendering raises: the caller undoes the
    transaction.
    """
    facts = controller_facts(keys)
    await render_and_store(db, device_ids, lambda one: render_device(one, facts), now, read)


async def _leave_to_job(work: Work, kind: str, target: Target, render: Render) -> None:
    job = NewJob(
        id=work.new_id(),
        enterprise_id=work.scope.enterprise,
        object_kind=kind,
        object_id=target.id,
        object_name=target.name,
        user_name=work.principal.user_name,
        created_at=work.now,
    )
    models = await models_affected(work.db, target.id)
    total = max(sum(count for count, _ in models.values()), len(work.changed))
    await render_jobs.insert_job(work.db, job, sorted(work.changed), total)
    tried = sorted(DeviceId(one) for _, one in models.values()) or sorted(work.changed)
    for inputs in await load_all_inputs(work.db, tried[:MODELS_TRIED]):
        try:
            undated(render(inputs).config)
        except EavesError as error:
            model = inputs.model.name if inputs.model is not None else "(none)"
            raise Problem(
                400,
                f"with this change device {inputs.device.name!r} (model {model!r}) cannot be "
                f"rendered: {error}; correct it: none of {total:,} devices was changed",
                target=target,
            ) from error
    work.render_jobs.append(job.id)
