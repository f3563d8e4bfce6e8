"""Messages as real devices of some size send them: metrics of 10 KB, info of 6 KB.

To encode one from dataclasses takes as long as the controller takes for all of a request.  So a
few are made for a device that does not exist, and what a device sends is one of them with its own
ids and its own time: a field that comes again replaces the one before.
"""

import functools
import random
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from eaves.evapi.info import (
    ZInfoDevice,
    ZInfoMsg,
    ZInfoNetwork,
    ZInfoTypes,
    decode_z_info_msg,
    encode_z_info_msg,
)
from eaves.evapi.info.device import ZDeviceState, ZInfoDevSW
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppDiskMetric,
    AppMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
    NetworkStats,
    UrlcloudMetric,
    ZedcloudMetric,
    ZMetricMsg,
    ZMetricNetworkInstance,
    ZMetricNetworkStats,
    ZMetricVolume,
    encode_z_metric_msg,
)

SPAN_AGO: Final = timedelta(minutes=12)  # its roll-up is due at once
SETTLE_S: Final = 240.0
JOURNAL: Final = "SELECT count(*) FROM device_events"
"""Of the file of states: events that are not in the journal yet."""
DUE: Final = (
    "SELECT count(*) FROM metric_due WHERE start <= (strftime('%s', 'now') - 60 - level) * 1000000"
)
"""Of the file of metrics: roll-ups, of five minutes and of hours, that are to be made by now."""
_NOBODY: Final = "0d4f7c52-9f0a-4d3e-8b61-5a3c9e2f7100"  # stands for the device
_VARIANTS: Final = 64
_KINDS: Final = ("app", "disk", "net", "vol")


def _id(what: str, number: int) -> str:
    """Of an object of the device: its id but for the end."""
    return f"{_NOBODY[:-2]}{_KINDS.index(what) + 1:x}{number:x}"


def _port(name: str, chance: random.Random) -> NetworkMetric:
    counts = {n: chance.getrandbits(36) for n in ("tx_bytes", "rx_bytes", "tx_pkts", "rx_pkts")}
    few = {n: chance.getrandbits(8) for n in ("tx_drops", "rx_drops", "tx_errors", "rx_errors")}
    return NetworkMetric(i_name=name, local_name=name, alias="uplink", **counts, **few)


def metrics_message(device_id: str, chance: random.Random) -> bytes:
    """Six ports, eight disks, four apps, three network instances, four volumes."""
    at = datetime.now(UTC) - SPAN_AGO + timedelta(milliseconds=chance.randrange(20_000))
    message = _metrics(chance.randrange(_VARIANTS)).replace(_NOBODY.encode(), device_id.encode())
    message = message.replace(_NOBODY[:-2].encode(), device_id[:-2].encode())
    return message + encode_z_metric_msg(ZMetricMsg(at_time_stamp=at))


def info_message(device_id: str, chance: random.Random) -> bytes:
    """A device with forty ports and both slots; its memory is the number of the message."""
    at = datetime.now(UTC) + timedelta(microseconds=chance.randrange(10**6))
    message = _info().replace(_NOBODY.encode(), device_id.encode())
    number = ZInfoDevice(memory=chance.randrange(1, 10**9))
    return message + encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, at_time_stamp=at, dinfo=number)
    )


def number_of_info(payload: bytes) -> str:
    """The number of an `info_message`, as REST tells the memory."""
    message = decode_z_info_msg(payload)
    if message.dinfo is None:
        raise SystemExit("an info message of a row tells nothing of the device")
    return str(message.dinfo.memory)


