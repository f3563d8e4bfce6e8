"""The OS image in QEMU with UEFI and a TPM: installed, onboarded, updated, fallen back.

One machine goes through its life; each step ends with the device online at a real controller and
with what it says of its slots.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.controller import Process
from support.image_builds import Images, Store, variant
from support.image_disk import ImageDisk, fault
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.controller.domain.contract.device_status import DeviceSWStatus
from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told"),
]

ONLINE_S = 1200.0  # beside other work: a minute where nothing else runs
NODELESS_S = 1200.0  # until a system on trial is left whose node does not run
UPDATE_S = 2400.0  # fetched, written and booted, by a processor that is emulated
LUKS = b"LUKS\xba\xbe"
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
type: AMD64
attr: {Cpus: "2", memory: 2G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: enp0s2}
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
  - {key: timer.config.interval, stringValue: "15"}  # each poll is a handshake, emulated
  - {key: timer.test.baseimage.update, stringValue: "30"}
  - {key: timer.update.fallback.no.network, stringValue: "240"}
"""

APP = """\
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
imageArch: AMD64
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
SYSTEM = """\
kind: datastore
name: systems
dsType: HTTP
dsFQDN: "@STORE@"
dsPath: files
---
kind: image
name: "@NAME@"
datastore: systems
imageType: EVE
imageFormat: RAW
imageArch: AMD64
imageRelUrl: "@FILE@"
imageVersion: "@VERSION@"
imageSizeBytes: @SIZE@
imageSha256: @SHA256@
"""


class Eaves:
    """The command line, logged in at the controller of these tests."""

    def __init__(self, home: Path, controller: Process) -> None:
        self.home = home
        self.controller = controller

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
        told = json.loads(self.run("describe", "device", "on-image", "-o", "json"))
        current: dict[str, Any] = told["current"]
        return current

    def upgrade(self, store: Store, file: str, version: str) -> None:
        path = store.files / file
        with path.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        words = {
            "STORE": store.url, "NAME": f"os-{version}", "FILE": file, "VERSION": version,
            "SIZE": str(path.stat().st_size), "SHA256": digest,
        }  # fmt: skip
        text = SYSTEM
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        self.apply(version, text)
        self.run("device", "upgrade", "on-image", "--image", f"os-{version}")

    def slots(self) -> list[dict[str, Any]]:
        software: list[dict[str, Any]] = self.device().get("swInfo", [])
        return software


def until(what: str, true: Callable[[], bool], timeout_s: float = ONLINE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {timeout_s:g} s"
        time.sleep(5)  # the guest is a machine of its own: it is asked again


@pytest.fixture(scope="module")
def eaves(controller: Process, tmp_path_factory: pytest.TempPathFactory) -> Eaves:
    eaves = Eaves(tmp_path_factory.mktemp("home"), controller)
    state = controller.state_dir
    eaves.run(
        *("login", f"https://localhost:{controller.rest_port}"),
        *("--ca", str(state / "root-certificate.pem")),
        *("--password-file", str(state.parent / "password")),
    )
    eaves.apply("world", WORLD)
    return eaves


def runs(eaves: Eaves, version: str, state: Slot) -> bool:
    return any(
        sw.get("activated")
        and sw.get("shortVersion") == version
        and sw.get("partitionState") == state
        for sw in eaves.slots()
    )


def test_it_is_installed_without_a_word(
    machine: ImageMachine, images: Images, eaves: Eaves, tmp_path: Path
) -> None:
    folder = tmp_path / "onboarding"
    eaves.run("onboarding", "on-image", "--out", str(folder))
    medium = tmp_path / "installer.raw"
    subprocess.run(["cp", "--sparse=always", images.installer, medium], check=True)
    eaves.run("image", "configure", str(medium), "--from", str(folder), "--after", "poweroff")
    machine.blank_disk()
    machine.power_on(medium=medium)
    machine.wait_said("is installed on /dev/vda")
    machine.wait_off()
    assert fault(machine.disk) == ""
    assert ImageDisk(machine.disk).states() == {"a": Slot.ACTIVE, "b": Slot.UNUSED}


def test_it_comes_online_by_itself(machine: ImageMachine, eaves: Eaves) -> None:
    machine.power_on()
    until("online with its first version", lambda: runs(eaves, "1.0-test", Slot.ACTIVE))


def test_what_it_measured_was_predicted(images: Images, eaves: Eaves) -> None:
    def quoted() -> dict[str, str]:
        told: dict[str, Any] = json.loads(
            eaves.run("attestation", "show", "on-image", "-o", "json")
        )
        quote: dict[str, Any] = told.get("quote") or {}
        pcrs: list[dict[str, Any]] = quote.get("pcrs", [])
        return {str(one["index"]): one["value"].lower() for one in pcrs}

    until("attested", lambda: bool(quoted()))
    predicted: dict[str, str] = json.loads((images.first / "pcrs.json").read_text())["uki.efi"]
    measured = quoted()
    assert {pcr: measured.get(pcr) for pcr in predicted} == predicted


def answers(machine: ImageMachine) -> bool:
    """Does the container, through its port map?"""
    url = f"http://127.0.0.1:{machine.web_port}/"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def test_a_container_runs_from_the_encrypted_vault(
    machine: ImageMachine, eaves: Eaves, store: Store
) -> None:
    eaves.apply("app", APP.replace("@STORE@", store.url))
    until("answering", lambda: answers(machine))
    with machine.disk.open("rb") as disk:
        disk.seek(ImageDisk(machine.disk).place("P3").start)
        assert disk.read(len(LUKS)) == LUKS


def test_a_power_cut_is_told_as_one(machine: ImageMachine, eaves: Eaves) -> None:
    machine.power_cut()
    machine.power_on()
    until(
        "told as a power cut",
        lambda: (
            "POWER_FAIL" in json.dumps(eaves.device())
            or "power was lost" in json.dumps(eaves.device())
        ),
    )
    until("answering again", lambda: answers(machine))


def test_an_update_is_tried_tested_and_committed(
    machine: ImageMachine, eaves: Eaves, store: Store
) -> None:
    eaves.upgrade(store, "second.eos", "2.0-test")
    until("committed", lambda: runs(eaves, "2.0-test", Slot.ACTIVE), UPDATE_S)
    until("answering again", lambda: answers(machine))


def why_left(eaves: Eaves, version: str) -> str:
    """As the device tells it; empty: it does not say that this version failed."""
    for sw in eaves.slots():
        if sw.get("shortVersion") == version and sw.get("swStatus") == DeviceSWStatus.FAILED:
            error: dict[str, str] = sw.get("swError", {})
            return error.get("description", "no reason is told")
    return ""


@pytest.mark.parametrize(
    ("version", "words"),
    [
        pytest.param("3.0-test", "rdinit=/none", id="that panics"),
        pytest.param("4.0-test", "systemd.mask=eaves-node.service", id="without a node"),
        pytest.param("5.0-test", "module_blacklist=virtio_net", id="without a network"),
        pytest.param("6.0-test", "systemd.unit=emergency.target", id="that cannot go on"),
        pytest.param("7.0-test", "systemd.unit=sysinit.target", id="that gets nowhere"),
        pytest.param("8.0-test", "systemd.mask=eaves-mounts.service", id="without its disk"),
    ],
)
def test_an_update_is_left_and_says_why(
    images: Images,
    machine: ImageMachine,
    eaves: Eaves,
    store: Store,
    tmp_path: Path,
    version: str,
    words: str,
    record_property: Callable[[str, object], None],
) -> None:
    bad = variant(images, version, words, tmp_path)
    shutil.copyfile(bad, store.files / f"{version}.eos")
    eaves.upgrade(store, f"{version}.eos", version)

    until("left", lambda: bool(why_left(eaves, version)), UPDATE_S + NODELESS_S)
    record_property(EVIDENCE, why_left(eaves, version))
    assert runs(eaves, "2.0-test", Slot.ACTIVE)
    assert version in eaves.run("why", "device", "on-image")
    until("answering all the same", lambda: answers(machine))


@pytest.mark.parametrize(
    "version", ["9.0-test", "10.0-test"], ids=["of a stranger", "with other bytes"]
)
def test_an_update_that_is_not_what_was_signed_is_refused_and_says_why(
    images: Images,
    eaves: Eaves,
    store: Store,
    tmp_path: Path,
    version: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing is booted: the other slot stays what it is, or is empty."""
    if version == "9.0-test":
        somebody = ec.generate_private_key(ec.SECP256R1())
        bad, words = variant(images, version, "", tmp_path, somebody), "signed"
    else:
        bad, words = variant(images, version, "", tmp_path), "sha256"
        with bad.open("r+b") as file:
            file.seek(-(1 << 20), os.SEEK_END)
            file.write(b"other bytes")
    shutil.copyfile(bad, store.files / f"{version}.eos")
    eaves.upgrade(store, f"{version}.eos", version)

    until("refused", lambda: bool(why_left(eaves, version)), UPDATE_S)
    record_property(EVIDENCE, why_left(eaves, version))
    assert words in why_left(eaves, version)
    assert runs(eaves, "2.0-test", Slot.ACTIVE)
