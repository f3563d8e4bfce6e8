"""Everything the node says of its objects, as info messages.  Pure: facts in, messages out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.info import (
    ErrorInfo,
    Severity,
    SnapshotType,
    ZInfoApp,
    ZInfoContentTree,
    ZInfoDevice,
    ZInfoHardware,
    ZInfoMsg,
    ZInfoNetwork,
    ZInfoNetworkInstance,
    ZInfoSnapshot,
    ZInfoVolume,
    ZSwState,
)
from eaves.evapi.info.patch_envelope import ZInfoPatchEnvelope
from eaves.evapi.info.states import ZInfoTypes
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.domains.app_state import AppParts, app_state
from eaves.node.network.items import Vif, VifKind
from eaves.node.network.learning import Leases
from eaves.node.refs import AppInForce
from eaves.node.runtime.apps_in_force import Decided, app_id
from eaves.node.runtime.device_status import adapters_told
from eaves.node.runtime.wish import Wish
from eaves.node.storage.items import Snapshot
from eaves.reconcile.item import ItemRef
from eaves.reconcile.report import ItemState, Report

PRIORITY = {"device": 0, "app": 1, "hardware": 2}


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What is known of apps beside the reconciler's report."""

    leases: Leases = field(default_factory=dict[str, tuple[str, ...]])
    boot_times: Mapping[AppInstanceId, datetime] = field(
        default_factory=dict[AppInstanceId, datetime]
    )
    ran_before: frozenset[AppInstanceId] = frozenset()
    notes: Mapping[AppInstanceId, str] = field(default_factory=dict[AppInstanceId, str])
    snapshots: tuple[Snapshot, ...] = ()  # those that are there


def app_parts(app: AppInForce, wish: Wish) -> AppParts:
    workload = refs.container if app.app in wish.containers else refs.domain
    return AppParts(
        tuple(
            refs.volume(VolumeId(r.uuid), r.generation_count) for r in app.config.volume_ref_list
        ),
        tuple(refs.vif(app.app, n) for n in range(len(app.config.interfaces))),
        workload(app.app),
    )


def app_info(
    app: AppInForce, wish: Wish, decided: Decided, report: Report, facts: AppFacts
) -> ZInfoApp:
    config = app.config
    warnings = [
        text
        for text in (
            wish.refusals.get(app.app, ""),
            wish.warnings.get(app.app, ""),
            f"a change of the configuration waits for a {decided.waits_for}"
            if decided.waits_for
            else "",
        )
        if text
    ]
    seen = app_state(
        report,
        app_parts(app, wish),
        activate=app.activate,
        ran_before=app.app in facts.ran_before,
        warnings=warnings,
    )
    running = seen.state == ZSwState.RUNNING
    state = ZSwState.PURGING if decided.purging and not running else seen.state
    if app.app in wish.delayed and state in (ZSwState.INSTALLED, ZSwState.HALTED):
        state = ZSwState.START_DELAYED
    return ZInfoApp(
        app_id=app.app,
        app_version=config.uuidandversion.version if config.uuidandversion else "",
        app_name=config.displayname,
        state=state,
        app_err=(
            *(_refused(e, app, wish) for e in seen.errors),
            *_notes(facts.notes.get(app.app, "")),
        ),
        boot_time=facts.boot_times.get(app.app) if running else None,
        network=tuple(_networks(app, wish, report, facts)),
        assigned_adapters=tuple(
            bundle
            for bundle in (adapters_told(wish.config, (), wish.assigned) if config.adapters else ())
            if bundle.used_by_app_uuid == app.app
        ),
        volume_refs=tuple(r.uuid for r in config.volume_ref_list),
        snapshots=_snapshots(app.app, decided, report, facts),
    )


def _snapshots(
    app: AppInstanceId, decided: Decided, report: Report, facts: AppFacts
) -> tuple[ZInfoSnapshot, ...]:
    """Those that are there, also while one leaves, and those that could not be taken."""
    told = decided.record.snapshots
    found: dict[str, ZInfoSnapshot] = {
        name: ZInfoSnapshot(id=name, config_id=app, snap_err=_snapshot_error(text))
        for name, text in told.items()
        if text
    }
    for item in decided.snapshots:
        status = report.items.get(item.ref)
        if status is not None and status.fault is not None:
            error = _snapshot_error(status.fault.text)
            found[item.id] = ZInfoSnapshot(id=item.id, config_id=app, snap_err=error)
    for item in facts.snapshots:
        if item.app == app:
            found[item.id] = ZInfoSnapshot(
                id=item.id,
                config_id=app,
                config_version=item.version,
                create_time=datetime.fromtimestamp(item.taken_at, UTC),
                type=SnapshotType(item.type),
                snap_err=_snapshot_error(told.get(item.id, "")),
            )
    return tuple(found[name] for name in sorted(found))


def _snapshot_error(text: str) -> ErrorInfo | None:
    return ErrorInfo(description=text, severity=Severity.SEVERITY_ERROR) if text else None


def refused_app_infos(wish: Wish) -> tuple[ZInfoApp, ...]:
    """Apps that are configured and not even begun: the controller is told why."""
    begun = {app.app for app in wish.apps}
    ids = ((app, app_id(app)) for app in wish.config.apps)
    return tuple(
        ZInfoApp(
            app_id=name,
            app_version=app.uuidandversion.version if app.uuidandversion else "",
            app_name=app.displayname,
            state=ZSwState.INITIAL,
            app_err=(
                ErrorInfo(
                    description=wish.refusals[name],
                    severity=Severity.SEVERITY_ERROR,
                    retry_condition="a change of the configuration",
                ),
            ),
        )
        for app, name in ids
        if name not in begun and name in wish.refusals
    )


