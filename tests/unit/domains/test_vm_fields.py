"""Fields of an app that is a virtual machine, each read from the configuration."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.network_node import allocations, app

from eaves.errors import Rejected
from eaves.evapi.config import (
    ConfigItem,
    EdgeDevConfig,
    MetaDataType,
    Target,
    UUIDandVersion,
    VmConfig,
    VmMode,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    VolumeRef,
)
from eaves.evapi.config.appconfig import AppInstanceConfig
from eaves.evapi.evecommon import BootOrder, EncryptionBlock
from eaves.node.domains.items import Disk, Domain, Firmware, Vnc
from eaves.node.domains.qemu import Place, keeper_argv, qemu_argv
from eaves.node.domains.vtpm import TpmProbe, make_tpm_state, tpm_state_name
from eaves.node.host.accel import Accel
from eaves.node.refs import AppInForce
from eaves.node.runtime.wish import Wish, make_wish

VM = app(1, "shop").config


def wished(config: AppInstanceConfig, *items: ConfigItem, volumes: tuple[Volume, ...] = ()) -> Wish:
    one = AppInForce(config, app(1, "shop").app, 1, True, 1)
    told = EdgeDevConfig(apps=(config,), config_items=items, volumes=volumes)
    return make_wish(
        told, (one,), allocations(told, [one]), (), {}, lambda _: EncryptionBlock(), "eaves-test"
    )


def domain(config: AppInstanceConfig, *items: ConfigItem) -> Domain:
    wish = wished(config, *items)
    (made,) = domains_of(wish)
    return made


def domains_of(wish: Wish) -> list[Domain]:
    return [item for item in wish.graph.values() if isinstance(item, Domain)]


def on(key: str) -> ConfigItem:
    return ConfigItem(key=key, value="true")


def command_line(item: Domain, *licence: Path) -> str:
    accel = Accel(kvm=False, reason="test")
    place = Place(Path("/r"), Path("/s/console.log"), accel, (), None, None, licence)
    return " ".join(qemu_argv(item, place))


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


SHOWN = VmConfig(enable_vnc=True, vnc_display=7)


def test_a_display_is_reached_from_elsewhere_if_the_node_allows_it() -> None:
    config = replace(VM, fixedresources=SHOWN)
    assert "-display vnc=127.0.0.1:7 " in command_line(domain(config))
    assert "-display vnc=:7 " in command_line(domain(config, on("app.allow.vnc")))


def test_a_display_is_as_large_as_the_app_or_the_node_says() -> None:
    node = ConfigItem(key="app.fml.resolution", value="1024x768")
    fml = replace(VM, fixedresources=replace(SHOWN, virtualization_mode=VmMode.FML))
    own = replace(fml, vm_resolution="1920x1080")
    assert domain(fml, node).resolution == "1024x768"
    assert domain(own, node).resolution == "1920x1080"
    assert domain(replace(VM, fixedresources=SHOWN), node).resolution == "", "of FML only"
    line = command_line(replace(domain(own), vnc=Vnc(7), firmware=Firmware.BIOS))
    assert "virtio-vga,max_outputs=1,xres=1920,yres=1080 " in line


def test_a_display_of_an_unknown_size_is_refused() -> None:
    wish = wished(replace(VM, vm_resolution="12x9"))
    assert "vm_resolution '12x9' is unknown; use one of 1024x768" in wish.refusals[wish.apps[0].app]


def file(number: int, name: str, target: Target) -> Volume:
    return Volume(
        uuid=f"20000000-0000-0000-0000-{number:012}",
        display_name=name,
        target=target,
        origin=VolumeContentOrigin(
            type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
        ),
    )


TREE = "10000000-0000-0000-0000-000000000001"
FILES = (
    file(1, "root", Target.Disk),
    file(2, "old", Target.Kernel),
    file(3, "new", Target.Kernel),
    file(4, "small", Target.Initrd),
    file(5, "large", Target.RamDisk),
    file(6, "notes", Target.AppCustom),
)


def booted(resources: VmConfig, *volumes: Volume) -> Wish:
    used = tuple(VolumeRef(uuid=volume.uuid) for volume in volumes)
    return wished(
        replace(VM, fixedresources=resources, volume_ref_list=used), volumes=tuple(volumes)
    )


def named(disk: Disk | None) -> str:
    return next((v.display_name for v in FILES if disk and v.uuid == disk.volume), "")


@pytest.mark.parametrize(
    ("resources", "kernel", "ramdisk"),
    [
        (VmConfig(), "old", "small"),
        (VmConfig(kernel="new"), "new", "small"),
        (VmConfig(ramdisk=FILES[4].uuid), "old", "large"),
    ],
)
def test_a_machine_boots_a_kernel_from_its_volumes(
    resources: VmConfig, kernel: str, ramdisk: str
) -> None:
    (made,) = domains_of(booted(resources, *FILES))
    assert [named(disk) for disk in made.disks] == ["root"]
    assert (named(made.kernel), named(made.ramdisk)) == (kernel, ramdisk)
    assert len(made.needs()) == len(FILES), "it waits for all of them"


def test_a_kernel_has_the_arguments_of_the_app() -> None:
    (made,) = domains_of(booted(VmConfig(extraargs="quiet a=b"), *FILES))
    assert made.arguments == "quiet a=b"
    accel = Accel(kvm=False, reason="test")
    at = Place(Path("/r"), Path("/s"), accel, (), None, None, (), Path("/b/k"), Path("/b/i"))
    assert "-kernel /b/k -initrd /b/i -append quiet a=b " in " ".join(qemu_argv(made, at))
    (plain,) = domains_of(booted(VmConfig(), FILES[0]))
    assert "-kernel" not in qemu_argv(plain, replace(at, kernel=None, ramdisk=None))


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        (
            VmConfig(kernel="root"),
            "kernel 'root' names no volume of the app whose target is Kernel",
        ),
        (VmConfig(ramdisk="x"), "ramdisk 'x' names no volume of the app whose target is Initrd or"),
        (VmConfig(extraargs="quiet"), "extraargs is for a kernel, and no volume of the app is one"),
    ],
)
def test_what_cannot_be_booted_is_refused(resources: VmConfig, told: str) -> None:
    wish = booted(resources, FILES[0])
    assert f"app shop: {told}" in wish.refusals[wish.apps[0].app]
    assert not domains_of(wish)


def test_a_machine_has_a_tpm_unless_it_wants_none() -> None:
    assert domain(VM).vtpm
    assert not domain(replace(VM, fixedresources=VmConfig(disable_vtpm=True))).vtpm


def test_a_tpm_belongs_to_the_first_disk_of_its_machine() -> None:
    (before,) = domains_of(booted(VmConfig(), FILES[0]))
    purged = replace(before, disks=(replace(before.disks[0], generation=1),))
    again = replace(before, incarnation=before.incarnation + 1)
    assert tpm_state_name(again) == tpm_state_name(before) != tpm_state_name(purged)
    with_data = replace(before, disks=(*before.disks, replace(before.disks[0], generation=7)))
    assert tpm_state_name(with_data) == tpm_state_name(before)


def test_a_tpm_is_there_before_its_machine_and_ends_with_it() -> None:
    accel = Accel(kvm=False, reason="test")
    place = Place(Path("/r"), Path("/s"), accel, (), None, None, tpm_state=Path("/v/tpm one"))
    line = " ".join(keeper_argv(domain(VM), place))
    assert "swtpm socket --tpm2 --tpmstate 'dir=/v/tpm one,mode=0600' " in line
    assert "--ctrl type=unixio,path=/r/tpm.sock,mode=0600 --terminate --daemon) || exit" in line
    assert "-chardev socket,id=tpm,path=/r/tpm.sock -tpmdev emulator,id=tpm0" in line


async def test_a_node_without_the_emulator_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = await TpmProbe(tmp_path / "state", tmp_path / "run").fault()
    assert "install the package swtpm on this node" in told


def test_the_tpm_of_disks_that_are_gone_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "tpm-1", tmp_path / "tpm-2"
    make_tpm_state(old)
    (old / "tpm2-00.permall").write_bytes(b"x")
    make_tpm_state(old)
    assert (old / "tpm2-00.permall").exists()
    make_tpm_state(new)
    assert [path.name for path in tmp_path.iterdir()] == ["tpm-2"]
    assert new.stat().st_mode & 0o777 == 0o700


def test_a_machine_has_the_windows_licence_of_its_hardware_or_is_refused() -> None:
    table = Path("/sys/firmware/acpi/tables/MSDM")
    assert "MSDM" not in command_line(domain(VM), table)
    asking = domain(replace(VM, fixedresources=VmConfig(enable_oem_win_license_key=True)))
    assert f"-acpitable file={table} " in command_line(asking, table)
    with pytest.raises(Rejected, match="whose firmware has none"):
        command_line(asking)


def test_a_debugger_may_connect_where_the_node_says() -> None:
    assert "-gdb" not in command_line(domain(VM))
    line = command_line(domain(VM, on("debug.qemu.gdb")))
    assert "-gdb unix:/r/gdb.sock,server=on,wait=off " in line


def test_a_guest_that_crashes_is_kept_where_the_node_says() -> None:
    assert "panic" not in command_line(domain(VM))
    for key in ("debug.qemu.pause.on.crash", "debug.qemu.guest.core"):
        assert "-device pvpanic -action panic=pause " in command_line(domain(VM, on(key)))
