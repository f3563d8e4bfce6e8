"""Admission: every reason to refuse, at once; and nothing refused that fits."""

import dataclasses
from collections.abc import Mapping

import pytest

from eaves.controller.domain.admission import (
    DeviceLoad,
    Refusal,
    admit_app,
    admit_app_instance,
    admit_device,
    admit_image,
    admit_model,
    admit_netinst,
    admit_volume,
    http_status,
)
from eaves.controller.domain.admission.networks import absent_port
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.render.netinsts import with_subnets

KIB_PER_GIB = 1 << 20

MODEL = SysModel.from_json(
    {
        "name": "model",
        "title": "Model",
        "type": "AMD64",
        "attr": {"memory": "4G", "storage": "20G", "Cpus": "4"},
        "ioMemberList": [
            {"logicallabel": "eth0", "assigngrp": "g0", "usage": "MANAGEMENT"},
            {"logicallabel": "eth1", "assigngrp": "g1", "usage": "APP_DIRECT"},
            {"logicallabel": "usb", "assigngrp": ""},
        ],
    }
)
PROJECT = Tag(id="project", name="project", title="Project")
DEVICE = DeviceConfig.from_json(
    {
        "id": "device",
        "name": "device",
        "title": "Device",
        "projectId": "project",
        "modelId": "model",
        "interfaces": [{"intfname": "eth0", "netname": "net"}],
    }
)
NETINST = NetInstConfig.from_json(
    {
        "id": "ni",
        "name": "nat",
        "title": "NAT",
        "deviceId": "device",
        "kind": "LOCAL",
        "port": "uplink",
        "ip": {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"},
    }
)
IMAGE = ImageConfig.from_json(
    {
        "id": "image",
        "name": "disk",
        "imageStatus": "READY",
        "imageFormat": "QCOW2",
        "imageArch": "AMD64",
        "imageSha256": "ab" * 32,
    }
)
BUNDLE = App.from_json(
    {
        "id": "bundle",
        "name": "bundle",
        "title": "Bundle",
        "manifestJSON": {
            "images": [{"imagename": "disk"}],
            "interfaces": [{"name": "eth0"}, {"name": "gpu"}],
        },
    }
)


def port_map(lport: str, *, protocol: str = "tcp", to: int = 80) -> JsonObject:
    return {
        "matches": [
            {"type": "protocol", "value": protocol},
            {"type": "lport", "value": lport},
        ],
        "actions": [{"portmap": True, "mapparams": {"port": to}}],
    }


def instance(name: str = "app", **members: object) -> AppInstance:
    body: JsonObject = {
        "id": name,
        "name": name,
        "title": "App",
        "appId": "bundle",
        "deviceId": "device",
        "drives": [{"imagename": "disk", "maxsize": str(KIB_PER_GIB), "target": "Disk"}],
        "interfaces": [{"intfname": "eth0", "netinstname": "nat"}],
        "vminfo": {"cpus": 1, "memory": KIB_PER_GIB},
    }
    return AppInstance.from_json(body | members)


def load(
    *others: AppInstance,
    netinsts: tuple[NetInstConfig, ...] = (NETINST,),
    volumes: tuple[VolInstConfig, ...] = (),
    images: Mapping[str, ImageConfig] | None = None,
) -> DeviceLoad:
    return DeviceLoad(
        device=DEVICE,
        model=MODEL,
        netinsts=netinsts,
        volumes=volumes,
        instances=others,
        images={"disk": IMAGE} if images is None else images,
    )


def members(refusals: tuple[Refusal, ...]) -> set[str]:
    return {refusal.member for refusal in refusals}


def refused(wanted: AppInstance, on: DeviceLoad) -> set[str]:
    return members(admit_app_instance(wanted, None, bundle=BUNDLE, load=on))


def test_an_app_that_fits_is_admitted() -> None:
    assert refused(instance(), load(instance("other"))) == set()


def test_all_reasons_come_at_once() -> None:
    wanted = instance(
        "no",
        title="",
        drives=[{"imagename": "gone"}, {"drvtype": "HDD_EMPTY"}],
        interfaces=[{"intfname": "eth7", "netinstname": "elsewhere"}],
        vminfo={"cpus": 9, "memory": 5 * KIB_PER_GIB},
        projectId="another",
    )
    assert refused(wanted, load()) == {
        "name",
        "title",
        "drives[0].imagename",
        "drives[1]",
        "interfaces[0].intfname",
        "interfaces[0].netinstname",
        "vminfo.cpus",
        "vminfo.memory",
        "projectId",
    }


def test_references_that_lead_nowhere_are_named() -> None:
    wanted = instance()
    refusals = admit_app_instance(wanted, None, bundle=None, load=None)
    assert members(refusals) == {"appId", "deviceId"}
    assert all("create it first" in refusal.details for refusal in refusals)


def test_memory_and_storage_of_other_apps_count() -> None:
    big = instance(
        "big",
        vminfo={"cpus": 4, "memory": 3 * KIB_PER_GIB},
        drives=[{"drvtype": "HDD_EMPTY", "maxsize": str(12 * KIB_PER_GIB)}],
    )
    volume = VolInstConfig(name="data", size_bytes=6 << 30)
    wanted = instance(
        vminfo={"cpus": 4, "memory": 2 * KIB_PER_GIB},
        drives=[{"drvtype": "HDD_EMPTY", "maxsize": str(3 * KIB_PER_GIB)}],
    )
    assert refused(wanted, load()) == set()
    assert refused(wanted, load(big, volumes=(volume,))) == {"vminfo.memory", "drives"}


def test_pinned_processors_are_promised_once() -> None:
    pinned = instance("pinned", vminfo={"cpus": 3, "cpuPinningEnabled": True})
    shared = instance(vminfo={"cpus": 3})
    assert refused(shared, load(pinned)) == set()
    assert refused(instance(vminfo={"cpus": 2, "cpuPinningEnabled": True}), load(pinned)) == {
        "vminfo.cpus"
    }


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"image_status": "IMAGE_STATUS_CREATED"}, 412),
        ({"image_sha256": ""}, 412),
        ({"image_arch": "ARM64"}, 400),
    ],
)
def test_an_image_must_be_ready_verifiable_and_of_the_right_architecture(
    change: JsonObject, status: int
) -> None:
    body = IMAGE.to_json() | {
        "imageStatus": change.get("image_status", "IMAGE_STATUS_READY"),
        "imageSha256": change.get("image_sha256", "ab" * 32),
        "imageArch": change.get("image_arch", "AMD64"),
    }
    on = load(images={"disk": ImageConfig.from_json(body)})
    refusals = admit_app_instance(instance(), None, bundle=BUNDLE, load=on)
    assert members(refusals) == {"drives[0].imagename"}
    assert http_status(refusals) == status


