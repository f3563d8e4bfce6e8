"""What the device says of itself that a configuration told it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eaves.evapi.config import (
    AppInstanceConfig,
    ConfigItem,
    EdgeDevConfig,
    PhyIoMemberUsage,
    PhyIoType,
    PhysicalIO,
    UUIDandVersion,
)
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.info import AttestationState, BootReason, ZDeviceState, ZInfoDevice
from eaves.node.host.machine import Disk, Machine
from eaves.node.runtime.device_status import Identity, Moment, device_info
from eaves.node.runtime.os_updates import limits_of

T0 = datetime(2026, 5, 1, tzinfo=UTC)
MACHINE = Machine("x86_64", 2, 1024, "6.1", "boot", manufacturer="Acme", product_name="Box")
IDENTITY = Identity("host", b"root", T0, BootReason.BOOT_REASON_FIRST, "first", None, 0)
MOMENT = Moment(
    None,
    (),
    Disk("/", "/dev/vda", 100, 1, 99),
    ZDeviceState.ZDEVICE_STATE_ONLINE,
    AttestationState(0),
    "",
    None,
    0,
    0,
)


def info(config: EdgeDevConfig) -> ZInfoDevice:
    return device_info(MACHINE, IDENTITY, replace(MOMENT, config=config))


def test_a_device_says_whose_it_is() -> None:
    said = info(
        EdgeDevConfig(
            device_name="gate",
            project_name="plant",
            project_id="p1",
            enterprise_name="acme",
            enterprise_id="e1",
        )
    )
    assert (said.device_name, said.project_name, said.project_id) == ("gate", "plant", "p1")
    assert (said.enterprise_name, said.enterprise_id) == ("acme", "e1")


def test_a_configuration_says_what_the_machine_is_called_and_who_made_it() -> None:
    said = info(EdgeDevConfig(manufacturer="Ours", product_name="Gateway 7")).minfo
    assert said is not None
    assert (said.manufacturer, said.product_name) == ("Ours", "Gateway 7")
    own = info(EdgeDevConfig()).minfo
    assert own is not None
    assert (own.manufacturer, own.product_name) == ("Acme", "Box")


def test_adapters_are_told_by_their_group() -> None:
    usb = PhysicalIO(
        ptype=PhyIoType.PhyIoUSB,
        phylabel="USB1",
        logicallabel="scanner",
        assigngrp="group",
        usage=PhyIoMemberUsage.PhyIoUsageDedicated,
    )
    (bundle,) = info(EdgeDevConfig(device_io_list=(usb,))).assignable_adapters
    assert (bundle.name, bundle.members) == ("group", ("scanner",))
    assert (bundle.type, bundle.usage) == (
        PhyIoType.PhyIoUSB,
        PhyIoMemberUsage.PhyIoUsageDedicated,
    )


def test_apps_are_told_by_name_and_id() -> None:
    app = AppInstanceConfig(uuidandversion=UUIDandVersion(uuid="a1"), displayname="shop")
    (told,) = info(EdgeDevConfig(apps=(app,))).app_instances
    assert (told.uuid, told.name) == ("a1", "shop")


def items(key: str, value: str) -> ItemValues:
    return apply_items((ConfigItem(key=key, value=value),))[0]


@pytest.mark.parametrize(
    ("key", "attribute"),
    [
        ("timer.update.fallback.no.network", "silence_s"),
        ("timer.test.baseimage.update", "window_s"),
        ("timer.vault.ready.cutoff", "vault_s"),
    ],
)
def test_the_limits_of_a_trial_are_properties(key: str, attribute: str) -> None:
    assert getattr(limits_of(items(key, "123")), attribute) == 123
