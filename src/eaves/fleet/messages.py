"""What a simulated device says of itself.  Pure: facts in, serialized messages out.

The part that does not change is encoded once for all devices, and the changing part is appended:
protobuf defines the concatenation of two messages as their merge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from eaves.evapi.config import PhyIoMemberUsage
from eaves.evapi.config_items import PROPERTIES
from eaves.evapi.info import (
    AttestationInfo,
    AttestationState,
    BootReason,
    DevicePort,
    DevicePortStatus,
    HwSecurityModuleStatus,
    SystemAdapterInfo,
    ZDeviceState,
    ZInfoApp,
    ZInfoAppInstance,
    ZInfoConfigItem,
    ZInfoConfigItemStatus,
    ZInfoContentTree,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoNetworkInstance,
    ZInfoStorage,
    ZInfoTypes,
    ZInfoVolume,
    ZioBundle,
    ZNetworkInstanceState,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.device import BaseOsStatus
from eaves.evapi.logs import AppLogOrigin, DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMemoryMetric,
    AppMetric,
    DeviceMemoryMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
    ZedcloudMetric,
    ZMetricMsg,
    ZMetricNetworkInstance,
    ZMetricProcess,
    ZMetricVolume,
    encode_z_metric_msg,
)
from eaves.fleet.apps import App
from eaves.fleet.device import EVE_VERSION
from eaves.fleet.plan import Named, Plan, Port

MEMORY_MIB, DISK_MIB, CPUS = 8192, 65536, 4
_SIZES = (5, 10, 16, 22, 30, 38, 46, 56)  # processes listed: metrics of about 1 to 10 KB
_ITEMS = (20, 60, 100, 200)  # configuration items listed: device info of about 1 to 6 KB


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one device, since its last start."""

    number: int
    device_id: str
    serial: str
    booted_at: datetime
    boot_reason: BootReason
    restarts: int
    reboots: int  # counter of the configuration, as carried out

    @property
    def address(self) -> str:
        host = self.number + 1
        return f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"


def _device(facts: Facts, plan: Plan, apps: Iterable[App], now: datetime) -> ZInfoDevice:
    return ZInfoDevice(
        machine_arch="x86_64",
        cpu_arch="x86_64",
        platform="x86_64",
        ncpu=CPUS,
        memory=MEMORY_MIB,
        storage=DISK_MIB,
        minfo=ZInfoManufacturer(
            manufacturer=plan.maker or "Eaves",
            product_name=plan.product or "simulated device",
            serial_number=facts.serial,
            bios_vendor="Eaves",
            bios_version="1.0",
        ),
        assignable_adapters=_adapters(plan),
        storage_list=(
            ZInfoStorage(
                device="/dev/sda9", mount_path="/persist", total=DISK_MIB, storage_location=True
            ),
        ),
        boot_time=facts.booted_at,
        sw_list=_slots(),
        host_name=facts.device_id,
        last_reboot_reason=facts.boot_reason.name,
        last_reboot_time=facts.booted_at,
        last_boot_reason=facts.boot_reason,
        system_adapter=_ports(facts, plan, now),
        restart_counter=facts.restarts,
        hsm_status=HwSecurityModuleStatus.NOTFOUND,
        config_item_status=ZInfoConfigItemStatus(
            config_items={key: ZInfoConfigItem(value=v) for key, v in plan.items.items()}
        ),
        app_instances=tuple(
            ZInfoAppInstance(uuid=app.wish.app_id, name=app.wish.name) for app in apps
        ),
        reboot_config_counter=facts.reboots,
        state=ZDeviceState.ZDEVICE_STATE_ONLINE,
        attestation_info=AttestationInfo(state=AttestationState.ATTESTATION_STATE_COMPLETE),
        device_name=plan.names.get("device_name", ""),
        enterprise_name=plan.names.get("enterprise_name", ""),
        enterprise_id=plan.names.get("enterprise_id", ""),
        project_name=plan.names.get("project_name", ""),
        project_id=plan.names.get("project_id", ""),
    )


def _adapters(plan: Plan) -> tuple[ZioBundle, ...]:
    """As the model says, one for each group that is assigned together."""
    groups: dict[str, list[Port]] = {}
    for port in plan.ports:
        groups.setdefault(port.group or port.label, []).append(port)
    return tuple(
        ZioBundle(
            type=members[0].type,
            name=group,
            members=tuple(m.label for m in members),
            usage=members[0].usage,
            used_by_base_os=any(m.label in plan.management for m in members),
        )
        for group, members in sorted(groups.items())
    )


def _slots() -> tuple[ZInfoDevSW, ...]:
    return (
        ZInfoDevSW(
            activated=True,
            partition_label="IMGA",
            partition_device="/dev/sda2",
            partition_state="active",
            status=ZSwState.INSTALLED,
            short_version=EVE_VERSION,
            long_version=EVE_VERSION,
            user_status=BaseOsStatus.UPDATED,
        ),
        ZInfoDevSW(partition_label="IMGB", partition_device="/dev/sda3", partition_state="unused"),
    )


