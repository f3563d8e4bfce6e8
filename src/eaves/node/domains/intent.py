"""Active apps that are virtual machines, as items.  Pure."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from types import MappingProxyType

from eaves.evapi.config import AppInstanceConfig, MetaDataType, VmBootMode, VmConfig, VmMode
from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.domains.direct_boot import Volumes, boot_of
from eaves.node.domains.items import Domain, Firmware, Nic, Vnc
from eaves.node.domains.options import Options, boot_order, resolution
from eaves.node.refs import AppInForce, Passed
from eaves.reconcile.item import ItemRef

LEAST_MEMORY_KIB = 64 * 1024


def intent(
    apps: Sequence[AppInForce],
    containers: AbstractSet[AppInstanceId],
    user_data: Mapping[AppInstanceId, str],
    macs: Mapping[ItemRef, str],
    overhead_kib: Callable[[AppInstanceConfig], int] = lambda _: 0,
    node: Options = Options(),  # noqa: B008 - frozen, and the same for all
    passed: Mapping[AppInstanceId, Passed] = MappingProxyType({}),
    volumes: Volumes = MappingProxyType({}),
) -> tuple[Domain, ...]:
    """One item for each active app that is not in `containers`.

    `user_data` is decrypted and decoded; `macs` tells the hardware address of each vif;
    `overhead_kib` what the emulator may take beside the guest, 0: estimated.
    """
    return tuple(
        replace(
            _domain(app, user_data.get(app.app, ""), macs, node, volumes),
            overhead_kib=overhead_kib(app.config),
            passed=passed.get(app.app, Passed()),
        )
        for app in apps
        if app.activate and app.app not in containers
    )


def _domain(
    app: AppInForce, user_data: str, macs: Mapping[ItemRef, str], node: Options, volumes: Volumes
) -> Domain:
    config = app.config
    boot = boot_of(config, volumes)
    resources = config.fixedresources or VmConfig()
    mode = resources.virtualization_mode
    version = config.uuidandversion.version if config.uuidandversion else ""
    return Domain(
        app=app.app,
        number=app.number,
        incarnation=app.incarnation,
        memory_kib=max(resources.memory, LEAST_MEMORY_KIB),
        vcpus=max(1, resources.vcpus),
        firmware=_firmware(resources),
        disks=boot.disks,
        nics=tuple(_nic(app, n, macs) for n in range(len(config.interfaces))),
        legacy_devices=mode == VmMode.LEGACY,
        hide_hypervisor=mode == VmMode.FML,
        vnc=_vnc(config, resources, node),
        seed=config.meta_data_type
        in {MetaDataType.MetaDataDrive, MetaDataType.MetaDataDriveMultipart},
        kernel=boot.kernel,
        ramdisk=boot.ramdisk,
        arguments=boot.arguments,
        name=config.displayname,
        user_data=user_data,
        # A plain restart must not run cloud-init again, so the counters are not part of it.
        seed_version=str(config.cloud_init_version) if config.cloud_init_version else version,
        boot_order=boot_order(config, node),
        resolution=resolution(config, node),
        oem_licence=resources.enable_oem_win_license_key,
        ordered=resources.enforce_network_interface_order,
        gdb=node.gdb,
        pause_on_crash=node.pause_on_crash,
        keep_core=node.keep_core,
        keep_guest_core=node.keep_guest_core,
        guest_in_core=node.guest_in_core,
        graphics_without_mmap=node.graphics_without_mmap,
        graphics_rom=node.graphics_rom,
        traced=node.traced,
        firmware_log=node.firmware_log,
        multipart=node.multipart or config.meta_data_type == MetaDataType.MetaDataDriveMultipart,
        vtpm=not resources.disable_vtpm,
        others=boot.others,
    )


def _firmware(resources: VmConfig) -> Firmware:
    if resources.boot_mode == VmBootMode.VM_BOOT_MODE_UEFI:
        return Firmware.UEFI
    if resources.boot_mode == VmBootMode.VM_BOOT_MODE_LEGACY:
        return Firmware.BIOS
    return Firmware.UEFI if resources.virtualization_mode == VmMode.FML else Firmware.BIOS


def _nic(app: AppInForce, index: int, macs: Mapping[ItemRef, str]) -> Nic:
    return Nic(
        index,
        refs.vif_name(app.number, index),
        macs.get(refs.vif(app.app, index), ""),
        app.config.interfaces[index].interface_order,
    )


def _vnc(config: AppInstanceConfig, resources: VmConfig, node: Options) -> Vnc | None:
    if not (resources.enable_vnc or config.remote_console):
        return None
    return Vnc(resources.vnc_display, resources.vnc_passwd, node.vnc_everywhere)
