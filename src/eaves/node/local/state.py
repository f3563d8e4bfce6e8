"""What was decided on the spot, by a local profile server or console, and what comes of it.  Pure.

It is kept across power cuts, and before it is acted on: a command is known by its timestamp, and
runs once for each that differs from the last.  The counters of apps only grow, also when nobody
is there any more who may move them: a smaller one would be another command.
Source: node reference 8.6; EVE API v2, section 8.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from eaves.evapi.profile import (
    AppBootConfig,
    AppCommand,
    AppCommandKind,
    DevCommandKind,
    LocalDevCmd,
)
from eaves.ids import AppInstanceId

OBEYED = frozenset(
    {
        DevCommandKind.COMMAND_SHUTDOWN,
        DevCommandKind.COMMAND_GRACEFUL_POWEROFF,
        DevCommandKind.COMMAND_GRACEFUL_REBOOT,
    }
)


@dataclass(frozen=True, slots=True)
class AppOrders:
    """What was asked of one app on the spot."""

    taken: int = 0  # timestamp of the last command that was taken
    done: int = 0  # and of the last that was completed
    restarts: int = 0  # added to the controller's counters
    purges: int = 0


@dataclass(frozen=True, slots=True)
class LocalState:
    profile: str = ""  # empty: that of the controller counts
    radio_silence: bool = False
    silenced_by_console: bool = False
    device_taken: int = 0
    device_done: int = 0
    compound: int = 0  # timestamp of the last answer of a local operator console
    apps: Mapping[AppInstanceId, AppOrders] = field(default_factory=dict[AppInstanceId, AppOrders])
    boots: Mapping[AppInstanceId, int] = field(default_factory=dict[AppInstanceId, int])
    """Boot orders that are not those of the controller, as their numbers."""
    ports: bytes = b""  # the LocalNetworkConfig in force, encoded, without its token


def encode_local_state(state: LocalState) -> bytes:
    return msgspec.json.encode(state)


def decode_local_state(documents: Iterable[bytes]) -> LocalState:
    """The first that can be read; none: nothing was decided on the spot."""
    for document in documents:
        try:
            return msgspec.json.decode(document, type=LocalState)
        except msgspec.MsgspecError:
            continue
    return LocalState()


def take_silence(state: LocalState, *, on: bool, by_console: bool) -> LocalState:
    """Who imposed it counts, and not who agrees later."""
    if on == state.radio_silence:
        return state
    return replace(state, radio_silence=on, silenced_by_console=on and by_console)


def forget(state: LocalState, *, console: bool = False) -> LocalState:
    """There is no server any more; what a `console`, if there is one, imposed stays.

    So do the counters of apps.
    """
    silent = console and state.radio_silence and state.silenced_by_console
    return replace(
        state, profile="", radio_silence=silent, silenced_by_console=silent, boots={}, ports=b""
    )


def take_app_commands(
    state: LocalState,
    commands: Iterable[AppCommand],
    names: Mapping[AppInstanceId, str],
) -> LocalState:
    """`names`: the apps of the configuration.  A command for none of them waits for its app."""
    apps = {app: orders for app, orders in state.apps.items() if app in names}
    by_name = {name: app for app, name in names.items() if name}
    for command in commands:
        app = AppInstanceId(command.id.lower()) if command.id else by_name.get(command.displayname)
        if app is None or app not in names:
            continue
        orders = apps.get(app, AppOrders())
        if orders.taken != orders.done or command.timestamp in {0, orders.taken}:
            continue  # one after the other, each once
        match command.command:
            case AppCommandKind.COMMAND_RESTART:
                orders = replace(orders, restarts=orders.restarts + 1)
            case AppCommandKind.COMMAND_PURGE:
                orders = replace(orders, purges=orders.purges + 1)
            case _:
                continue
        apps[app] = replace(orders, taken=command.timestamp)
    return replace(state, apps=apps)


def take_boot_orders(
    state: LocalState, told: Iterable[AppBootConfig], names: Mapping[AppInstanceId, str]
) -> LocalState:
    """Of apps that are not told, the controller's counts again."""
    by_name = {name: app for app, name in names.items() if name}
    orders = {
        AppInstanceId(one.id.lower()) if one.id else by_name.get(one.displayname): one.usb_boot
        for one in told
    }
    known = {app: int(order) for app, order in orders.items() if app in names and order}
    return replace(state, boots={app: order for app, order in known.items() if app is not None})


def complete(state: LocalState, ready: Iterable[AppInstanceId]) -> LocalState:
    """The apps that are `ready` have done what was last asked of them."""
    apps = dict(state.apps)
    for app in ready:
        if app in apps:
            apps[app] = replace(apps[app], done=apps[app].taken)
    return replace(state, apps=apps)


def take_device_command(
    state: LocalState, command: LocalDevCmd
) -> tuple[LocalState, DevCommandKind | None]:
    """The state to keep first, then what to do; None: nothing new that can be done was asked for.

    A command that this node cannot carry out is never told to be done.
    """
    busy = state.device_taken != state.device_done
    known = command.timestamp in {0, state.device_taken}
    if busy or known or command.command not in OBEYED:
        return state, None
    return replace(state, device_taken=command.timestamp), command.command
