"""Apps that start a while after the node did.  Pure.

The delay of an app counts from the moment at which the node follows a configuration for the first
time, and for the app's first start since then only: whoever is there already, or was, goes on.
Source: node reference 7.7.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.refs import AppInForce
from eaves.reconcile.item import Graph


def begun(apps: Iterable[AppInForce], current: Graph) -> frozenset[AppInstanceId]:
    """Those whose workload is there."""
    return frozenset(
        app.app
        for app in apps
        if refs.domain(app.app) in current or refs.container(app.app) in current
    )


def delayed(
    apps: Iterable[AppInForce], begun: AbstractSet[AppInstanceId], ready_s: float
) -> frozenset[AppInstanceId]:
    """Those that wait still; `ready_s` is how long the node is ready."""
    return frozenset(
        app.app
        for app in apps
        if app.activate and app.app not in begun and app.config.start_delay_in_seconds > ready_s
    )


def without(
    apps: Iterable[AppInForce], waiting: AbstractSet[AppInstanceId]
) -> tuple[AppInForce, ...]:
    return tuple(replace(app, activate=False) if app.app in waiting else app for app in apps)