def _notes(runs_by: str) -> tuple[ErrorInfo, ...]:
    """The wire has no other place to say what carries an app."""
    if not runs_by:
        return ()
    return (ErrorInfo(description=f"runs by {runs_by}", severity=Severity.SEVERITY_NOTICE),)


def _refused(error: ErrorInfo, app: AppInForce, wish: Wish) -> ErrorInfo:
    """A refusal keeps something from working: that is no mere warning."""
    if error.description == wish.refusals.get(app.app, ""):
        return replace(
            error,
            severity=Severity.SEVERITY_ERROR,
            retry_condition="a change of the configuration",
        )
    return error


def _networks(
    app: AppInForce, wish: Wish, report: Report, facts: AppFacts
) -> Iterable[ZInfoNetwork]:
    for index, adapter in enumerate(app.config.interfaces):
        ref = refs.vif(app.app, index)
        vif = wish.graph.get(ref)
        if not isinstance(vif, Vif):
            continue
        up = _present(report, ref)
        # A container has its address from the start, a guest once it took the lease.
        fixed = vif.address.partition("/")[0] if vif.kind is VifKind.VETH and up else ""
        addresses = (fixed,) if fixed else facts.leases.get(vif.mac, ())
        yield ZInfoNetwork(
            dev_name=adapter.name,
            local_name=vif.name,
            mac_addr=vif.mac,
            ip_addrs=addresses,
            ipv4_up=any(":" not in address for address in addresses),
            default_routers=(vif.gateway,) if vif.gateway else (),
        )


def _present(report: Report, ref: ItemRef) -> bool:
    status = report.items.get(ref)
    return status is not None and status.state is ItemState.PRESENT


@dataclass(frozen=True, slots=True)
class Said:
    """All messages of one moment, by the key under which the newest replaces the older."""

    messages: Mapping[str, ZInfoMsg]

    def priority(self, key: str) -> int:
        return PRIORITY.get(key.partition(" ")[0], 5)


def with_patches(said: Said, patches: Iterable[ZInfoPatchEnvelope]) -> Said:
    more = {
        f"patch {p.id}": ZInfoMsg(ztype=ZInfoTypes.ZiPatchEnvelope, patch_info=p) for p in patches
    }
    return Said({**said.messages, **more})


def say(
    device: ZInfoDevice,
    hardware: ZInfoHardware,
    apps: Iterable[ZInfoApp],
    network_instances: Iterable[ZInfoNetworkInstance],
    volumes: Iterable[ZInfoVolume],
    content_trees: Iterable[ZInfoContentTree],
) -> Said:
    messages: dict[str, ZInfoMsg] = {
        "device": ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=device),
        "hardware": ZInfoMsg(ztype=ZInfoTypes.ZiHardware, hwinfo=hardware),
    }
    for app in apps:
        messages[f"app {app.app_id}"] = ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=app)
    for ni in network_instances:
        messages[f"network-instance {ni.network_id}"] = ZInfoMsg(
            ztype=ZInfoTypes.ZiNetworkInstance, niinfo=ni
        )
    for volume in volumes:
        messages[f"volume {volume.uuid}"] = ZInfoMsg(ztype=ZInfoTypes.ZiVolume, vinfo=volume)
    for tree in content_trees:
        messages[f"content-tree {tree.uuid}"] = ZInfoMsg(ztype=ZInfoTypes.ZiContentTree, cinfo=tree)
    return Said(messages)


def farewell(key: str) -> ZInfoMsg | None:
    """The message that an object is gone: only its id."""
    kind, _, name = key.partition(" ")
    match kind:
        case "app":
            return ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=ZInfoApp(app_id=name))
        case "network-instance":
            return ZInfoMsg(
                ztype=ZInfoTypes.ZiNetworkInstance, niinfo=ZInfoNetworkInstance(network_id=name)
            )
        case "volume":
            return ZInfoMsg(ztype=ZInfoTypes.ZiVolume, vinfo=ZInfoVolume(uuid=name))
        case "content-tree":
            return ZInfoMsg(ztype=ZInfoTypes.ZiContentTree, cinfo=ZInfoContentTree(uuid=name))
        case "patch":
            return ZInfoMsg(
                ztype=ZInfoTypes.ZiPatchEnvelope, patch_info=ZInfoPatchEnvelope(id=name)
            )
        case _:
            return None


def object_keys(config: EdgeDevConfig) -> frozenset[str]:
    """The keys of everything a config names: what may have been reported before."""
    apps = (a.uuidandversion.uuid for a in config.apps if a.uuidandversion)
    nis = (n.uuidandversion.uuid for n in config.network_instances if n.uuidandversion)
    return frozenset(
        (
            *(f"app {a}" for a in apps),
            *(f"network-instance {n}" for n in nis),
            *(f"volume {v.uuid}" for v in config.volumes),
            *(f"content-tree {t.uuid}" for t in config.content_info),
            *(f"patch {p.uuid.lower()}" for p in config.patch_envelopes),
        )
    )
