"""States as lists have them: short, as JSON.

Most of a device's is what it last said, which is the same until it says something else: that part
is written once and kept, by the bytes of the message.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.device_status import DeviceStatusSummaryMsg
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.stored import short_form
from eaves.controller.domain.status.devices import DeviceReports, device_run_state, device_status
from eaves.controller.domain.status.liveness import Contact, Liveness
from eaves.controller.domain.status.words import timestamp
from eaves.evapi.info import ZDeviceState, ZInfoDevice, decode_z_info_msg

KEPT: Final = 500  # messages with what they say as JSON, of about 10 KB each
LARGEST_KEPT: Final = 32_768  # bytes of a message; a larger one is read each time
# ours, beside the short form of the contract: what a table shows of each row
_SHOWN: Final = {"last_update", "err_info", "sw_state", "attested_at", "attestation_stale"}


def short_json(kind: type[Contract], status: Contract) -> JsonObject:
    more = status.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True, include=_SHOWN
    )
    return {**short_form(kind, status).to_json(), **more}


def listed_device(
    device: DeviceConfig, alive: Liveness, message: bytes, reports: DeviceReports
) -> JsonObject:
    """The short form of its status; `message`: its last ZInfoMsg, which `reports` is without."""
    if reports.missing:  # errors of the device and of its configuration stand in one list
        status = device_status(device, alive, replace(reports, info=_info(message)))
        return short_json(DeviceStatusSummaryMsg, status)
    state, said = _said(message)
    return {
        **said,
        "id": device.id,
        "name": device.name,
        "title": device.title,
        "projectId": device.project_id,
        "adminState": device.admin_state.value,
        "runState": device_run_state(alive, state).value,
        "lastUpdate": timestamp(alive.last_seen or reports.received_at),
        "attestedAt": timestamp(reports.attested_at),
        "attestationStale": reports.attestation_stale,
        "tags": device.tags,
    }


def _said(message: bytes) -> tuple[ZDeviceState | None, JsonObject]:
    return _kept(message) if len(message) <= LARGEST_KEPT else _read(message)


def _info(message: bytes) -> ZInfoDevice | None:
    """Empty: it said nothing yet."""
    return decode_z_info_msg(message).dinfo if message else None


def _read(message: bytes) -> tuple[ZDeviceState | None, JsonObject]:
    info = _info(message)
    nobody = Liveness(Contact.NEVER_REGISTERED)
    status = device_status(DeviceConfig(), nobody, DeviceReports(info=info))
    said = short_json(DeviceStatusSummaryMsg, status)
    return (None if info is None else info.state), said


_kept = lru_cache(maxsize=KEPT)(_read)
