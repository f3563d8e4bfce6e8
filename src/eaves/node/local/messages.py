"""What a local profile server is told.  Pure."""

from collections.abc import Iterable
from datetime import datetime

from eaves.evapi.info import BootReason, MaintenanceModeReason, ZDeviceState, ZInfoApp
from eaves.evapi.profile import LocalAppInfo, LocalAppInfoList, LocalDevInfo
from eaves.ids import AppInstanceId
from eaves.node.local.overlay import NO_ORDERS
from eaves.node.local.state import LocalState


def app_info_list(apps: Iterable[ZInfoApp], state: LocalState) -> LocalAppInfoList:
    return LocalAppInfoList(
        apps_info=tuple(
            LocalAppInfo(
                id=app.app_id,
                version=app.app_version,
                name=app.app_name,
                err=app.app_err[0] if app.app_err else None,
                state=app.state,
                last_cmd_timestamp=state.apps.get(AppInstanceId(app.app_id), NO_ORDERS).done,
            )
            for app in apps
        )
    )


def device_info_of(
    device_id: str,
    device: ZDeviceState,
    maintenance: tuple[MaintenanceModeReason, ...],
    boot_time: datetime,
    boot_reason: BootReason,
    state: LocalState,
) -> LocalDevInfo:
    return LocalDevInfo(
        device_uuid=device_id,
        state=device,
        maintenance_mode_reasons=maintenance,
        boot_time=boot_time,
        last_boot_reason=boot_reason,
        last_cmd_timestamp=state.device_done,
    )
