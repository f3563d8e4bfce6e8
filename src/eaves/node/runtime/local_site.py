"""The dialogue with a local profile server: what it may decide, asked by the clock.

Each request has its own interval.  A server that cannot be reached, or whose answer has not the
token, changes nothing: the last decision stays.  Source: node reference 8.6.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import ZInfoApp
from eaves.evapi.profile import (
    APP_BOOT_CONFIG_LIST,
    APP_BOOT_INFO_LIST,
    LOCAL_APP_CMD_LIST,
    LOCAL_APP_INFO_LIST,
    LOCAL_DEV_CMD,
    LOCAL_DEV_INFO,
    LOCAL_PROFILE,
    RADIO_CONFIG,
    RADIO_STATUS,
    AppBootConfig,
    AppBootInfoList,
    AppCommand,
    DevCommandKind,
    LocalDevCmd,
    LocalDevInfo,
    RadioStatus,
)
from eaves.evapi.profile_network import (
    LOCAL_NETWORK_CONFIG,
    NETWORK_INFO,
    LocalNetworkConfig,
    NetworkInfo,
)
from eaves.ids import AppInstanceId
from eaves.node.local.client import NoAnswer, NotServed, Server, Told, ask
from eaves.node.local.messages import app_info_list
from eaves.node.local.ports import take_ports
from eaves.node.local.state import (
    LocalState,
    complete,
    forget,
    take_app_commands,
    take_boot_orders,
    take_device_command,
    take_silence,
)
from eaves.node.runtime.guard import forever
from eaves.node.runtime.local_decisions import LocalDecisions
from eaves.node.runtime.paces import local_pause_s
from eaves.node.runtime.parts import pace

log = structlog.get_logger(__name__)

SELDOM_S, RADIO_SELDOM_S = 3600.0, 300.0  # a request that the server does not know


@dataclass(frozen=True, slots=True)
class Doors:
    """What the dialogue asks of the node, and may have it do."""

    items: Callable[[], ItemValues]
    apps: Callable[[], tuple[ZInfoApp, ...]]
    names: Callable[[], Mapping[AppInstanceId, str]]  # of the configured apps
    ready: Callable[[], tuple[AppInstanceId, ...]]  # no counter of theirs waits
    device: Callable[[LocalState], LocalDevInfo]
    busy: Callable[[], bool]  # a command for the device has to wait
    apply: Callable[[], Awaitable[None]]  # what counts here has changed
    command: Callable[[DevCommandKind], Awaitable[None]]
    silence: Callable[[bool], Awaitable[str]]  # answers why it cannot
    boots: Callable[[LocalState], AppBootInfoList]
    network: Callable[[LocalState], NetworkInfo]
    reconnect: Callable[[], Awaitable[None]]  # ports have changed


class LocalSite:
    def __init__(self, decisions: LocalDecisions, doors: Doors) -> None:
        self._decisions = decisions
        self._doors = doors
        self._server: Server | None = None
        self._configured = asyncio.Event()
        self._commanded: asyncio.Queue[DevCommandKind] = asyncio.Queue(maxsize=1)
        self._radio_error = ""
        self._said: dict[str, str] = {}

    async def follow(self, config: EdgeDevConfig) -> None:
        """Without a server, what one decided is forgotten."""
        address = config.local_profile_server
        self._server = Server(address, config.profile_server_token) if address else None
        if self._server is not None:
            self._configured.set()
            return
        self._configured.clear()
        before = self._decisions.state
        after = forget(before, console=bool(config.loc_config and config.loc_config.loc_url))
        self._decisions.keep(after)
        if before.radio_silence and not after.radio_silence:
            self._radio_error = await self._doors.silence(False)

    async def run_forever(self) -> None:
        state = self._decisions.state
        self._decisions.keep(replace(state, device_done=state.device_taken))  # by this start
        if state.radio_silence:
            self._radio_error = await self._doors.silence(True)
        rounds = (
            ("local_profile", SELDOM_S, self._profile),
            ("radio", RADIO_SELDOM_S, self._radio),
            ("appinfo", SELDOM_S, self._app_info),
            ("devinfo", SELDOM_S, self._device_info),
            ("network", SELDOM_S, self._network),
            ("appbootinfo", SELDOM_S, self._boot_info),
        )
        async with asyncio.TaskGroup() as tasks:
            for name, seldom_s, one in rounds:
                work = self._loop(name, seldom_s, one)
                tasks.create_task(forever(f"local {name}", work))
            tasks.create_task(forever("local command", self._obey_forever))

    def _loop(
        self,
        name: str,
        seldom_s: float,
        one: Callable[[Server], Awaitable[NoAnswer | NotServed | None]],
    ) -> Callable[[], Awaitable[None]]:
        async def again_and_again() -> None:
            while True:
                await self._configured.wait()
                server = self._server
                if server is None:
                    continue
                trouble = await one(server)
                self._note(name, trouble)
                served = not isinstance(trouble, NotServed)
                await pace(self._pause_s(server, name, None if served else seldom_s))

        return again_and_again

    def _pause_s(self, asked: Server, name: str, unserved_s: float | None) -> Callable[[], float]:
        """Another server is asked at once; `unserved_s` counts where this one knows no `name`."""

        def length_s() -> float:
            if self._server != asked:
                return 0.0
            return local_pause_s(self._doors.items(), name) if unserved_s is None else unserved_s

        return length_s

    def _note(self, name: str, trouble: NoAnswer | NotServed | None) -> None:
        """Once for each cause."""
        why = trouble.why if isinstance(trouble, NoAnswer) else ""
        if why != self._said.get(name, ""):
            self._said[name] = why
            if why:
                log.warning("local_profile_server_silent", why=why)
            else:
                log.info("local_profile_server_answers", request=name)

    # The requests

    async def _profile(self, server: Server) -> NoAnswer | NotServed | None:
        match await ask(server, "local_profile", LOCAL_PROFILE):
            case Told(message) if self._still(server):
                await self.take_profile(message.local_profile)
            case NoAnswer() | NotServed() as trouble:
                return trouble
            case _:
                pass
        return None

    async def _radio(self, server: Server) -> NoAnswer | NotServed | None:
        silent = self._decisions.state.radio_silence and not self._radio_error
        status = RadioStatus(radio_silence=silent, config_error=self._radio_error)
        match await ask(server, "radio", RADIO_CONFIG, RADIO_STATUS.encode(status)):
            case Told(message) if self._still(server):
                await self.take_radio(silence=message.radio_silence)
            case NoAnswer() | NotServed() as trouble:
                return trouble
            case _:
                pass
        return None

    async def _app_info(self, server: Server) -> NoAnswer | NotServed | None:
        self.complete()
        told = app_info_list(self._doors.apps(), self._decisions.state)
        match await ask(server, "appinfo", LOCAL_APP_CMD_LIST, LOCAL_APP_INFO_LIST.encode(told)):
            case Told(message) if self._still(server):
                await self.take_apps(message.app_commands)
            case NoAnswer() | NotServed() as trouble:
                return trouble
            case _:
                pass
        return None

    async def _device_info(self, server: Server) -> NoAnswer | NotServed | None:
        told = LOCAL_DEV_INFO.encode(self._doors.device(self._decisions.state))
        match await ask(server, "devinfo", LOCAL_DEV_CMD, told):
            case Told(message) if self._still(server):
                self.take_device(message)
            case NoAnswer() | NotServed() as trouble:
                return trouble
            case _:
                pass
        return None

    async def _network(self, server: Server) -> NoAnswer | NotServed | None:
        told = NETWORK_INFO.encode(self._doors.network(self._decisions.state))
        match await ask(server, "network", LOCAL_NETWORK_CONFIG, told):
            case Told(message) if self._still(server):
                await self.take_network(message)
            case NoAnswer() | NotServed() as trouble:
                return trouble
            case _:
                pass
        return None

    async def _boot_info(self, server: Server) -> NoAnswer | NotServed | None:
        told = APP_BOOT_INFO_LIST.encode(self._doors.boots(self._decisions.state))
        match await ask(server, "appbootinfo", APP_BOOT_CONFIG_LIST, told):
            case Told(message) if self._still(server):
                await self.take_boots(message.app_configs)
            case NotServed() as trouble:
                await self.take_boots(())
                return trouble
            case NoAnswer() as trouble:
                return trouble
            case _:
                pass
        return None

    def _still(self, server: Server) -> bool:
        """The configuration may have named another while this one thought."""
        return self._server == server

    # What may be decided on the spot

    async def take_profile(self, profile: str) -> None:
        before = self._decisions.state
        if self._decisions.keep(replace(before, profile=profile)):
            log.info("local_profile", profile=profile, before=before.profile)
            await self._doors.apply()

    async def take_radio(self, *, silence: bool, by_console: bool = False) -> None:
        state = take_silence(self._decisions.state, on=silence, by_console=by_console)
        changed = self._decisions.keep(state)
        if changed or self._radio_error:
            self._radio_error = await self._doors.silence(silence)
            log.info("radio_silence", on=silence, problem=self._radio_error)

    async def take_apps(self, commands: tuple[AppCommand, ...]) -> None:
        self.complete()
        state = take_app_commands(self._decisions.state, commands, self._doors.names())
        if self._decisions.keep(state):
            log.info("local_app_commands", apps=sorted(_busy(state)))
            await self._doors.apply()

    async def take_boots(self, told: tuple[AppBootConfig, ...]) -> None:
        state = take_boot_orders(self._decisions.state, told, self._doors.names())
        if self._decisions.keep(state):
            log.info("local_boot_orders", apps=sorted(state.boots))
            await self._doors.apply()

    async def take_network(self, told: LocalNetworkConfig) -> None:
        if self._decisions.keep(take_ports(self._decisions.state, told)):
            log.info("local_ports", ports=[port.logical_label for port in told.ports])
            await self._doors.reconnect()

    def take_device(self, command: LocalDevCmd) -> None:
        if self._doors.busy():
            return  # it is told again
        state, kind = take_device_command(self._decisions.state, command)
        if kind is not None and self._commanded.empty():
            self._decisions.keep(state)
            log.info("local_device_command", command=kind.name, timestamp=state.device_taken)
            self._commanded.put_nowait(kind)

    def complete(self) -> None:
        self._decisions.keep(complete(self._decisions.state, self._doors.ready()))

    async def _obey_forever(self) -> None:
        while True:
            kind = await self._commanded.get()
            try:
                await self._doors.command(kind)
            finally:
                state = self._decisions.state
                self._decisions.keep(replace(state, device_done=state.device_taken))


def _busy(state: LocalState) -> list[str]:
    return [app for app, orders in state.apps.items() if orders.taken != orders.done]
