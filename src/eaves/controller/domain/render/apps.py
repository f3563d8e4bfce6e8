"""App instances: what runs, from what, on which networks, behind which rules."""

from dataclasses import dataclass

from eaves.controller.domain.admission import DeviceLoad, netinst_of
from eaves.controller.domain.contract.apps import (
    App,
    AppACE,
    AppInstance,
    AppInterface,
    HvMode,
    VmBootloaderMode,
)
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.devices import AdminState
from eaves.controller.domain.contract.envelope import OpsCounter
from eaves.controller.domain.contract.manifests import (
    AppType,
    DeploymentType,
    VMManifest,
)
from eaves.controller.domain.contract.projects import InterfaceOrdering
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.adapters import IO_TYPES
from eaves.controller.domain.render.ids import acl_id
from eaves.controller.domain.render.patches import reference
from eaves.controller.domain.render.secrets import NO_ECDH, Secrets
from eaves.controller.domain.render.storage import AppDisks
from eaves.controller.domain.render.userdata import user_data
from eaves.controller.domain.rules import effective_rules
from eaves.controller.domain.snapshots import Snapshot, active_of
from eaves.evapi.config import (
    ACE,
    ACEAction,
    ACEMatch,
    Adapter,
    AppInstanceConfig,
    AppRuntimeType,
    InstanceOpsCmd,
    NetworkAdapter,
    SnapshotConfig,
    SnapshotDesc,
    SnapshotType,
    UUIDandVersion,
    VmBootMode,
    VmConfig,
    VmMode,
)
from eaves.evapi.evecommon import CipherBlock, EncryptionBlock, PhyIoType

RUNNING_STATES = frozenset({AdminState.ACTIVE, AdminState.REGISTERED})
MODES = {
    HvMode.PV: VmMode.PV,
    HvMode.HVM: VmMode.HVM,
    HvMode.FML: VmMode.FML,
    HvMode.NOHYPER: VmMode.NOHYPER,
    HvMode.LEGACY: VmMode.LEGACY,
}
BOOT_MODES = {
    VmBootloaderMode.LEGACY: VmBootMode.VM_BOOT_MODE_LEGACY,
    VmBootloaderMode.UEFI: VmBootMode.VM_BOOT_MODE_UEFI,
}
NO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class RenderedApp:
    config: AppInstanceConfig
    missing: tuple[str, ...]


def app(
    instance: AppInstance, disks: AppDisks, inputs: DeviceInputs, secrets: Secrets
) -> RenderedApp:
    """`disks` are those of this instance.  An app that lacks something stays inactive."""
    bundle = inputs.bundles[instance.app_id]
    manifest = bundle.manifest_json or VMManifest()
    interfaces, adapters, missing = _connections(instance, manifest, inputs)
    missing = [*disks.missing, *missing]
    data = user_data(instance, bundle, secrets)
    if data.reason:
        missing.append(data.reason)
    cipher: CipherBlock | None = None
    if data.text and secrets.sealer is None:
        missing.append(f"app instance {instance.name!r} waits for its user data: {NO_ECDH}")
    elif data.text and secrets.sealer is not None:
        cipher = secrets.sealer.seal(
            f"app/{instance.id}", EncryptionBlock(protected_user_data=data.base64)
        )
    on = instance.activate and inputs.device.admin_state in RUNNING_STATES
    return RenderedApp(
        AppInstanceConfig(
            uuidandversion=UUIDandVersion(uuid=instance.id, version=instance.bundleversion or "1"),
            displayname=instance.name,
            fixedresources=_resources(instance, manifest, inputs),
            activate=on and not missing,
            interfaces=tuple(interfaces),
            adapters=tuple(adapters),
            restart=_counter(instance.restart, inputs),
            purge=_counter(instance.purge, inputs),
            remote_console=instance.remote_console,
            cipher_data=cipher,
            collect_stats_ip_addr=instance.collect_stats_ip_addr,
            volume_ref_list=disks.refs,
            start_delay_in_seconds=instance.start_delay_in_seconds,
            cloud_init_version=instance.cloud_init_version,
            snapshot=_snapshots(instance, inputs.snapshots.get(instance.id, ())),
            patch_ref=reference(inputs.envelopes.get(instance.patch_envelope_id)),
            runtime_type=_runtime(manifest),
        ),
        tuple(missing),
    )


