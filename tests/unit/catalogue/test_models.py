"""The shipped hardware catalogue keeps every rule that a model made by REST keeps."""

import re
from collections import Counter
from collections.abc import Callable

from eaves.controller.catalogue import hardware
from eaves.controller.catalogue.hardware import ADDRESSES, FROM_NODE, SEEN, SOURCE
from eaves.controller.domain.admission import admit_brand, admit_model
from eaves.controller.domain.admission.refusal import parse_size_bytes
from eaves.controller.domain.contract.catalogue import (
    AdapterUsage,
    IoMember,
    IoType,
    ModelArchType,
    SysModel,
)

SOURCES = {"public model collection", "vendor data sheet", "vendor manual", "this project"}
TITLE = re.compile(r"[a-zA-Z0-9]+[a-zA-Z0-9!-~ ]+")
SHAPES = {
    "Ifname": re.compile(r"[a-z][a-z0-9]{2,14}"),
    "PciLong": re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"),
    "Serial": re.compile(r"/dev/tty[A-Za-z]+[0-9]+"),
    "Irq": re.compile(r"[0-9]+"),
    "Ioports": re.compile(r"[0-9a-f]+-[0-9a-f]+"),
    "UsbAddr": re.compile(r"[0-9]+:[0-9]+(\.[0-9]+)*"),
    "UsbProduct": re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}"),
}
FUNCTIONS = (IoType.ETH, IoType.WLAN)


def each_model(test: Callable[[SysModel], None]) -> Callable[[], None]:
    """One test for all of them: a hundred small tests would be mostly overhead."""

    def over_all() -> None:
        faults: list[str] = []
        for model in hardware().models:
            try:
                test(model)
            except AssertionError as error:
                faults.append(f"{model.name}: {error}")
        assert not faults, "\n".join(faults)

    return over_all


def test_at_least_eighty_models_ship() -> None:
    assert len(hardware().models) >= 80


@each_model
def test_a_model_is_admitted_as_one_that_somebody_creates(model: SysModel) -> None:
    brand = hardware().find_brand(brand_id=model.brand_id)
    assert brand is not None
    assert admit_model(model, None, brand=brand) == ()
    assert SysModel.from_json_text(model.to_json_text()) == model
    assert list(model.strangers()) == []
    assert TITLE.fullmatch(model.title)


@each_model
def test_a_model_says_where_its_facts_come_from(model: SysModel) -> None:
    assert model.attr[SOURCE] in SOURCES
    assert model.attr[SEEN] in ("yes", "no")
    assert model.type in (ModelArchType.AMD64, ModelArchType.ARM64)
    assert (model.attr[ADDRESSES] == FROM_NODE) == any(
        not member.phyaddrs for member in model.io_member_list
    )


@each_model
def test_figures_that_admission_compares_can_be_read(model: SysModel) -> None:
    for name in ("memory", "storage", "memoryMax", "storageMax"):
        if name in model.attr:
            assert parse_size_bytes(model.attr[name]), name
    for name in ("Cpus", "cpusMax"):
        if name in model.attr:
            assert model.attr[name].isdecimal(), name


@each_model
def test_ports_have_addresses_that_can_exist(model: SysModel) -> None:
    members = model.io_member_list
    for member in members:
        for name, address in member.phyaddrs.items():
            assert SHAPES[name].fullmatch(address), (member.logicallabel, name, address)
    assert most_common([m.phyaddrs.get("Ifname", "") for m in members]) == 1
    functions = [m.phyaddrs.get("PciLong", "") for m in members if m.ztype in FUNCTIONS]
    assert most_common(functions) == 1
    assert any(m.usage is AdapterUsage.MANAGEMENT for m in members), "no way to the controller"


@each_model
def test_what_shares_a_device_shares_its_group(model: SysModel) -> None:
    """Two ports on one PCI function cannot go to two apps."""
    groups: dict[str, set[str]] = {}
    for member in model.io_member_list:
        if "PciLong" in member.phyaddrs:
            groups.setdefault(member.phyaddrs["PciLong"], set()).add(own_group(member))
    assert {address: g for address, g in groups.items() if len(g) > 1} == {}
    for member in model.io_member_list:
        if not member.phyaddrs:
            assert not member.assigngrp, "what group it is in follows from its address"


def own_group(member: IoMember) -> str:
    return member.parentassigngrp or member.assigngrp


def most_common(texts: list[str]) -> int:
    return max(Counter(text for text in texts if text).values(), default=1)


def test_brands_are_admitted_and_nothing_stands_twice() -> None:
    shipped = hardware()
    for brand in shipped.brands:
        assert admit_brand(brand, None) == ()
        assert TITLE.fullmatch(brand.title)
        assert any(model.brand_id == brand.id for model in shipped.models), brand.name
    for names in (
        [brand.name for brand in shipped.brands],
        [model.name for model in shipped.models],
        [model.title for model in shipped.models],
        [b.id for b in shipped.brands] + [m.id for m in shipped.models],
    ):
        assert len(names) == len(set(names))