def test_a_container_needs_no_sha256_but_only_one_image() -> None:
    container = ImageConfig.from_json(
        IMAGE.to_json() | {"imageFormat": "CONTAINER", "imageSha256": ""}
    )
    on = load(images={"disk": container})
    assert refused(instance(appType="CONTAINER"), on) == set()
    two = instance(appType="CONTAINER", drives=[{"imagename": "disk"}, {"imagename": "disk"}])
    assert refused(two, on) == {"drives"}


def test_two_apps_cannot_map_the_same_outer_port() -> None:
    mapping = {"intfname": "eth0", "netinstname": "nat", "acls": [port_map("8080")]}
    other = instance("other", interfaces=[mapping])
    same = instance(interfaces=[mapping])
    assert refused(same, load()) == set()
    assert refused(same, load(other)) == {"interfaces[0].acls"}
    udp = instance(interfaces=[mapping | {"acls": [port_map("8080", protocol="udp")]}])
    assert refused(udp, load(other)) == set()
    twice = instance(interfaces=[mapping | {"acls": [port_map("8080"), port_map("8080", to=81)]}])
    assert refused(twice, load()) == {"interfaces[0].acls"}


def test_rules_of_the_bundle_count_as_those_of_the_instance() -> None:
    rule = port_map("8080") | {"actions": [{"portmap": True, "portmapto": {"appPort": 80}}]}

    def bundle(*rules: JsonObject) -> App:
        manifest = {"interfaces": [{"name": "eth0", "acls": list(rules)}]}
        return App.from_json(BUNDLE.to_json() | {"manifestJSON": manifest})

    def check(wanted: AppInstance, of: App, *others: AppInstance) -> set[str]:
        on = dataclasses.replace(load(*others), bundles={"bundle": of})
        return members(admit_app_instance(wanted, None, bundle=of, load=on))

    mapping = bundle(rule)
    assert check(instance(), mapping) == set()
    assert check(instance(), mapping, instance("other")) == {"interfaces[0].acls"}
    own = {"intfname": "eth0", "netinstname": "nat", "acls": [port_map("8081")]}
    assert check(instance(interfaces=[own]), mapping, instance("other")) == set()
    odd = bundle(rule | {"matches": [{"type": "colour", "value": "red"}]})
    assert check(instance(), odd) == {"interfaces[0].acls[0].matches"}


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ({"matches": [{"type": "lport", "value": "80"}]}, "matches"),
        ({"matches": [{"type": "fport", "value": "99999"}]}, "matches"),
        ({"matches": [{"type": "colour", "value": "red"}]}, "matches"),
        ({"matches": [{"type": "ip", "value": "10.0.0.0/99"}]}, "matches"),
        (port_map("80", to=0), "actions"),
        (port_map("80", protocol="icmp"), "matches"),
    ],
)
def test_a_rule_without_meaning_is_refused(rule: JsonObject, where: str) -> None:
    wanted = instance(
        interfaces=[{"intfname": "eth0", "netinstname": "nat", "acls": [rule]}],
    )
    assert refused(wanted, load()) == {f"interfaces[0].acls[0].{where}"}


