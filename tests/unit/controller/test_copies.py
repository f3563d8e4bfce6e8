"""A changed copy of an object of the contract is what pydantic's own copy is."""

from typing import Any

import pytest
from pydantic import BaseModel

from eaves.controller.domain.contract.apps import AppInstance, AppInterface, VmInfo
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.netinsts import DhcpServerConfig, NetInstConfig
from eaves.controller.domain.contract.stored import read_stored

SAID = '{"name": "web", "tags": {"a": "b"}, "strange": {"deep": [1]}, "vminfo": {"cpus": 2}}'
OBJECTS: tuple[Contract, ...] = (
    AppInstance(),
    AppInstance.from_json_text(SAID),
    read_stored(AppInstance, SAID),
    NetInstConfig(name="nat", ip=DhcpServerConfig(subnet="10.0.0.0/24")),
)
UPDATES: tuple[dict[str, object] | None, ...] = (
    None,
    {},
    {"name": "other", "id": "1"},
    {"revision": None},
    {"title": "t", "strange": 1, "stranger": [2]},
)


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: type(item).__name__)
@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_a_copy_is_pydantics_own(item: Contract, update: dict[str, object] | None) -> None:
    before = item.to_json_text()
    made = item.model_copy(update=update)
    wanted: Any = BaseModel.model_copy(item, update=update)
    assert made == wanted
    assert type(made) is type(item)
    assert list(made.__dict__.items()) == list(wanted.__dict__.items())
    assert made.model_fields_set == wanted.model_fields_set
    assert made.model_extra == wanted.model_extra
    assert made.to_json_text() == wanted.to_json_text()
    assert item.to_json_text() == before
    assert made.__dict__ is not item.__dict__
    assert made.model_fields_set is not item.model_fields_set


def test_no_type_of_the_contract_has_private_attributes() -> None:
    types, known = [Contract], {Contract}
    while types:
        kind = types.pop()
        assert not kind.__private_attributes__, kind
        types += [one for one in kind.__subclasses__() if one not in known]
        known.update(types)
    assert len(known) > 50


def test_what_a_copy_holds_is_shared_unless_it_is_deep() -> None:
    item = AppInstance(interfaces=(AppInterface(intfname="eth0"),), vminfo=VmInfo(cpus=1))
    assert item.model_copy().vminfo is item.vminfo
    deep = item.model_copy(update={"name": "other"}, deep=True)
    assert deep.vminfo == item.vminfo
    assert deep.vminfo is not item.vminfo
    assert (deep.name, deep.model_copy(update={"name": ""})) == (
        "other",
        item.model_copy(update={"name": ""}),
    )
