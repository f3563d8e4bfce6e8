"""What devices last said, read for the objects of a request in few queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from eaves.controller.domain.app_status import AppReports, Holder, missing_of
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.render.ids import implicit_volume_id
from eaves.controller.domain.render.storage import content_tree
from eaves.controller.domain.status.devices import DeviceReports
from eaves.controller.domain.status.liveness import Limits, is_stale, liveness
from eaves.controller.northbound import records
from eaves.controller.northbound.work import Work
from eaves.controller.store import attestations, rendered, reports
from eaves.controller.store import devices as device_rows
from eaves.controller.store.attestations import Attested
from eaves.evapi.info import (
    ZInfoApp,
    ZInfoContentTree,
    ZInfoMsg,
    ZInfoNetworkInstance,
    ZInfoTypes,
    ZInfoVolume,
    decode_z_info_msg,
)
from eaves.ids import DeviceId

AT_ONCE = 500  # devices in one query


@dataclass(frozen=True)
class Heard:
    """An info message and when it came."""

    info: reports.Info

    @cached_property
    def message(self) -> ZInfoMsg:
        return decode_z_info_msg(self.info.message)


@dataclass(frozen=True)
class Fleet:
    """Some devices, how well they are heard, and what they last said."""

    holders: Mapping[str, Holder]
    heard: Mapping[tuple[str, int, str], Heard]
    missing: Mapping[str, tuple[str, ...]]
    attested: Mapping[str, Attested]
    stale: frozenset[str]  # devices whose attestation is too old

    def _message(self, device_id: str, kind: ZInfoTypes, object_id: str = "") -> Heard | None:
        return self.heard.get((device_id, int(kind), object_id))

    def device(self, device_id: str) -> DeviceReports:
        heard = self._message(device_id, ZInfoTypes.ZiDevice)
        return replace(self.unread(device_id), info=heard.message.dinfo if heard else None)

    def said(self, device_id: str) -> bytes:
        """The last message about the device itself; empty: none came."""
        heard = self._message(device_id, ZInfoTypes.ZiDevice)
        return heard.info.message if heard else b""

    def unread(self, device_id: str) -> DeviceReports:
        """As `device`, without what stands in the message."""
        heard = self._message(device_id, ZInfoTypes.ZiDevice)
        attested = self.attested.get(device_id)
        return DeviceReports(
            received_at=heard.info.received_at if heard else None,
            attest_state="" if attested is None else attested.state,
            attested_at=None if attested is None else attested.at,
            attestation_stale=device_id in self.stale,
            missing=self.missing.get(device_id, ()),
        )

    def netinst(self, device_id: str, netinst_id: str) -> ZInfoNetworkInstance | None:
        heard = self._message(device_id, ZInfoTypes.ZiNetworkInstance, netinst_id)
        return heard.message.niinfo if heard else None

    def volume(self, device_id: str, volume_id: str) -> ZInfoVolume | None:
        heard = self._message(device_id, ZInfoTypes.ZiVolume, volume_id)
        return heard.message.vinfo if heard else None

    def tree(self, device_id: str, image: ImageConfig | None) -> ZInfoContentTree | None:
        if image is None:
            return None
        heard = self._message(device_id, ZInfoTypes.ZiContentTree, content_tree(image).uuid)
        return heard.message.cinfo if heard else None

    def app(self, instance: AppInstance, images: Mapping[str, ImageConfig]) -> AppReports:
        device_id = instance.device_id
        heard = self._message(device_id, ZInfoTypes.ZiApp, instance.id)
        info: ZInfoApp | None = heard.message.ainfo if heard else None
        volume_ids = [implicit_volume_id(instance.id, n) for n in range(len(instance.drives))]
        volume_ids += info.volume_refs if info is not None else ()
        volumes = (self.volume(device_id, one) for one in dict.fromkeys(volume_ids))
        trees = (self.tree(device_id, images.get(drive.imagename)) for drive in instance.drives)
        return AppReports(
            info=info,
            volumes=tuple(volume for volume in volumes if volume is not None),
            content_trees=tuple(tree for tree in trees if tree is not None),
            received_at=heard.info.received_at if heard else None,
            missing=missing_of(instance, self.missing.get(device_id, ())),
        )


async def read_fleet(work: Work, limits: Limits, device_ids: Iterable[str]) -> Fleet:
    """These devices of the caller's scope."""
    ids = tuple(sorted(frozenset(device_ids) - {""}))
    wanted = await records.in_order(work.db, work.scope, records.DEVICE, ids)
    return await fleet_of(work, limits, wanted)


async def fleet_of(
    work: Work, limits: Limits, devices: Sequence[DeviceConfig], kinds: Sequence[ZInfoTypes] = ()
) -> Fleet:
    """These devices with what they last said, of these kinds (all when empty)."""
    holders: dict[str, Holder] = {}
    heard: dict[tuple[str, int, str], Heard] = {}
    missing: dict[str, tuple[str, ...]] = {}
    attested: dict[str, Attested] = {}
    numbers = [int(kind) for kind in kinds]
    for start in range(0, len(devices), AT_ONCE):
        some = devices[start : start + AT_ONCE]
        ids = [DeviceId(device.id) for device in some]
        seen = await device_rows.find_last_seen(work.db, ids)
        bound = await device_rows.find_bound_at(work.db, ids)
        in_force = await rendered.find_all_in_force(work.db, ids)
        attested |= await attestations.find_attested(work.db, ids)
        for device, id_ in zip(some, ids, strict=True):
            alive = liveness(bound.get(id_), seen.get(id_), work.now, limits)
            holders[device.id] = Holder(device, alive)
            missing[device.id] = in_force[id_].missing if id_ in in_force else ()
        for info in await reports.list_info(work.db, ids, numbers):
            key = (str(info.device_id), info.kind, info.object_id)
            heard[key] = Heard(info)
    stale = {one for one, found in attested.items() if is_stale(found.at, work.now, limits)}
    return Fleet(holders, heard, missing, attested, frozenset(stale))


async def images_of(
    work: Work, instances: Iterable[AppInstance], volumes: Iterable[VolInstConfig] = ()
) -> Mapping[str, ImageConfig]:
    names = {drive.imagename for instance in instances for drive in instance.drives}
    names |= {volume.image for volume in volumes}
    return await records.by_reference(work.db, work.scope, records.IMAGE, names)