@functools.cache
def _metrics(variant: int) -> bytes:
    chance = random.Random(variant)  # noqa: S311 - counters of a device that does not exist
    urls = tuple(
        UrlcloudMetric(
            url=f"https://controller.example/api/v2/edgedevice/id/{_NOBODY}/{number}",
            sent_msg_count=chance.getrandbits(20),
            sent_byte_count=chance.getrandbits(34),
            recv_msg_count=chance.getrandbits(20),
        )
        for number in range(14)
    )
    numbers = ("read_bytes", "write_bytes", "read_count", "write_count")
    device = DeviceMetric(
        memory=MemoryMetric(used_mem=chance.getrandbits(12), avail_mem=8000),
        cpu_metric=AppCpuMetric(total_ns=chance.getrandbits(50)),
        network=tuple(_port(f"eth{n}", chance) for n in range(6)),
        disk=tuple(
            DiskMetric(
                disk=f"sda{n}",
                mount_path=f"/persist/{n}",
                total=100_000,
                used=chance.getrandbits(16),
                **{name: chance.getrandbits(30) for name in numbers},
            )
            for n in range(8)
        ),
        zedcloud=tuple(ZedcloudMetric(if_name=f"eth{n}", url_metrics=urls) for n in range(5)),
    )
    apps = tuple(
        AppMetric(
            app_id=_id("app", n),
            app_name=f"app-{n}",
            cpu=AppCpuMetric(total_ns=chance.getrandbits(48)),
            memory=MemoryMetric(used_mem=chance.getrandbits(10), avail_mem=900),
            network=tuple(_port(f"nbu{p}x{n}", chance) for p in (1, 2)),
            disk=tuple(
                AppDiskMetric(disk=_id("disk", 2 * n + d), provisioned=10_000, used=5000)
                for d in (1, 2)
            ),
        )
        for n in range(4)
    )
    stats = NetworkStats(total_packets=chance.getrandbits(30), total_bytes=chance.getrandbits(36))
    networks = tuple(
        ZMetricNetworkInstance(
            network_id=_id("net", n),
            network_stats=ZMetricNetworkStats(rx=stats, tx=stats),
        )
        for n in range(3)
    )
    volumes = tuple(
        ZMetricVolume(
            uuid=_id("vol", n),
            total_bytes=1 << 34,
            used_bytes=chance.getrandbits(33),
            **{name: chance.getrandbits(30) for name in numbers},
        )
        for n in range(4)
    )
    return encode_z_metric_msg(
        ZMetricMsg(dev_id=_NOBODY, dm=device, am=apps, nm=networks, vm=volumes)
    )


@functools.cache
def _info() -> bytes:
    device = ZInfoDevice(
        machine_arch="x86_64",
        cpu_arch="x86_64",
        platform="kvm",
        ncpu=8,
        memory=16_000,
        storage=400_000,
        host_name=_NOBODY,
        state=ZDeviceState.ZDEVICE_STATE_ONLINE,
        restart_counter=3,
        network=tuple(
            ZInfoNetwork(
                local_name=f"enp{n}s0f{n % 4}",
                mac_addr=f"02:00:00:00:{n:02x}:01",
                dev_name=f"pci-0000:{n:02x}:00.0",
                ip_addrs=(f"192.0.2.{n}", f"2001:db8:0:{n:x}::10"),
                default_routers=(f"192.0.2.{n ^ 1}",),
                alias="a port of the production line in hall seven",
            )
            for n in range(42)
        ),
        sw_list=(ZInfoDevSW(partition_label="IMGA"), ZInfoDevSW(partition_label="IMGB")),
    )
    return encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=_NOBODY, dinfo=device))


def number_in(state_dir: Path, file: str, sql: str) -> int:
    """One number out of a telemetry file of a running controller."""
    path = state_dir / "telemetry" / f"{file}.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return int(database.execute(sql).fetchone()[0])


def until_none_left(state_dir: Path, file: str, sql: str) -> None:
    """Wait until a count is zero: what was acknowledged is rolled up, or in the journal."""
    until_zero(lambda: number_in(state_dir, file, sql), sql)


def until_zero(number: Callable[[], int], what: str) -> None:
    end = time.monotonic() + SETTLE_S
    while left := number():
        if time.monotonic() > end:
            raise SystemExit(f"after {SETTLE_S:.0f} s not settled, {left} left: {what}")
        time.sleep(0.5)  # another process works meanwhile
