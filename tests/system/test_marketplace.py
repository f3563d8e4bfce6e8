"""`eaves marketplace` from the catalogue to instances, with a real registry and controller."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cli import Cli
from support.controller import Process, running
from support.datastore import (
    Entry,
    Registry,
    busybox_image,
    datastore,
    docker_registry,
    layer,
    static_image,
)

pytestmark = pytest.mark.system

SITE = """\
{kind: project, name: plant, title: Plant}
---
{kind: network, name: uplink, project: plant, ip: {dhcp: CLIENT}}
---
{kind: brand, name: maker}
---
kind: model
name: small
brand: maker
type: AMD64
attr: {Cpus: "4", memory: 4G}
ioMemberList:
  - {ztype: IO_TYPE_ETH, phylabel: eth0, logicallabel: eth0, phyaddrs: {Ifname: eth0},
     usage: ADAPTER_USAGE_MANAGEMENT}
  - {ztype: IO_TYPE_COM, phylabel: COM1, logicallabel: COM1, assigngrp: COM1,
     phyaddrs: {Serial: /dev/ttyS0}}
---
{kind: datastore, name: disks, dsType: HTTP, dsFQDN: "http://192.0.2.1", dsPath: disks}
"""
DEVICE = """\
---
kind: device
name: edge-{0}
project: plant
model: small
serialno: EDGE-{0}
tags: {{site: "{1}"}}
interfaces: [{{intfname: eth0, intfUsage: MANAGEMENT, netname: uplink}}]
---
{{kind: netinst, name: apps-{0}, project: plant, device: edge-{0}, networkKind: LOCAL, type: V4,
 port: eth0, deviceDefault: true}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as running_registry:
        yield running_registry


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox_image(tmp_path_factory.mktemp("first"), text="first")


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, first: Path
) -> Iterator[Cli]:
    """A logged-in command line, three devices, and a registry with what entries ask for."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "password").write_text("correct horse battery")
    for name in ("redis:7.2", "nodered/node-red:4.0", "eclipse-mosquitto:2"):
        registry.push(first, name)
    for name in ("influxdb:2.7", "grafana/grafana:11.2.0"):
        registry.push(first, name)
    options = ("--admin-password-file", str(folder / "password"))
    with running(Process(folder / "state", *options)) as process:
        cli = Cli.of(process, folder)
        password = str(folder / "password")
        cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", password)
        devices = [DEVICE.format(n, "north" if n < 3 else "south") for n in (1, 2, 3)]
        cli.ok("apply", "-f", "-", stdin=SITE + "".join(devices))
        yield cli


def stored(cli: Cli, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli.ok("get", kind, name, "-o", "json"))
    return found


def test_the_shelf_says_what_was_not_run_here(shop: Cli) -> None:
    listed = shop.ok("marketplace", "list")
    assert "opnsense" in listed
    assert "not run here" in listed
    shown = shop.ok("marketplace", "show", "influxdb")
    assert "maps 8086 to 8086" in shown
    assert "PASSWORD: Password of the administrator" in shown
    assert "DOCKER_INFLUXDB_INIT_PASSWORD=###PASSWORD###" in shown
    wrong = shop("marketplace", "show", "influx")
    assert wrong.code == 1
    assert "did you mean influxdb" in wrong.err


def test_an_import_pins_the_digest_that_the_tag_has_now(
    shop: Cli, registry: Registry, first: Path, tmp_path: Path
) -> None:
    source = ("--registry", f"http://{registry.address}")
    out = shop.ok("marketplace", "import", "redis", *source, "--visible-to", "plant")
    digest = json.loads((first / "index.json").read_text())["manifests"][0]["digest"]
    sha256 = digest.removeprefix("sha256:")
    image = stored(shop, "image", f"redis-{sha256[:12]}")
    assert f"redis:7.2 is {sha256}" in out
    assert (image["imageSha256"], image["imageRelUrl"]) == (sha256, "redis:7.2")
    assert image["imageStatus"] == "IMAGE_STATUS_READY"
    assert int(image["imageSizeBytes"]) > 100_000
    app = stored(shop, "app", "redis")
    assert app["originType"] == "ORIGIN_IMPORTED"
    assert app["parentDetail"]["versionOfParentObject"] == 1
    assert app["manifestJSON"]["images"][0]["imagename"] == image["name"]
    assert app["projectAccessList"] == [stored(shop, "project", "plant")["id"]]

    registry.push(busybox_image(tmp_path, text="second"), "redis:7.2")
    assert "app/redis renewed" in shop.ok("marketplace", "import", "redis", *source)
    renewed = stored(shop, "app", "redis")["manifestJSON"]["images"][0]["imagename"]
    assert renewed != image["name"]
    assert stored(shop, "image", image["name"])["imageSha256"] == sha256
    assert stored(shop, "app", "redis")["projectAccessList"] == app["projectAccessList"]


def test_one_command_puts_an_entry_on_the_devices_that_are_meant(
    shop: Cli, registry: Registry
) -> None:
    source = ("--registry", f"http://{registry.address}")
    words = ("marketplace", "deploy", "node-red", "-l", "site=north", *source)
    before = shop.ok("get", "image", "-o", "json")
    refused = shop(*words, "--set", "HEAP_MB=much", "--set", "COLOUR=red")
    assert refused.code == 1
    assert "HEAP_MB is 'much', not a number" in refused.err
    assert "CREDENTIAL_SECRET (Key that encrypts" in refused.err
    assert "there is no variable COLOUR" in refused.err
    assert shop.ok("get", "image", "-o", "json") == before

    given = ("--set", "CREDENTIAL_SECRET=opens-every-flow", "--adapter", "serial=COM1")
    done = shop(*words, *given)
    assert done.code == 0, done
    assert "2 of 2 devices have it" in done.err
    created = [line for line in done.out.splitlines() if line.startswith("instance/")]
    assert created == [f"instance/node-red-edge-{n} created" for n in (1, 2)]
    instance = stored(shop, "instance", "node-red-edge-1")
    assert [one["intfname"] for one in instance["interfaces"]] == ["eth0", "serial"]
    assert instance["vminfo"]["memory"] == 512 * 1024
    assert "opens-every-flow" not in json.dumps(instance)

    again = shop.ok("marketplace", "deploy", "node-red", "--project", "plant", *given, *source)
    assert again.splitlines() == [
        "instance/node-red-edge-1 unchanged",
        "instance/node-red-edge-2 unchanged",
        "instance/node-red-edge-3 created",
    ]

    assert "instance/" not in shop.ok("marketplace", "list", "--updates")
    shop.ok("marketplace", "import", "node-red", *source)
    newer = shop.ok("marketplace", "list", "--updates")
    assert "instance/node-red-edge-1: update available of app/node-red" in newer


def test_a_compose_entry_is_pinned_and_refused_on_devices_without_compose(
    shop: Cli, registry: Registry
) -> None:
    source = ("--registry", f"http://{registry.address}")
    shop.ok("marketplace", "import", "tick-stack", *source)
    text = stored(shop, "app", "tick-stack")["manifestJSON"]["dockerComposeYamlText"]
    assert base64.b64decode(text).decode().count("@sha256:") == 3
    done = shop("marketplace", "deploy", "tick-stack", "--device", "edge-1", *source)
    assert done.code == 1
    assert "does not announce that it runs compose files" in done.err


def test_a_machine_takes_its_disk_from_a_datastore_of_files(shop: Cli) -> None:
    words = ("marketplace", "import", "debian-12-vm", "--datastore", "disks")
    refused = shop(*words)
    assert "give its --sha256 and --size" in refused.err
    shop.ok(*words, "--sha256", "ab" * 32, "--size", "340000000")
    image = stored(shop, "image", "debian-12-vm-" + "ab" * 6)
    assert image["imageRelUrl"] == "debian-12-genericcloud-amd64.qcow2"
    assert image["imageFormat"] == "QCOW2"


def test_faults_of_a_source_say_what_to_do(shop: Cli, registry: Registry) -> None:
    before = [line.split()[0] for line in shop.ok("get", "datastore").splitlines()]

    def said(*words: str) -> str:
        done = shop("marketplace", "import", *words)
        assert done.code == 1, done
        return done.err

    assert "say where from, with --registry" in said("grafana")
    assert "plain http is only for private addresses" in said(
        "grafana", "--registry", "http://8.8.8.8"
    )
    assert "cannot reach registry" in said("grafana", "--registry", "http://127.0.0.1:1")
    there = ("--registry", f"http://{registry.address}")
    assert "answers 404 for prom/prometheus" in said("prometheus", *there)
    image = static_image("grafana/grafana", (layer(Entry("hello")),), tag="11.2.0")
    with datastore(image.files) as many:
        there = ("--registry", many.url)
        assert "has no image for linux/arm64" in said("grafana", *there, "--arch", "ARM64")
    assert [line.split()[0] for line in shop.ok("get", "datastore").splitlines()] == before
    assert "datastore 'disks' is no container registry" in said("grafana", "--datastore", "disks")


def test_a_registry_asks_for_a_name_and_a_password(shop: Cli, tmp_path: Path, first: Path) -> None:
    (tmp_path / "secret").write_text("s3same\n")
    with docker_registry(tmp_path / "closed", "ali:s3same") as closed:
        closed.push(first, "grafana/grafana:11.2.0")
        there = ("--registry", f"http://{closed.address}")
        assert "answers 401" in shop("marketplace", "import", "grafana", *there).err
        user = ("--registry-user", "ali", "--registry-password-file", str(tmp_path / "secret"))
        shop.ok("marketplace", "import", "grafana", *there, *user)
    assert stored(shop, "app", "grafana")["originType"] == "ORIGIN_IMPORTED"
