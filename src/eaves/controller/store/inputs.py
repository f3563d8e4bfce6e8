"""Read everything that the configuration of one device is made from, and keep what came out.

This module imports the contract types and so is not for the path that starts or serves polls.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import or_, select

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.users import Enterprise
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import Rendered
from eaves.controller.store.devices import ECDH_TYPE, find_device_certificates
from eaves.controller.store.marks import find_epoch
from eaves.controller.store.rendered import (
    RenderedConfig,
    find_in_force,
    next_timestamp,
    put_missing,
    put_rendered,
)
from eaves.controller.store.sealed import find_secrets
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.unit import Db
from eaves.evapi.config import config_hash, encode_edge_dev_config
from eaves.ids import ConfigHash, DeviceId

T = TypeVar("T", bound=Contract)

Render = Callable[[DeviceInputs], Rendered]


async def load_inputs(db: Db, device_id: DeviceId) -> DeviceInputs | None:
    """None: there is no such device (any more).  Reads by primary keys and device ids only."""
    devices = await _by_ids(db, Kind.DEVICE, DeviceConfig, (device_id,))
    if not devices:
        return None
    device = devices[0]
    enterprise_id = await _enterprise_of(db, device_id)
    netinsts = await _on_device(db, Kind.NETINST, NetInstConfig, device_id)
    volumes = await _on_device(db, Kind.VOLUME, VolInstConfig, device_id)
    instances = await _on_device(db, Kind.APP_INSTANCE, AppInstance, device_id)
    bundles = await _by_ids(db, Kind.APP, App, {i.app_id for i in instances})
    images = await _by_names(
        db,
        Kind.IMAGE,
        ImageConfig,
        enterprise_id,
        _images_named(device, volumes, instances, bundles),
    )
    stores = {s for i in images for s in (*i.datastore_id_list, i.datastore_id)}
    datastores = await _by_ids(db, Kind.DATASTORE, DatastoreInfo, stores)
    networks = await _networks(db, enterprise_id, device)
    projects = await _by_ids(db, Kind.PROJECT, Tag, (device.project_id,))
    models = await _by_ids(db, Kind.MODEL, SysModel, (device.model_id,))
    enterprises = await _by_ids(db, Kind.ENTERPRISE, Enterprise, (enterprise_id,))
    ecdh = [c for c in await find_device_certificates(db, device_id) if c.type == ECDH_TYPE]
    holders = [o.id for group in (instances, bundles, datastores, networks) for o in group]
    return DeviceInputs(
        device=device,
        enterprise_id=enterprise_id,
        enterprise_name=enterprises[0].name if enterprises else "",
        project=projects[0] if projects else None,
        model=models[0] if models else None,
        networks={network.id: network for network in networks},
        netinsts=netinsts,
        volumes=volumes,
        instances=instances,
        bundles={bundle.id: bundle for bundle in bundles},
        images={key: image for image in images for key in (image.id, image.name)},
        datastores={store.id: store for store in datastores},
        secrets=await find_secrets(db, holders),
        ecdh_pem=ecdh[0].pem if ecdh else b"",
        ecdh_hash=ecdh[0].certificate_hash if ecdh else b"",
        epoch=await find_epoch(db),
    )


async def render_and_store(
    db: Db, device_id: DeviceId, render: Render, now: datetime
) -> ConfigHash | None:
    """Render a device again, in the transaction of the change; the new hash, None if unchanged.

    The timestamp moves forward, and only with a change.  The row of the device is locked until the
    end of the transaction, so that of two changes at once the later one renders both; render
    several devices in the order of their ids.
    """
    table = objects[Kind.DEVICE]
    await db.execute(select(table.c.id).where(table.c.id == device_id).with_for_update())
    inputs = await load_inputs(db, device_id)
    if inputs is None:
        return None
    rendered = render(inputs)
    digest = config_hash(rendered.config)
    before = await find_in_force(db, device_id)
    if before is not None and before.config_hash == digest:
        if before.missing != rendered.missing:
            await put_missing(db, device_id, rendered.missing)
        return None
    timestamp = next_timestamp(before.config_timestamp if before is not None else None, now)
    config = dataclasses.replace(rendered.config, config_timestamp=timestamp)
    await put_rendered(
        db,
        device_id,
        RenderedConfig(digest, timestamp, encode_edge_dev_config(config)),
        rendered.missing,
    )
    return digest


def _images_named(
    device: DeviceConfig,
    volumes: Sequence[VolInstConfig],
    instances: Sequence[AppInstance],
    bundles: Sequence[App],
) -> frozenset[str]:
    """Names or ids."""
    named = {volume.image for volume in volumes}
    named |= {base.image_name for base in device.base_image}
    named |= {drive.imagename for instance in instances for drive in instance.drives}
    for bundle in bundles:
        if bundle.manifest_json is not None:
            for image in bundle.manifest_json.images:
                named |= {image.imagename, image.imageid}
    return frozenset(named - {""})


def _read(contract: type[T], object_id: str, revision: int, body: str) -> T:
    item = contract.from_json_text(body)
    return item.model_copy(update={"id": object_id, "revision": ObjectRevision(curr=str(revision))})


async def _by_ids(db: Db, kind: Kind, contract: type[T], ids: Iterable[str]) -> tuple[T, ...]:
    table = objects[kind]
    wanted = sorted(set(ids) - {""})
    if not wanted:
        return ()
    rows = await db.execute(select(table).where(table.c.id.in_(wanted)).order_by(table.c.id))
    return tuple(_read(contract, row.id, row.revision, row.body) for row in rows)


async def _on_device(db: Db, kind: Kind, contract: type[T], device_id: DeviceId) -> tuple[T, ...]:
    table = objects[kind]
    query = select(table).where(table.c.device_id == device_id).order_by(table.c.id)
    return tuple(_read(contract, r.id, r.revision, r.body) for r in await db.execute(query))


async def _by_names(
    db: Db, kind: Kind, contract: type[T], enterprise_id: str, references: Iterable[str]
) -> tuple[T, ...]:
    """Objects of an enterprise by name or id."""
    table = objects[kind]
    wanted = sorted(set(references))
    if not wanted:
        return ()
    query = (
        select(table)
        .where(table.c.enterprise_id == enterprise_id)
        .where(or_(table.c.name.in_(wanted), table.c.id.in_(wanted)))
        .order_by(table.c.id)
    )
    return tuple(_read(contract, r.id, r.revision, r.body) for r in await db.execute(query))


async def _networks(db: Db, enterprise_id: str, device: DeviceConfig) -> tuple[NetConfig, ...]:
    """The networks that ports name, and the default one of the enterprise (state `default`)."""
    ports = [
        *device.interfaces,
        *(v.interface for v in device.vlan_adapters if v.interface is not None),
        *(b.interface for b in device.bond_adapter if b.interface is not None),
    ]
    named = {reference for port in ports for reference in (port.netid, port.netname)} - {""}
    table = objects[Kind.NETWORK]
    query = (
        select(table)
        .where(table.c.enterprise_id == enterprise_id)
        .where(or_(table.c.name.in_(named), table.c.id.in_(named), table.c.state == "default"))
        .order_by(table.c.id)
    )
    return tuple(_read(NetConfig, r.id, r.revision, r.body) for r in await db.execute(query))


async def _enterprise_of(db: Db, device_id: DeviceId) -> str:
    table = objects[Kind.DEVICE]
    query = select(table.c.enterprise_id).where(table.c.id == device_id)
    return str((await db.execute(query)).scalar_one())
