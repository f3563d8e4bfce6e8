"""What a simulated device says of itself.  Pure: facts in, serialized messages out.

The part that does not change is encoded once for all devices, and the changing part is appended:
protobuf defines the concatenation of two messages as their merge.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from eaves.evapi.config import PhyIoMemberUsage
from eaves.evapi.config_items import PROPERTIES
from eaves.evapi.forms import Form, Forms
from eaves.evapi.info import (
    AttestationInfo,
    AttestationState,
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
from eaves.evapi.info.wire import Z_INFO_MSG
from eaves.evapi.logs import AppLogOrigin, DeviceLogOrigin, encode_log_text
from eaves.fleet.apps import App
from eaves.fleet.device import EVE_VERSION
from eaves.fleet.facts import CPUS, DISK_MIB, EPOCH, MEMORY_MIB, Facts, stamp_of
from eaves.fleet.metrics import MetricsTemplates
from eaves.fleet.plan import Named, Plan, Port

_ITEMS = (20, 60, 100, 200)  # configuration items listed: device info of about 1 to 6 KB


class _Shape(NamedTuple):
    """What a form of device info holds that does not move."""

    maker: str
    product: str
    ports: tuple[Port, ...]
    management: frozenset[str]
    items: tuple[tuple[str, str], ...]
    apps: int


def _shape(plan: Plan, apps: int) -> _Shape:
    items = tuple(sorted(plan.items.items()))
    return _Shape(plan.maker, plan.product, plan.ports, plan.management, items, apps)


_NAMES: Final = ("device_name", "enterprise_name", "enterprise_id", "project_name", "project_id")
_DEVICE: Final = (
    "dev_id",
    "at_time_stamp.seconds",
    "at_time_stamp.nanos",
    "dinfo.minfo.serial_number",
    "dinfo.host_name",
    "dinfo.boot_time.seconds",
    "dinfo.boot_time.nanos",
    "dinfo.last_reboot_time.seconds",
    "dinfo.last_reboot_time.nanos",
    "dinfo.last_reboot_reason",
    "dinfo.last_boot_reason",
    "dinfo.system_adapter.status.0.last_succeeded.seconds",
    "dinfo.system_adapter.status.0.last_succeeded.nanos",
    "dinfo.restart_counter",
    "dinfo.reboot_config_counter",
    *(f"dinfo.{name}" for name in _NAMES),
)


def _places(shape: _Shape) -> list[str]:
    places = list(_DEVICE)
    for n in range(len(_told_ports(shape))):
        port = f"dinfo.system_adapter.status.0.ports.{n}"
        places += (f"{port}.mac_addr", f"{port}.ip_addrs.0")
    for n in range(shape.apps):
        places += (f"dinfo.app_instances.{n}.uuid", f"dinfo.app_instances.{n}.name")
    return places


def _values(
    facts: Facts, plan: Plan, shape: _Shape, apps: Iterable[App], now: datetime
) -> list[object]:
    """In the order of `_places`."""
    number, stamp, booted = facts.number, stamp_of(now), stamp_of(facts.booted_at)
    host = f"{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    values: list[object] = [
        facts.device_id,
        *stamp,
        facts.serial,
        facts.device_id,
        *booted,
        *booted,
        facts.boot_reason.name,
        int(facts.boot_reason),
        *stamp,
        facts.restarts,
        facts.reboots,
        *(plan.names.get(name, "") for name in _NAMES),
    ]
    for n in range(len(_told_ports(shape))):
        values += (f"02:00:{n:02x}:{host}", facts.address)
    for app in apps:
        values += (app.wish.app_id, app.wish.name)
    return values


def _device(shape: _Shape) -> ZInfoDevice:
    """With nothing of what moves, and room for it."""
    return ZInfoDevice(
        machine_arch="x86_64",
        cpu_arch="x86_64",
        platform="x86_64",
        ncpu=CPUS,
        memory=MEMORY_MIB,
        storage=DISK_MIB,
        minfo=ZInfoManufacturer(
            manufacturer=shape.maker or "Eaves",
            product_name=shape.product or "simulated device",
            bios_vendor="Eaves",
            bios_version="1.0",
        ),
        assignable_adapters=_adapters(shape),
        storage_list=(
            ZInfoStorage(
                device="/dev/sda9", mount_path="/persist", total=DISK_MIB, storage_location=True
            ),
        ),
        sw_list=_slots(),
        system_adapter=_ports(shape),
        hsm_status=HwSecurityModuleStatus.NOTFOUND,
        config_item_status=ZInfoConfigItemStatus(
            config_items={key: ZInfoConfigItem(value=v) for key, v in shape.items}
        ),
        app_instances=(ZInfoAppInstance(),) * shape.apps,
        state=ZDeviceState.ZDEVICE_STATE_ONLINE,
        attestation_info=AttestationInfo(state=AttestationState.ATTESTATION_STATE_COMPLETE),
    )


def _adapters(shape: _Shape) -> tuple[ZioBundle, ...]:
    """As the model says, one for each group that is assigned together."""
    groups: dict[str, list[Port]] = {}
    for port in shape.ports:
        groups.setdefault(port.group or port.label, []).append(port)
    return tuple(
        ZioBundle(
            type=members[0].type,
            name=group,
            members=tuple(m.label for m in members),
            usage=members[0].usage,
            used_by_base_os=any(m.label in shape.management for m in members),
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


def _told_ports(shape: _Shape) -> list[Port]:
    return [p for p in shape.ports if p.label in shape.management] or list(shape.ports[:1])


def _ports(shape: _Shape) -> SystemAdapterInfo:
    return SystemAdapterInfo(
        status=(
            DevicePortStatus(
                version=1,
                key="zedagent",
                ports=tuple(
                    DevicePort(
                        ifname=port.ifname or port.label,
                        name=port.label,
                        is_mgmt=port.label in shape.management,
                        free=True,
                        ip_addrs=("",),
                        dns_servers=("10.255.255.254",),
                        up=True,
                        mtu=1500,
                        usage=PhyIoMemberUsage.PhyIoUsageMgmtAndApps,
                    )
                    for port in _told_ports(shape)
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


class Templates(MetricsTemplates):
    """The parts of metrics and of device info that all devices of one size share."""

    def __init__(self, random: Random, now: datetime) -> None:
        super().__init__(random, now)
        self._fixed_info = tuple(_resting_items(n) for n in _ITEMS)
        self._device_forms = Forms[_Shape, ZInfoMsg]()

    def device(self, facts: Facts, plan: Plan, apps: Collection[App], now: datetime) -> bytes:
        fixed = self._fixed_info[facts.number % len(self._fixed_info)]
        shape = _shape(plan, len(apps))
        form = self._device_forms.of(shape, _form)
        return fixed + form.encode(_values(facts, plan, shape, apps, now))


def _form(shape: _Shape) -> Form[ZInfoMsg]:
    message = ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=_device(shape))
    return Form(Z_INFO_MSG, message, _places(shape))


def _resting_items(number: int) -> bytes:
    """Configuration items at their defaults, as a message that others are merged with."""
    listed = list(PROPERTIES.values())[:number]
    items = {row.key: ZInfoConfigItem(value=str(row.default)) for row in listed}
    status = ZInfoConfigItemStatus(config_items=items)
    return encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=ZInfoDevice(config_item_status=status))
    )


_MICROSECOND = timedelta(microseconds=1)
_SERVICES = tuple(f"service-{n}" for n in range(12))
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
    serial = _json_text(facts.serial)
    source = _json_text(app.wish.app_id) if app else ""
    moment_us = (now - EPOCH) // _MICROSECOND
    text: list[str] = []
    for n in range(lines):
        seconds, micros = divmod(moment_us - 50_000 * (lines - n), 1_000_000)
        nanos = f',"nanos":{micros}000' if micros else ""
        text.append(
            f'{{"severity":"{_SEVERITIES[(count + n) % len(_SEVERITIES)]}"'
            f',"source":"{source or _SERVICES[n % 12]}","iid":"{1000 + n % 12}"'
            f',"content":"message {count * 1000 + n} of {serial}: cycle done in'
            f" {(count * 7 + n * 13) % 997} ms, {n * 31 % 211} objects seen"
            f'","msgid":{count * 1000 + n},"timestamp":{{"seconds":{seconds}{nanos}}}'
            f',"filename":"/pillar/cmd/service/run.go:{100 + n}","function":"main.run"}}\n'
        )
    return LogFile(encode_log_text(origin, now, "".join(text).encode("utf-8", "replace")), lines)


def _json_text(text: str) -> str:
    """As it stands between the quotes of a JSON text."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
