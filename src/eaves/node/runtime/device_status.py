"""The device's own info message and metrics.  Pure: facts in, messages out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from eaves import __version__
from eaves.evapi.config import EdgeDevConfig, PhyIoMemberUsage, PhyIoType
from eaves.evapi.info import (
    APICapability,
    AttestationInfo,
    AttestationState,
    BootReason,
    Capabilities,
    CertInfo,
    DataSecAtRest,
    DevicePort,
    DevicePortStatus,
    ErrorInfo,
    MaintenanceModeReason,
    OptionalCapabilities,
    SecurityInfo,
    Severity,
    SystemAdapterInfo,
    ZDeviceState,
    ZInfoAppInstance,
    ZInfoConfigItemStatus,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoDNS,
    ZInfoManufacturer,
    ZInfoStorage,
    ZioBundle,
    ZSwState,
)
from eaves.evapi.info.device import BaseOsStatus
from eaves.evapi.metrics import (
    AppCpuMetric,
    DeviceMemoryMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
    ZedcloudMetric,
)
from eaves.node.host.machine import Disk, LinkCounters, Load, Machine
from eaves.node.ios.assign import Assigned
from eaves.node.refs import Port
from eaves.node.runtime.security_module import SecurityModule

# The wire counts what a release can do; of what comes before this one, EdgeView and Windows licence
# tables are not built, and a wish for either is refused or has no effect.
CAPABILITY = APICapability.API_CAPABILITY_VOLUME_SNAPSHOTS_IMMEDIATE


@dataclass(frozen=True, slots=True)
class Identity:
    """Facts of this start of the node."""

    host_name: str
    root_ca: bytes  # exact bytes of root-certificate.pem
    boot_time: datetime
    boot_reason: BootReason
    boot_text: str
    last_reboot_time: datetime | None
    restart_counter: int
    soft_serial: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """Facts that change while the node runs."""

    config: EdgeDevConfig | None
    ports: tuple[Port, ...]
    disk: Disk
    state: ZDeviceState
    attestation: AttestationState
    attestation_error: str
    config_items: ZInfoConfigItemStatus | None
    reboot_counter: int
    shutdown_counter: int
    maintenance: tuple[MaintenanceModeReason, ...] = ()
    last_controller_success: datetime | None = None
    last_controller_error: str = ""
    security: SecurityModule = field(default_factory=SecurityModule)
    at_rest: DataSecAtRest = field(default_factory=DataSecAtRest)
    software: tuple[ZInfoDevSW, ...] = ()  # of the slots; none: off the OS image
    update_counter: int = 0  # retry counter of the last update that was committed
    system_adapter: SystemAdapterInfo = field(default_factory=SystemAdapterInfo)
    assigned: Assigned = field(default_factory=Assigned)
    local_profile: str = ""  # of a local profile server
    enrolled: tuple[CertInfo, ...] = ()  # certificates for 802.1X


def device_info(machine: Machine, identity: Identity, moment: Moment) -> ZInfoDevice:
    config = moment.config or EdgeDevConfig()
    return ZInfoDevice(
        machine_arch=machine.arch,
        cpu_arch=machine.arch,
        platform=machine.arch,
        ncpu=machine.cpus,
        memory=machine.memory_mib,
        storage=moment.disk.total_mib,
        minfo=_manufacturer(machine, identity, config),
        assignable_adapters=adapters_told(config, moment.ports, moment.assigned),
        dns=ZInfoDNS(dns_servers=_unique(d for p in moment.ports for d in p.dns_servers)),
        storage_list=(
            ZInfoStorage(
                device=moment.disk.device,
                mount_path=moment.disk.mount_path,
                total=moment.disk.total_mib,
                storage_location=True,
            ),
        ),
        boot_time=identity.boot_time,
        sw_list=moment.software or (_software(),),
        host_name=identity.host_name,
        last_reboot_reason=identity.boot_text,
        last_reboot_time=identity.last_reboot_time,
        last_boot_reason=identity.boot_reason,
        system_adapter=_system_adapter(config, moment),
        restart_counter=identity.restart_counter,
        hsm_status=moment.security.status,
        hsm_info=moment.security.text(),
        local_profile=moment.local_profile,
        data_sec_at_rest_info=moment.at_rest,
        sec_info=SecurityInfo(sha_root_ca=sha256(identity.root_ca).digest()),
        config_item_status=moment.config_items,
        app_instances=tuple(
            ZInfoAppInstance(
                uuid=app.uuidandversion.uuid if app.uuidandversion else "", name=app.displayname
            )
            for app in config.apps
        ),
        reboot_config_counter=moment.reboot_counter,
        shutdown_config_counter=moment.shutdown_counter,
        baseos_update_counter=moment.update_counter,
        maintenance_mode=bool(moment.maintenance),
        maintenance_mode_reasons=moment.maintenance,
        maintenance_mode_reason=next(
            iter(moment.maintenance), MaintenanceModeReason.MAINTENANCE_MODE_REASON_NONE
        ),
        hardware_watchdog_present=machine.watchdog,
        reboot_inprogress=moment.state == ZDeviceState.ZDEVICE_STATE_REBOOTING,
        capabilities=Capabilities(hw_assisted_virtualization=machine.hw_virtualization),
        state=moment.state,
        attestation_info=AttestationInfo(
            state=moment.attestation,
            error=ErrorInfo(description=moment.attestation_error, severity=Severity.SEVERITY_ERROR)
            if moment.attestation_error
            else None,
        ),
        api_capability=CAPABILITY,
        optional_capabilities=OptionalCapabilities(),
        remote_access_disabled=True,
        device_name=config.device_name,
        enterprise_name=config.enterprise_name,
        enterprise_id=config.enterprise_id,
        project_name=config.project_name,
        project_id=config.project_id,
        enrolled_certs=moment.enrolled,
    )


def _manufacturer(machine: Machine, identity: Identity, config: EdgeDevConfig) -> ZInfoManufacturer:
    """A controller may know better than the firmware, which is often that of another maker."""
    return ZInfoManufacturer(
        manufacturer=config.manufacturer or machine.manufacturer,
        product_name=config.product_name or machine.product_name,
        version=machine.product_version,
        serial_number=machine.serial or identity.soft_serial,
        uuid=machine.uuid,
        bios_vendor=machine.bios_vendor,
        bios_version=machine.bios_version,
        bios_release_date=machine.bios_date,
    )


def _software() -> ZInfoDevSW:
    return ZInfoDevSW(
        activated=True,
        partition_label="IMGA",
        partition_state="active",
        status=ZSwState.INSTALLED,
        short_version=f"eaves-{__version__}",
        long_version=f"eaves-{__version__} on a host's own operating system",
        user_status=BaseOsStatus.UPDATED,
    )


def adapters_told(
    config: EdgeDevConfig, ports: tuple[Port, ...], assigned: Assigned
) -> tuple[ZioBundle, ...]:
    """One entry for each assignment group of the model; ports in use belong to the host."""
    labels = {p.logical_label for p in ports}
    groups: dict[str, list[tuple[str, PhyIoType, PhyIoMemberUsage]]] = {}
    for io in config.device_io_list:
        label = io.logicallabel or io.phylabel
        groups.setdefault(io.assigngrp or label, []).append((label, io.ptype, io.usage))
    return tuple(
        ZioBundle(
            type=members[0][1],
            name=group,
            members=tuple(m[0] for m in members),
            usage=members[0][2],
            used_by_app_uuid=next(
                (assigned.holders[m[0]] for m in members if m[0] in assigned.holders), ""
            ),
            used_by_base_os=any(m[0] in labels for m in members),
            err=_adapter_error([assigned.errors.get(m[0], "") for m in members]),
        )
        for group, members in sorted(groups.items())
    )


def _adapter_error(texts: list[str]) -> ErrorInfo | None:
    said = "; ".join(text for text in texts if text)
    return ErrorInfo(description=said, severity=Severity.SEVERITY_ERROR) if said else None


def _system_adapter(config: EdgeDevConfig, moment: Moment) -> SystemAdapterInfo:
    """Before a controller described any, there is one port configuration: what the host set up."""
    if moment.system_adapter.status:
        return moment.system_adapter
    return SystemAdapterInfo(
        current_index=0,
        status=(
            DevicePortStatus(
                version=1,
                key="zedagent" if config.system_adapter_list else "lastresort",
                last_succeeded=moment.last_controller_success,
                last_error=moment.last_controller_error,
                ports=tuple(_port(p) for p in moment.ports),
            ),
        ),
    )


def _port(port: Port) -> DevicePort:
    return DevicePort(
        ifname=port.ifname,
        name=port.logical_label,
        is_mgmt=port.management,
        free=port.cost == 0,
        mac_addr=port.mac,
        ip_addrs=tuple(a.partition("/")[0] for a in port.addresses),
        default_routers=port.gateways,
        dns_servers=port.dns_servers,
        up=port.up,
        cost=port.cost,
        mtu=port.mtu,
        usage=PhyIoMemberUsage.PhyIoUsageMgmtAndApps
        if port.management
        else PhyIoMemberUsage.PhyIoUsageShared,
        err=None
        if port.up and port.addresses
        else ErrorInfo(
            description=f"{port.ifname} is {'up without an address' if port.up else 'down'};"
            " check the cable and the network's DHCP server",
            severity=Severity.SEVERITY_ERROR,
        ),
    )


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests to the controller since the node started, by outcome."""

    success: int
    failures: int
    last_success: datetime | None
    last_failure: datetime | None


