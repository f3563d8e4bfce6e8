"""A configuration as it counts on this device: profiles, and what was asked on the spot.  Pure.

A boot order of an app, or a port, that was set on the spot counts instead of the controller's.
An app with a list of profiles is active only in one of them; without a profile, all are.  A purge
on the spot moves the app to new generations of its volumes, beside those of other apps.
"""

from collections.abc import Mapping
from dataclasses import replace

from eaves.evapi.config import (
    AppInstanceConfig,
    BootOrder,
    EdgeDevConfig,
    InstanceOpsCmd,
    VmConfig,
    Volume,
    VolumeRef,
)
from eaves.ids import AppInstanceId
from eaves.node.local.ports import with_local_ports
from eaves.node.local.state import AppOrders, LocalState

COUNTERS = 2**32  # they are 32 bits wide
NO_ORDERS = AppOrders()


def current_profile(config: EdgeDevConfig, state: LocalState) -> str:
    """Empty: every app runs.  Without a server, nobody overrides the controller's."""
    local = state.profile if config.local_profile_server else ""
    return local or config.global_profile


def localised(config: EdgeDevConfig, state: LocalState) -> EdgeDevConfig:
    """The same object when nothing was decided on the spot and no profile is in force."""
    profile = current_profile(config, state)
    nothing: Mapping[AppInstanceId, int] = {}
    boots = state.boots if config.local_profile_server else nothing
    config = with_local_ports(config, state)
    apps = tuple(
        _booting(_app(app, profile, _orders(app, state.apps)), boots) for app in config.apps
    )
    if apps == config.apps:
        return config
    return replace(config, apps=apps, volumes=_volumes(config, apps))


def _orders(app: AppInstanceConfig, known: Mapping[AppInstanceId, AppOrders]) -> AppOrders:
    name = app.uuidandversion.uuid if app.uuidandversion else ""
    return known.get(AppInstanceId(name), NO_ORDERS)


def _booting(app: AppInstanceConfig, boots: Mapping[AppInstanceId, int]) -> AppInstanceConfig:
    order = boots.get(AppInstanceId(app.uuidandversion.uuid if app.uuidandversion else ""))
    if order is None:
        return app
    resources = app.fixedresources or VmConfig()
    return replace(app, fixedresources=replace(resources, boot_order=BootOrder(order)))


def _app(app: AppInstanceConfig, profile: str, orders: AppOrders) -> AppInstanceConfig:
    if profile and app.profile_list and profile not in app.profile_list and app.activate:
        app = replace(app, activate=False)
    if orders.restarts:
        app = replace(app, restart=_added(app.restart, orders.restarts))
    if orders.purges:
        app = replace(
            app,
            purge=_added(app.purge, orders.purges),
            volume_ref_list=tuple(_moved(r, orders.purges) for r in app.volume_ref_list),
        )
    return app


def _added(command: InstanceOpsCmd | None, more: int) -> InstanceOpsCmd:
    command = command or InstanceOpsCmd()
    return replace(command, counter=(command.counter + more) % COUNTERS)


def _moved(ref: VolumeRef, purges: int) -> VolumeRef:
    return replace(ref, generation_count=ref.generation_count + purges)


def _volumes(config: EdgeDevConfig, apps: tuple[AppInstanceConfig, ...]) -> tuple[Volume, ...]:
    """Those that apps refer to now, those that nobody ever did, and none that was left behind."""
    before = {(r.uuid, r.generation_count) for a in config.apps for r in a.volume_ref_list}
    wanted = {(r.uuid, r.generation_count) for a in apps for r in a.volume_ref_list}
    volumes = {
        (v.uuid, v.generation_count): v
        for v in config.volumes
        if (v.uuid, v.generation_count) in wanted or (v.uuid, v.generation_count) not in before
    }
    for old, new in zip(config.apps, apps, strict=True):
        for was, now in zip(old.volume_ref_list, new.volume_ref_list, strict=True):
            model = next((v for v in config.volumes if _is(v, was)), None)
            if model is not None:
                key = (now.uuid, now.generation_count)
                volumes.setdefault(key, replace(model, generation_count=now.generation_count))
    return tuple(volumes.values())


def _is(volume: Volume, ref: VolumeRef) -> bool:
    return (volume.uuid, volume.generation_count) == (ref.uuid, ref.generation_count)
