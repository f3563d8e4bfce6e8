"""The dialogue with a real local profile server."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.profile_server import ProfileServer, profile_server

from eaves.evapi.config import (
    AppInstanceConfig,
    BootOrder,
    EdgeDevConfig,
    LOCConfig,
    SystemAdapter,
    UUIDandVersion,
)
from eaves.evapi.config_items import PROPERTIES, ItemValues
from eaves.evapi.info import BootReason, ZDeviceState, ZInfoApp, ZSwState
from eaves.evapi.profile import (
    AppBootConfig,
    AppCommand,
    AppCommandKind,
    BootOrderSource,
    DevCommandKind,
    LocalDevCmd,
    LocalDevInfo,
)
from eaves.evapi.profile_network import NetworkPortConfig
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint
from eaves.node.local.messages import Reached, boot_info_list, device_info_of, network_info
from eaves.node.local.overlay import localised
from eaves.node.local.ports import with_local_ports
from eaves.node.local.state import LocalState
from eaves.node.runtime.local_decisions import LocalDecisions
from eaves.node.runtime.local_site import Doors, LocalSite

APP = AppInstanceId("00000000-0000-4000-8000-00000000000a")
TOKEN = "of the configuration"
CONFIG = EdgeDevConfig(
    local_profile_server="there",
    apps=(AppInstanceConfig(uuidandversion=UUIDandVersion(uuid=APP), displayname="a"),),
    system_adapter_list=(SystemAdapter(name="eth0", allow_local_modifications=True),),
)
BOOTED = datetime(2026, 1, 1, tzinfo=UTC)
# As fast as the server answers.
AT_ONCE = ItemValues({key: 0 for key in PROPERTIES if key.startswith("timer.lps.")})


@dataclass
class Node:
    """What the dialogue does to a node, in the order in which it did it."""

    decisions: LocalDecisions
    done: list[str] = field(default_factory=list[str])
    ready: bool = False
    busy: bool = False
    radio_trouble: str = ""

    def doors(self) -> Doors:
        return Doors(
            items=lambda: AT_ONCE,
            apps=lambda: (ZInfoApp(app_id=APP, app_name="a", state=ZSwState.RUNNING),),
            names=lambda: {APP: "a"},
            ready=lambda: (APP,) if self.ready else (),
            device=self._device,
            busy=lambda: self.busy,
            apply=self._apply,
            command=self._command,
            silence=self._silence,
            boots=lambda state: boot_info_list(CONFIG, state, ""),
            network=lambda state: network_info(CONFIG, state, (), Reached()),
            reconnect=self._reconnect,
        )

    def _device(self, state: LocalState) -> LocalDevInfo:
        return device_info_of(
            "device",
            ZDeviceState.ZDEVICE_STATE_ONLINE,
            (),
            BOOTED,
            BootReason.BOOT_REASON_FIRST,
            state,
        )

    async def _apply(self) -> None:
        orders = self.decisions.state.apps.get(APP)
        counters = f" {orders.restarts}/{orders.purges}" if orders else ""
        self.done.append(f"apply {self.decisions.state.profile}{counters}")

    async def _reconnect(self) -> None:
        networks = with_local_ports(CONFIG, self.decisions.state).networks
        self.done.append(f"reconnect {[n.id for n in networks]}")

    async def _command(self, kind: DevCommandKind) -> None:
        self.done.append(kind.name)

    async def _silence(self, on: bool) -> str:  # noqa: FBT001 - the door's one argument
        self.done.append(f"silence {on}")
        return self.radio_trouble


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    checkpoint = Checkpoint(tmp_path)
    yield Node(LocalDecisions(checkpoint))
    checkpoint.close()


@asynccontextmanager
async def talking(node: Node, address: str, token: str = TOKEN) -> AsyncGenerator[LocalSite]:
    site = LocalSite(node.decisions, node.doors())
    await site.follow(named(address, token))
    running = asyncio.create_task(site.run_forever())
    try:
        yield site
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def named(address: str, token: str = TOKEN) -> EdgeDevConfig:
    return EdgeDevConfig(local_profile_server=address, profile_server_token=token)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the server is asked, it sets no event
            await asyncio.sleep(0.01)


async def rounds(server: ProfileServer, name: str, more: int = 2) -> None:
    """So many questions later, whatever the last answer did is done."""
    begun = server.asked.get(name, 0)
    await until(lambda: server.asked.get(name, 0) >= begun + more)


async def test_a_profile_is_taken_kept_without_the_server_and_cleared(node: Node) -> None:
    async with profile_server(TOKEN) as server:
        server.profile = "night"
        async with talking(node, server.address):
            await until(lambda: node.done == ["apply night"])
            server.profile = None
            await rounds(server, "local_profile")
            assert node.decisions.state.profile == "night"
    async with talking(node, "127.0.0.1:1") as site:  # nobody listens there
        await site.follow(named("127.0.0.1:1"))
        assert node.decisions.state.profile == "night"
        await site.follow(EdgeDevConfig())
        assert node.decisions.state.profile == ""


async def test_an_answer_without_the_token_is_none(node: Node) -> None:
    async with profile_server("of somebody else") as server:
        server.profile, server.radio_silence = "night", True
        server.app_commands = (
            AppCommand(id=APP, timestamp=1, command=AppCommandKind.COMMAND_RESTART),
        )
        server.device_command = LocalDevCmd(
            server_token="of somebody else",
            timestamp=1,
            command=DevCommandKind.COMMAND_GRACEFUL_REBOOT,
        )
        async with talking(node, server.address):
            for name in ("local_profile", "radio", "appinfo", "devinfo"):
                await rounds(server, name)
        assert node.done == []
        assert node.decisions.state == LocalState()


async def test_a_restart_is_done_once_and_proven_by_its_timestamp(node: Node) -> None:
    command = AppCommand(displayname="a", timestamp=41, command=AppCommandKind.COMMAND_RESTART)
    async with profile_server(TOKEN) as server:
        server.app_commands = (command,)
        async with talking(node, server.address):
            await until(lambda: node.done == ["apply  1/0"])
            await rounds(server, "appinfo")
            assert server.apps.apps_info[0].last_cmd_timestamp == 0  # not done yet
            node.ready = True
            await until(lambda: server.apps.apps_info[0].last_cmd_timestamp == 41)
            await rounds(server, "appinfo")
            assert node.done == ["apply  1/0"]
            info = server.apps.apps_info[0]
            assert (info.id, info.name, info.state) == (APP, "a", ZSwState.RUNNING)


async def test_a_command_for_the_device_waits_for_a_trial_and_survives_a_start(
    node: Node,
) -> None:
    node.busy = True
    async with profile_server(TOKEN) as server:
        server.device_command = LocalDevCmd(
            server_token=TOKEN, timestamp=8, command=DevCommandKind.COMMAND_SHUTDOWN
        )
        async with talking(node, server.address):
            await rounds(server, "devinfo")
            assert node.done == []
            node.busy = False
            await until(lambda: node.done == ["COMMAND_SHUTDOWN"])
            await until(lambda: server.device.last_cmd_timestamp == 8)
            assert server.device.device_uuid == "device"
        async with talking(node, server.address):  # a start of the node
            await rounds(server, "devinfo")
            assert node.done == ["COMMAND_SHUTDOWN"]


async def test_radio_silence_is_imposed_again_after_a_start_and_told_if_it_fails(
    node: Node,
) -> None:
    async with profile_server(TOKEN) as server:
        server.radio_silence = True
        async with talking(node, server.address):
            await until(lambda: server.radio.radio_silence)
            assert node.done == ["silence True"]
        server.radio_silence = None
        node.radio_trouble = "hard-wired on"
        async with talking(node, server.address) as site:
            await until(lambda: server.radio.config_error == "hard-wired on")
            assert not server.radio.radio_silence
            assert node.done == ["silence True"] * 2
            node.radio_trouble = ""
            await site.follow(EdgeDevConfig())
            assert node.done[-1] == "silence False"


async def test_radio_silence_of_a_console_outlives_configurations_that_name_it(
    node: Node,
) -> None:
    site = LocalSite(node.decisions, node.doors())
    await site.take_radio(silence=True, by_console=True)
    await site.follow(EdgeDevConfig(loc_config=LOCConfig(loc_url="console")))
    await LocalSite(node.decisions, node.doors()).follow(
        EdgeDevConfig(loc_config=LOCConfig(loc_url="console"))
    )
    assert node.decisions.state.radio_silence
    assert node.done == ["silence True"]
    await site.follow(EdgeDevConfig())
    assert not node.decisions.state.radio_silence
    assert node.done == ["silence True", "silence False"]


async def test_radio_silence_of_a_server_ends_with_it_also_where_a_console_is(
    node: Node,
) -> None:
    site = LocalSite(node.decisions, node.doors())
    await site.take_radio(silence=True)
    await site.take_radio(silence=True, by_console=True)
    await site.follow(EdgeDevConfig(loc_config=LOCConfig(loc_url="console")))
    assert node.done == ["silence True", "silence False"]


async def test_a_request_that_the_server_does_not_know_is_asked_seldom(node: Node) -> None:
    async with profile_server(TOKEN) as server:
        server.not_served = frozenset({"local_profile"})
        async with talking(node, server.address):
            await rounds(server, "devinfo", 10)
            assert server.asked["local_profile"] == 1


async def test_another_server_is_asked_at_once(node: Node) -> None:
    async with profile_server(TOKEN) as first, profile_server("other") as second:
        first.not_served = frozenset({"local_profile"})
        second.profile = "day"
        async with talking(node, first.address) as site:
            await rounds(first, "local_profile", 1)
            await site.follow(named(second.address, "other"))
            await until(lambda: node.decisions.state.profile == "day")


async def test_a_boot_order_is_taken_told_and_cleared_by_a_server_that_knows_none(
    node: Node,
) -> None:
    usb = BootOrder.BOOT_ORDER_USB
    async with profile_server(TOKEN) as server, talking(node, server.address):
        server.boots = (AppBootConfig(displayname="a", usb_boot=usb),)
        await until(lambda: node.decisions.state.boots == {APP: usb})
        (app,) = localised(CONFIG, node.decisions.state).apps
        assert app.fixedresources is not None
        assert app.fixedresources.boot_order == usb
        server.boots = None
        await rounds(server, "appbootinfo")
        (told,) = server.boot_info.apps_boot_info
        assert (told.boot_order, told.source) == (usb, BootOrderSource.BOOT_ORDER_SOURCE_LPS)
        server.not_served = frozenset({"appbootinfo"})
        await until(lambda: not node.decisions.state.boots)
        assert node.done == ["apply ", "apply "]


async def test_ports_are_changed_on_the_spot_and_told_which_were_not(node: Node) -> None:
    async with profile_server(TOKEN) as server, talking(node, server.address) as site:
        server.ports = (
            NetworkPortConfig(logical_label="eth0", use_dhcp=True),
            NetworkPortConfig(logical_label="eth1", use_dhcp=True),
        )
        await until(lambda: node.done == ["reconnect ['on-the-spot:eth0']"])
        await rounds(server, "network")
        assert server.network.local_config is not None
        told = {p.logical_label: p for p in server.network.local_config.ports}
        assert told["eth0"].config_applied
        assert told["eth1"].error_message.endswith("is not in the configuration of this device")
        (latest,) = server.network.latest_config
        assert latest.local_modifications_allowed
        await site.follow(EdgeDevConfig())
        assert not node.decisions.state.ports
