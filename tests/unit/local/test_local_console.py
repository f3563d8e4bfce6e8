"""A local operator console stands in for a controller that cannot be reached."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from support.local_console import Console, console_of, encrypted_config, signed_config
from support.middle_box import Talker, between
from wire.peer import NOW, Controller

from eaves.evapi.config import (
    CompoundEdgeDevConfig,
    EdgeDevConfig,
    LOCConfig,
    UUIDandVersion,
    encode_edge_dev_config,
)
from eaves.evapi.flows.steps import Received
from eaves.evapi.info import ZInfoMsg, encode_z_info_msg
from eaves.evapi.paths import Endpoint
from eaves.evapi.profile import (
    LOCAL_APP_CMD_LIST,
    LOCAL_DEV_CMD,
    RADIO_CONFIG,
    AppCommand,
    DevCommandKind,
    LocalAppCmdList,
    LocalDevCmd,
    RadioConfig,
)
from eaves.node.checkpoint import Checkpoint
from eaves.node.runtime.local_console import LocalConsole
from eaves.node.runtime.local_decisions import LocalDecisions


@dataclass
class Orders:
    """Who would carry out the commands."""

    taken: list[str] = field(default_factory=list[str])

    async def take_radio(self, *, silence: bool, by_console: bool = False) -> None:
        self.taken.append(f"silence {silence}{' by console' if by_console else ''}")

    async def take_apps(self, commands: tuple[AppCommand, ...]) -> None:
        self.taken.extend(f"app {one.id} {one.timestamp}" for one in commands)

    def take_device(self, command: LocalDevCmd) -> None:
        self.taken.append(f"{command.command.name} {command.timestamp}")


@dataclass
class Site:
    """A node that knows of a console, cut off from its controller."""

    talker: Talker
    console: Console
    url: str
    decisions: LocalDecisions
    orders: Orders = field(default_factory=Orders)

    def offer(self, version: str, days: int = 1) -> None:
        """The controller has this configuration now, and cannot be reached."""
        config = EdgeDevConfig(
            id=UUIDandVersion(uuid=self.talker.box.device_id, version=version),
            config_timestamp=NOW + timedelta(days=days),
            loc_config=LOCConfig(loc_url=self.url),
        )
        self.talker.box.config = encode_edge_dev_config(config)
        self.talker.box.config_hash = f"hash-{version}"

    async def poll_cut_off(self) -> str:
        self.talker.box.refuse[Endpoint.CONFIG] = [Received(503)]
        return await self.talker.poll()


@asynccontextmanager
async def site(folder: Path) -> AsyncGenerator[Site]:
    (folder / "console").mkdir()
    checkpoint = Checkpoint(folder / "decisions")
    async with (
        between(folder) as talker,
        console_of(talker.box, folder / "console") as (console, url),
    ):
        found = Site(talker, console, url, LocalDecisions(checkpoint))
        talker.conversation.console = LocalConsole(
            talker.link,
            found.decisions,
            lambda: found.orders,
            lambda: encode_z_info_msg(ZInfoMsg(dev_id=talker.box.device_id)),
        )
        found.offer("2")
        assert await talker.poll() == ""
        yield found
    checkpoint.close()


async def test_only_a_controller_that_is_away_sends_a_device_to_its_console(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as here:
        assert here.console.asked == []
        assert "503" in await here.poll_cut_off()
        (asked,) = here.console.asked
        assert asked.cfg_req is not None
        assert asked.cfg_req.config_hash == "hash-2"
        assert [m.dev_id for m in here.console.told] == [here.talker.box.device_id]
        assert here.talker.followed == ["1", "2"]


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_configuration_of_the_controller_is_taken_and_survives_a_boot(
    tmp_path: Path, *, encrypted: bool
) -> None:
    async with site(tmp_path) as here:
        here.offer("3", days=2)
        device = here.talker.link.identity
        container = (
            encrypted_config(here.talker.box, device.certs[0].cert)
            if encrypted
            else signed_config(here.talker.box)
        )
        here.console.message = CompoundEdgeDevConfig(timestamp=9, protected_config=container)
        await here.poll_cut_off()
        assert here.talker.followed == ["1", "2", "3"]
        assert here.talker.saved() == "3"
        await here.poll_cut_off()
        assert here.talker.followed == ["1", "2", "3"]  # once
        assert here.console.asked[-1].last_cmd_timestamp == 9
        assert await here.talker.poll() == ""  # the controller is back, with the same
        assert here.talker.followed == ["1", "2", "3"]


async def test_what_the_controller_did_not_sign_or_has_replaced_is_not_taken(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as here:
        stranger = Controller()
        stranger.config, stranger.config_hash = here.talker.box.config, "hash-x"
        here.offer("old", days=-5)
        older = signed_config(here.talker.box)
        for container in (signed_config(stranger), older, b"no envelope"):
            here.console.message = CompoundEdgeDevConfig(timestamp=1, protected_config=container)
            assert await here.poll_cut_off()
        assert here.talker.followed == ["1", "2"]
        assert here.talker.saved() == "2"


async def test_commands_of_a_console_are_handed_on_and_its_answer_is_named_back(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as here:
        reboot = LocalDevCmd(timestamp=5, command=DevCommandKind.COMMAND_GRACEFUL_REBOOT)
        apps = LocalAppCmdList(app_commands=(AppCommand(id="a", timestamp=4),))
        here.console.message = CompoundEdgeDevConfig(
            timestamp=77,
            dev_cmd=LOCAL_DEV_CMD.encode(reboot),
            app_cmd_list=LOCAL_APP_CMD_LIST.encode(apps),
            radio_config=RADIO_CONFIG.encode(RadioConfig(radio_silence=True)),
        )
        await here.poll_cut_off()
        assert here.orders.taken == [
            "silence True by console",
            "app a 4",
            "COMMAND_GRACEFUL_REBOOT 5",
        ]
        assert here.decisions.state.compound == 77
        here.console.message = CompoundEdgeDevConfig(timestamp=78, dev_cmd=b"\xff\xff")
        await here.poll_cut_off()
        assert len(here.orders.taken) == 3
        assert here.console.asked[-1].last_cmd_timestamp == 77


async def test_a_console_that_is_away_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.url = "https://127.0.0.1:9"
        here.offer("3")
        assert await here.talker.poll() == ""
        assert "503" in await here.poll_cut_off()
        console = here.talker.conversation.console
        assert isinstance(console, LocalConsole)
        assert "compound-config: no connection" in console.problem
