"""Make devices as their policies want them: read, decide, write, in the transaction of the caller.

On PostgreSQL the rows of the devices are locked, so that of two writers at once the later one sees
what the earlier one did.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, update

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.concealment import conceal_instance
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.policies.attestation import enforces_attestation
from eaves.controller.domain.policies.decide import Owned
from eaves.controller.domain.policies.entries import Makes
from eaves.controller.domain.policies.settle import (
    Carried,
    Fault,
    Made,
    Settled,
    settle,
    settle_in_turn,
)
from eaves.controller.domain.secrets import SecretName, policy_prefix
from eaves.controller.store.devices import set_attestation_required
from eaves.controller.store.dialect import is_one_of, upsert_many
from eaves.controller.store.events import Event, insert_audit, insert_events
from eaves.controller.store.inputs import lock_devices
from eaves.controller.store.listed import listed_row
from eaves.controller.store.many import insert_all, insert_tuples
from eaves.controller.store.policies import insert_owned
from eaves.controller.store.policy_sites import Sites, load_sites
from eaves.controller.store.sealed import find_secrets, put_secret
from eaves.controller.store.tables import Kind, object_ids, object_references, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

Reseal = Callable[[SecretName, SecretName, bytes], bytes]
"""A sealed value of the first name as one of the second."""
BY: Final = "policy"
WORDS: Final = {
    Makes.NETINST: "NETWORK_INSTANCE",
    Makes.VOLUME: "VOLUME_INSTANCE",
    Makes.APP: "APP_INSTANCE",
}


@dataclass(frozen=True)
class Means:
    """What writing needs beside the database."""

    now: datetime
    new_id: Callable[[], str]
    reseal: Reseal = field(repr=False)


@dataclass(frozen=True)
class Reconciled:
    changed: frozenset[DeviceId]  # to be rendered
    faults: Mapping[DeviceId, tuple[Fault, ...]]
    projects: Mapping[DeviceId, tuple[str, str]]  # enterprise and project, of all that are there
    told: frozenset[DeviceId]  # attestation is asked of them, or no more
    read: Mapping[DeviceId, DeviceInputs]  # what those that did not change are rendered from


@dataclass(frozen=True)
class Decided:
    """What is to become of devices of one enterprise, and what they were when that was decided."""

    sites: Sites
    settled: tuple[Settled, ...]


async def reconcile(db: Db, device_ids: Collection[DeviceId], means: Means) -> Reconciled:
    """Raises what the database raises: then nothing of this is stored."""
    await lock_devices(db, device_ids)
    return await carry_out(db, decide_all(await load_sites(db, device_ids), means), means)


def decide_all(found: Iterable[Sites], means: Means) -> tuple[Decided, ...]:
    """Pure work of about a millisecond for each device."""
    decided: list[Decided] = []
    for sites in found:
        policies = ((site, sites.policies_of(site).entries) for site in sites.sites)
        settled = settle_in_turn(policies, means.new_id, means.now)
        decided.append(Decided(sites, tuple(settled)))
    return tuple(decided)


async def carry_out(db: Db, decided: Iterable[Decided], means: Means) -> Reconciled:
    """Write it.  Nobody has changed since what it was decided from."""
    changed: set[DeviceId] = set()
    told: set[DeviceId] = set()
    faults: dict[DeviceId, tuple[Fault, ...]] = {}
    projects: dict[DeviceId, tuple[str, str]] = {}
    read: dict[DeviceId, DeviceInputs] = {}
    for sites, settled in ((one.sites, one.settled) for one in decided):
        told |= await _attest(db, sites)
        await write(db, sites, settled, means)
        for one in settled:
            id_ = DeviceId(one.device.id)
            projects[id_] = (sites.enterprise_id, one.device.project_id)
            if one:
                changed.add(id_)
            else:
                read[id_] = sites.read[id_]
            if one.faults:
                faults[id_] = one.faults
    return Reconciled(frozenset(changed), faults, projects, frozenset(told), read)


async def remove_owned(db: Db, device_id: DeviceId, means: Means) -> None:
    """What policies made on a device that goes."""
    await lock_devices(db, (device_id,))
    for sites in await load_sites(db, (device_id,)):
        settled = [settle(site, (), means.new_id, means.now) for site in sites.sites]
        await write(db, sites, settled, means)


async def _attest(db: Db, sites: Sites) -> set[DeviceId]:
    """Before all else: a registration locks these rows before those that policies write."""
    wanted: defaultdict[bool, list[DeviceId]] = defaultdict(list)
    for site in sites.sites:
        policies = sites.policies_of(site)
        if policies.project is not None:
            required = enforces_attestation(policies.project, policies.deployments, site.node)
            wanted[required].append(DeviceId(site.device.id))
    changed: set[DeviceId] = set()
    for required, ids in sorted(wanted.items()):
        changed |= await set_attestation_required(db, ids, required=required)
    return changed


async def write(db: Db, sites: Sites, settled: Sequence[Settled], means: Means) -> None:
    gone = [pair for one in settled for pair in one.delete]
    made = [(one, item) for one in settled for item in one.made]
    await _delete(db, gone)
    for makes in Makes:
        some = [pair for pair in made if pair[1].entry.makes is makes]
        await _insert(db, sites, [pair for pair in some if pair[1].before is None], means)
        await _update(db, sites, [pair for pair in some if pair[1].before is not None], means)
    await _refer(db, [item for _, item in made])
    await _seal(db, [item for _, item in made if item.entry.makes is Makes.APP], means)
    await _tell(db, sites.enterprise_id, settled, means)


async def _delete(db: Db, gone: Sequence[tuple[Owned, Carried]]) -> None:
    for makes in reversed(Makes):
        ids = [owned.object_id for owned, _ in gone if owned.makes is makes]
        if ids:
            table = objects[Kind(makes.value)]
            await db.execute(delete(table).where(is_one_of(db, table.c.id, ids)))
            await db.execute(delete(object_ids).where(is_one_of(db, object_ids.c.id, ids)))


def _row(sites: Sites, made: Made, means: Means) -> dict[str, object]:
    item = made.item
    public = item
    if isinstance(item, AppInstance):
        public = conceal_instance(item, sites.bundles.get(item.app_id)).public
    return {
        "id": item.id,
        "enterprise_id": sites.enterprise_id,
        "project_id": item.project_id,
        "name": item.name,
        "title": item.title,
        "device_id": item.device_id,
        "state": _state(item),
        "updated_at": means.now,
        "updated_by": BY,
        "body": public.model_copy(update={"revision": None}).to_json_text(),
    }


def _state(item: Carried) -> str:
    match item:
        case AppInstance():
            return item.app_type.value
        case NetInstConfig():
            return item.kind.value
        case VolInstConfig():
            return item.type.value


async def _insert(db: Db, sites: Sites, made: Sequence[tuple[Settled, Made]], means: Means) -> None:
    if not made:
        return
    kind = Kind(made[0][1].entry.makes.value)
    rows = [
        {
            **_row(sites, item, means),
            "revision": 1,
            "revision_before": 0,
            "created_at": means.now,
            "created_by": BY,
        }
        for _, item in made
    ]
    ids = [(row["id"], kind.value, sites.enterprise_id) for row in rows]
    await insert_tuples(db, object_ids, ("id", "kind", "enterprise_id"), ids)
    await insert_all(db, objects[kind], rows)
    await insert_all(db, listed[kind], [listed_row(kind, row) for row in rows])
    await insert_owned(
        db,
        [
            {
                "enterprise_id": sites.enterprise_id,
                "object_id": item.item.id,
                "device_id": one.device.id,
                "source_id": item.entry.source.id,
                "entry": item.entry.key,
                "kind": kind.value,
                "template": item.entry.digest,
            }
            for one, item in made
        ],
    )


async def _update(db: Db, sites: Sites, made: Sequence[tuple[Settled, Made]], means: Means) -> None:
    if not made:
        return
    kind = Kind(made[0][1].entry.makes.value)
    table = objects[kind]
    rows = [_row(sites, item, means) for _, item in made]
    columns = [name for name in rows[0] if name not in ("id", "enterprise_id")]
    await db.execute(
        update(table)
        .where(table.c.id == bindparam("of"))
        .values(
            revision=table.c.revision + 1,
            revision_before=table.c.revision,
            **{name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns},
        ),
        [{"of": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows],
    )
    narrow = [listed_row(kind, {**row, "created_at": means.now, "created_by": BY}) for row in rows]
    await upsert_many(db, listed[kind], narrow, keep=("created_at", "created_by"))
    c = policy_objects.c
    await db.execute(
        update(policy_objects)
        .where(c.object_id == bindparam("of"))
        .values(template=bindparam("digest")),
        [{"of": item.item.id, "digest": item.entry.digest} for _, item in made],
    )


async def _refer(db: Db, made: Sequence[Made]) -> None:
    if not made:
        return
    c = object_references.c
    old = [item.item.id for item in made if item.before is not None]
    if old:
        await db.execute(delete(object_references).where(is_one_of(db, c.from_id, old)))
    rows = [(item.item.id, to) for item in made for to in sorted(item.references)]
    await insert_tuples(db, object_references, ("from_id", "to_id"), rows)


async def _seal(db: Db, made: Sequence[Made], means: Means) -> None:
    """Passwords that a policy gives its apps, sealed again for each instance."""
    sources = {item.entry.source.id for item in made}
    stored = await find_secrets(db, sources)
    for item in made:
        prefix = policy_prefix(item.entry.alias)
        for name, sealed in stored.items():
            if name.object_id == item.entry.source.id and name.field.startswith(prefix):
                own = SecretName(item.item.id, name.field.removeprefix(prefix))
                await put_secret(db, own, means.reseal(name, own, sealed))


async def _tell(db: Db, enterprise_id: str, settled: Sequence[Settled], means: Means) -> None:
    """An event for each object, and one row of the audit for each policy."""
    events: list[Event] = []
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def note(item: Carried, makes: Makes, what: str, source_id: str, by: str) -> None:
        counts[source_id][f"{makes.value} {what}"] += 1
        events.append(
            Event(
                at=means.now,
                enterprise_id=enterprise_id,
                event_type=f"{WORDS[makes]}_{what.upper()}",
                description=f"{makes.noun} {item.name}: {what} by {by}",
                severity="SEVERITY_INFO",
                project_id=item.project_id,
                device_id=item.device_id,
                user_name=BY,
                object_kind=makes.value,
                object_id=item.id,
                object_name=item.name,
            )
        )

    for one in settled:
        for owned, item in one.delete:
            note(item, owned.makes, "deleted", owned.source_id, "a policy that does not want it")
        for made in one.made:
            source = made.entry.source
            what = "created" if made.before is None else "changed"
            note(made.item, made.entry.makes, what, source.id, source.text)
    await insert_events(db, events)
    for source_id, told in sorted(counts.items()):
        await insert_audit(
            db,
            AuditEntry(
                at=means.now,
                enterprise_id=enterprise_id,
                verb="policy applied",
                result="done",
                user_name=BY,
                object_id=source_id,
                changes=json.dumps(dict(sorted(told.items()))),
            ),
        )


def faults_as_text(faults: Sequence[Fault]) -> str:
    return json.dumps([asdict(fault) for fault in faults])


def failure_as_text(error: str) -> str:
    """What `faults_as_text` gives, for a node whose policies an unforeseen error ended."""
    why = f"what policies want here could not be carried out ({error}); the log tells more"
    return faults_as_text((Fault("", "", "", Makes.APP, "", (why,)),))
