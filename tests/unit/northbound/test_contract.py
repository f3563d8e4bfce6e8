"""The types of the REST contract: how they read and write JSON."""

import pytest
from pydantic import ValidationError

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.catalogue import IoType, SysModel
from eaves.controller.domain.contract.datastores import DatastoreInfo
from eaves.controller.domain.contract.devices import AdminState, DeviceConfig
from eaves.controller.domain.contract.volumes import VolInstConfig


def test_a_sent_object_comes_back_with_lists_maps_and_enums_filled_in() -> None:
    sent: JsonObject = {"name": "edge-1", "interfaces": None, "devLocation": {}, "obkey": "key"}
    reply = DeviceConfig.from_json(sent).to_json()
    assert reply["name"] == "edge-1"
    assert reply["devLocation"] == {}
    assert reply["interfaces"] == []
    assert reply["tags"] == {}
    assert reply["adminState"] == "ADMIN_STATE_UNSPECIFIED"
    assert "cpu" not in reply
    assert "model" not in reply


def test_what_a_reply_says_is_stored_and_read_again_unchanged() -> None:
    sent = {
        "name": "app",
        "drives": [{"imagename": "i", "maxsize": "100", "readonly": False}],
        "interfaces": [{"intfname": "eth0", "privateip": False, "acls": None}],
        "PersistentRuntimeSizeBytes": "0",
    }
    once = AppInstance.from_json(sent)
    assert AppInstance.from_json_text(once.to_json_text()) == once
    assert once.to_json()["drives"] == [{"imagename": "i", "maxsize": "100", "readonly": False}]
    assert once.to_json()["PersistentRuntimeSizeBytes"] == "0"


def test_unknown_members_survive() -> None:
    sent = {"name": "m", "future": {"deep": [1, {"x": "y"}]}}
    assert SysModel.from_json(sent).to_json()["future"] == {"deep": [1, {"x": "y"}]}


@pytest.mark.parametrize("spelling", ["ADMIN_STATE_ACTIVE", "ACTIVE", 2 + 1])
def test_an_enum_is_read_by_name_by_short_name_and_by_number(spelling: object) -> None:
    assert DeviceConfig.from_json({"adminState": spelling}).admin_state is AdminState.ACTIVE


def test_the_last_io_type_has_the_number_of_the_device_api() -> None:
    model = SysModel.from_json({"ioMemberList": [{"ztype": 255}, {"ztype": 1}]})
    assert [member.ztype for member in model.io_member_list] == [IoType.OTHER, IoType.ETH]


def test_an_unknown_enum_word_passes_through_and_is_named() -> None:
    device = DeviceConfig.from_json({"adminState": "ADMIN_STATE_ASLEEP"})
    assert device.to_json()["adminState"] == "ADMIN_STATE_ASLEEP"
    assert [text.split(" is ")[0] for text in device.strangers()] == [
        "adminState: 'ADMIN_STATE_ASLEEP'"
    ]


@pytest.mark.parametrize("size", ["5368709120", 5368709120])
def test_sixty_four_bit_numbers_leave_as_text(size: object) -> None:
    volume = VolInstConfig.from_json({"sizeBytes": size})
    assert volume.size_bytes == 5368709120
    assert volume.to_json()["sizeBytes"] == "5368709120"


def test_every_fault_of_a_body_is_reported_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        AppInstance.from_json({"activate": [], "drives": [{"maxsize": "much"}], "name": 7})
    assert {fault["loc"] for fault in caught.value.errors()} == {
        ("activate",),
        ("drives", 0, "maxsize"),
        ("name",),
    }


def test_odd_spellings_keep_their_json_names() -> None:
    store = DatastoreInfo(ds_fqdn="https://example.org", ds_path="images")
    assert store.to_json()["dsFQDN"] == "https://example.org"
    assert DatastoreInfo.from_json({"dsFQDN": "h"}).ds_fqdn == "h"