def _ports(facts: Facts, plan: Plan, now: datetime) -> SystemAdapterInfo:
    ports = [p for p in plan.ports if p.label in plan.management] or list(plan.ports[:1])
    return SystemAdapterInfo(
        status=(
            DevicePortStatus(
                version=1,
                key="zedagent",
                last_succeeded=now,
                ports=tuple(
                    DevicePort(
                        ifname=p.ifname or p.label,
                        name=p.label,
                        is_mgmt=p.label in plan.management,
                        free=True,
                        mac_addr=f"02:00:{n:02x}:{facts.number >> 16 & 255:02x}"
                        f":{facts.number >> 8 & 255:02x}:{facts.number & 255:02x}",
                        ip_addrs=(facts.address,),
                        dns_servers=("10.255.255.254",),
                        up=True,
                        mtu=1500,
                        usage=PhyIoMemberUsage.PhyIoUsageMgmtAndApps,
                    )
                    for n, p in enumerate(ports)
                ),
            ),
        )
    )


def app_message(device_id: str, app: ZInfoApp, now: datetime) -> bytes:
    return encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=device_id, ainfo=app, at_time_stamp=now)
    )


def network_message(device_id: str, one: Named, now: datetime, *, gone: bool = False) -> bytes:
    online = ZNetworkInstanceState.ZNETINST_STATE_ONLINE
    niinfo = (
        ZInfoNetworkInstance(network_id=one.id)
        if gone
        else ZInfoNetworkInstance(
            network_id=one.id,
            network_version=one.version,
            inst_type=one.number,
            displayname=one.name,
            activated=True,
            up_time_stamp=now,
            bridge_name="bn1",
            state=online,
            mtu=1500,
        )
    )
    kind = ZInfoTypes.ZiNetworkInstance
    return encode_z_info_msg(
        ZInfoMsg(ztype=kind, dev_id=device_id, niinfo=niinfo, at_time_stamp=now)
    )


def volume_message(device_id: str, one: Named, now: datetime, *, gone: bool = False) -> bytes:
    vinfo = (
        ZInfoVolume(uuid=one.id)
        if gone
        else ZInfoVolume(
            uuid=one.id,
            display_name=one.name,
            state=ZSwState.CREATED_VOLUME,
            progress_percentage=100,
            generation_count=one.number,
        )
    )
    kind = ZInfoTypes.ZiVolume
    return encode_z_info_msg(ZInfoMsg(ztype=kind, dev_id=device_id, vinfo=vinfo, at_time_stamp=now))


def tree_message(device_id: str, one: Named, now: datetime, *, gone: bool = False) -> bytes:
    cinfo = (
        ZInfoContentTree(uuid=one.id)
        if gone
        else ZInfoContentTree(
            uuid=one.id,
            display_name=one.name,
            sha256=one.sha256,
            state=ZSwState.LOADED,
            progress_percentage=100,
            generation_count=one.number,
        )
    )
    kind = ZInfoTypes.ZiContentTree
    return encode_z_info_msg(ZInfoMsg(ztype=kind, dev_id=device_id, cinfo=cinfo, at_time_stamp=now))


class Templates:
    """The parts of metrics and of device info that all devices of one size share."""

    def __init__(self, random: Random, now: datetime) -> None:
        self._fixed = tuple(
            encode_z_metric_msg(ZMetricMsg(pr=_processes(random, now, n))) for n in _SIZES
        )
        self._fixed_info = tuple(_resting_items(n) for n in _ITEMS)

    def device(self, facts: Facts, plan: Plan, apps: Iterable[App], now: datetime) -> bytes:
        moving = ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice,
            dev_id=facts.device_id,
            dinfo=_device(facts, plan, apps, now),
            at_time_stamp=now,
        )
        fixed = self._fixed_info[facts.number % len(self._fixed_info)]
        return fixed + encode_z_info_msg(moving)

    def metrics(
        self, facts: Facts, plan: Plan, apps: Mapping[str, App], count: int, now: datetime
    ) -> bytes:
        """`count`: of the messages of this device; its counters grow with it."""
        up_s = max(1.0, (now - facts.booted_at).total_seconds())
        moving = ZMetricMsg(
            dev_id=facts.device_id,
            at_time_stamp=now,
            dm=_device_metric(facts, plan, count, up_s, now),
            am=tuple(_app_metric(app, count, up_s) for app in apps.values()),
            nm=tuple(
                ZMetricNetworkInstance(
                    network_id=n.id,
                    network_version=n.version,
                    inst_type=n.number,
                    displayname=n.name,
                    activated=True,
                    network=(_link(n.name, "bn1", count + 3),),
                )
                for n in plan.networks
            ),
            vm=tuple(
                ZMetricVolume(
                    uuid=v.id,
                    display_name=v.name,
                    read_bytes=count * 4096,
                    write_bytes=count * 8192,
                    read_count=count,
                    write_count=count,
                    total_bytes=v.size_bytes,
                )
                for v in plan.volumes
            ),
        )
        return self._fixed[facts.number % len(self._fixed)] + encode_z_metric_msg(moving)


