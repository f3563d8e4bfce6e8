"""ModemManager with one modem, as far as a node sees it: its command line, its place on the bus,
and a state on disk.

`mmcli` answers in the form of the real one's `-J`.  What a test changes in the state happens to
the modem; what the node asked for stands in `calls`, of the bus with the name of the method first.
"""

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.bus import Call, Refused, serving

PROGRAM = """#!{python}
import json, pathlib, sys

folder = pathlib.Path({folder!r})
state = json.loads((folder / "state.json").read_text())
words = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")


def become(**more):
    state.update(more)
    (folder / "state.json").write_text(json.dumps(state))


generic = {{"state": state["state"], "power-state": state["power"], "bearers": [],
           "ports": ["cdc-wdm0 (qmi)", state["ifname"] + " (net)"], "state-failed-reason": "--"}}
if state["state"] == "connected":
    generic["bearers"] = ["/org/freedesktop/ModemManager1/Bearer/4"]
verb = words[-1].partition("=")[0]
if words == ["-J", "-L"]:
    there = ["/org/freedesktop/ModemManager1/Modem/0"] if state["there"] else []
    print(json.dumps({{"modem-list": there}}))
elif words == ["-J", "-m", "0"]:
    print(json.dumps({{"modem": {{"generic": generic}}}}))
elif words == ["-J", "-m", "0", "--location-get"]:
    print(json.dumps({{"modem": {{"location": {{"gps": state["gps"]}}}}}}))
elif words[:3] == ["-J", "-m", "0"] and verb == "--3gpp-scan":
    become(scans=state["scans"] + 1)
    if state["refuses"]:
        sys.exit(1)
    print(json.dumps({{"modem": {{"3gpp": {{"scan-networks": state["heard"]}}}}}}))
elif words == ["-J", "-b", "4"]:
    print(json.dumps({{"bearer": {{"ipv4-config": state["ipv4"]}}}}))
elif state["refuses"] and verb in state["refuses"]:
    print("error: couldn't do it: operation not allowed", file=sys.stderr)
    sys.exit(1)
elif verb == "--enable":
    become(state="registered" if state["state"] != "connected" else "connected", power="on")
elif verb == "--disable":
    become(state="disabled")
elif verb == "--simple-disconnect":
    become(state="registered")
elif verb == "--reset":
    become(state="disabled", refuses=[])
elif verb == "--set-power-state-low":
    become(power="low", state="disabled")
elif verb == "--set-power-state-on":
    become(power="on")
"""


@dataclass(frozen=True)
class ModemManager:
    folder: Path

    def become(self, **more: object) -> None:
        path = self.folder / "state.json"
        path.write_text(json.dumps({**self.state(), **more}))

    def state(self) -> Mapping[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return told

    def note(self, words: list[str]) -> None:
        with (self.folder / "calls").open("a") as calls:
            calls.write(json.dumps(words) + "\n")

    def calls(self) -> list[list[str]]:
        """Of those that change something."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [words for words in map(json.loads, lines) if "-J" not in words]


def modem_manager(folder: Path, ifname: str = "wwan0") -> ModemManager:
    """Its `mmcli` stands in `folder`: put that before `PATH`."""
    made = folder / "mmcli"
    made.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
    made.chmod(0o755)
    state: dict[str, Any] = {
        "there": True,
        "ifname": ifname,
        "state": "disabled",
        "power": "on",
        "refuses": [],
        "scans": 0,
        "heard": [],
        "gps": {"latitude": "--", "longitude": "--", "altitude": "--", "utc": "--"},
        "ipv4": {"address": "10.64.0.5", "prefix": "30", "gateway": "10.64.0.6", "dns": []},
    }
    (folder / "state.json").write_text(json.dumps(state))
    return ModemManager(folder)


@contextmanager
def on_the_bus(manager: ModemManager) -> Generator[str]:
    """The address of the bus that it is on."""

    def answer(call: Call) -> None:
        assert call.destination == "org.freedesktop.ModemManager1"
        assert call.path == "/org/freedesktop/ModemManager1/Modem/0"
        name = call.member.removeprefix("org.freedesktop.ModemManager1.Modem.")
        assert name in {"Simple.Connect", "Modem3gpp.SetInitialEpsBearerSettings"}
        manager.note([name, *(f"{key}={value}" for key, value in call.arguments.items())])
        if name in manager.state()["refuses"]:
            raise Refused("operation not allowed")
        if name == "Simple.Connect":
            manager.become(state="connected")

    with serving(manager.folder / "bus", answer) as address:
        yield address
