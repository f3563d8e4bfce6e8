"""Fields of an app that is a virtual machine, each read from the configuration."""

from dataclasses import replace

from support.network_node import allocations, app

from eaves.evapi.config import (
    ConfigItem,
    EdgeDevConfig,
    MetaDataType,
    UUIDandVersion,
    VmConfig,
    VolumeRef,
)
from eaves.evapi.config.appconfig import AppInstanceConfig
from eaves.evapi.evecommon import BootOrder, EncryptionBlock
from eaves.node.domains.items import Domain, Vnc
from eaves.node.refs import AppInForce
from eaves.node.runtime.wish import make_wish

VM = app(1, "shop").config


def domain(config: AppInstanceConfig, *items: ConfigItem) -> Domain:
    one = AppInForce(config, app(1, "shop").app, 1, True, 1)
    told = EdgeDevConfig(apps=(config,), config_items=items)
    wish = make_wish(
        told, (one,), allocations(told, [one]), (), {}, lambda _: EncryptionBlock(), "eaves-test"
    )
    (made,) = [item for item in wish.graph.values() if isinstance(item, Domain)]
    return made


def test_a_vm_has_a_display_where_the_app_says() -> None:
    shown = VmConfig(enable_vnc=True, vnc_display=7, vnc_passwd="word")
    vnc = domain(replace(VM, fixedresources=shown)).vnc
    assert vnc is not None
    assert (vnc.display, vnc.password) == (7, "word")
    assert domain(replace(VM, fixedresources=replace(shown, enable_vnc=False))).vnc is None


def test_a_vm_has_a_display_for_its_remote_console() -> None:
    assert domain(replace(VM, remote_console=True)).vnc == Vnc(0, "")


def test_the_seed_is_that_of_its_own_version_or_of_the_app() -> None:
    named = replace(VM, uuidandversion=UUIDandVersion(uuid=app(1, "shop").app, version="9"))
    assert domain(named).seed_version == "9"
    assert domain(replace(named, cloud_init_version=4)).seed_version == "4"


def test_a_vm_without_a_seed_drive_has_none() -> None:
    assert domain(VM).seed
    assert not domain(replace(VM, meta_data_type=MetaDataType.MetaDataNone)).seed


def test_a_vm_has_its_name_memory_cpus_and_disks() -> None:
    volume = "20000000-0000-0000-0000-000000000001"
    made = domain(
        replace(
            VM,
            fixedresources=VmConfig(memory=262144, vcpus=3),
            volume_ref_list=(VolumeRef(uuid=volume, generation_count=2),),
        )
    )
    assert (made.name, made.memory_kib, made.vcpus) == ("shop", 262144, 3)
    assert [(d.volume, d.generation) for d in made.disks] == [(volume, 2)]


def test_the_boot_order_is_the_apps_else_the_nodes() -> None:
    node = ConfigItem(key="app.boot.order", value="nousb")
    assert domain(VM).boot_order == ""
    assert domain(VM, node).boot_order == "nousb"
    assert domain(VM, replace(node, value="floppy")).boot_order == ""
    first = replace(VM, fixedresources=VmConfig(boot_order=BootOrder.BOOT_ORDER_USB))
    assert domain(first, node).boot_order == "usb"
    assert domain(first) == domain(VM), "a change alone is no reason to stop a guest"