def test_a_port_map_needs_a_local_network_instance() -> None:
    switch = NetInstConfig.from_json(NETINST.to_json() | {"kind": "SWITCH", "ip": None})
    wanted = instance(
        interfaces=[{"intfname": "eth0", "netinstname": "nat", "acls": [port_map("80")]}]
    )
    assert refused(wanted, load(netinsts=(switch,))) == {"interfaces[0].acls[0].actions"}


def test_a_fixed_address_lies_in_the_subnet_and_is_free() -> None:
    def at(address: str, name: str = "app") -> AppInstance:
        return instance(
            name,
            interfaces=[{"intfname": "eth0", "netinstname": "nat", "ipaddr": address}],
        )

    assert refused(at("10.1.0.205"), load()) == set()
    for address in ("10.2.0.5", "10.1.0.1", "10.1.0.5", "ten"):
        assert refused(at(address), load()) == {"interfaces[0].ipaddr"}
    assert refused(at("10.1.0.205"), load(at("10.1.0.205", "other"))) == {"interfaces[0].ipaddr"}


@pytest.mark.parametrize("label", ["eth0", "usb", "gpu7"])
def test_an_adapter_that_is_managed_ungrouped_or_absent_is_not_given_away(label: str) -> None:
    wanted = instance(interfaces=[{"intfname": "gpu", "directattach": True, "io": {"name": label}}])
    assert refused(wanted, load()) == {"interfaces[0].io.name"}


def test_an_adapter_belongs_to_one_app() -> None:
    direct = [{"intfname": "gpu", "directattach": True, "io": {"name": "eth1"}}]
    assert refused(instance(interfaces=direct), load()) == set()
    other = instance("other", interfaces=direct)
    assert refused(instance(interfaces=direct), load(other)) == {"interfaces[0].io.name"}


def test_an_instance_keeps_its_name_device_and_bundle() -> None:
    wanted = instance("renamed", deviceId="else", appId="other")
    refusals = admit_app_instance(wanted, instance(), bundle=BUNDLE, load=load())
    assert members(refusals) == {"name", "deviceId", "appId"}


def test_an_image_with_an_id_exists_and_one_that_is_named_only_may_come_later() -> None:
    assert admit_app(BUNDLE, None, images={"disk": IMAGE}) == ()
    assert admit_app(BUNDLE, None, images={}) == ()
    manifest = BUNDLE.to_json()["manifestJSON"]
    lost = {**manifest, "images": [{"imagename": "disk", "imageid": "gone"}]}
    told = admit_app(App.from_json(BUNDLE.to_json() | {"manifestJSON": lost}), None, images={})
    assert members(told) == {"manifestJSON.images[0].imageid"}
    assert refused(instance(), load(images={})) == {"drives[0].imagename"}
    assert refused(instance(drives=[]), load(images={})) == {"drives[0].imagename"}
    sized = instance(drives=[{"maxsize": "1"}])
    assert refused(sized, load(images={})) == {"drives[0].imagename"}
    assert refused(instance(drives=[]), load()) == refused(sized, load()) == set()
    bare = App(name="bare", title="Bare")
    assert members(admit_app(bare, None, images={})) == {"manifestJSON"}