def _runtime(manifest: VMManifest) -> AppRuntimeType:
    """A machine that hosts containers of compose files is asked for them by its helper."""
    hosts = manifest.app_type is AppType.VM_RUNTIME
    if hosts and manifest.deployment_type is DeploymentType.DOCKER_RUNTIME:
        return AppRuntimeType.APP_RUNTIME_TYPE_DOCKER
    return AppRuntimeType.APP_RUNTIME_TYPE_UNSPECIFIED


def _counter(counter: OpsCounter | None, inputs: DeviceInputs) -> InstanceOpsCmd:
    """Always sent: the first value that a device sees is its baseline."""
    return inputs.once_encoded("operation", (counter,), lambda: _operation(counter))


def _operation(counter: OpsCounter | None) -> InstanceOpsCmd:
    if counter is None:
        return InstanceOpsCmd(counter=0, ops_time=NO_TIME)
    return InstanceOpsCmd(counter=counter.counter, ops_time=counter.ops_time or NO_TIME)


def _snapshots(instance: AppInstance, snapshots: tuple[Snapshot, ...]) -> SnapshotConfig | None:
    """None: the app never had one.  The counter stays once it was sent, as every other does."""
    if not snapshots:
        return None
    active = active_of(snapshots)
    led = active.rollback if active is not None else 0
    return SnapshotConfig(
        active_snapshot=active.id if active is not None and active.kept else "",
        rollback_cmd=InstanceOpsCmd(
            counter=led, ops_time=rfc3339(active.changed_at) if active is not None else NO_TIME
        ),
        max_snapshots=max(1, instance.max_snapshots),
        snapshots=tuple(
            SnapshotDesc(
                id=one.id,
                type=(
                    SnapshotType.SNAPSHOT_TYPE_IMMEDIATE
                    if one.immediate
                    else SnapshotType.SNAPSHOT_TYPE_APP_UPDATE
                ),
            )
            for one in snapshots
            if one.kept
        ),
    )


def _resources(instance: AppInstance, manifest: VMManifest, inputs: DeviceInputs) -> VmConfig:
    of = (instance.vminfo, instance.logs, inputs.bundles[instance.app_id], inputs.project)
    return inputs.once_encoded("resources", of, lambda: _resources_of(instance, manifest, inputs))


def _resources_of(instance: AppInstance, manifest: VMManifest, inputs: DeviceInputs) -> VmConfig:
    load = DeviceLoad(inputs.device, bundles=inputs.bundles)
    info = load.vminfo_of(instance)
    cpus = max(1, info.cpus)
    settings = inputs.project.tag_level_settings if inputs.project is not None else None
    return VmConfig(
        memory=info.memory,
        maxmem=info.memory,
        vcpus=cpus,
        maxcpus=cpus,
        virtualization_mode=_mode(instance, manifest),
        enable_vnc=info.vnc or manifest.enablevnc,
        vnc_display=info.vnc_display,
        pin_cpu=info.cpu_pinning_enabled or manifest.cpu_pinning_enabled,
        vmm_maxmem=info.vmm_maxmem,
        boot_mode=BOOT_MODES.get(info.bootloader_mode, VmBootMode.VM_BOOT_MODE_UNSPECIFIED),
        enforce_network_interface_order=(
            settings is not None and settings.interface_ordering is InterfaceOrdering.ENABLED
        ),
        enable_oem_win_license_key=(
            info.enable_oem_win_license_key or manifest.enable_oem_win_license_key
        ),
        disable_vtpm=info.disable_vtpm or manifest.disable_vtpm,
        disable_logs=instance.logs is not None and not instance.logs.access,
    )


def _mode(instance: AppInstance, manifest: VMManifest) -> VmMode:
    """The instance's own mode; one that says nothing (the zero value) has the bundle's."""
    own = instance.vminfo.mode if instance.vminfo is not None else HvMode.PV
    if own is not HvMode.PV:
        return MODES.get(own, VmMode.HVM)
    if manifest.vmmode:
        return MODES.get(HvMode(manifest.vmmode), VmMode.HVM)
    return VmMode.NOHYPER if manifest.app_type is AppType.CONTAINER else VmMode.HVM


