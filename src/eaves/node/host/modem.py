"""Mobile modems through ModemManager: by its own command line, but for what may hold a password.

That is told over D-Bus, for an argument can be read by everybody on the machine.
"""

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from eaves.errors import EavesError, Rejected
from eaves.node.host import dbus
from eaves.node.host.dbus import Method, Value
from eaves.node.host.process import run

log = structlog.get_logger(__name__)

CONNECT_S = 90.0  # searching a network takes as long as it takes
ASK_S = 10.0
SCAN_S = 300.0
DRIVERS = ("qmi_wwan", "cdc_mbim", "cdc_wdm", "option", "qcserial", "usb_wwan")


class NoModemManager(Rejected):
    def __init__(self) -> None:
        super().__init__(
            "mobile networks need ModemManager; install the Debian package modemmanager"
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """As `mmcli -J` prints them; `bearer` is empty while the modem is not connected."""

    index: str
    modem: str
    bearer: str = ""


async def modems() -> tuple[Answers, ...]:
    """All that ModemManager has; none where it does not run."""
    if shutil.which("mmcli") is None:
        return ()
    listed = await run(["mmcli", "-J", "-L"], timeout_s=ASK_S, check=False)
    return tuple([await _answers(index) for index in indexes(listed.out)])


def indexes(told: str) -> tuple[str, ...]:
    try:
        paths = json.loads(told)["modem-list"]
        found = [str(path).rpartition("/")[2] for path in paths]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(index for index in found if index.isdigit())


async def _answers(index: str) -> Answers:
    modem = (await run(["mmcli", "-J", "-m", index], timeout_s=ASK_S)).out
    bearer = first_bearer(modem)
    if not bearer:
        return Answers(index, modem)
    told = await run(["mmcli", "-J", "-b", bearer], timeout_s=ASK_S, check=False)
    return Answers(index, modem, told.out if told.code == 0 else "")


def first_bearer(modem: str) -> str:
    """The number of the bearer that a connected modem uses."""
    try:
        generic = json.loads(modem)["modem"]["generic"]
        if generic.get("state") != "connected":
            return ""
        found = next((str(p).rpartition("/")[2] for p in generic.get("bearers", ())), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return found if found.isdigit() else ""


async def connect(
    index: str,
    sim_slot: int,
    settings: Mapping[str, Value],
    attach: Mapping[str, Value],
    modes: Sequence[str] = (),
) -> None:
    """Switch to a SIM slot (0: that which is in use), and connect.  Of `modes` the first is best.

    A modem that does not take what it is to `attach` with (nothing: as it does by itself), or
    `modes`, connects all the same.  Raises CommandFailed, ModemFailed; they hold what ModemManager
    says, and never the settings.
    """
    if shutil.which("mmcli") is None:
        raise NoModemManager
    if sim_slot:
        await run(["mmcli", "-m", index, f"--set-primary-sim-slot={sim_slot}"], check=False)
    if attach:
        await _set_attach(index, attach)
    await run(["mmcli", "-m", index, "--enable"], timeout_s=ASK_S * 3)
    if modes:
        await _set_modes(index, modes)
    try:
        await dbus.call(_method(index, "Simple", "Connect"), settings, CONNECT_S)
    except EavesError as error:
        raise ModemFailed(str(error)[:300]) from error


async def _set_attach(index: str, attach: Mapping[str, Value]) -> None:
    method = _method(index, "Modem3gpp", "SetInitialEpsBearerSettings")
    try:
        await dbus.call(method, attach, ASK_S * 3)
    except EavesError as error:
        log.warning("modem_attaches_by_its_own", modem=index, error=str(error)[:300])


def _method(index: str, interface: str, name: str) -> Method:
    whole = "org.freedesktop.ModemManager1"
    path = f"/org/freedesktop/ModemManager1/Modem/{index}"
    return Method(whole, path, f"{whole}.Modem.{interface}", name)


async def _set_modes(index: str, modes: Sequence[str]) -> None:
    told = [f"--set-allowed-modes={'|'.join(modes)}"]
    if len(modes) > 1:
        told.append(f"--set-preferred-mode={modes[0]}")
    done = await run(["mmcli", "-m", index, *told], timeout_s=ASK_S * 3, check=False)
    if done.code:
        log.warning("modem_keeps_its_modes", modem=index, wanted=told, said=done.err.strip()[:300])


async def disconnect(index: str) -> None:
    """From its network, which carries nothing; it may connect again."""
    await run(["mmcli", "-m", index, "--simple-disconnect"], timeout_s=ASK_S * 3, check=False)


class ModemFailed(Rejected):
    def __init__(self, said: str) -> None:
        super().__init__(f"the modem does not connect: {said}")


async def reset(index: str) -> None:
    """As if it had been unplugged; it comes back by itself.  Raises CommandFailed."""
    await run(["mmcli", "-m", index, "--reset"], timeout_s=ASK_S * 3)


async def location(index: str) -> str:
    """What its satellite receiver says, which is switched on for that; empty: it has none."""
    await run(["mmcli", "-m", index, "--location-enable-gps-raw"], timeout_s=ASK_S, check=False)
    done = await run(["mmcli", "-J", "-m", index, "--location-get"], timeout_s=ASK_S, check=False)
    return done.out if done.code == 0 else ""


async def scan(index: str) -> str:
    """Networks that it hears; what it carries may stop for as long.  Empty: it cannot."""
    argv = ["mmcli", "-J", "-m", index, f"--timeout={SCAN_S:.0f}", "--3gpp-scan"]
    done = await run(argv, timeout_s=SCAN_S + ASK_S, check=False)
    return done.out if done.code == 0 else ""


async def restart_manager() -> None:
    """Modems are found anew by it.  Raises CommandFailed."""
    await run(["systemctl", "restart", "ModemManager"], timeout_s=CONNECT_S)


def loaded_drivers(modules: str) -> tuple[str, ...]:
    """Of modems, from the text of /proc/modules: who uses others comes before them."""
    loaded = {line.partition(" ")[0] for line in modules.splitlines()}
    return tuple(name for name in DRIVERS if name in loaded)


async def reload_drivers() -> None:
    """Of all modems of this machine, whose interfaces go and come back.  Raises CommandFailed."""
    modules = await asyncio.to_thread(Path("/proc/modules").read_text, "ascii", "replace")
    found = loaded_drivers(modules)
    for name in found:
        await run(["modprobe", "-r", name], timeout_s=ASK_S * 3, check=False)
    for name in reversed(found):
        await run(["modprobe", name], timeout_s=ASK_S * 3)


async def power(index: str, *, on: bool) -> None:
    """The radio of a modem that nobody uses is off; so are all in radio silence."""
    word = "--set-power-state-on" if on else "--set-power-state-low"
    if not on:
        await run(["mmcli", "-m", index, "--disable"], timeout_s=ASK_S * 3, check=False)
    await run(["mmcli", "-m", index, word], timeout_s=ASK_S * 3, check=False)
