"""How an administrator uses operations that need something of the other side first: a report, a
machine, a quote, a person who is half way in.  It is put where the device or person would have
put it.
"""

import uuid
from typing import Final

import httpx
from support.driving import Driver, step
from support.rest import Json
from support.telemetry import fold_series, fold_state, info_report, metrics_report

from eaves.controller.store import attesting
from eaves.controller.store.attestations import Quoted
from eaves.controller.store.registering import Binding, register_binding
from eaves.controller.store.render_jobs import NewJob, insert_job
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import unit_of_work
from eaves.evapi.info import (
    ZInfoDevice,
    ZInfoHardware,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.evapi.info.hardware import (
    BusParent,
    HardwareInventory,
    NetworkDevice,
    NetworkDeviceType,
    PCIAddress,
    PCIDevice,
)
from eaves.evapi.metrics import DeviceMetric, ZMetricMsg, encode_z_metric_msg
from eaves.ids import DeviceId

DRAFT: Final = "model-draft"
PORT: Final = PCIAddress(bus=2)


async def _device(driver: Driver) -> Json:
    return await driver.alice.get(f"/v1/devices/id/{await driver.fresh('/v1/devices')}")


async def _measuring(driver: Driver) -> Json:
    device = await _device(driver)
    metrics = encode_z_metric_msg(ZMetricMsg(dev_id=device["id"], dm=DeviceMetric()))
    report = metrics_report(DeviceId(device["id"]), metrics, driver.rest.clock())
    fold_series(driver.rest.engine.url, report)
    return device


@step("GET", "/v1/devices/id/{id}/status/metrics/raw")
async def _raw(driver: Driver) -> httpx.Response:
    device = await _measuring(driver)
    return await driver.call("GET", f"/v1/devices/id/{device['id']}/status/metrics/raw")


@step("GET", "/v1/devices/name/{name}/status/metrics/raw")
async def _raw_by_name(driver: Driver) -> httpx.Response:
    device = await _measuring(driver)
    return await driver.call("GET", f"/v1/devices/name/{device['name']}/status/metrics/raw")


async def _inventoried(driver: Driver) -> Json:
    device = await _device(driver)
    about = ZInfoDevice(
        machine_arch="x86_64",
        ncpu=4,
        minfo=ZInfoManufacturer(manufacturer="ACME Inc.", product_name="Box 9"),
    )
    inventory = HardwareInventory(
        total_memory_bytes=8 << 30,
        total_storage_bytes=100 << 30,
        pci_devices=(PCIDevice(address=PORT, class_id=2, iommu_group="7"),),
        network_devices=(
            NetworkDevice(
                ifname="enp2s0",
                parent=BusParent(pci_parent=PORT),
                type=NetworkDeviceType.NETWORK_DEVICE_TYPE_ETHERNET,
            ),
        ),
    )
    for message in (
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=device["id"], dinfo=about),
        ZInfoMsg(
            ztype=ZInfoTypes.ZiHardware,
            dev_id=device["id"],
            hwinfo=ZInfoHardware(inventory=inventory),
        ),
    ):
        encoded = encode_z_info_msg(message)
        report = info_report(DeviceId(device["id"]), encoded, driver.rest.clock())
        fold_state(driver.rest.engine.url, report)
    return device


@step("GET", "/v1/eaves/devices/id/{id}/model-draft")
async def _draft(driver: Driver) -> httpx.Response:
    device = await _inventoried(driver)
    return await driver.call("GET", f"/v1/eaves/devices/id/{device['id']}/{DRAFT}")


@step("GET", "/v1/eaves/devices/name/{name}/model-draft")
async def _draft_by_name(driver: Driver) -> httpx.Response:
    device = await _inventoried(driver)
    return await driver.call("GET", f"/v1/eaves/devices/name/{device['name']}/{DRAFT}")


@step("PUT", "/v1/eaves/devices/id/{id}/replace")
async def _replace(driver: Driver) -> httpx.Response:
    device_id = await driver.fresh("/v1/devices")
    binding = Binding(
        device_id=DeviceId(device_id),
        enterprise_id="",
        certificate_hash=uuid.uuid4().bytes * 2,
        certificate_der=b"der",
        onboarding_key="key",
        serial="serial-before",
        bound_at=driver.rest.clock(),
    )
    async with unit_of_work(driver.rest.engine) as db:
        await register_binding(db, binding)
    body = {"serialno": driver.name("serial"), "why": "board broken"}
    return await driver.call("PUT", f"/v1/eaves/devices/id/{device_id}/replace", body)


async def _attested(driver: Driver) -> str:
    """A device with a genuine quote, and a token for it."""
    device_id, now = DeviceId(await driver.fresh("/v1/devices")), driver.rest.clock()
    quoted = Quoted(
        at=now,
        eve_version="14.0",
        firmware_version="1.2",
        pcrs={number: bytes([number]) * 32 for number in range(8)},
        event_log=b"",
        counters=(1, 0, 1000, 1),
        key=b"k" * 32,
        template="",
        differences=(),
    )
    async with unit_of_work(driver.rest.engine) as db:
        kept = await attesting.take_kept(db, (device_id,))
        passed = {"state": "ATTEST_STATE_PASS", "integrity_token": b"t" * 32, "token_at": now}
        await attesting.put_changes(db, {device_id: passed | attesting.of_quote(quoted)}, kept)
    return device_id


@step("PUT", "/v1/eaves/devices/id/{id}/attestation/accept")
async def _accept(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/devices/id/{await _attested(driver)}/attestation/accept"
    return await driver.call("PUT", path, {"name": driver.name("measured")})


@step("PUT", "/v1/eaves/devices/id/{id}/attestation/renew")
async def _renew(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/devices/id/{await _attested(driver)}/attestation/renew"
    return await driver.call("PUT", path)


@step("GET", "/v1/eaves/render-jobs/id/{id}")
async def _render_job(driver: Driver) -> httpx.Response:
    job = NewJob(
        id=str(uuid.uuid4()),
        enterprise_id=driver.ids["enterprise"],
        object_kind=Kind.PROJECT.value,
        object_id=driver.world.project,
        object_name="plant",
        user_name="alice",
        created_at=driver.rest.clock(),
    )
    async with unit_of_work(driver.rest.engine) as db:
        await insert_job(db, job, [DeviceId(driver.world.device)])
    return await driver.call("GET", f"/v1/eaves/render-jobs/id/{job.id}")
