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
from eaves.evapi.info import ZInfoDevice, decode_z_info_msg

KEPT: Final = 1000  # messages, of about 10 KB each as they are read and written
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
    info, said = _said(message)
    if reports.missing:  # errors of the device and of its configuration stand in one list
        status = device_status(device, alive, replace(reports, info=info))
        return short_json(DeviceStatusSummaryMsg, status)
    return {
        **said,
        "id": device.id,
        "name": device.name,
        "title": device.title,
        "projectId": device.project_id,
        "adminState": device.admin_state.value,
        "runState": device_run_state(alive, info).value,
        "lastUpdate": timestamp(alive.last_seen or reports.received_at),
        "attestedAt": timestamp(reports.attested_at),
        "attestationStale": reports.attestation_stale,
        "tags": device.tags,
    }


def _said(message: bytes) -> tuple[ZInfoDevice | None, JsonObject]:
    """Empty: it said nothing yet."""
    return _kept(message) if len(message) <= LARGEST_KEPT else _read(message)


def _read(message: bytes) -> tuple[ZInfoDevice | None, JsonObject]:
    info = decode_z_info_msg(message).dinfo if message else None
    nobody = Liveness(Contact.NEVER_REGISTERED)
    status = device_status(DeviceConfig(), nobody, DeviceReports(info=info))
    return info, short_json(DeviceStatusSummaryMsg, status)


_kept = lru_cache(maxsize=KEPT)(_read)