def _resting_items(number: int) -> bytes:
    """Configuration items at their defaults, as a message that others are merged with."""
    listed = list(PROPERTIES.values())[:number]
    items = {row.key: ZInfoConfigItem(value=str(row.default)) for row in listed}
    status = ZInfoConfigItemStatus(config_items=items)
    return encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=ZInfoDevice(config_item_status=status))
    )


def _processes(random: Random, now: datetime, number: int) -> tuple[ZMetricProcess, ...]:
    return tuple(
        ZMetricProcess(
            pid=random.randrange(100, 30_000),
            name=f"service-{n}-{random.randrange(1 << 60):x}",
            user_process=n % 3 == 0,
            watched=n % 2 == 0,
            num_fds=random.randrange(4, 200),
            num_threads=random.randrange(1, 40),
            user_time=random.random() * 1000,
            system_time=random.random() * 1000,
            cpu_percent=random.random() * 5,
            create_time=now - timedelta(hours=n),
            vm_bytes=random.randrange(1 << 33),
            rss_bytes=random.randrange(1 << 28),
            memory_percent=random.random(),
            stack="main.run+0x1c; main.main+0x40; runtime.main+0x9a " * (n % 4),
        )
        for n in range(number)
    )


def _device_metric(
    facts: Facts, plan: Plan, count: int, up_s: float, now: datetime
) -> DeviceMetric:
    used = 1500 + (count * 37 + facts.number * 11) % 4000
    busy_s = up_s * (0.1 + facts.number % 7 / 10)
    return DeviceMetric(
        memory=MemoryMetric(
            used_mem=used,
            avail_mem=MEMORY_MIB - used,
            used_percentage=100 * used / MEMORY_MIB,
            avail_percentage=100 - 100 * used / MEMORY_MIB,
        ),
        network=tuple(
            _link(p.label, p.ifname or p.label, count + n)
            for n, p in enumerate(plan.ports)
            if p.label in plan.management
        ),
        zedcloud=(ZedcloudMetric(if_name="eth0", success=2 * count, last_success=now),),
        disk=(
            DiskMetric(
                disk="/dev/sda9",
                mount_path="/persist",
                read_bytes=count,
                write_bytes=2 * count,
                read_count=9 * count,
                write_count=17 * count,
                total=DISK_MIB,
                used=DISK_MIB // 3 + count % 500,
                free=DISK_MIB - DISK_MIB // 3 - count % 500,
            ),
        ),
        cpu_metric=_cpu(up_s, busy_s),
        device_memory=DeviceMemoryMetric(
            memory_mb=MEMORY_MIB, allocated_eve_mb=800, used_eve_mb=600 + count % 50
        ),
        last_received_config=plan.timestamp,
        last_processed_config=plan.timestamp,
    )


def _cpu(up_s: float, busy_s: float) -> AppCpuMetric:
    # upTime is a duration in the clothes of a time: seconds since the start
    return AppCpuMetric(
        up_time=datetime.fromtimestamp(0, UTC) + timedelta(seconds=up_s),
        total=int(busy_s),
        total_ns=int(busy_s * 1e9),
    )


def _link(label: str, ifname: str, count: int) -> NetworkMetric:
    return NetworkMetric(
        i_name=label,
        alias=label,
        local_name=ifname,
        tx_bytes=count * 12_345,
        rx_bytes=count * 23_456,
        tx_pkts=count * 41,
        rx_pkts=count * 67,
    )


def _app_metric(app: App, count: int, up_s: float) -> AppMetric:
    memory = app.wish.memory_mib or 64
    used = memory // 2 + count % max(1, memory // 2)
    return AppMetric(
        app_id=app.wish.app_id,
        app_version=app.wish.version,
        app_name=app.wish.name,
        cpu=_cpu(up_s, up_s / 5),
        memory=MemoryMetric(
            used_mem=used, avail_mem=memory - used, used_percentage=100 * used / memory
        ),
        network=tuple(_link(name, f"nbu{n}", count) for n, (name, _) in enumerate(app.wish.vifs)),
        app_memory=AppMemoryMetric(allocated_mb=memory, used_mb=used),
    )


_SEVERITIES = ("info",) * 6 + ("debug", "debug", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogFile:
    data: bytes
    lines: int


def log_file(
    facts: Facts, count: int, lines: int, now: datetime, app: App | None = None
) -> LogFile:
    """A file of the device, or of one of its apps; every line is another one."""
    origin = (
        AppLogOrigin(app.wish.name)
        if app
        else DeviceLogOrigin(facts.device_id, "IMGA", EVE_VERSION)
    )
    entries = [
        LogEntry(
            severity=_SEVERITIES[(count + n) % len(_SEVERITIES)],
            source=app.wish.app_id if app else f"service-{n % 12}",
            iid=str(1000 + n % 12),
            content=f"message {count * 1000 + n} of {facts.serial}: cycle done in"
            f" {(count * 7 + n * 13) % 997} ms, {n * 31 % 211} objects seen",
            msgid=count * 1000 + n,
            timestamp=now - timedelta(milliseconds=50 * (lines - n)),
            filename="/pillar/cmd/service/run.go:" + str(100 + n),
            function="main.run",
        )
        for n in range(lines)
    ]
    return LogFile(encode_log_file(origin, now, entries), lines)
