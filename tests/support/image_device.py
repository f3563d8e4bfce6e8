"""The record of a computer that boots an image of its own, and what the controller hears of it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from support.controller import Process, running
from support.image_control import HOST
from support.image_machine import ImageMachine

from eaves.cli.demo.computer import GUEST_NIC
from eaves.node.baseos.slots import Slot

ONLINE_S = 1500.0  # beside other work, by a processor that is emulated
NAME = "on-image"
WORLD = """\
kind: project
name: image
attestationPolicy:
  attestationPolicy: {type: ATTEST_POLICY_TYPE_ACCEPT}
---
kind: network
name: uplink
project: image
networkKind: V4
ip: {dhcp: CLIENT}
---
kind: brand
name: any-maker
---
kind: model
name: image-computer
brand: any-maker
type: @ARCH@
attr: {Cpus: "2", memory: 2G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: @NIC@}
    usage: ADAPTER_USAGE_MANAGEMENT
    usagePolicy: {FreeUplink: true}
---
kind: device
name: on-image
project: image
model: image-computer
serialno: "EAVES-0001"
interfaces:
  - {intfname: eth0, intfUsage: MANAGEMENT, netname: uplink}
configItem:
  - {key: timer.config.interval, stringValue: "15"}
"""
CONTAINER = """\
kind: datastore
name: samples
dsType: CONTAINERREGISTRY
dsFQDN: "@STORE@"
dsPath: samples
---
kind: netinst
name: inner
project: image
device: on-image
networkKind: LOCAL
type: V4
port: eth0
---
kind: image
name: hello
datastore: samples
imageType: APPLICATION
imageFormat: CONTAINER
imageArch: @ARCH@
imageRelUrl: hello:v1
---
kind: app
name: hello
manifestJSON:
  name: hello
  acKind: PodManifest
  acVersion: 1.2.0
  appType: CONTAINER
  deploymentType: STAND_ALONE
  vmmode: HV_NOHYPER
  images:
    - {imagename: hello, imageformat: CONTAINER, drvtype: HDD, target: Disk}
  interfaces:
    - {name: eth0}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
---
kind: instance
name: hello
app: hello
device: on-image
project: image
appType: CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives:
  - {imagename: hello, drvtype: HDD, target: Disk}
interfaces:
  - intfname: eth0
    intforder: 1
    netinstname: inner
    acls:
      - name: web
        matches:
          - {type: protocol, value: tcp}
          - {type: lport, value: "8080"}
        actions:
          - {portmap: true, mapparams: {port: 80}}
"""


@dataclass(frozen=True)
class ImageDevice:
    """`home`: of who is logged in at the controller; `arch` as records spell it."""

    home: Path
    controller: Process
    arch: str = "AMD64"

    def eaves(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "eaves", *words],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False,
            env={**os.environ, "EAVES_CONFIG": str(self.home / "cli")},
        )  # fmt: skip
        assert done.returncode == 0, f"eaves {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def apply(self, name: str, text: str, **words: str) -> None:
        for word, value in {"ARCH": self.arch, "NIC": GUEST_NIC, **words}.items():
            text = text.replace(f"@{word}@", value)
        file = self.home / f"{name}.yaml"
        file.write_text(text)
        self.eaves("apply", "-f", str(file))

    def begin(self) -> None:
        """Log in, and make the records."""
        state = self.controller.state_dir
        self.eaves(
            *("login", f"https://localhost:{self.controller.rest_port}"),
            *("--ca", str(state / "root-certificate.pem")),
            *("--password-file", str(state.parent / "password")),
        )
        self.apply("world", WORLD)

    def put_on(self, machine: ImageMachine, disk: Path) -> None:
        """The installed disk `disk`, told whose device it becomes."""
        folder = self.home / "onboarding"
        self.eaves("onboarding", NAME, "--out", str(folder))
        machine.take_disk(disk)
        self.eaves("image", "configure", str(machine.disk), "--from", str(folder))

    def told(self) -> dict[str, Any]:
        """What the device told of itself, as REST gives it."""
        told: dict[str, Any] = json.loads(self.eaves("describe", "device", NAME, "-o", "json"))
        current: dict[str, Any] = told["current"]
        return current

    def runs(self, version: str) -> bool:
        """From a slot that is good."""
        software: list[dict[str, Any]] = self.told().get("swInfo", [])
        return any(
            one.get("activated")
            and one.get("shortVersion") == version
            and one.get("partitionState") == Slot.ACTIVE
            for one in software
        )


def answers(machine: ImageMachine) -> str:
    """What the container on it says through its port map; empty: nothing."""
    url = f"http://127.0.0.1:{machine.web_port}/"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            text: str = answer.read().decode()
            return text if answer.status == HTTPStatus.OK else ""
    except OSError:
        return ""


def until(what: str, true: Callable[[], bool], timeout_s: float = ONLINE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {timeout_s:g} s"
        time.sleep(5)  # the guest is a machine of its own: it is asked again


@contextmanager
def recorded(folder: Path, arch: str = "AMD64") -> Generator[ImageDevice]:
    """At a controller of its own, that guests reach."""
    (folder / "password").write_text("a password of these tests\n")
    process = Process(folder / "state")
    process.options = (
        *("--device-server", f"{HOST}:{process.device_port}"),
        *("--admin-password-file", str(folder / "password")),
    )
    with running(process):
        device = ImageDevice(folder, process, arch)
        device.begin()
        yield device
