"""The controller of a machine that boots the image: what it is told, and what the device says."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from support.controller import Process, running
from support.image_builds import Images, Store
from support.image_machine import ImageMachine
from support.image_world import SYSTEM, app

from eaves.controller.domain.contract.device_status import DeviceSWStatus
from eaves.node.baseos.slots import Slot

HOST = "10.0.2.2"  # as guests of QEMU's user network see this machine's loopback
ONLINE_S = 1200.0  # beside other work: a minute where nothing else runs
NODELESS_S = 1200.0  # until a system on trial is left whose node does not run
UPDATE_S = 2400.0  # fetched, written and booted, by a processor that is emulated
PAUSE_S = 5.0


class Eaves:
    """The command line, logged in at the controller of these tests."""

    def __init__(self, home: Path, controller: Process) -> None:
        self.home = home
        self.controller = controller
        self.has_app = False

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "eaves", *words],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False,
            env={**os.environ, "EAVES_CONFIG": str(self.home / "cli")},
        )  # fmt: skip
        assert done.returncode == 0, f"eaves {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def apply(self, name: str, text: str) -> None:
        file = self.home / f"{name}.yaml"
        file.write_text(text)
        self.run("apply", "-f", str(file))

    def device(self) -> dict[str, Any]:
        """What the device told of itself, as REST gives it."""
        return self._told("device", "on-image")

    def instance(self, name: str) -> dict[str, Any]:
        """What the device told of an app."""
        return self._told("instance", name)

    def _told(self, kind: str, name: str) -> dict[str, Any]:
        told = json.loads(self.run("describe", kind, name, "-o", "json"))
        current: dict[str, Any] = told["current"]
        return current

    def boot_time(self) -> str:
        """Of the boot that the device told of last, by its own clock."""
        return str(self.device().get("bootTime", ""))

    def slots(self) -> list[dict[str, Any]]:
        software: list[dict[str, Any]] = self.device().get("swInfo", [])
        return software

    def running(self) -> str:
        """The version that the device says it runs."""
        return next(str(sw["shortVersion"]) for sw in self.slots() if sw.get("activated"))

    def runs(self, version: str, state: Slot) -> bool:
        return any(
            sw.get("activated")
            and sw.get("shortVersion") == version
            and sw.get("partitionState") == state
            for sw in self.slots()
        )

    def why_left(self, version: str) -> str:
        """As the device tells it; empty: it does not say that this version failed."""
        for sw in self.slots():
            if sw.get("shortVersion") == version and sw.get("swStatus") == DeviceSWStatus.FAILED:
                error: dict[str, str] = sw.get("swError", {})
                return error.get("description", "no reason is told")
        return ""

    def error(self, version: str) -> str:
        """What the device says is wrong with it, whether it has failed or is on its way."""
        told = (sw["swError"] for sw in self.slots() if sw.get("shortVersion") == version)
        return "; ".join(str(one.get("description", "")) for one in told if one)

    def sub_status(self) -> str:
        """Of the version that runs."""
        return next(str(sw["swSubStatus"]) for sw in self.slots() if sw.get("activated"))

    def attested(self) -> dict[str, Any]:
        """What its last quote was worth, as REST gives it."""
        told: dict[str, Any] = json.loads(self.run("attestation", "show", "on-image", "-o", "json"))
        return told

    def quoted(self) -> dict[str, str]:
        """PCR values of the last quote; none: it sent none yet."""
        quote: dict[str, Any] = self.attested().get("quote") or {}
        pcrs: list[dict[str, Any]] = quote.get("pcrs", [])
        return {str(one["index"]): one["value"].lower() for one in pcrs}

    def quotes_as_predicted(self, image: Path) -> str:
        """Waits for a quote that holds what the build of `image` predicted; names the PCRs."""
        until("attested", lambda: bool(self.quoted()))
        predicted: dict[str, str] = json.loads((image / "pcrs.json").read_text())["uki.efi"]
        measured = self.quoted()
        assert {pcr: measured.get(pcr) for pcr in predicted} == predicted
        return f"PCR {', '.join(predicted)} as predicted"

    def put_on(self, machine: ImageMachine, disk: Path, *words: str) -> None:
        """The installed disk `disk`, told whose device it becomes; `words` of `onboarding`."""
        folder = self.home / "onboarding"
        self.run("onboarding", "on-image", "--out", str(folder), *words)
        machine.take_disk(disk)
        self.run("image", "configure", str(machine.disk), "--from", str(folder))

    def put_on_medium(self, images: Images, medium: Path, *words: str) -> None:
        """An installer that is told whose device it makes; `words` of `eaves image configure`."""
        folder = self.home / "onboarding"
        shutil.rmtree(folder, ignore_errors=True)
        self.run("onboarding", "on-image", "--out", str(folder))
        subprocess.run(["cp", "--sparse=always", images.installer, medium], check=True)
        words = ("--from", str(folder), "--after", "poweroff", *words)
        self.run("image", "configure", str(medium), *words)

    def log_in(self) -> None:
        state = self.controller.state_dir
        self.run(
            *("login", f"https://localhost:{self.controller.rest_port}"),
            *("--ca", str(state / "root-certificate.pem")),
            *("--password-file", str(state.parent / "password")),
        )

    def add_app(self, store_url: str, arch: str = "AMD64") -> None:
        self.apply("app", app(store_url, arch))
        self.has_app = True

    def upgrade(self, store: Store, file: str, version: str, sha256: str = "") -> None:
        """`sha256`: what is asked for, where it is not that of the file."""
        path = store.files / file
        with path.open("rb") as data:
            digest = sha256 or hashlib.file_digest(data, "sha256").hexdigest()
        words = {
            "STORE": store.url, "NAME": f"os-{version}", "FILE": file, "VERSION": version,
            "SIZE": str(path.stat().st_size), "SHA256": digest,
        }  # fmt: skip
        text = SYSTEM
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        self.apply(version, text)
        self.run("device", "upgrade", "on-image", "--image", f"os-{version}")

    def withdraw(self) -> None:
        """No version is asked for any more: what runs stays."""
        body = self.home / "no-version.json"
        body.write_text(json.dumps({"baseImage": []}))
        path = f"/v1/devices/id/{self.device()['id']}/apply"
        self.run("api", "PUT", path, "-f", str(body))

    def log_lines(self, since: datetime, words: str = "") -> list[str]:
        """Of the device itself, the oldest first; it sends them after a while."""
        asked = ("--since", since.isoformat(timespec="seconds"), "--search", words)
        return self.run("logs", "on-image", "--device", *asked).splitlines()


@contextmanager
def own_controller(folder: Path, world: str) -> Generator[Eaves]:
    """One that guests reach, and that holds `world`."""
    (folder / "password").write_text("a password of these tests\n")
    process = Process(folder / "state")
    process.options = (
        *("--device-server", f"{HOST}:{process.device_port}"),
        *("--admin-password-file", str(folder / "password")),
    )
    with running(process):
        eaves = Eaves(folder, process)
        eaves.log_in()
        eaves.apply("world", world)
        yield eaves


def until(what: str, true: Callable[[], object], timeout_s: float = ONLINE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {timeout_s:g} s"
        time.sleep(PAUSE_S)  # the guest is a machine of its own: it is asked again


def answers(port: int) -> str:
    """What the container says, through its port map; empty: nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            text: str = answer.read().decode()
            return text if answer.status == HTTPStatus.OK else ""
    except OSError:
        return ""
