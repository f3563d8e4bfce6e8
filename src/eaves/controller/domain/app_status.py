"""Status of app instances, network instances and volumes, from their last info messages.

A state is what the device reported, made uncertain by its silence: ONLINE never outlives the
contact.  Errors are the device's own texts; what the controller knows to be missing joins them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eaves.controller.domain.contract.app_status import AppInfo as AppOf
from eaves.controller.domain.contract.app_status import AppInstStatusMsg, DevInfo, SWInfo
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.devices import AdminState, DeviceConfig
from eaves.controller.domain.contract.netinst_status import (
    IPAssignment,
    IpRoute,
    NetInstStatusMsg,
    VifInfo,
)
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.statuses import (
    DeviceError,
    RunState,
    Severity,
    SWState,
)
from eaves.controller.domain.contract.volume_status import (
    DeviceObjectUsageInfo,
    VolInstResource,
    VolInstStatusMsg,
)
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.status.liveness import Contact, Liveness
from eaves.controller.domain.status.words import (
    device_errors,
    lacks,
    network_status,
    run_state,
    sw_state,
    timestamp,
    with_age,
    without_repeats,
)
from eaves.controller.domain.unrendered import NOT_RENDERED
from eaves.evapi.info import (
    ZInfoApp,
    ZInfoContentTree,
    ZInfoNetworkInstance,
    ZInfoVolume,
    ZNetworkInstanceState,
    ZSwState,
)

NETINST_STATES = {
    ZNetworkInstanceState.ZNETINST_STATE_INIT: RunState.INIT,
    ZNetworkInstanceState.ZNETINST_STATE_ONLINE: RunState.ONLINE,
    ZNetworkInstanceState.ZNETINST_STATE_ERROR: RunState.ERROR,
}


@dataclass(frozen=True)
class Holder:
    """The device that carries an object, and how well it is heard."""

    device: DeviceConfig
    alive: Liveness


@dataclass(frozen=True)
class AppReports:
    """What the device last said of an app and of what it is made from; None: nothing yet."""

    info: ZInfoApp | None = None
    volumes: tuple[ZInfoVolume, ...] = ()  # those of this app
    content_trees: tuple[ZInfoContentTree, ...] = ()
    received_at: datetime | None = None
    missing: tuple[str, ...] = ()  # what rendering lacked


def missing_of(instance: AppInstance, missing: Iterable[str]) -> tuple[str, ...]:
    """Those sentences of a rendering that are about this instance, or about all of its device."""
    concerned = (f"app instance {instance.name!r}", NOT_RENDERED)
    return tuple(text for text in missing if text.startswith(concerned))


def app_status(
    instance: AppInstance, bundle: App | None, holder: Holder, reports: AppReports
) -> AppInstStatusMsg:
    info = reports.info
    state = info.state if info is not None else ZSwState.INVALID
    errors = device_errors(info.app_err) if info is not None else ()
    errors += device_errors(volume.volume_err for volume in reports.volumes)
    errors += device_errors(tree.err for tree in reports.content_trees)
    errors += lacks(reports.missing)
    return AppInstStatusMsg(
        id=instance.id,
        name=instance.name,
        title=instance.title,
        project_id=instance.project_id or holder.device.project_id,
        app_id=instance.app_id,
        app=AppOf(app_id=instance.app_id, app_name=bundle.name if bundle is not None else ""),
        app_type=instance.app_type,
        deployment_type=instance.deployment_type,
        device_id=holder.device.id,
        device=DevInfo(device_id=holder.device.id, device_name=holder.device.name),
        admin_state=AdminState.ACTIVE if instance.activate else AdminState.INACTIVE,
        run_state=_app_run_state(info, holder.alive, errors),
        sw_state=sw_state(state) if info is not None else SWState.UNSPECIFIED,
        sw_info=_progress(reports),
        err_info=without_repeats(errors),
        boot_time=timestamp(info.boot_time) if info is not None else "",
        up_time=timestamp(info.boot_time) if info is not None else "",
        last_update=timestamp(reports.received_at),
        net_status_list=tuple(
            network_status(network) for network in (info.network if info is not None else ())
        ),
        volume_refs=info.volume_refs if info is not None else (),
        tags=dict(instance.tags),
    )


def _app_run_state(
    info: ZInfoApp | None, alive: Liveness, errors: tuple[DeviceError, ...]
) -> RunState:
    if info is None:
        nothing = alive.contact in (Contact.NEVER_REGISTERED, Contact.REGISTERED, Contact.ALIVE)
        return RunState.INIT if nothing else with_age(RunState.INIT, alive)
    reported = run_state(info.state)
    if reported is not RunState.ONLINE and _severe(errors):
        reported = RunState.ERROR
    return with_age(reported, alive)


def _severe(errors: tuple[DeviceError, ...]) -> bool:
    """A notice or warning goes with a retry under way; an error needs somebody."""
    return any(error.severity in (Severity.ERROR, Severity.UNSPECIFIED) for error in errors)


def _progress(reports: AppReports) -> tuple[SWInfo, ...]:
    """One entry for each image: its state and percent."""
    if reports.content_trees:
        return tuple(
            SWInfo(
                image_name=tree.display_name,
                hash=tree.sha256,
                state=sw_state(tree.state),
                download_progress=tree.progress_percentage,
            )
            for tree in reports.content_trees
        )
    return tuple(
        SWInfo(
            image_name=volume.display_name,
            state=sw_state(volume.state),
            download_progress=volume.progress_percentage,
        )
        for volume in reports.volumes
    )


def netinst_status(
    netinst: NetInstConfig, holder: Holder, info: ZInfoNetworkInstance | None
) -> NetInstStatusMsg:
    common = NetInstStatusMsg(
        id=netinst.id,
        name=netinst.name,
        kind=netinst.kind,
        project_id=netinst.project_id or holder.device.project_id,
        device_id=holder.device.id,
        tags=dict(netinst.tags),
        run_state=_unreported(holder.alive),
    )
    if info is None:
        return common
    reported = NETINST_STATES.get(info.state, RunState.ONLINE if info.activated else RunState.INIT)
    return common.model_copy(
        update={
            "run_state": with_age(reported, holder.alive),
            "err_info": device_errors(info.network_err),
            "bridge_name": info.bridge_name,
            "bridge_num": info.bridge_num,
            "bridge_ip_addr": info.bridge_ip_addr,
            "ports": info.ports,
            "uplink_intf": info.ports[0] if info.ports else "",
            "mtu": info.mtu,
            "up_time_stamp": timestamp(info.up_time_stamp),
            "ip_mappings": tuple(
                IPAssignment(mac_address=a.mac_address, ip_address=a.ip_address)
                for a in info.ip_assignments
            ),
            "ip_routes": tuple(
                IpRoute(
                    destination_network=r.destination_network,
                    gateway=r.gateway,
                    gateway_app=r.gateway_app,
                    port=r.port,
                )
                for r in info.ip_routes
            ),
            "vifs": tuple(
                VifInfo(vif_name=v.vif_name, mac_address=v.mac_address, app_name=v.app_id)
                for v in info.vifs
            ),
        }
    )


def volume_status(
    volume: VolInstConfig,
    holder: Holder,
    info: ZInfoVolume | None,
    content_tree: ZInfoContentTree | None = None,
) -> VolInstStatusMsg:
    common = VolInstStatusMsg(
        id=volume.id,
        name=volume.name,
        type=volume.type,
        project_id=volume.project_id or holder.device.project_id,
        device_id=holder.device.id,
        run_state=_unreported(holder.alive),
    )
    if info is None:
        return common
    errors = device_errors(
        (info.volume_err, content_tree.err if content_tree is not None else None)
    )
    reported = run_state(info.state)
    if info.state is ZSwState.CREATED_VOLUME:
        reported = RunState.ONLINE
    elif _severe(errors):
        reported = RunState.ERROR
    resources, usage = info.resources, info.usage
    return common.model_copy(
        update={
            "run_state": with_age(reported, holder.alive),
            "device_state": sw_state(info.state),
            "err_info": without_repeats(errors),
            "progress_percentage": info.progress_percentage,
            "sha256": content_tree.sha256 if content_tree is not None else "",
            "resource": (
                VolInstResource(
                    cur_size_bytes=resources.cur_size_bytes,
                    max_size_bytes=resources.max_size_bytes,
                )
                if resources is not None
                else None
            ),
            "usage": (
                DeviceObjectUsageInfo(
                    create_time=timestamp(usage.create_time),
                    last_ref_count_change_time=timestamp(usage.last_refcount_change_time),
                    ref_count=usage.ref_count,
                )
                if usage is not None
                else None
            ),
        }
    )


def _unreported(alive: Liveness) -> RunState:
    """Nothing was ever said of the object: it waits, unless the device fell silent."""
    silent = alive.contact in (Contact.SUSPECT, Contact.SILENT)
    return with_age(RunState.INIT, alive) if silent else RunState.INIT
