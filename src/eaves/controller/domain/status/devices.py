"""Status of a device: its last info message, the age of its last contact, what it lacks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from eaves.controller.domain.contract.device_status import (
    AttestState,
    Capabilities,
    DevDataSecAtRest,
    DeviceBootReason,
    DeviceDataSecurityAtRestStatus,
    DeviceHWSecurityModuleStatus,
    DeviceStatusMsg,
    DeviceSWInfo,
    DeviceSWStatus,
    DeviceSWSubStatus,
    HardwareSummary,
    StorageStatus,
    ZManufacturerInfo,
)
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.contract.stored import made
from eaves.controller.domain.status.adapters import adapter_statuses
from eaves.controller.domain.status.liveness import Contact, Liveness
from eaves.controller.domain.status.ports import port_status, ports_in_force
from eaves.controller.domain.status.words import (
    device_error,
    device_errors,
    dns_info,
    lacks,
    sw_state,
    timestamp,
    told_error,
    without_repeats,
    word,
)
from eaves.evapi.info import (
    BootReason,
    DataSecAtRestStatus,
    VaultInfo,
    ZDeviceState,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoManufacturer,
)

DEVICE_STATES = {
    ZDeviceState.ZDEVICE_STATE_ONLINE: RunState.ONLINE,
    ZDeviceState.ZDEVICE_STATE_REBOOTING: RunState.REBOOTING,
    ZDeviceState.ZDEVICE_STATE_MAINTENANCE_MODE: RunState.MAINTENANCE_MODE,
    ZDeviceState.ZDEVICE_STATE_BASEOS_UPDATING: RunState.BASEOS_UPDATING,
    ZDeviceState.ZDEVICE_STATE_BOOTING: RunState.BOOTING,
    ZDeviceState.ZDEVICE_STATE_PREPARING_POWEROFF: RunState.PREPARING_POWEROFF,
    ZDeviceState.ZDEVICE_STATE_POWERING_OFF: RunState.POWERING_OFF,
    ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF: RunState.PREPARED_POWEROFF,
}

VAULT_STATES = {
    DataSecAtRestStatus.DATASEC_AT_REST_DISABLED: DeviceDataSecurityAtRestStatus.DISABLED,
    DataSecAtRestStatus.DATASEC_AT_REST_ENABLED: DeviceDataSecurityAtRestStatus.ENABLED,
    DataSecAtRestStatus.DATASEC_AT_REST_ERROR: DeviceDataSecurityAtRestStatus.ERROR,
}

_BOOT_REASONS: Final = tuple(DeviceBootReason)
_HSM_STATES: Final = tuple(DeviceHWSecurityModuleStatus)
_SW_STATES: Final = tuple(DeviceSWStatus)
_SW_SUB_STATES: Final = tuple(DeviceSWSubStatus)


@dataclass(frozen=True)
class DeviceReports:
    info: ZInfoDevice | None = None
    received_at: datetime | None = None
    attest_state: str = ""
    attested_at: datetime | None = None
    attestation_stale: bool = False
    missing: tuple[str, ...] = ()


def device_run_state(alive: Liveness, said: ZDeviceState | None) -> RunState:
    """`said`: the state that it last told; None: it told of itself never."""
    match alive.contact:
        case Contact.NEVER_REGISTERED:
            return RunState.UNPROVISIONED
        case Contact.REGISTERED:
            return RunState.PROVISIONED
        case Contact.SUSPECT:
            return RunState.SUSPECT
        case Contact.SILENT:
            return RunState.OFFLINE
        case Contact.ALIVE:
            if said is None:
                return RunState.PROVISIONED
            return DEVICE_STATES.get(said, RunState.ONLINE)


def device_status(device: DeviceConfig, alive: Liveness, reports: DeviceReports) -> DeviceStatusMsg:
    info = reports.info or ZInfoDevice()
    errors = device_errors(adapter.err for adapter in info.assignable_adapters)
    errors += device_errors(sw.sw_err for sw in info.sw_list)
    if info.attestation_info is not None:
        errors += device_errors((info.attestation_info.error,))
    ports = ports_in_force(info)
    errors += device_errors(port.err for port in ports)
    return made(
        DeviceStatusMsg,
        id=device.id,
        name=device.name,
        title=device.title,
        project_id=device.project_id,
        admin_state=device.admin_state,
        run_state=device_run_state(alive, reports.info.state if reports.info else None),
        attest_state=AttestState(reports.attest_state or AttestState.UNSPECIFIED.value),
        attested_at=timestamp(reports.attested_at),
        attestation_stale=reports.attestation_stale,
        last_update=timestamp(alive.last_seen or reports.received_at),
        boot_time=timestamp(info.boot_time),
        up_time=timestamp(info.boot_time),
        capabilities=_capabilities(info),
        data_sec_info=_vaults(info),
        dns=dns_info(info.dns),
        host_name=info.host_name,
        io_status_list=adapter_statuses(info),
        last_reboot_reason=info.last_reboot_reason,
        last_reboot_time=timestamp(info.last_reboot_time),
        device_reboot_reason=_boot_reason(info.last_boot_reason),
        dev_error=without_repeats(errors + lacks(reports.missing)),
        dinfo=_hardware(reports.info),
        minfo=_manufacturer(info),
        net_status_list=tuple(port_status(port, info) for port in ports),
        storage_list=tuple(
            made(StorageStatus, mount_path=s.mount_path, name=s.device, size_mb=s.total)
            for s in info.storage_list
        ),
        sw_info=tuple(_software(sw) for sw in info.sw_list),
        tags=dict(device.tags),
    )


def _capabilities(info: ZInfoDevice) -> Capabilities | None:
    told = info.capabilities
    if told is None:
        return None
    return made(
        Capabilities,
        hw_assisted_virtualization=told.hw_assisted_virtualization,
        io_virtualization=told.io_virtualization,
    )


def _vaults(info: ZInfoDevice) -> tuple[DevDataSecAtRest, ...]:
    at_rest = info.data_sec_at_rest_info
    return tuple(_vault(vault) for vault in at_rest.vault_list) if at_rest is not None else ()


def _vault(vault: VaultInfo) -> DevDataSecAtRest:
    return made(
        DevDataSecAtRest,
        name=vault.name,
        status=VAULT_STATES.get(vault.status, DeviceDataSecurityAtRestStatus.UNKNOWN),
        err_info=told_error(vault.vault_err),
    )


def _boot_reason(reason: BootReason) -> DeviceBootReason:
    if reason is BootReason.BOOT_REASON_PARSE_FAIL:
        return _BOOT_REASONS[-1]
    return word(_BOOT_REASONS, reason)


def _hardware(info: ZInfoDevice | None) -> HardwareSummary | None:
    if info is None:
        return None
    return made(
        HardwareSummary,
        cpu_arch=info.cpu_arch,
        machine_arch=info.machine_arch,
        mem_mb=info.memory,
        n_cpu=info.ncpu,
        platform=info.platform,
        storage_mb=info.storage,
    )


def _manufacturer(info: ZInfoDevice) -> ZManufacturerInfo | None:
    """The security module stands here in the contract, beside the maker in what devices send."""
    if info.minfo is None and not info.hsm_status and not info.hsm_info:
        return None
    maker = info.minfo or ZInfoManufacturer()
    return made(
        ZManufacturerInfo,
        manufacturer=maker.manufacturer,
        product_name=maker.product_name,
        version=maker.version,
        serial_number=maker.serial_number,
        uuid=maker.uuid,
        compatible=maker.compatible,
        bios_vendor=maker.bios_vendor,
        bios_version=maker.bios_version,
        bios_release_date=maker.bios_release_date,
        h_sm_info=info.hsm_info,
        h_sm_status=word(_HSM_STATES, info.hsm_status),
    )


def _software(sw: ZInfoDevSW) -> DeviceSWInfo:
    return made(
        DeviceSWInfo,
        activated=sw.activated,
        partition_label=sw.partition_label,
        partition_device=sw.partition_device,
        partition_state=sw.partition_state,
        short_version=sw.short_version,
        long_version=sw.long_version,
        status=sw_state(sw.status),
        download_progress=sw.download_progress,
        sw_status=word(_SW_STATES, sw.user_status),
        sw_sub_status=word(_SW_SUB_STATES, sw.sub_status),
        sw_sub_status_str=sw.sub_status_str,
        sub_status_progress=sw.sub_status_progress,
        sw_error=device_error(sw.sw_err) if sw.sw_err is not None else None,
    )
