"""A local profile server: what an operator on the spot has decided, and what nodes tell it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from eaves.evapi.paths import PROTOBUF
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
    AppBootConfigList,
    AppBootInfoList,
    AppCommand,
    LocalAppCmdList,
    LocalAppInfoList,
    LocalDevCmd,
    LocalDevInfo,
    LocalProfile,
    RadioConfig,
    RadioStatus,
)
from eaves.evapi.profile_network import (
    LOCAL_NETWORK_CONFIG,
    NETWORK_INFO,
    LocalNetworkConfig,
    NetworkInfo,
    NetworkPortConfig,
)


@dataclass
class ProfileServer:
    """What it answers may be changed at any time; None: 204, nothing is to be done."""

    token: str
    profile: str | None = None
    radio_silence: bool | None = None
    app_commands: tuple[AppCommand, ...] | None = None
    device_command: LocalDevCmd | None = None
    boots: tuple[AppBootConfig, ...] | None = None
    ports: tuple[NetworkPortConfig, ...] | None = None
    not_served: frozenset[str] = frozenset()
    address: str = ""
    asked: dict[str, int] = field(default_factory=dict[str, int])
    radio: RadioStatus = field(default_factory=RadioStatus)
    apps: LocalAppInfoList = field(default_factory=LocalAppInfoList)
    device: LocalDevInfo = field(default_factory=LocalDevInfo)
    boot_info: AppBootInfoList = field(default_factory=AppBootInfoList)
    network: NetworkInfo = field(default_factory=NetworkInfo)

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = await request.read()
        await asyncio.sleep(0.01)
        self.asked[name] = self.asked.get(name, 0) + 1
        if name in self.not_served:
            return web.Response(status=404)
        if request.method == "POST" and request.content_type != PROTOBUF:
            return web.Response(status=415)
        answer = self._answer(request.method, name, body)
        if answer is None:
            return web.Response(status=204)
        return web.Response(body=answer, content_type=PROTOBUF)

    def _answer(self, method: str, name: str, body: bytes) -> bytes | None:
        match method, name:
            case "GET", "local_profile" if self.profile is not None:
                told = LocalProfile(local_profile=self.profile, server_token=self.token)
                return LOCAL_PROFILE.encode(told)
            case "POST", "radio":
                self.radio = RADIO_STATUS.decode(body)
                if self.radio_silence is not None:
                    return RADIO_CONFIG.encode(
                        RadioConfig(server_token=self.token, radio_silence=self.radio_silence)
                    )
            case "POST", "appinfo":
                self.apps = LOCAL_APP_INFO_LIST.decode(body)
                if self.app_commands is not None:
                    return LOCAL_APP_CMD_LIST.encode(
                        LocalAppCmdList(server_token=self.token, app_commands=self.app_commands)
                    )
            case "POST", "devinfo":
                self.device = LOCAL_DEV_INFO.decode(body)
                if self.device_command is not None:
                    return LOCAL_DEV_CMD.encode(self.device_command)
            case "POST", "appbootinfo":
                self.boot_info = APP_BOOT_INFO_LIST.decode(body)
                if self.boots is not None:
                    return APP_BOOT_CONFIG_LIST.encode(
                        AppBootConfigList(server_token=self.token, app_configs=self.boots)
                    )
            case "POST", "network":
                self.network = NETWORK_INFO.decode(body)
                if self.ports is not None:
                    return LOCAL_NETWORK_CONFIG.encode(
                        LocalNetworkConfig(server_token=self.token, ports=self.ports)
                    )
            case _:
                return None
        return None


@asynccontextmanager
async def profile_server(token: str, host: str = "127.0.0.1") -> AsyncGenerator[ProfileServer]:
    """Serves on a port of its own choice."""
    server = ProfileServer(token)
    app = web.Application()
    app.router.add_route("*", "/api/v1/{name}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        port = runner.addresses[0][1]
        server.address = f"{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
