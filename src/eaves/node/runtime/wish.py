"""From one configuration to the items of every subsystem.  Pure.

A part that cannot be carried out is left out and keeps its sentence; the rest applies.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from eaves.errors import EavesError
from eaves.evapi.config import CipherBlock, EdgeDevConfig, EncryptionBlock
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node import refs
from eaves.node.containers import intent as containers
from eaves.node.domains import intent as domains
from eaves.node.domains.direct_boot import NO_DISKS, volumes_of
from eaves.node.domains.items import Domain
from eaves.node.domains.options import options_of
from eaves.node.domains.refusals import refuse as refuse_machines
from eaves.node.host.inventory import NO_PARTS, Parts
from eaves.node.ios.assign import Assigned, assign
from eaves.node.network import intent as network
from eaves.node.network.items import Bridge, Vif
from eaves.node.network.refusals import Facts
from eaves.node.refs import Allocations, AppInForce, Passed, Port
from eaves.node.runtime.budget import Budget, admit, vm_overhead_kib
from eaves.node.storage import intent as storage
from eaves.node.storage.items import Snapshot, Volume
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import Graph, Item, ItemRef

OpenSecret = Callable[[CipherBlock], EncryptionBlock]


@dataclass(frozen=True, slots=True)
class Wish:
    """What should be, and every sentence about what was left out."""

    config: EdgeDevConfig  # with the storage that apps in force still hold
    apps: tuple[AppInForce, ...]
    containers: frozenset[AppInstanceId]
    storage: storage.StorageIntent
    graph: Graph
    refusals: Mapping[str, str] = field(default_factory=dict[str, str])  # object id -> why
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])
    assigned: Assigned = field(default_factory=Assigned)
    delayed: frozenset[AppInstanceId] = frozenset()  # apps whose start waits for its time


def make_wish(
    config: EdgeDevConfig,
    apps: tuple[AppInForce, ...],
    allocations: Allocations,
    ports: tuple[Port, ...],
    current: Graph,
    open_secret: OpenSecret,
    table: str,
    facts: Facts = Facts(),  # noqa: B008 - frozen, and the same for all
    snapshots: tuple[Snapshot, ...] = (),
    restored: tuple[Volume, ...] = (),
    budget: Budget = Budget(),  # noqa: B008 - frozen, and the same for all
    parts: Parts = NO_PARTS,
) -> Wish:
    contained = containers.container_apps(config, apps)
    user_data, locked = open_user_data(apps, open_secret)
    volumes = volumes_of(config.volumes)
    fetched = frozenset(ref for ref, told in volumes.items() if told.target in NO_DISKS)
    barred = refuse_machines(apps, contained, volumes)
    apps = tuple(_hold_back(app, {**locked, **barred}, current) for app in apps)
    assigned = assign(config, apps, contained, _passed_now(apps, current), ports, parts)
    apps = _without(apps, assigned.refusals)
    grants = admit(apps, contained, current, budget)
    apps = _without(apps, grants.refusals)
    stored = storage.intent(config, current, snapshots, restored)
    networked, refused = network.intent(
        config, apps, allocations, ports, containers=contained, table=table, facts=facts
    )
    macs, gateways = _addresses(networked)
    items: list[Item] = [
        *domains.intent(
            apps,
            contained,
            user_data,
            macs,
            lambda config: vm_overhead_kib(config, budget),
            options_of(config.config_items),
            assigned.passed,
            volumes,
        ),
        *(one for one in assigned.items if one.app not in grants.refusals),
        *(one for one in assigned.interfaces if one.app not in grants.refusals),
        *assigned.cards,
        *grants.cpus,
        *containers.intent(apps, contained, user_data, gateways, fetched),
    ]
    warnings = {a.app: containers.isolation_warning(a) for a in apps if a.app in contained}
    return Wish(
        config,
        apps,
        contained,
        stored,
        graph_of(stored.items, networked, items),
        _joined(refused, locked, barred, assigned.refusals, grants.refusals),
        {app: text for app, text in warnings.items() if text},
        assigned,
    )


def open_user_data(
    apps: tuple[AppInForce, ...], open_secret: OpenSecret
) -> tuple[dict[AppInstanceId, str], dict[AppInstanceId, str]]:
    """Clear user data by app, and why an app's cannot be had.

    A cipher block that does not open falls back to the clear field, if the config has one.
    """
    clear: dict[AppInstanceId, str] = {}
    locked: dict[AppInstanceId, str] = {}
    for app in apps:
        encoded, block = app.config.user_data, app.config.cipher_data
        if block is not None:
            try:
                encoded = open_secret(block).protected_user_data or encoded
            except EavesError as error:
                if not encoded:
                    locked[app.app] = f"user data cannot be opened: {error}"
                    continue
        try:
            clear[app.app] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            locked[app.app] = "user data is not base64 of UTF-8 text; correct it in the controller"
    return clear, locked


def _hold_back(app: AppInForce, locked: Mapping[AppInstanceId, str], current: Graph) -> AppInForce:
    """An app that lacks something does not start without it; one that runs goes on."""
    runs = refs.domain(app.app) in current or refs.container(app.app) in current
    return replace(app, activate=False) if app.app in locked and not runs else app


def _without(
    apps: tuple[AppInForce, ...], refusals: Mapping[AppInstanceId, str]
) -> tuple[AppInForce, ...]:
    return tuple(replace(app, activate=False) if app.app in refusals else app for app in apps)


def _passed_now(apps: tuple[AppInForce, ...], current: Graph) -> dict[AppInstanceId, Passed]:
    """What machines hold that run as they are wished."""
    held = {app.app: current.get(refs.domain(app.app)) for app in apps}
    return {
        app.app: domain.passed
        for app in apps
        if isinstance(domain := held[app.app], Domain) and domain.incarnation == app.incarnation
    }


def _joined(*refusals: Mapping[AppInstanceId, str] | Mapping[str, str]) -> dict[str, str]:
    """All that is said of each object."""
    joined: dict[str, str] = {}
    for said in refusals:
        for name, text in said.items():
            joined[name] = f"{joined[name]}; {text}" if name in joined else text
    return joined


def _addresses(items: tuple[Item, ...]) -> tuple[dict[ItemRef, str], dict[ItemRef, str]]:
    """For each vif its MAC, and the address of its bridge, which answers DNS."""
    bridges: dict[NetworkInstanceId, str] = {
        i.network_instance: i.address.partition("/")[0] for i in items if isinstance(i, Bridge)
    }
    vifs = [i for i in items if isinstance(i, Vif)]
    return (
        {v.ref: v.mac for v in vifs},
        {v.ref: bridges[v.network_instance] for v in vifs if v.network_instance in bridges},
    )
