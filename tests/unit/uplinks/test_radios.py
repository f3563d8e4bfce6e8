"""Radios: unused ones are off, all are in radio silence, those of the host are left alone."""

import os
import time
from pathlib import Path

import pytest
from support.modem_manager import ModemManager, modem_manager
from support.ports import at

from eaves.node.host import rfkill
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.radios import Radios
from eaves.node.uplinks.service import Tools, Uplinks

NONE: frozenset[str] = frozenset()
WLAN, MODEM = frozenset({"wlan0"}), frozenset({"wwan0"})


@pytest.fixture
def switches(tmp_path: Path) -> Path:
    """As a machine with one Wi-Fi card and Bluetooth has it."""
    phy = tmp_path / "phy0"
    for number, (name, kind) in enumerate([("phy0", "wlan"), ("hci0", "bluetooth")]):
        place = tmp_path / "rfkill" / f"rfkill{number}"
        place.mkdir(parents=True)
        for key, value in (("name", name), ("type", kind), ("soft", "0"), ("hard", "0")):
            (place / key).write_text(f"{value}\n")
    (phy / "device/net/wlan0").mkdir(parents=True)
    (tmp_path / "rfkill/rfkill0/device").symlink_to(phy)
    return tmp_path / "rfkill"


@pytest.fixture
def modem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModemManager:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return modem_manager(folder)


def soft(switches: Path) -> str:
    return (switches / "rfkill0/soft").read_text().strip()


async def test_all_radios_are_off_in_radio_silence_and_on_again_after_it(switches: Path) -> None:
    radios = Radios(switches)
    assert await radios.switch(WLAN, WLAN, silent=True) == ()
    assert soft(switches) == "1"
    assert await radios.switch(WLAN, WLAN, silent=False) == ()
    assert soft(switches) == "0"


async def test_a_radio_that_nobody_uses_is_off(switches: Path) -> None:
    await Radios(switches).switch(WLAN, NONE, silent=False)
    assert soft(switches) == "1"


async def test_a_radio_of_the_host_is_left_alone_and_told_in_radio_silence(switches: Path) -> None:
    radios = Radios(switches)
    assert await radios.switch(NONE, NONE, silent=False) == ()
    (told,) = await radios.switch(NONE, NONE, silent=True)
    assert "phy0 (wlan0) belongs to the machine's own network" in told
    assert soft(switches) == "0"


async def test_a_switch_of_the_machine_is_told_where_the_radio_is_wanted(switches: Path) -> None:
    (switches / "rfkill0/hard").write_text("1")
    (told,) = await Radios(switches).switch(WLAN, WLAN, silent=False)
    assert "off by a switch of the machine" in told
    assert await Radios(switches).switch(WLAN, WLAN, silent=True) == ()


async def test_a_radio_that_cannot_be_switched_is_told(switches: Path) -> None:
    (switches / "rfkill0/soft").unlink()
    assert rfkill.radios(switches) == ()  # went meanwhile
    broken = rfkill.Radio("phy0", rfkill.WLAN, WLAN, silent=False, held=False, place=switches / "x")
    with pytest.raises(OSError, match="No such file"):
        rfkill.switch(broken, silent=True)


async def test_what_carries_no_network_is_no_radio(switches: Path) -> None:
    assert [r.name for r in rfkill.radios(switches)] == ["phy0"]


async def test_a_modem_is_silent_unless_it_is_used(modem: ModemManager, tmp_path: Path) -> None:
    radios = Radios(tmp_path / "no switches")
    modem.become(state="connected")
    assert await radios.switch(MODEM, MODEM, silent=False) == ()
    assert modem.calls() == []
    assert await radios.switch(MODEM, MODEM, silent=True) == ()
    assert (modem.state()["state"], modem.state()["power"]) == ("disabled", "low")
    asked = len(modem.calls())
    assert await radios.switch(MODEM, NONE, silent=False) == ()
    assert len(modem.calls()) == asked  # it is off already
    assert await radios.switch(MODEM, MODEM, silent=False) == ()
    assert modem.state()["power"] == "on"


async def test_a_modem_of_the_host_is_told_in_radio_silence(
    modem: ModemManager, tmp_path: Path
) -> None:
    (told,) = await Radios(tmp_path / "no switches").switch(WLAN, NONE, silent=True)
    assert "of modem 0 (wwan0) belongs to the machine's own network" in told
    assert modem.state()["power"] == "on"


class Nothing:
    """Keeps nothing across a power cut."""

    def save(self, name: str, data: bytes) -> None:
        return


async def test_a_radio_that_comes_back_by_itself_in_radio_silence_is_off_again(
    switches: Path, tmp_path: Path
) -> None:
    machine = Machine(Place(tmp_path / "run", "t"), managed=WLAN, radios=Radios(switches))
    uplinks = Uplinks(
        Tools(machine, Nothing(), lambda: at(0), time.monotonic, lambda: None, tmp_path, "c:443")
    )
    assert await uplinks.silence(on=True) == ""
    (switches / "rfkill0/soft").write_text("0")
    await uplinks.keep_silent()
    assert soft(switches) == "1"
    await uplinks.silence(on=False)
    (switches / "rfkill0/soft").write_text("0")
    await uplinks.keep_silent()
    assert soft(switches) == "0"
