"""A device in a list of states says what its status says, however it is put together."""

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.controller.worlds import DEVICE, NOW

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.device_status import (
    DeviceStatusMsg,
    DeviceStatusSummaryMsg,
    DeviceSWInfo,
    HardwareSummary,
)
from eaves.controller.domain.contract.devices import AdminState, DeviceConfig
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.contract.stored import made
from eaves.controller.domain.status.devices import DeviceReports, device_status
from eaves.controller.domain.status.listed import listed_device, short_json
from eaves.controller.domain.status.liveness import Liveness, liveness
from eaves.evapi.info import (
    DevicePort,
    DevicePortStatus,
    ErrorInfo,
    SystemAdapterInfo,
    ZDeviceState,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)

BOUND = NOW - timedelta(days=9)
PORT = DevicePort(
    ifname="eth0", name="uplink", is_mgmt=True, up=True, err=ErrorInfo(description="no carrier")
)
INFOS = {
    "nothing": None,
    "little": ZInfoDevice(state=ZDeviceState.ZDEVICE_STATE_ONLINE),
    "much": ZInfoDevice(
        state=ZDeviceState.ZDEVICE_STATE_BASEOS_UPDATING,
        cpu_arch="x86_64",
        memory=4096,
        host_name="edge",
        boot_time=BOUND,
        minfo=ZInfoManufacturer(manufacturer="acme", product_name="box"),
        sw_list=(ZInfoDevSW(activated=True, sw_err=ErrorInfo(description="no space")),),
        system_adapter=SystemAdapterInfo(status=(DevicePortStatus(ports=(PORT,)),)),
    ),
}
REPORTS = {
    "bare": DeviceReports(),
    "attested": DeviceReports(attest_state="ATTEST_STATE_PASS", attested_at=BOUND),
    "stale": DeviceReports(received_at=NOW, attested_at=BOUND, attestation_stale=True),
    "lacking": DeviceReports(missing=("no such image", "no carrier")),
}
CONTACTS = {
    "alive": liveness(BOUND, NOW, NOW),
    "silent": liveness(BOUND, BOUND, NOW),
    "registered": liveness(BOUND, None, NOW),
    "never": liveness(None, None, NOW),
}
DEVICES = (DEVICE, DeviceConfig(id="1", name="new", tags={"site": "a"}))


@pytest.mark.parametrize("alive", CONTACTS.values(), ids=CONTACTS)
@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("info", INFOS.values(), ids=INFOS)
def test_a_device_in_a_list_is_the_short_form_of_its_status(
    info: ZInfoDevice | None, reports: DeviceReports, alive: Liveness
) -> None:
    message = b""
    if info is not None:
        message = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id="d", dinfo=info))
    for device in (*DEVICES, *DEVICES):  # the second time from what was kept
        status = device_status(device, alive, replace(reports, info=info))
        expected = short_json(DeviceStatusSummaryMsg, status)
        assert listed_device(device, alive, message, reports) == expected


def test_the_short_form_says_what_people_look_at() -> None:
    status = device_status(DEVICE, CONTACTS["silent"], DeviceReports(info=INFOS["much"]))
    told = short_json(DeviceStatusSummaryMsg, status)
    assert (told["name"], told["runState"]) == (DEVICE.name, RunState.OFFLINE.value)
    assert told["dinfo"]["memMB"] == "4096"
    assert [one["ifName"] for one in told["netStatusList"]] == ["uplink"]
    assert [one["description"] for one in told["devError"]] == ["no space", "no carrier"]
    assert told["lastUpdate"]
    assert "attestState" not in told


def test_what_is_made_unchecked_is_what_its_class_makes() -> None:
    hardware = HardwareSummary(mem_mb=2**40, platform="box")
    software = (DeviceSWInfo(activated=True, short_version="1"),)
    pairs: tuple[tuple[Contract, Contract], ...] = (
        (made(DeviceStatusMsg), DeviceStatusMsg()),
        (made(HardwareSummary, mem_mb=2**40, platform="box"), hardware),
        (
            made(
                DeviceStatusMsg,
                name="edge",
                admin_state=AdminState.ACTIVE,
                dinfo=hardware,
                minfo=None,
                sw_info=software,
                tags={"a": "b"},
            ),
            DeviceStatusMsg(
                name="edge",
                admin_state=AdminState.ACTIVE,
                dinfo=hardware,
                minfo=None,
                sw_info=software,
                tags={"a": "b"},
            ),
        ),
    )
    for one, other in pairs:
        assert one == other
        assert one.model_fields_set == other.model_fields_set
        assert one.to_json() == other.to_json()