def test_a_device_fits_its_model_and_its_project() -> None:
    network = NetConfig(id="n", name="net", title="Net", project_id="project")
    foreign = network.model_copy(update={"project_id": "another"})
    known = {"net": network}

    def check(device: DeviceConfig, networks: dict[str, NetConfig], *, claimed: bool) -> set[str]:
        return members(
            admit_device(
                device, None, project=PROJECT, model=MODEL, networks=networks, claimed=claimed
            )
        )

    assert check(DEVICE, known, claimed=False) == set()
    assert check(DEVICE, {}, claimed=True) == {"serialno", "interfaces[0].netname"}
    assert check(DEVICE, {"net": foreign}, claimed=False) == {"interfaces[0].netname"}
    strange = DeviceConfig.from_json(DEVICE.to_json() | {"interfaces": [{"intfname": "eth9"}] * 2})
    assert check(strange, known, claimed=False) == {"interfaces"}


def test_a_model_has_a_brand_and_unique_labels() -> None:
    twice = SysModel.from_json(
        {
            "name": "model",
            "title": "Model",
            "brandId": "b",
            "ioMemberList": [{"logicallabel": "eth0"}, {"logicallabel": "eth0", "cost": 300}],
        }
    )
    assert members(admit_model(twice, None, brand=None)) == {
        "brandId",
        "ioMemberList",
        "ioMemberList[1].cost",
    }
    assert admit_model(MODEL, None, brand=SysBrand(name="brand")) == ()


def test_subnets_of_one_device_do_not_overlap() -> None:
    near = NetInstConfig.from_json(
        NETINST.to_json() | {"id": "b", "name": "near", "ip": {"subnet": "10.1.0.128/25"}}
    )

    def check(netinst: NetInstConfig, *siblings: NetInstConfig) -> set[str]:
        return members(admit_netinst(netinst, None, device=DEVICE, model=MODEL, siblings=siblings))

    assert check(near) == set()
    assert check(near, NETINST) == {"ip.subnet"}
    (automatic,) = with_subnets([NetInstConfig.from_json(NETINST.to_json() | {"ip": None})])
    assert automatic.ip is not None
    same = NetInstConfig.from_json(near.to_json() | {"ip": {"subnet": automatic.ip.subnet}})
    assert check(same, automatic) == {"ip.subnet"}
    bad = NetInstConfig.from_json(
        near.to_json()
        | {"port": "eth7", "kind": "MESH", "ip": {"subnet": "10.9.0.0/24", "gateway": "10.8.0.1"}}
    )
    assert check(bad) == {"kind", "ip.gateway"}  # the port may come later
    assert "'eth7'; it has" in absent_port(bad, DEVICE)
    assert absent_port(near, DEVICE) == ""


def test_a_used_image_keeps_its_bytes() -> None:
    moved = IMAGE.model_copy(update={"image_rel_url": "elsewhere", "datastore_id": "d"})
    full = moved.model_copy(update={"title": "Disk", "image_type": "IMAGE_TYPE_APPLICATION"})
    refusals = admit_image(full, IMAGE, missing_datastores=(), used_by=("app bundle 'a'",))
    assert members(refusals) == {"imageRelUrl"}
    assert admit_image(full, IMAGE, missing_datastores=(), used_by=()) == ()


def test_an_image_that_is_only_named_somewhere_may_get_its_first_digest() -> None:
    told = {"title": "Disk", "image_type": "IMAGE_TYPE_APPLICATION", "datastore_id": "d"}
    wanted = IMAGE.model_copy(update=told)
    bare = wanted.model_copy(update={"image_sha256": ""})
    users = ("patch envelope 'x'",)
    assert admit_image(wanted, bare, missing_datastores=(), used_by=users) == ()
    other = wanted.model_copy(update={"image_sha256": "0" * 64})
    for current, now in ((wanted, other), (wanted, bare)):
        refusals = admit_image(now, current, missing_datastores=(), used_by=users)
        assert members(refusals) == {"imageRelUrl"}


def test_a_volume_grows_only() -> None:
    before = VolInstConfig(name="data", title="Data", device_id="device", size_bytes=100)
    smaller = before.model_copy(update={"size_bytes": 50})
    larger = before.model_copy(update={"size_bytes": 500})

    def check(wanted: VolInstConfig) -> set[str]:
        return members(admit_volume(wanted, before, device=DEVICE, model=MODEL, image=None))

    assert check(smaller) == {"sizeBytes"}
    assert check(larger) == set()
