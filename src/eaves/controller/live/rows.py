"""What the memory is filled from: rows of the store, all at the start, some after a change."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from eaves.controller.live.state import REFRESH_BATCH, Live, LiveDevice, ReadRows
from eaves.controller.store import devices
from eaves.controller.store.changes import DEVICES, Change
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

ReadIds = Callable[[], Awaitable[Sequence[DeviceId]]]


async def read_all(db: Db) -> Sequence[LiveDevice]:
    """Every device that ever registered, gone ones too."""
    return [_live(row) for row in await devices.all_devices(db)]


async def read_devices(db: Db, device_ids: Sequence[DeviceId]) -> Sequence[LiveDevice]:
    """These devices, as far as they have registered; at most some hundreds at a time."""
    return [_live(row) for row in await devices.read_devices(db, device_ids)]


async def follow(
    live: Live, read_rows: ReadRows, read_ids: ReadIds, told: Iterable[Change] | None
) -> None:
    """Take into memory what changes tell of; None: everything that there is."""
    if told is None:
        wanted = {*live.known(), *await read_ids()}
    else:
        wanted = {DeviceId(one) for change in told if change.topic == DEVICES for one in change.ids}
    ordered = sorted(wanted)
    for start in range(0, len(ordered), REFRESH_BATCH):
        await live.refresh(read_rows, ordered[start : start + REFRESH_BATCH])


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
        config_timestamp=row.config_timestamp,
    )
