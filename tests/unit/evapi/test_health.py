"""What alerts read from info and metrics messages, and the events of device errors and updates."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from eaves.controller.telemetry.changes import changes
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info import (
    BaseOsStatus,
    BootReason,
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoMsg,
    ZInfoTypes,
    ZioBundle,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.fold import fold_info
from eaves.evapi.info.health import AppHealth, DeviceHealth, read_health
from eaves.evapi.info_said import Said
from eaves.evapi.metrics import (
    AppCpuMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.evapi.metrics_usage import processor_percent, read_usage

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def slot(status: BaseOsStatus) -> ZInfoDevSW:
    return ZInfoDevSW(short_version="14.0", user_status=status)


def device(**more: object) -> bytes:
    info = ZInfoDevice(**more)  # type: ignore[arg-type]  # a test's short form
    kind = ZInfoTypes.ZiDevice
    return encode_z_info_msg(ZInfoMsg(ztype=kind, dev_id="d", dinfo=info, at_time_stamp=AT))


def said(data: bytes) -> Said:
    found = fold_info(data).said
    assert found is not None
    return found


def test_health_of_a_device() -> None:
    data = device(
        ncpu=4,
        restart_counter=7,
        last_boot_reason=BootReason.BOOT_REASON_WATCHDOG_HUNG,
        boot_time=AT - timedelta(seconds=90),
        assignable_adapters=(ZioBundle(name="eth0", err=ErrorInfo(description="no link")),),
        sw_list=(slot(BaseOsStatus.FALLBACK),),
    )
    assert read_health(data) == DeviceHealth(
        processors=4,
        boots=7,
        boot_reason=8,
        boot_text="WATCHDOG_HUNG",
        up_s=90.0,
        errors=("no link",),
        failed_update="version 14.0: FALLBACK",
    )
    assert read_health(device()) == DeviceHealth(boot_text="UNSPECIFIED")


def test_health_of_an_app() -> None:
    info = ZInfoApp(app_id="a", app_name="web", state=ZSwState.ERROR)
    data = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id="d", ainfo=info))
    found = read_health(data)
    assert isinstance(found, AppHealth)
    assert found.errors == ("it is in the state ERROR and tells no reason",)


@pytest.mark.parametrize("read", [read_health, read_usage])
def test_bytes_that_are_no_message_are_refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(MalformedMessage):
        read(b"\xff\xff\xff")


def metrics(cpu_ns: int, at: datetime, used: int = 75) -> bytes:
    made = DeviceMetric(
        cpu_metric=AppCpuMetric(total_ns=cpu_ns),
        memory=MemoryMetric(used_mem=used, avail_mem=100 - used),
        disk=(
            DiskMetric(mount_path="/persist", total=200, used=180),
            DiskMetric(mount_path="/config", total=10, used=1),
            DiskMetric(disk="sda", total=10, used=10),
        ),
    )
    return encode_z_metric_msg(ZMetricMsg(dev_id="d", dm=made, at_time_stamp=at))


def test_how_much_is_in_use() -> None:
    before = read_usage(metrics(10**9, AT))
    now = read_usage(metrics(13 * 10**9, AT + timedelta(seconds=10)))
    assert (now.memory_percent, now.disk_percent, now.disk) == (75.0, 90.0, "/persist")
    assert processor_percent(before, now, 2) == pytest.approx(60.0)
    assert processor_percent(now, before, 2) is None, "it started again"
    assert processor_percent(before, now, 0) is None, "nobody knows how many there are"


def test_errors_and_updates_of_a_device_are_events() -> None:
    well = said(device())
    error = (ZioBundle(name="eth0", err=ErrorInfo(description="no link")),)
    broken = said(device(assignable_adapters=error))
    assert [one.event_type for one in changes(well, broken, "edge-1")] == ["EDGE_NODE_ERROR"]
    assert [one.event_type for one in changes(broken, well, "edge-1")] == [
        "EDGE_NODE_ERROR_CLEARED"
    ]
    phases = [
        well,
        said(device(sw_list=(slot(BaseOsStatus.DOWNLOADING),))),
        said(device(sw_list=(slot(BaseOsStatus.FALLBACK),))),
        said(device(sw_list=(slot(BaseOsStatus.UPDATED),))),
    ]
    told = [
        (one.event_type, one.severity.value, one.description)
        for before, now in pairwise(phases)
        for one in changes(before, now, "edge-1")
    ]
    assert told == [
        ("EDGE_NODE_UPDATE", "notice", "device edge-1: update to version 14.0: DOWNLOADING"),
        ("EDGE_NODE_UPDATE_FAILED", "error", "device edge-1: update to version 14.0: FALLBACK"),
        (
            "EDGE_NODE_UPDATE_DONE",
            "notice",
            "device edge-1: its update is done, or was taken back",
        ),
    ]
