"""A local operator console: asked for what the controller cannot be asked for.  EVE API v2, 8.

It hands out configurations that the controller signed, and may give the commands that a local
profile server may give; the device tells it how it is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from eaves.errors import EavesError
from eaves.evapi.config import CompoundEdgeDevConfig
from eaves.evapi.flows.compound import (
    Compound,
    NoConsole,
    SameAsBefore,
    Standing,
    compound_request,
    open_protected,
    read_compound,
)
from eaves.evapi.flows.poll import NewConfig
from eaves.evapi.flows.report import report
from eaves.evapi.flows.steps import Send
from eaves.evapi.paths import Endpoint, server_url
from eaves.evapi.profile import (
    LOCAL_APP_CMD_LIST,
    LOCAL_DEV_CMD,
    RADIO_CONFIG,
    AppCommand,
    LocalDevCmd,
)
from eaves.node.comms.link import Link
from eaves.node.comms.transport import Transport
from eaves.node.runtime.local_decisions import LocalDecisions

log = structlog.get_logger(__name__)


class Orders(Protocol):
    """Who carries out what is decided on the spot."""

    async def take_radio(self, *, silence: bool, by_console: bool = False) -> None: ...
    async def take_apps(self, commands: tuple[AppCommand, ...]) -> None: ...
    def take_device(self, command: LocalDevCmd) -> None: ...


class LocalConsole:
    def __init__(
        self,
        link: Link,
        decisions: LocalDecisions,
        orders: Callable[[], Orders],
        device_info: Callable[[], bytes | None],
    ) -> None:
        self._link = link
        self._decisions = decisions
        self._orders = orders
        self._device_info = device_info
        self.problem = ""  # with the console, last

    async def ask(self, url: str, config_hash: str) -> NewConfig | None:
        """The configuration that it offers, if it offers one; its commands are taken."""
        link, offered = self._link, None
        transport = Transport(server_url(url), link.roots_pem, link.now, link.transport.limits)
        try:
            send = await asyncio.to_thread(self._request, config_hash)
            match read_compound(await transport.perform(send)):
                case NoConsole(reason):
                    self._note(reason)
                    return None
                case Compound(message):
                    offered = await self._take(message)
                case SameAsBefore():
                    pass
            self._note("")
            await self._tell(transport)
        finally:
            await transport.close()
        return offered

    def _request(self, config_hash: str) -> Send:
        """A TPM signs for a tenth of a second: not on the loop."""
        link = self._link
        if link.device_id is None:
            raise RuntimeError("a console was asked before onboarding")
        standing = Standing(config_hash, link.standing.token, self._decisions.state.compound)
        return compound_request(link.identity.sender, link.device_id, standing)

    async def _take(self, message: CompoundEdgeDevConfig) -> NewConfig | None:
        try:
            await self._obey(message)
        except EavesError as error:
            log.warning("commands_of_local_console_unreadable", error=str(error))
        self._decisions.keep(replace(self._decisions.state, compound=message.timestamp))
        trust = self._link.trust
        if not message.protected_config or trust is None:
            return None
        try:
            return await asyncio.to_thread(
                open_protected, message.protected_config, trust, self._link.identity.ecdh
            )
        except EavesError as error:
            log.warning("config_of_local_console_refused", error=str(error))
            return None

    async def _obey(self, message: CompoundEdgeDevConfig) -> None:
        """Each command has its own timestamp, and runs once."""
        orders = self._orders()
        if message.radio_config is not None:
            radio = RADIO_CONFIG.decode(message.radio_config)
            await orders.take_radio(silence=radio.radio_silence, by_console=True)
        if message.app_cmd_list is not None:
            await orders.take_apps(LOCAL_APP_CMD_LIST.decode(message.app_cmd_list).app_commands)
        if message.dev_cmd is not None:
            orders.take_device(LOCAL_DEV_CMD.decode(message.dev_cmd))

    async def _tell(self, transport: Transport) -> None:
        """How the device is, at best."""
        payload, link = self._device_info(), self._link
        if payload is None or link.device_id is None:
            return
        flow = report(link.identity.sender, link.device_id, Endpoint.INFO, payload)
        step = await asyncio.to_thread(next, flow)
        flow.close()
        if isinstance(step, Send):
            await transport.perform(step)

    def _note(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            if problem:
                log.warning("local_console_silent", why=problem)
            else:
                log.info("local_console_answers")
