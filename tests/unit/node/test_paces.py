"""How long the loops of the node wait, by the properties in force."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.node.comms.transport import Limits
from eaves.node.runtime.budget import Budget, budget_of
from eaves.node.runtime.paces import (
    boot_retry,
    certs_pause_s,
    collect_logs_pause_s,
    device_info_pause_s,
    disk_scan_pause_s,
    health_pause_s,
    local_pause_s,
    log_quota_bytes,
    metrics_pause_s,
    poll_pause_s,
    read_journal_pause_s,
    request_limits,
)


def items(key: str, value: str) -> ItemValues:
    return apply_items((ConfigItem(key=key, value=value),))[0]


@pytest.mark.parametrize(
    ("key", "pause_s"),
    [
        ("timer.config.interval", partial(poll_pause_s, told=True)),
        ("timer.cert.interval", certs_pause_s),
        ("timer.metric.interval", metrics_pause_s),
        ("timer.deviceinfo.interval", device_info_pause_s),
    ],
)
def test_a_loop_waits_a_share_of_its_interval(
    key: str, pause_s: Callable[[ItemValues, float], float]
) -> None:
    assert pause_s(items(key, "500"), 0.5) == 250


def test_the_hardware_is_looked_at_after_a_share_of_its_interval() -> None:
    assert health_pause_s(items("timer.hardwarehealth.interval", "40000"), 0.5) == 20000


@pytest.mark.parametrize(
    ("key", "request_name"),
    [
        ("timer.lps.profile.interval", "local_profile"),
        ("timer.lps.radio.interval", "radio"),
        ("timer.lps.appinfo.interval", "appinfo"),
        ("timer.lps.devinfo.interval", "devinfo"),
        ("timer.lps.network.interval", "network"),
        ("timer.lps.appbootinfo.interval", "appbootinfo"),
    ],
)
def test_a_local_profile_server_is_asked_as_often_as_told(key: str, request_name: str) -> None:
    assert local_pause_s(items(key, "77"), request_name) == 77


def test_disks_are_scanned_no_oftener_than_told() -> None:
    assert disk_scan_pause_s(items("timer.metric.diskscan.interval", "77")) == 77


@pytest.mark.parametrize(
    ("key", "value", "budget"),
    [
        ("memory.eve.limit.bytes", str(1 << 30), Budget(1 << 22, 1 << 20)),
        ("memory.eve.limit.MiB", "512", Budget(1 << 22, 1 << 19)),
        ("memory.vmm.limit.MiB", "33", Budget(1 << 22, 800 << 10, overhead_mib=33)),
        ("memory.apps.ignore.check", "true", Budget(1 << 22, 800 << 10, unchecked=True)),
    ],
)
def test_what_there_is_to_give_is_by_properties(key: str, value: str, budget: Budget) -> None:
    assert budget_of(items(key, value), 4096, ()) == budget


def test_a_node_without_configuration_asks_soon() -> None:
    assert poll_pause_s(items("timer.config.interval", "500"), 0.5, told=False) == 10


def test_a_request_ends_in_time() -> None:
    assert request_limits(items("timer.dial.timeout", "3")) == Limits(dial=3)
    assert request_limits(items("timer.send.timeout", "4")) == Limits(send=4)
    assert request_limits(items("timer.send.timeout", "0")) == Limits()


def test_an_app_is_started_again_after_a_while() -> None:
    assert boot_retry(items("timer.boot.retry", "77")) == timedelta(seconds=77)


def test_the_log_has_its_share_of_the_disk() -> None:
    assert log_quota_bytes(items("newlog.gzipfiles.ondisk.maxmegabytes", "12")) == 12 << 20


def test_lines_are_taken_over_faster_where_they_may_be_sent_faster() -> None:
    assert collect_logs_pause_s(items("newlog.allow.fastupload", "true")) == 1
    assert collect_logs_pause_s(items("newlog.allow.fastupload", "false")) == 10
    assert read_journal_pause_s(items("newlog.allow.fastupload", "true")) == 5
    assert read_journal_pause_s(items("newlog.allow.fastupload", "false")) == 10
