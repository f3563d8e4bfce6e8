"""Devices that are read and rendered together get what each would get alone."""

import json
from dataclasses import replace

import pytest
from unit.controller.worlds import DEPOT, DEVICE, FACTS, MODEL, UPLINK, WORLD, secret

from eaves.controller.domain.contract.datastores import DatastoreType
from eaves.controller.domain.contract.devices import DebugKnobDetail, DeviceConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.stored import KnownParts, read_stored
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import render_device
from eaves.controller.domain.signed_images import ImageTrust
from eaves.evapi.config import undated
from eaves.evapi.direct import SharedParts

OWN_NET = NetConfig.from_json({"name": "own", "kind": "NETWORK_KIND_V4", "mtu": 1300})
ETH0, ETH1 = DEVICE.interfaces


def other(number: int, **changes: object) -> DeviceInputs:
    """Another device, equal but for its id, its name and these attributes."""
    own = {"id": f"{number:08}-1111-4111-8111-111111111111", "name": f"edge-{number}"}
    return replace(WORLD, device=DEVICE.model_copy(update={**own, **changes}))


TOGETHER = (
    WORLD,
    other(2),
    other(3, interfaces=(ETH0.model_copy(update={"ipaddr": "10.1.1.3"}), ETH1)),
    other(4, interfaces=(ETH0.model_copy(update={"netname": ""}), ETH1)),
    other(5, interfaces=(ETH0.model_copy(update={"adapter_specific_net": OWN_NET}), ETH1)),
    other(6, interfaces=(ETH0.model_copy(update={"adapter_specific_net": OWN_NET}), ETH1)),
    other(7, debug_knob=DebugKnobDetail(debug_knob=True)),
    other(8, config_item=()),
    replace(other(9), model=None),
    replace(other(10), model=MODEL.model_copy(update={"io_member_list": ()})),
    replace(other(11), trust=ImageTrust(signed_only=True)),
    replace(other(12), networks={UPLINK.id: UPLINK.model_copy(update={"mtu": 1200})}),
    replace(other(13), networks={}),
    replace(other(14), datastores={}),
    replace(other(15), secrets={}),
    replace(other(16), secrets=dict([*WORLD.secrets.items(), secret(DEPOT.id, "apiKey", "k")])),
    replace(
        other(17),
        datastores={
            DEPOT.id: DEPOT.model_copy(update={"ds_type": DatastoreType.FILE_STORAGE}),
        },
    ),
    replace(other(18), ecdh_pem=b"", ecdh_hash=b""),
)


def alone(inputs: DeviceInputs) -> DeviceInputs:
    return replace(inputs, memo={}, shared=SharedParts())


@pytest.mark.parametrize("backwards", [False, True])
def test_what_devices_have_in_common_changes_nothing_for_any_of_them(*, backwards: bool) -> None:
    shared, memo = SharedParts(), dict[object, object]()
    for one in reversed(TOGETHER) if backwards else TOGETHER:
        own = render_device(alone(one), FACTS)
        together = replace(one, memo=memo, shared=shared)
        for _ in range(2):
            rendered = render_device(together, FACTS)
            assert rendered == own
            assert undated(rendered.config, shared) == undated(own.config)


def test_what_is_equal_is_made_once() -> None:
    shared, memo = SharedParts(), dict[object, object]()
    one, another = (
        render_device(replace(inputs, memo=memo, shared=shared), FACTS).config
        for inputs in (WORLD, other(2))
    )
    assert one.system_adapter_list is another.system_adapter_list
    assert one.networks is another.networks
    assert one.config_items is another.config_items
    assert one.content_info is another.content_info
    assert one.apps[0].fixedresources is another.apps[0].fixedresources
    assert one.id != another.id


BODIES = (
    DEVICE.to_json_text(),
    DEVICE.model_copy(update={"name": "edge-2", "tags": {"site": "a"}}).to_json_text(),
    json.dumps({"name": "edge-3", "interfaces": [], "configItem": [], "new": {"a": [1]}}),
    json.dumps({"name": "edge-4", "adminState": "ACTIVE", "interfaces": [{"intfname": "eth0"}]}),
    json.dumps({"name": "edge-5", "interfaces": None}),
    json.dumps({"name": "edge-6", "model_id": "by the name of the attribute"}),
    json.dumps({"name": "edge-7", "interfaces": [{"intfname": "é", "unknown": {"x": 1.5}}]}),
)


def test_objects_read_together_say_what_each_says_alone() -> None:
    known = KnownParts()
    for body in (*BODIES, *BODIES[::-1]):
        together = read_stored(DeviceConfig, body, {"id": "1"}, known)
        assert together == read_stored(DeviceConfig, body, {"id": "1"})
        assert together == DeviceConfig.from_json_text(body).model_copy(update={"id": "1"})
        assert together.to_json() == read_stored(DeviceConfig, body, {"id": "1"}).to_json()


def test_equal_parts_of_objects_read_together_are_one() -> None:
    known = KnownParts()
    one, another = (read_stored(DeviceConfig, body, None, known) for body in BODIES[:2])
    assert one.interfaces is another.interfaces
    assert one.config_item is another.config_item
    assert one.name != another.name


@pytest.mark.parametrize(
    "body",
    ["", "[]", '"text"', '{"interfaces": {}}', '{"interfaces": [1]}', '{"interfaces": [{"a": ]}'],
)
def test_what_is_no_such_object_is_refused_together_as_alone(body: str) -> None:
    with pytest.raises(ValueError, match="validation error") as alone_told:
        read_stored(DeviceConfig, body)
    with pytest.raises(ValueError, match="validation error") as told:
        read_stored(DeviceConfig, body, None, KnownParts())
    assert type(told.value) is type(alone_told.value)