def _connections(
    instance: AppInstance, manifest: VMManifest, inputs: DeviceInputs
) -> tuple[list[NetworkAdapter], list[Adapter], list[str]]:
    names = [interface.name for interface in manifest.interfaces]
    interfaces: list[NetworkAdapter] = []
    adapters: list[Adapter] = []
    missing: list[str] = []
    ordered = sorted(enumerate(instance.interfaces), key=lambda item: (item[1].intforder, item[0]))
    for number, (index, interface) in enumerate(ordered):
        if interface.directattach or (interface.io is not None and interface.io.name):
            adapters.append(_direct(interface, number, inputs))
            continue
        netinst = netinst_of(interface, inputs.netinsts)
        if netinst is None:
            named = interface.netinstname or interface.netinstid or "(default)"
            missing.append(
                f"app instance {instance.name!r}: interface {interface.intfname!r} names network "
                f"instance {named!r}, which is not on the device; create it or change the interface"
            )
            continue
        rules = interface.acls or _rules_of_bundle(
            interface, inputs.bundles[instance.app_id], inputs
        )
        interfaces.append(
            NetworkAdapter(
                name=interface.intfname or (names[index] if index < len(names) else f"eth{number}"),
                network_id=netinst.id,
                addr=interface.ipaddr,
                mac_address=interface.macaddr,
                acls=tuple(
                    _ace(rule, acl_id(instance.id, index, place), inputs)
                    for place, rule in enumerate(rules)
                ),
                access_vlan_id=interface.access_vlan_id,
                allow_to_discover=interface.allow_to_discover,
                interface_order=number,
            )
        )
    return interfaces, adapters, missing


def _rules_of_bundle(
    interface: AppInterface, bundle: App, inputs: DeviceInputs
) -> tuple[AppACE, ...]:
    """By name of the interface; those of a bundle are the same in every instance."""
    known = inputs.once("rules of a bundle", (bundle,), dict[str, tuple[AppACE, ...]])
    name = interface.intfname
    if name not in known:
        known[name] = effective_rules(interface, bundle)
    return known[name]


def _ace(rule: AppACE, rule_id: int, inputs: DeviceInputs) -> ACE:
    keep = inputs.shared.keep

    def make() -> tuple[tuple[ACEMatch, ...], tuple[ACEAction, ...]]:
        return keep(_matches(rule)), keep(_actions(rule))

    matches, actions = inputs.once("rule", (rule,), make)
    return ACE(matches=matches, actions=actions, name=rule.name, id=rule_id)


def _matches(rule: AppACE) -> tuple[ACEMatch, ...]:
    return tuple(ACEMatch(type=m.type.lower(), value=m.value) for m in rule.matches)


def _actions(rule: AppACE) -> tuple[ACEAction, ...]:
    return tuple(
        ACEAction(
            drop=action.drop,
            limit=action.limit,
            limitrate=action.limitrate,
            limitunit=action.limitunit,
            limitburst=action.limitburst,
            portmap=action.portmap,
            app_port=action.mapparams.port if action.mapparams is not None else 0,
        )
        for action in rule.actions
    )


def _direct(interface: AppInterface, number: int, inputs: DeviceInputs) -> Adapter:
    """A physical adapter goes to the app with its whole assignment group."""
    name = interface.io.name if interface.io is not None else interface.intfname
    members = inputs.model.io_member_list if inputs.model is not None else ()
    for member in members:
        if name in (member.assigngrp, member.logicallabel, member.phylabel):
            ptype = IO_TYPES.get(member.ztype, PhyIoType.PhyIoNoop)
            return Adapter(
                type=ptype, name=member.assigngrp or member.logicallabel, interface_order=number
            )
    kind = interface.io.type if interface.io is not None else None
    ptype = IO_TYPES.get(kind, PhyIoType.PhyIoNoop) if kind is not None else PhyIoType.PhyIoNoop
    return Adapter(type=ptype, name=name, interface_order=number)
