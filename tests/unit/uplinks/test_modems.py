"""Modems that lose their network, against a ModemManager of the tests."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.modem_manager import ModemManager, modem_manager, on_the_bus

from eaves.errors import EavesError
from eaves.evapi.config import ConfigItem
from eaves.evapi.config.netconfig import (
    CellularAccessPoint,
    CellularConfig,
    CellularConnectivityProbe,
)
from eaves.evapi.config_items import apply_items
from eaves.evapi.evecommon import (
    CellularAuthProtocol,
    CipherBlock,
    ConnectivityProbe,
    ConnectivityProbeMethod,
    EncryptionBlock,
    ProbeEndpoint,
)
from eaves.evapi.evecommon import RadioAccessTechnology as Rat
from eaves.evapi.info import ZCellularProvider
from eaves.node.host.modem import loaded_drivers
from eaves.node.refs import Position
from eaves.node.uplinks.ladder import LADDER, LONGEST_PAUSE_S, Climb, Recovery, Rung, climb
from eaves.node.uplinks.model import Entry, Kept, PortPlan, Source
from eaves.node.uplinks.modems import Modems
from eaves.node.uplinks.position import position_of
from eaves.node.uplinks.providers import visible_providers
from eaves.node.uplinks.seen import Lease, Link, Seen, SeenPort
from eaves.node.uplinks.service import Properties
from eaves.node.uplinks.status import system_adapter
from eaves.node.uplinks.verify import Phase, State
from eaves.node.uplinks.wireless import Probe

CONFIG = CellularConfig(access_points=(CellularAccessPoint(apn="internet"),))
PLAN = PortPlan("lte", "lte", management=True, cellular=CONFIG)
PORTS = {"wwan0": PLAN}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = Lease("10.64.0.5/30", ("10.64.0.6",))


@pytest.fixture
def modem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModemManager]:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    manager = modem_manager(tmp_path)
    with on_the_bus(manager) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield manager


def verbs(modem: ModemManager) -> list[str]:
    """Of its command line, and methods on the bus."""
    return [
        words[-1].partition("=")[0] if words[0].startswith("-") else words[0]
        for words in modem.calls()
    ]


HEARD = [
    "operator-code: 26201, operator-name: A, Hall, access-technologies: lte, availability: current",
    "operator-code: 26201, operator-name: A, access-technologies: umts, availability: available",
    "operator-code: 26203, operator-name: --, access-technologies: lte, availability: forbidden",
    "nothing of the kind",
]
PROVIDERS = (
    ZCellularProvider(plmn="26201", description="A, Hall", current_serving=True),
    ZCellularProvider(plmn="26203", forbidden=True),
)


async def test_providers_are_looked_for_once_an_hour_if_a_property_says_so(
    modem: ModemManager,
) -> None:
    modem.become(heard=HEARD)
    modems = Modems(None)
    await modems.start(PLAN, "wwan0")
    items, _ = apply_items((ConfigItem(key="wwan.query.visible.providers", value="true"),))
    assert not await modems.mend(PORTS, -3601.0)
    modems.looks_for_providers = Properties.of(items).visible_providers
    for at, wanted in ((-3600.0, ()), (-1.0, ()), (0.0, PROVIDERS)):  # not as soon as it starts
        assert await modems.mend(PORTS, at) is bool(wanted)
        assert modems.providers.get("wwan0", ()) == wanted
    modem.become(heard=[])
    assert not await modems.mend(PORTS, 3599.0)
    assert modem.state()["scans"] == 1
    assert not await modems.mend(PORTS, 3600.0)
    assert modem.state()["scans"] == 2
    assert modems.providers["wwan0"] == PROVIDERS  # a scan that fails takes nothing away
    modems.looks_for_providers = False
    assert await modems.mend(PORTS, 3601.0)
    assert not modems.providers


def test_the_controller_hears_which_providers_a_modem_hears() -> None:
    entry = Entry(Source.CONTROLLER, NOW, (), (PLAN,))
    seen = Seen((SeenPort(PLAN, Link("wwan0"), providers=PROVIDERS),))
    info = system_adapter(State((Kept(entry),), entry, Phase.IDLE), seen)
    told = info.status[0].ports[0].wireless_status
    assert told is not None
    assert told.cellular is not None
    assert told.cellular.providers == PROVIDERS


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"modem": {"3gpp": {"scan-networks": 4}}}'])
def test_a_scan_that_cannot_be_read_heard_nobody(text: str) -> None:
    assert visible_providers(text) == ()


async def test_a_modem_is_connected_once(modem: ModemManager) -> None:
    modems = Modems(None)
    await modems.start(PLAN, "wwan0")
    assert modems.bearers == {"wwan0": LEASE}
    assert verbs(modem) == ["--enable", "Simple.Connect"]
    assert not await modems.mend(PORTS, 0.0)
    await modems.start(PLAN, "wwan0")
    assert verbs(modem) == ["--enable", "Simple.Connect"]


@pytest.mark.parametrize("refuses", [[], ["Modem3gpp.SetInitialEpsBearerSettings"]])
async def test_a_modem_is_told_what_to_attach_with_and_connects_either_way(
    modem: ModemManager, refuses: list[str]
) -> None:
    modem.become(refuses=refuses)
    point = CellularAccessPoint(apn="internet", attach_apn="attach")
    plan = replace(PLAN, cellular=CellularConfig(access_points=(point,)))
    modems = Modems(None)
    await modems.start(plan, "wwan0")
    assert modems.bearers == {"wwan0": LEASE}
    assert modem.calls()[0] == ["Modem3gpp.SetInitialEpsBearerSettings", "apn=attach"]


async def test_no_secret_of_an_access_point_is_an_argument_of_a_program(
    modem: ModemManager,
) -> None:
    opened = EncryptionBlock(
        cellular_net_username="user",
        cellular_net_password="a word, = 'quoted'",
        cellular_net_attach_username="other",
        cellular_net_attach_password="words",
    )
    point = CellularAccessPoint(
        apn="internet",
        auth_protocol=CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_CHAP,
        attach_auth_protocol=CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_PAP,
        cipher_data=CipherBlock(),
    )
    plan = replace(PLAN, cellular=CellularConfig(access_points=(point,)))
    await Modems(lambda _: opened).start(plan, "wwan0")
    attach, enable, connect = modem.calls()
    assert attach[1:] == ["allowed-auth=2", "user=other", "password=words"]
    assert enable == ["-m", "0", "--enable"]
    assert connect[-3:] == ["allowed-auth=4", "user=user", "password=a word, = 'quoted'"]


async def test_a_modem_that_lost_its_network_connects_again(modem: ModemManager) -> None:
    modems = Modems(None)
    await modems.start(PLAN, "wwan0")
    modem.become(state="registered", ipv4={"address": "10.64.9.9", "prefix": "30"})
    assert await modems.mend(PORTS, 0.0)
    assert modems.bearers == {"wwan0": Lease("10.64.9.9/30")}


async def test_a_modem_that_does_not_connect_is_reset_and_then_connects(
    modem: ModemManager,
) -> None:
    modems, now = Modems(None), 0.0
    modem.become(refuses=["Simple.Connect"])  # until it is reset
    while modems.bearers == {} and now < 10_000.0:
        await modems.mend(PORTS, now)
        now += LONGEST_PAUSE_S
    assert modems.bearers == {"wwan0": LEASE}
    asked = verbs(modem)
    assert asked.count("--reset") == 1
    assert asked.index("--reset") == len(asked) - 3  # then it is enabled, and connects
    assert await modems.mend({}, now) is False


@pytest.mark.parametrize("refuses", [[], ["--set-preferred-mode"]])
async def test_a_modem_is_told_what_networks_to_use_and_connects_either_way(
    modem: ModemManager, refuses: list[str]
) -> None:
    modem.become(refuses=refuses)
    point = replace(CONFIG.access_points[0], preferred_rats=(Rat(4), Rat(3)))
    modems = Modems(None)
    await modems.start(replace(PLAN, cellular=CellularConfig(access_points=(point,))), "wwan0")
    assert modems.bearers == {"wwan0": LEASE}
    assert modem.calls()[1][2:] == ["--set-allowed-modes=5g|4g", "--set-preferred-mode=5g"]


async def test_a_modem_that_carries_nothing_connects_anew_after_some_probes(
    modem: ModemManager,
) -> None:
    # The first turn connects, and asks nobody.
    answers, asked = [True, False, False, True, False, False, False], list[Probe]()

    async def answer(probe: Probe, ifname: str) -> bool:
        assert ifname == "wwan0"
        asked.append(probe)
        return answers[len(asked) - 1]

    custom = ConnectivityProbe(
        probe_method=ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_ICMP,
        probe_endpoint=ProbeEndpoint(host="192.0.2.1"),
    )
    config = replace(CONFIG, probe=CellularConnectivityProbe(custom_probe=custom))
    modems = Modems(None, answer)
    for turn in range(len(answers) + 1):
        await modems.mend({"wwan0": replace(PLAN, cellular=config)}, turn * LONGEST_PAUSE_S)
        assert modems.bearers == {"wwan0": LEASE}
    assert set(asked) == {Probe("192.0.2.1")}
    disconnected = [n for n, verb in enumerate(verbs(modem)) if verb == "--simple-disconnect"]
    assert len(disconnected) == 1
    assert verbs(modem)[disconnected[0] :] == [
        "--simple-disconnect",
        "--enable",
        "Simple.Connect",
    ]


async def test_a_modem_that_is_not_there_is_told(modem: ModemManager) -> None:
    modem.become(there=False)
    with pytest.raises(EavesError, match="ModemManager has no modem with wwan0"):
        await Modems(None).start(PLAN, "wwan0")
    assert not await Modems(None).mend(PORTS, 0.0)


async def test_a_modem_tells_where_it_stands_if_its_port_is_to(modem: ModemManager) -> None:
    tracking = replace(PLAN, cellular=replace(CONFIG, location_tracking=True))
    modems = Modems(None)
    assert await modems.locate({"wwan0": tracking}, NOW) is None
    modem.become(gps={"latitude": "52.5200", "longitude": "13.4050", "altitude": "34.5"})
    found = await modems.locate({"wwan0": tracking}, NOW)
    assert found == Position(52.52, 13.405, 34.5, "lte", NOW)
    assert modem.calls()[-1][-1] == "--location-enable-gps-raw"
    before = len(modem.calls())
    assert await modems.locate({"wwan0": PLAN}, NOW) is None
    assert len(modem.calls()) == before, "nothing is switched on unasked"


@pytest.mark.parametrize("latitude", ["91", "nan", "--", "", None, []])
def test_what_is_no_place_is_none(latitude: object) -> None:
    gps = {"latitude": latitude, "longitude": "1"}
    assert position_of(json.dumps({"modem": {"location": {"gps": gps}}}), "lte", NOW) is None
    assert position_of("no json", "lte", NOW) is None


@pytest.mark.parametrize(
    ("key", "rung"),
    [
        ("wwan.modem.recovery.restart.modemmanager", Rung.RESTART_MANAGER),
        ("wwan.modem.recovery.reload.drivers", Rung.RELOAD_DRIVERS),
        ("wwan.modem.recovery.watchdog", Rung.REBOOT),
    ],
)
def test_a_property_adds_a_last_step_to_the_recovery_of_modems(key: str, rung: Rung) -> None:
    items, _ = apply_items([ConfigItem(key=key, value="true")])
    recovery = Properties.of(items).recovery
    assert recovery.ladder[: len(LADDER)] == LADDER
    assert [r for r in recovery.ladder if r not in LADDER] == [rung]
    assert Properties.of(apply_items([])[0]).recovery.ladder == LADDER


async def test_a_modem_that_nothing_mends_asks_for_a_reboot_only_where_it_may(
    modem: ModemManager,
) -> None:
    modem.become(there=False)
    for recovery in (Recovery(), Recovery(reboot=True)):
        modems, now = Modems(None), 0.0
        modems.recovery = recovery
        for _ in range(len(recovery.ladder)):
            await modems.mend(PORTS, now)
            now += LONGEST_PAUSE_S
        assert modems.wants_reboot == recovery.reboot


async def test_the_modem_manager_starts_anew_where_it_may(
    modem: ModemManager, tmp_path: Path
) -> None:
    called = tmp_path / "restarted"
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {called}\n')
    program.chmod(0o755)
    modem.become(there=False)
    modems, now = Modems(None), 0.0
    modems.recovery = Recovery(restart_manager=True)
    for _ in range(len(LADDER) + 1):
        assert not called.exists()
        await modems.mend(PORTS, now)
        now += LONGEST_PAUSE_S
    assert called.read_text() == "restart ModemManager\n"


async def test_a_modem_manager_that_does_not_answer_starts_anew_and_bearers_stay(
    modem: ModemManager, tmp_path: Path
) -> None:
    called = tmp_path / "restarted"
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {called}\n')
    program.chmod(0o755)
    modems, now = Modems(None), 0.0
    modems.recovery = Recovery(restart_manager=True)
    await modems.start(PLAN, "wwan0")
    mmcli = tmp_path / "mmcli"
    answering = mmcli.read_text()
    # The list is answered and the modem is not: what raises is as with one that hangs.
    mmcli.write_text(
        '#!/bin/sh\n[ "$2" = -L ] || exit 1\n'
        """echo '{"modem-list": ["/org/freedesktop/ModemManager1/Modem/0"]}'\n"""
    )
    for _ in range(len(LADDER) + 1):
        assert not called.exists()
        assert not await modems.mend(PORTS, now)
        now += LONGEST_PAUSE_S
    assert called.read_text() == "restart ModemManager\n"
    assert modems.bearers == {"wwan0": LEASE}
    mmcli.write_text(answering)
    assert not await modems.mend(PORTS, now)
    assert verbs(modem) == ["--enable", "Simple.Connect"]  # nothing was done to the modem


def test_drivers_of_modems_are_unloaded_before_what_they_use() -> None:
    told = "usb_wwan 24576 1 option, Live 0x0\nnf_tables 1 0\noption 45056 0 - Live 0x0\n"
    assert loaded_drivers(told) == ("option", "usb_wwan")


def test_the_ladder_is_climbed_with_longer_pauses_and_begins_anew() -> None:
    state, now, taken, pauses = Climb(), 0.0, list[Rung](), list[float]()
    for _ in range(2 * len(LADDER)):
        rung, state = climb(state, now)
        assert rung is not None
        taken.append(rung)
        pauses.append(state.due - now)
        assert climb(state, state.due - 0.1) == (None, state)
        now = state.due
    assert taken == [*LADDER, *LADDER]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert Rung.RESET in taken
    assert Rung.POWER_CYCLE in taken
