"""Read everything that the configurations of some devices are made from, and keep what came out.

Devices are read many at a time: the number of queries does not depend on how many there are, and
what they share (models, networks, bundles, images) is read and decoded once.

This module imports the contract types and so is not for the path that starts or serves polls.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select, or_, select

from eaves.controller.domain.admission.patches import image_of
from eaves.controller.domain.config_lock import is_locked
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.enrolment import SCEPProfile
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.manifests import AppType
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.patches import PatchEnvelope
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.stored import KnownParts, read_stored
from eaves.controller.domain.contract.users import Enterprise
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import Rendered
from eaves.controller.domain.render.enrolment import profile_id_of
from eaves.controller.domain.render.projects import as_rendered
from eaves.controller.domain.signed_images import ANY_IMAGE
from eaves.controller.store.devices import ECDH_TYPE
from eaves.controller.store.dialect import as_one, in_parameter, is_one_of
from eaves.controller.store.image_trust import find_trusts
from eaves.controller.store.marks import find_epoch
from eaves.controller.store.rendered import (
    InForce,
    Outcome,
    RenderedConfig,
    find_all_in_force,
    find_rendered_of,
    next_timestamp,
    put_outcomes,
)
from eaves.controller.store.sealed import find_secrets
from eaves.controller.store.snapshots import snapshots_of
from eaves.controller.store.tables import (
    DEFAULT_NETWORK,
    Kind,
    device_certificates,
    object_ids,
    objects,
)
from eaves.controller.store.unit import Db
from eaves.evapi.config import dated, undated
from eaves.evapi.direct import SharedParts
from eaves.ids import ConfigHash, DeviceId

T = TypeVar("T", bound=Contract)

Render = Callable[[DeviceInputs], Rendered]

AT_ONCE = 500
"""Devices in one query, at most."""
NOTHING_READ: Final[Mapping[DeviceId, DeviceInputs]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ToRender:
    """Devices as they are now: what they are made from, and what is in force."""

    inputs: tuple[DeviceInputs, ...]  # in the order of the ids; without those that are no more
    in_force: Mapping[DeviceId, InForce]


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    enterprise_id: str
    device_id: str
    item: T


async def load_inputs(db: Db, device_id: DeviceId) -> DeviceInputs | None:
    """None: there is no such device (any more)."""
    return next(iter(await load_all_inputs(db, (device_id,))), None)


async def load_to_render(db: Db, device_ids: Collection[DeviceId]) -> ToRender:
    """At most `AT_ONCE` devices.  What is in force is read first: whoever renders one of them
    after that is noticed by `put_outcomes`.
    """
    in_force = await find_all_in_force(db, device_ids)
    return ToRender(await load_all_inputs(db, device_ids), in_force)


async def load_all_inputs(db: Db, device_ids: Collection[DeviceId]) -> tuple[DeviceInputs, ...]:
    """In the order of the ids.  Reads by primary keys, names and device ids only."""
    known = KnownParts() if len(device_ids) > 1 else None  # a single one has nothing in common
    devices = await _by_ids(db, Kind.DEVICE, DeviceConfig, device_ids, known)
    by_enterprise: defaultdict[str, list[DeviceConfig]] = defaultdict(list)
    for found in devices:
        by_enterprise[found.enterprise_id].append(found.item)
    loaded: list[DeviceInputs] = []
    for enterprise_id, some in sorted(by_enterprise.items()):
        loaded += await _of_enterprise(db, enterprise_id, some, known)
    return tuple(sorted(loaded, key=lambda inputs: inputs.device.id))


async def _of_enterprise(
    db: Db, enterprise_id: str, devices: Sequence[DeviceConfig], known: KnownParts | None
) -> list[DeviceInputs]:
    ids = [device.id for device in devices]
    netinsts = await _on_devices(db, Kind.NETINST, NetInstConfig, ids, known)
    volumes = await _on_devices(db, Kind.VOLUME, VolInstConfig, ids, known)
    instances = await _on_devices(db, Kind.APP_INSTANCE, AppInstance, ids, known)
    every_instance = list(itertools.chain.from_iterable(instances.values()))
    bundles = _items(await _by_ids(db, Kind.APP, App, (i.app_id for i in every_instance)))
    envelopes = _items(
        await _by_ids(
            db, Kind.PATCH_ENVELOPE, PatchEnvelope, (i.patch_envelope_id for i in every_instance)
        )
    )
    every_volume = itertools.chain.from_iterable(volumes.values())
    named = _images_named(devices, every_volume, every_instance, bundles)
    named |= {image_of(one) for envelope in envelopes for one in envelope.artifacts} - {""}
    images = await _images(db, enterprise_id, named)
    stores = {s for i in images for s in (*i.datastore_id_list, i.datastore_id)}
    datastores = _items(await _by_ids(db, Kind.DATASTORE, DatastoreInfo, stores))
    networks = await _networks(db, enterprise_id, devices)
    projects = await _by_ids(db, Kind.PROJECT, Tag, (d.project_id for d in devices))
    models = await _by_ids(db, Kind.MODEL, SysModel, (d.model_id for d in devices))
    wanted = (profile_id_of(found.item) for found in projects)
    enrolments = _items(await _by_ids(db, Kind.CEP, SCEPProfile, wanted))
    enterprises = await _by_ids(db, Kind.ENTERPRISE, Enterprise, (enterprise_id,))
    groups = (every_instance, bundles, datastores, networks, enrolments)
    holders = [one.id for group in groups for one in group]
    shared = DeviceInputs(
        device=devices[0],
        enterprise_id=enterprise_id,
        enterprise_name=enterprises[0].item.name if enterprises else "",
        networks={network.id: network for network in networks},
        bundles={bundle.id: bundle for bundle in bundles},
        images={key: image for image in images for key in (image.id, image.name)},
        datastores={store.id: store for store in datastores},
        envelopes={envelope.id: envelope for envelope in envelopes},
        enrolments={profile.id: profile for profile in enrolments},
        snapshots=await snapshots_of(
            db, [i.id for i in every_instance if i.app_type is AppType.VM]
        ),
        secrets=await find_secrets(db, holders),
        epoch=await find_epoch(db),
        memo={},
        shared=SharedParts(),
    )
    by_project = {found.item.id: as_rendered(found.item) for found in projects}
    by_model = {found.item.id: found.item for found in models}
    trusts = await find_trusts(
        db, enterprise_id, {d.project_id for d in devices}, {image.id for image in images}
    )
    ecdh = await _ecdh(db, ids)
    held = await _held(db, devices, by_project)
    return [
        shared.another(
            device,
            project=by_project.get(device.project_id),
            model=by_model.get(device.model_id),
            netinsts=tuple(netinsts.get(device.id, ())),
            volumes=tuple(volumes.get(device.id, ())),
            instances=tuple(instances.get(device.id, ())),
            ecdh=ecdh.get(device.id, (b"", b"")),
            trust=trusts.get(device.project_id, ANY_IMAGE),
            held=held.get(device.id, b""),
        )
        for device in devices
    ]


async def render_and_store(
    db: Db,
    device_ids: Collection[DeviceId],
    render: Render,
    now: datetime,
    read: Mapping[DeviceId, DeviceInputs] = NOTHING_READ,
) -> Mapping[DeviceId, ConfigHash]:
    """Render devices again, in the transaction of the change; the new hashes of those that have
    another configuration.  At most `AT_ONCE`, and all together: so many statements cost one too.

    The timestamp moves forward, and only with a change.  The rows of the devices are locked until
    the end of the transaction, so that of two changes at once the later one renders both.

    `read`: what some of them are made from, read after the last change of this transaction, with
    their rows locked.
    """
    if not device_ids:
        return {}
    await lock_devices(db, device_ids)
    in_force = await find_all_in_force(db, device_ids)
    known = {one: read[one] for one in device_ids if one in read}
    others = await load_all_inputs(db, [one for one in device_ids if one not in known])
    outcomes: list[Outcome] = []
    for inputs in (*known.values(), *others):
        before = in_force.get(DeviceId(inputs.device.id))
        outcomes.append(outcome_of(render, inputs, before, now))
        await asyncio.sleep(0)  # others on this loop have a turn
    await put_outcomes(db, outcomes, now)
    return {one.device_id: one.rendered.config_hash for one in outcomes if one.rendered is not None}


async def lock_devices(db: Db, device_ids: Collection[DeviceId]) -> None:
    """Until the end of the transaction nobody else renders these.  SQLite has one writer anyway.

    The rows locked are those of `object_ids`, which a distributed database has on every node: it
    locks no rows over many nodes.  Who refers to a device meanwhile does not wait.
    """
    if db.dialect.name == "sqlite":
        return
    c = object_ids.c
    query = select(c.id).where(c.id.in_(device_ids)).order_by(c.id)
    await db.execute(query.with_for_update(key_share=True))


def outcome_of(
    render: Render, inputs: DeviceInputs, before: InForce | None, now: datetime
) -> Outcome:
    """Pure and not short: about a millisecond."""
    device_id = DeviceId(inputs.device.id)
    rendered = render(inputs)
    digest, encoded = undated(rendered.config, inputs.shared)
    if before is not None and before.config_hash == digest:
        return Outcome(device_id, before, None, rendered.missing)
    at = next_timestamp(before.config_timestamp if before is not None else None, now)
    config = RenderedConfig(digest, at, dated(encoded, at))
    return Outcome(device_id, before, config, rendered.missing)


def _images_named(
    devices: Iterable[DeviceConfig],
    volumes: Iterable[VolInstConfig],
    instances: Iterable[AppInstance],
    bundles: Iterable[App],
) -> frozenset[str]:
    """Names or ids."""
    named = {volume.image for volume in volumes}
    named |= {base.image_name for device in devices for base in device.base_image}
    named |= {drive.imagename for instance in instances for drive in instance.drives}
    for bundle in bundles:
        if bundle.manifest_json is not None:
            for image in bundle.manifest_json.images:
                named |= {image.imagename, image.imageid}
    return frozenset(named - {""})


def _items(found: Iterable[_Found[T]]) -> tuple[T, ...]:
    return tuple(one.item for one in found)


def _query(kind: Kind) -> Select[*tuple[Any, ...]]:
    c = objects[kind].c
    return select(c.id, c.enterprise_id, c.device_id, c.revision, c.body).order_by(c.id)


@lru_cache(maxsize=128)
def _query_by(dialect: str, kind: Kind, column: str) -> Select[*tuple[Any, ...]]:
    """Those whose `column` is one of the parameter `values`; built once: that takes longest."""
    return _query(kind).where(in_parameter(dialect, objects[kind].c[column], "values"))


async def _read(
    db: Db,
    contract: type[T],
    query: Select[*tuple[Any, ...]],
    known: KnownParts | None = None,
    values: Collection[str] = (),
) -> list[_Found[T]]:
    """`values`: the parameter of `_query_by`."""
    found: list[_Found[T]] = []
    given = {"values": as_one(db.dialect.name, values)} if values else None
    for object_id, enterprise_id, device_id, revision, body in await db.execute(query, given):
        changes = {"id": object_id, "revision": _revision(revision)}
        found.append(_Found(enterprise_id, device_id, read_stored(contract, body, changes, known)))
    return found


@lru_cache(maxsize=1024)
def _revision(number: int) -> ObjectRevision:
    return ObjectRevision(curr=str(number))


async def _by_ids(
    db: Db, kind: Kind, contract: type[T], ids: Iterable[str], known: KnownParts | None = None
) -> Sequence[_Found[T]]:
    wanted = set(ids) - {""}
    if not wanted:
        return ()
    query = _query_by(db.dialect.name, kind, "id")
    return await _read(db, contract, query, known, wanted)


async def _on_devices(
    db: Db,
    kind: Kind,
    contract: type[T],
    device_ids: Sequence[str],
    known: KnownParts | None,
) -> Mapping[str, list[T]]:
    """By device, each in the order of ids."""
    carried: defaultdict[str, list[T]] = defaultdict(list)
    query = _query_by(db.dialect.name, kind, "device_id")
    for found in await _read(db, contract, query, known, device_ids):
        carried[found.device_id].append(found.item)
    return carried


async def _images(db: Db, enterprise_id: str, references: Iterable[str]) -> tuple[ImageConfig, ...]:
    """Images of an enterprise by name or id."""
    table = objects[Kind.IMAGE]
    wanted = sorted(references)
    if not wanted:
        return ()
    query = (
        _query(Kind.IMAGE)
        .where(table.c.enterprise_id == enterprise_id)
        .where(or_(table.c.name.in_(wanted), table.c.id.in_(wanted)))
    )
    return _items(await _read(db, ImageConfig, query))


async def _networks(
    db: Db, enterprise_id: str, devices: Iterable[DeviceConfig]
) -> tuple[NetConfig, ...]:
    """The networks that ports name, and the default one of the enterprise (state `default`)."""
    named: set[str] = set()
    for device in devices:
        for port in device.interfaces:
            named |= {port.netid, port.netname}
        virtual = [vlan.interface for vlan in device.vlan_adapters]
        virtual += [bond.interface for bond in device.bond_adapter]
        for interface in virtual:
            if interface is not None:
                named |= {interface.netid, interface.netname}
    wanted = sorted(named - {""})
    c = objects[Kind.NETWORK].c
    query = (
        _query(Kind.NETWORK)
        .where(c.enterprise_id == enterprise_id)
        .where(or_(c.name.in_(wanted), c.id.in_(wanted), c.state == DEFAULT_NETWORK))
    )
    return _items(await _read(db, NetConfig, query))


async def _held(
    db: Db, devices: Sequence[DeviceConfig], projects: Mapping[str, Tag]
) -> Mapping[str, bytes]:
    """What is in force on those that are locked."""
    locked = [DeviceId(d.id) for d in devices if is_locked(d, projects.get(d.project_id))]
    if not locked:
        return {}
    found = await find_rendered_of(db, locked)
    return {device_id: one.config for device_id, one in found.items() if one.config_hash}


async def _ecdh(db: Db, device_ids: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
    """Certificate (PEM) and its hash, of those that have sent theirs."""
    c = device_certificates.c
    query = select(c.device_id, c.pem, c.certificate_hash).where(
        is_one_of(db, c.device_id, device_ids), c.type == ECDH_TYPE
    )
    return {device_id: (pem, digest) for device_id, pem, digest in await db.execute(query)}