def device_metric(
    load: Load,
    disk: Disk,
    links: Mapping[str, LinkCounters],  # by logical label
    calls: Mapping[str, Calls],  # by interface; blank: as the kernel chose
    *,
    apps_mib: int,
    node_mib: int,
    received: datetime | None,
    processed: datetime | None,
    dormant_s: int,
    aliases: Mapping[str, str],
) -> DeviceMetric:
    used = load.memory_total_mib - load.memory_available_mib
    total = max(1, load.memory_total_mib)
    return DeviceMetric(
        memory=MemoryMetric(
            used_mem=used,
            avail_mem=load.memory_available_mib,
            used_percentage=100 * used / total,
            avail_percentage=100 * load.memory_available_mib / total,
        ),
        network=tuple(
            network_metric(label, c, aliases.get(label, "")) for label, c in sorted(links.items())
        ),
        zedcloud=tuple(
            ZedcloudMetric(
                if_name=name or next(iter(sorted(c.ifname for c in links.values())), ""),
                success=one.success,
                failures=one.failures,
                last_success=one.last_success,
                last_failure=one.last_failure,
            )
            for name, one in sorted(calls.items())
        ),
        disk=(
            DiskMetric(
                disk=disk.device,
                mount_path=disk.mount_path,
                total=disk.total_mib,
                used=disk.used_mib,
                free=disk.free_mib,
            ),
        ),
        # upTime is a duration in the clothes of a time: seconds since the machine was started.
        cpu_metric=AppCpuMetric(
            up_time=datetime.fromtimestamp(0, UTC) + timedelta(seconds=load.uptime_s),
            total=int(load.cpu_total_s),
            total_ns=int(load.cpu_total_s * 1e9),
        ),
        device_memory=DeviceMemoryMetric(
            memory_mb=load.memory_total_mib,
            allocated_apps_mb=apps_mib,
            allocated_eve_mb=node_mib,
            used_eve_mb=node_mib,
        ),
        last_received_config=received,
        last_processed_config=processed,
        dormant_time_in_seconds=dormant_s,
    )


def network_metric(label: str, counters: LinkCounters, alias: str) -> NetworkMetric:
    return NetworkMetric(
        i_name=label,
        local_name=counters.ifname,
        alias=alias or label,
        tx_bytes=counters.tx_bytes,
        rx_bytes=counters.rx_bytes,
        tx_pkts=counters.tx_packets,
        rx_pkts=counters.rx_packets,
        tx_drops=counters.tx_dropped,
        rx_drops=counters.rx_dropped,
        tx_errors=counters.tx_errors,
        rx_errors=counters.rx_errors,
    )


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
