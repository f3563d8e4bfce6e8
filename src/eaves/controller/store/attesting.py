"""Attestations of many devices in one transaction: read and locked, decided on, written.

A fleet whose tokens are all gone asks at once; one statement for each device and thing to read
would cost more than the check of its quote.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from eaves.controller.domain.attestation import pcr_list_of, pcr_list_of_deployment
from eaves.controller.domain.policies.selectors import Node
from eaves.controller.store.attestations import Quoted
from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.devices import ATTESTATION_TYPE, ENDORSEMENT_TYPE
from eaves.controller.store.dialect import insert_missing
from eaves.controller.store.owners import enterprises_of
from eaves.controller.store.tables import Kind, attestations, device_certificates, objects
from eaves.controller.store.unit import Db
from eaves.evapi.attest import AttestPolicyPcrList
from eaves.ids import DeviceId

OF_DEPLOYMENTS = "TAG_TYPE_DEPLOYMENT"  # the type of a project
ModelVersion = tuple[str, int]
"""Id and revision of a model."""
OfProject = tuple[str, str]
"""Enterprise and id of a project."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the attestation of a device, as far as the next step is judged by it."""

    enterprise_id: str
    state: str = ""
    detail: str = ""
    nonce: bytes = b""  # outstanding; empty: none
    nonce_at: datetime | None = None
    integrity_token: bytes = field(default=b"", repr=False)
    escrow: bytes = field(default=b"", repr=False)  # sealed; empty: none
    had_tpm: bool = False
    counters: tuple[int, ...] = ()  # of the last genuine quote
    counted_by: bytes = b""  # the attestation key that made it
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class AttestationKey:
    """The certificate of it; `endorsed`: the device has shown an endorsement key as well."""

    hash16: bytes = b""
    pem: bytes = b""  # empty: the device has sent none
    endorsed: bool = False


async def take_kept(db: Db, device_ids: Collection[DeviceId]) -> dict[DeviceId, Kept]:
    """What is kept of these devices, locked until the commit; those that are no more are left out.

    Who blocks a device does so before this or after the commit.
    """
    owners = await enterprises_of(db, device_ids)
    kept = await _locked(db, owners)
    if new := sorted(owners.keys() - kept.keys()):
        rows = [{"enterprise_id": owners[one], "device_id": one} for one in new]
        await insert_missing(db, attestations, rows)
        kept |= await _locked(db, new)
    return kept


async def _locked(db: Db, device_ids: Collection[DeviceId]) -> dict[DeviceId, Kept]:
    c = attestations.c
    columns = (c.enterprise_id, c.device_id, c.state, c.detail, c.nonce, c.nonce_at)
    more = (c.integrity_token, c.escrow, c.had_tpm, c.counters, c.counted_by, c.blocked)
    query = select(*columns, *more).where(c.device_id.in_(device_ids)).order_by(c.device_id)
    return {
        DeviceId(row.device_id): Kept(
            enterprise_id=row.enterprise_id,
            state=row.state,
            detail=row.detail,
            nonce=row.nonce or b"",
            nonce_at=row.nonce_at,
            integrity_token=row.integrity_token or b"",  # its default is a text in SQLite
            escrow=row.escrow or b"",
            had_tpm=row.had_tpm,
            counters=tuple(json.loads(row.counters or "[]")),
            counted_by=row.counted_by or b"",
            blocked=row.blocked,
        )
        for row in await db.execute(query.with_for_update())
    }


async def find_attestation_keys(
    db: Db, device_ids: Collection[DeviceId]
) -> Mapping[DeviceId, AttestationKey]:
    """Of those of these devices that have sent one or an endorsement key."""
    c = device_certificates.c
    query = select(c.device_id, c.type, c.certificate_hash, c.pem).where(
        c.device_id.in_(device_ids), c.type.in_((ATTESTATION_TYPE, ENDORSEMENT_TYPE))
    )
    found: dict[DeviceId, AttestationKey] = {}
    for row in (await db.execute(query)).all():
        before = found.get(row.device_id, AttestationKey())
        if row.type == ATTESTATION_TYPE:
            found[row.device_id] = AttestationKey(row.certificate_hash, row.pem, before.endorsed)
        else:
            found[row.device_id] = AttestationKey(before.hash16, before.pem, endorsed=True)
    return found


