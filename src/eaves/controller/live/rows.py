"""What the memory is filled from: rows of the store, all at the start, some after a change."""

from collections.abc import Sequence

from eaves.controller.live.state import LiveDevice
from eaves.controller.store import devices
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


async def read_all(db: Db) -> Sequence[LiveDevice]:
    """Every device that ever registered, gone ones too."""
    return [_live(row) for row in await devices.all_devices(db)]


async def read_devices(db: Db, device_ids: Sequence[DeviceId]) -> Sequence[LiveDevice]:
    """These devices, as far as they have registered; at most some hundreds at a time."""
    return [_live(row) for row in await devices.read_devices(db, device_ids)]


def _live(row: devices.DeviceRow) -> LiveDevice:
    return LiveDevice(
        device_id=row.device_id,
        enterprise_id=row.enterprise_id,
        certificate_hash=row.certificate_hash,
        certificate_der=row.certificate_der,
        config_hash=row.config_hash,
        integrity_token=row.integrity_token,
        attestation_required=row.attestation_required,
        gone=row.gone,
    )
