"""`eaves device` and `eaves model` at a real controller."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.cli import Cli
from support.controller import Process, WireDevice, https, running

from eaves.evapi.paths import Endpoint
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

SITE = """\
kind: brand
name: maker
---
kind: model
name: small
brand: maker
type: AMD64
attr: {Cpus: "2", memory: 2G, storage: 8G}
ioMemberList:
  - {ztype: IO_TYPE_ETH, phylabel: eth0, logicallabel: eth0, assigngrp: eth0,
     phyaddrs: {Ifname: eth0}, usage: ADAPTER_USAGE_MANAGEMENT, usagePolicy: {FreeUplink: true}}
---
kind: project
name: berlin
"""
HEADER = "name,serial,obkey,model,project,tag:site\n"
KEY = "5d0767ee-0547-4569-b530-387e526f8cb9"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(tmp_path / "password"))
    with running(Process(tmp_path / "state", *options)) as started:
        yield started


@pytest.fixture
def cli(process: Process, tmp_path: Path) -> Cli:
    command = Cli.of(process, tmp_path)
    password = str(tmp_path / "password")
    command.ok("login", command.rest_url, "--ca", str(command.root), "--password-file", password)
    return command


async def polled(process: Process, machine: WireDevice) -> int:
    """The status that a poll of this machine is answered with."""
    path = machine.path(Endpoint.CONFIG)
    reply = await https(process.device_port, "POST", path, machine.poll(), tls=process.tls())
    return reply.status


async def test_a_machine_is_its_uploaded_certificate(
    cli: Cli, process: Process, tmp_path: Path
) -> None:
    old, new = WireDevice(), WireDevice()
    (tmp_path / "new.pem").write_bytes(new.certificate_pem)
    cli.ok("apply", "-f", "-", stdin=SITE)
    text = yaml.safe_dump(
        {
            "kind": "device",
            "name": "edge-1",
            "project": "berlin",
            "model": "small",
            "identity": base64.b64encode(old.certificate_pem).decode(),
            "interfaces": [{"intfname": "eth0", "intfUsage": "MANAGEMENT"}],
        }
    )
    assert "device/edge-1 created" in cli.ok("apply", "-f", "-", stdin=text)
    assert "device/edge-1 unchanged" in cli.ok("apply", "-f", "-", stdin=text)
    found = json.loads(cli.ok("get", "device", "edge-1", "-o", "json"))
    old.device_id = new.device_id = DeviceId(found["id"])
    assert await polled(process, old) == 200
    assert await polled(process, new) == 401
    cli.ok("device", "replace", "edge-1", "--certificate", str(tmp_path / "new.pem"))
    assert await polled(process, new) == 200
    assert await polled(process, old) == 401
    told = cli.ok("device", "machines", "edge-1").splitlines()
    assert [line.split()[1] for line in told[1:]] == [
        new.certificate_hash.hex()[:16],
        old.certificate_hash.hex()[:16],
    ]


def test_devices_from_files_and_models_through_files(cli: Cli, tmp_path: Path) -> None:
    cli.ok("apply", "-f", "-", stdin=SITE)
    file = tmp_path / "fleet.csv"
    good = "".join(f"edge-{n},S{n:04},{KEY},small,berlin,north\n" for n in range(60))
    file.write_text(HEADER + good + "edge-3,S9999,,small,berlin,\nx,S1,,tiny,berlin,\n")
    done = cli("device", "create", str(file))
    assert done.code == 1
    assert f"{file}:62: 'edge-3' stands in line 5 already" in done.err
    assert f"{file}:63: there is no model 'tiny'" in done.err
    assert "2 of 62 rows have faults; nothing was made" in done.err
    assert cli.ok("get", "device").count("edge-") == 0
    file.write_text(HEADER + good)
    assert "60 devices would be made" in cli.ok("device", "create", str(file), "--dry-run")
    assert "60 devices made" in cli.ok("device", "create", str(file))
    entry = "- name: edge-60\n  serialno: 0060\n  model: small\n  project: berlin\n"
    more = tmp_path / "more.yaml"
    more.write_text("- {name: edge-1, model: small, project: berlin}\n" + entry)
    assert cli("device", "create", str(more)).code == 1
    told = cli.ok("device", "create", str(more), "--skip-existing")
    assert "1 devices made, 1 were there already" in told
    assert "0060" in cli.ok("describe", "device", "edge-60")
    assert "debug access open for 5 minutes" in cli.ok(
        "device", "debug", "edge-1", "--minutes", "5"
    )
    assert "closed" in cli.ok("device", "debug", "edge-1", "--off")
    assert "no machine has registered as edge-1" in cli("device", "machines", "edge-1").err
    refused = cli("device", "replace", "edge-1", "--serial", "NEW")
    assert refused.code == 1
    assert "no machine has the record" in refused.err

    out = tmp_path / "model.yaml"
    cli.ok("model", "export", "small", "-o", str(out))
    text = out.read_text()
    assert "brand: maker" in text
    assert "revision" not in text
    assert "unchanged" in cli.ok("model", "import", str(out))
    name = cli.ok("model", "catalogue", "raspberry").splitlines()[1].split()[0]
    assert f"model/{name} imported" in cli.ok("model", "import", name)
    assert name in cli.ok("get", "model")
    assert "neither a file nor a model" in cli("model", "import", "no-such").err
    unheard = cli("model", "draft", "--from-node", "edge-1")
    assert unheard.code == 1
    assert "reported nothing of itself yet" in unheard.err