@dataclass(frozen=True, slots=True)
class ToBoot:
    """What a device may boot: by its model, and the images of the base OS assigned to it."""

    model: ModelVersion  # in the version that is stored now
    enterprise_id: str
    node: Node  # as policies see it
    images: tuple[str, ...] = ()  # their names
    pcrs: AttestPolicyPcrList | None = None  # of its own policy, which goes before its project's


async def to_boot(db: Db, device_ids: Collection[DeviceId]) -> Mapping[DeviceId, ToBoot]:
    """Of those of these devices that have a model."""
    device, model = objects[Kind.DEVICE].c, objects[Kind.MODEL].c
    columns = (device.id, device.enterprise_id, device.project_id, device.body)
    rows = (await db.execute(select(*columns).where(device.id.in_(device_ids)))).all()
    bodies = {DeviceId(row.id): (row, json.loads(row.body)) for row in rows}
    named = {one: str(body.get("modelId") or "") for one, (_, body) in bodies.items()}
    wanted = sorted(set(named.values()) - {""})
    found = await db.execute(select(model.id, model.revision).where(model.id.in_(wanted)))
    revisions = {row.id: int(row.revision) for row in found}
    return {
        one: ToBoot(
            (named[one], revisions[named[one]]),
            row.enterprise_id,
            Node(
                one,
                str(body.get("name") or ""),
                row.project_id,
                str(body.get("deploymentTag") or ""),
                body.get("tags") or {},
            ),
            tuple(str(os.get("imageName") or "") for os in body.get("baseImage") or ()),
            pcr_list_of(body),
        )
        for one, (row, body) in bodies.items()
        if named[one] in revisions
    }


async def templates_in(
    db: Db, models: Iterable[ModelVersion]
) -> Mapping[ModelVersion, Sequence[Mapping[str, Any]]]:
    """PCR templates (JSON of the contract) of models that are still in these versions."""
    wanted = {id_: (id_, revision) for id_, revision in models}
    if not wanted:
        return {}
    c = objects[Kind.MODEL].c
    rows = await db.execute(select(c.id, c.revision, c.body).where(c.id.in_(sorted(wanted))))
    return {
        (row.id, row.revision): tuple(json.loads(row.body).get("PCRTemplates") or ())
        for row in rows
        if wanted[row.id] == (row.id, row.revision)
    }


async def pcr_lists(
    db: Db, boots: Mapping[DeviceId, ToBoot], known: "Deployments"
) -> Mapping[DeviceId, AttestPolicyPcrList]:
    """To which PCRs vaults are sealed by what is more than one device's own policy.

    A project of deployments leaves it to the one that means the device; else it says it itself.
    """
    c = objects[Kind.PROJECT].c
    ids = sorted({one.node.project_id for one in boots.values()} - {""})
    if not ids:
        return {}
    rows = await db.execute(select(c.enterprise_id, c.id, c.body).where(c.id.in_(ids)))
    projects: dict[OfProject, dict[str, object]] = {
        (row.enterprise_id, row.id): json.loads(row.body) for row in rows
    }
    told = {one: pcr_list_of(body) for one, body in projects.items()}
    leaving = {one for one, body in projects.items() if body.get("type") == OF_DEPLOYMENTS}
    deployments = await known.of(db, leaving)
    found: dict[DeviceId, AttestPolicyPcrList] = {}
    for device_id, boot in boots.items():
        project = boot.enterprise_id, boot.node.project_id
        own = (pcr_list_of_deployment(one, boot.node) for one in deployments.get(project, ()))
        asked = next((one for one in own if one is not None), told.get(project))
        if asked is not None:
            found[device_id] = asked
    return found


