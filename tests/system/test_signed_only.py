"""A project that takes signed images only: a controller, and what of a node fetches images.

The configuration comes over the wire, as a device gets it.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from host.test_storage import MIB, Node, sha
from support.controller import WireDevice
from support.datastore import Datastore, datastore
from support.measured_device import Machine
from support.rest import Caller, Json
from support.rest_objects import World, app, app_instance, build_world, image
from support.rest_objects import datastore as datastore_body
from support.signing import Signer
from support.whole_controller import Whole, whole_controller

from eaves.evapi.config import EdgeDevConfig, SignatureInfo, decode_edge_dev_config
from eaves.evapi.image_signature import as_json, encode_signatures
from eaves.ids import DeviceId
from eaves.node.storage.intent import intent
from eaves.node.storage.status import content_tree_infos

pytestmark = [pytest.mark.system, pytest.mark.host]

OURS, THEIRS = Signer("ours"), Signer("theirs")
INSTANCES = "/v1/apps/instances"


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path / "controller") as running:
        yield running


async def bundle_of(caller: Caller, world: World, store: Datastore, data: bytes) -> str:
    """An app whose one disk is `data` at `store`; its image is named pump."""
    told = datastore_body(world.project, "ours")
    place = {"dsType": "DATASTORE_TYPE_HTTP", "dsFQDN": store.url, "dsPath": "", "secret": None}
    held = await caller.create("/v1/datastores", told | place)
    pinned = {"imageFormat": "RAW", "imageRelUrl": "pump.img", "imageSha256": sha(data)}
    size = {"imageSizeBytes": str(len(data))}
    id_ = await caller.create("/v1/apps/images", image(held, "pump") | pinned | size)
    as_read = await caller.get(f"/v1/apps/images/id/{id_}")
    await caller.put(f"/v1/apps/images/id/{id_}/uplink", as_read)
    body = app(world.project, held, "pump")
    body["manifestJSON"]["images"][0] |= {"imagename": "pump", "imageformat": "RAW"}
    return await caller.create("/v1/apps", body)


def instance_of(bundle: str, world: World) -> Json:
    body = app_instance(bundle, world.device, "pump-1")
    return {**body, "interfaces": [], "drives": [{**body["drives"][0], "imagename": "pump"}]}


async def signed_by(caller: Caller, data: bytes, *keys: Signer) -> None:
    id_ = (await caller.get("/v1/apps/images/name/pump"))["id"]
    listed = [as_json(key.detached(sha(data))) for key in keys]
    await caller.put(f"/v1/eaves/images/id/{id_}/signatures", {"list": listed})


async def config_of(whole: Whole, world: World) -> EdgeDevConfig:
    """As a device is told it that comes now."""
    wire = WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device))
    await whole.register(wire)
    await Machine(whole, wire).upload()
    told = whole.devices.controller_key.poll_response(await whole.until_polled(wire, 200))
    assert told.config is not None
    return decode_edge_dev_config(told.config)


def with_signatures(config: EdgeDevConfig, told: SignatureInfo | None) -> EdgeDevConfig:
    """As a controller that was taken over would tell it."""
    (tree,) = config.content_info
    return replace(config, content_info=(replace(tree, siginfo=told),))


async def said_of(node: Node, config: EdgeDevConfig) -> str:
    """Why the one content tree is not there, as the node reports it."""
    wished = intent(config)
    report = await node.reach(*wished.items)
    (told,) = content_tree_infos(config, wished, report, await node.storage.facts())
    return told.err.description if told.err is not None else ""


async def test_unsigned_images_pass_neither_the_controller_nor_the_node(
    whole: Whole, tmp_path: Path
) -> None:
    caller, data = whole.caller, os.urandom(MIB)
    world = await build_world(caller)
    await caller.delete(f"{INSTANCES}/id/{world.instance}")
    keys = [{"name": OURS.name, "pem": OURS.pem}]
    policy = f"/v1/eaves/projects/id/{world.project}/image-policy"
    await caller.put(policy, {"signedOnly": True, "trustedKeys": keys})
    node = Node(tmp_path / "vault")
    with datastore({"/pump.img": data}) as store:
        body = instance_of(await bundle_of(caller, world, store, data), world)
        refused = await caller.http.post(INSTANCES, json=body)
        assert (refused.status_code, "it has no signature" in refused.text) == (412, True)
        await signed_by(caller, data, THEIRS)
        refused = await caller.http.post(INSTANCES, json=body)
        assert (refused.status_code, "none of the trusted keys" in refused.text) == (412, True)
        await signed_by(caller, data, THEIRS, OURS)
        await caller.create(INSTANCES, body)

        config = await config_of(whole, world)
        theirs = SignatureInfo(signature=encode_signatures((THEIRS.detached(sha(data)),)))
        other = SignatureInfo(signature=encode_signatures((OURS.detached("ab" * 32),)))
        for told, why in (
            (None, "it has no signature"),
            (theirs, "none of the trusted keys"),
            (other, "none of the trusted keys"),
        ):
            assert why in await said_of(node, with_signatures(config, told))
        assert not store.seen
        assert await said_of(node, config) == ""
    assert node.blob(data).read_bytes() == data
