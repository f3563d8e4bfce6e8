"""The newest metrics in the status of a device and of an app."""

from datetime import UTC, datetime

import httpx
from support.contract_check import Checked

from eaves.controller.domain.contract.app_status import AppInstStatusMsg
from eaves.controller.domain.contract.device_status import DeviceStatusMsg
from eaves.controller.northbound.metering import Metered, with_app_metrics, with_device_metrics
from eaves.evapi.metrics import (
    AppMetric,
    DeviceMemoryMetric,
    DeviceMetric,
    NetworkMetric,
    ZedcloudMetric,
    ZMetricMsg,
)

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEVER = datetime(1, 1, 1, tzinfo=UTC)
MEMORY = DeviceMemoryMetric(
    memory_mb=4096, allocated_apps_mb=1024, allocated_eve_mb=512, used_eve_mb=300
)
NETWORK = NetworkMetric(i_name="uplink", rx_bytes=7, rx_acl_drops=3, tx_acl_rate_limit_drops=2)


def device(metric: DeviceMetric) -> DeviceStatusMsg:
    return with_device_metrics(DeviceStatusMsg(id="d"), Metered(ZMetricMsg(dm=metric), None))


def test_memory_for_new_apps_is_what_nobody_was_given() -> None:
    assert device(DeviceMetric(device_memory=MEMORY)).to_json()["memorySummary"] == {
        "deviceMemoryMB": 4096.0,
        "allocatedAppsMB": 1024.0,
        "allocatedEveMB": 512.0,
        "usedEveMB": 300.0,
        "availableForNewApps": 2560.0,
    }
    crowded = DeviceMemoryMetric(memory_mb=1024, allocated_apps_mb=1024, allocated_eve_mb=512)
    summary = device(DeviceMetric(device_memory=crowded)).memory_summary
    assert summary is not None
    assert summary.available_for_new_apps == 0
    assert "memorySummary" not in device(DeviceMetric()).to_json()


def test_calls_to_the_controller_are_counted_for_each_port() -> None:
    calls = ZedcloudMetric(
        if_name="uplink", success=9, failures=2, last_success=THEN, last_failure=NEVER
    )
    (one,) = device(DeviceMetric(zedcloud=(calls,))).to_json()["zcCounters"]
    assert one == {
        "ifName": "uplink",
        "success": 9,
        "failures": 2,
        "lastSuccess": "2026-01-02T03:04:05.000Z",
        "lastFailure": "",
    }


def test_what_rules_dropped_is_told_of_ports_and_of_apps() -> None:
    app = with_app_metrics(
        AppInstStatusMsg(id="a"),
        Metered(ZMetricMsg(am=(AppMetric(app_id="a", network=(NETWORK,)),)), None),
    )
    for status in (app, device(DeviceMetric(network=(NETWORK,)))):
        (one,) = status.net_counter_list
        assert (one.if_name, one.rx_bytes) == ("uplink", 7)
        assert (one.rx_acl_drops, one.tx_acl_rate_limit_drops) == (3, 2)


def test_a_measured_status_fits_the_contract() -> None:
    metric = DeviceMetric(
        device_memory=MEMORY, network=(NETWORK,), zedcloud=(ZedcloudMetric(last_success=THEN),)
    )
    answer = httpx.Response(200, json=device(metric).to_json())
    assert not Checked().faults_of_answer("GET", "/v1/devices/id/{id}/status", answer)