@dataclass(frozen=True, slots=True)
class _Deployment:
    revision: int
    policies: Mapping[str, object]  # what of its JSON says which devices it means, and how


class Deployments:
    """Those of projects, as far as vaults are sealed by them; each revision is read once.

    A deployment may be large, and a fleet that attests asks for all of its project's again and
    again.
    """

    _READ: Final = ("projectId", "deploymentTag", "devicePolicies")

    def __init__(self) -> None:
        self._known: dict[OfProject, dict[str, _Deployment]] = {}

    async def of(
        self, db: Db, projects: Collection[OfProject]
    ) -> Mapping[OfProject, Sequence[Mapping[str, object]]]:
        """JSON of the contract without what is not needed here, in the order of their ids."""
        if not projects:
            return {}
        c = objects[Kind.DEPLOYMENT].c
        ids = sorted({project_id for _, project_id in projects})
        query = select(c.enterprise_id, c.project_id, c.id, c.revision)
        rows = (await db.execute(query.where(c.project_id.in_(ids)).order_by(c.id))).all()
        there: dict[OfProject, dict[str, int]] = {project: {} for project in projects}
        for row in rows:
            there.setdefault((row.enterprise_id, row.project_id), {})[row.id] = int(row.revision)
        read = await self._read(db, there)
        for project, revisions in there.items():
            now = {**self._known.get(project, {}), **read}
            self._known[project] = {one: now[one] for one in revisions if one in now}
        return {
            project: [one.policies for one in self._known[project].values()] for project in there
        }

    async def _read(
        self, db: Db, there: Mapping[OfProject, Mapping[str, int]]
    ) -> Mapping[str, _Deployment]:
        """Those that are not known in the revision that is stored now."""
        unknown = [
            id_
            for project, revisions in there.items()
            for id_, revision in revisions.items()
            if (before := self._known.get(project, {}).get(id_)) is None
            or before.revision != revision
        ]
        if not unknown:
            return {}
        c = objects[Kind.DEPLOYMENT].c
        rows = await db.execute(select(c.id, c.revision, c.body).where(c.id.in_(unknown)))
        found: dict[str, _Deployment] = {}
        for row in rows:
            body = json.loads(row.body)
            policies = {name: body[name] for name in self._READ if name in body}
            found[row.id] = _Deployment(int(row.revision), policies)
        return found


def of_quote(quoted: Quoted) -> dict[str, object]:
    """The columns that keep a genuine quote, whatever it came to."""
    return {
        "quoted_at": quoted.at,
        "versions": json.dumps([quoted.eve_version, quoted.firmware_version]),
        "pcrs": json.dumps({n: value.hex() for n, value in sorted(quoted.pcrs.items())}),
        "event_log": quoted.event_log,
        "counters": json.dumps(quoted.counters),
        "counted_by": quoted.key,
        "template": quoted.template,
        "differences": json.dumps(quoted.differences),
        "place": "" if quoted.place is None else json.dumps(quoted.place),
        "had_tpm": True,
    }


async def put_changes(
    db: Db, changed: Mapping[DeviceId, Mapping[str, object]], kept: Mapping[DeviceId, Kept]
) -> None:
    """Write these columns of devices that are `kept`; a new token is told to every process."""
    by_columns: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for device_id, values in changed.items():
        key = {"of_enterprise": kept[device_id].enterprise_id, "of_device": device_id}
        given = {f"new_{name}": value for name, value in values.items()}
        by_columns.setdefault(tuple(sorted(values)), []).append({**key, **given})
    c = attestations.c
    one = (c.enterprise_id == bindparam("of_enterprise"), c.device_id == bindparam("of_device"))
    for names, rows in sorted(by_columns.items()):
        if names:
            columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
            await db.execute(update(attestations).where(*one).values(columns), rows)
    tokens = [one for one, values in changed.items() if "integrity_token" in values]
    if tokens:
        note_change(db, DEVICES, tokens)
