"""The command line at a real controller: apply, get, describe, why, delete, verbs, logs, watch."""

import asyncio
import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.cli import Cli
from support.controller import Process, WireDevice, https, running, until

from eaves.evapi.logs import AppLogOrigin, LogEntry, encode_log_file
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.ids import AppInstanceId, DeviceId

pytestmark = pytest.mark.system

SITE = """\
kind: device
name: edge-berlin
project: berlin
model: small
serialno: BERLIN-1
interfaces:
  - {intfname: eth0, intfUsage: MANAGEMENT, netname: uplink}
---
kind: network
name: uplink
project: berlin
ip: {dhcp: CLIENT}
---
kind: project
name: berlin
title: Berlin
"""
CATALOGUE = """\
kind: model
name: small
brand: maker
type: AMD64
attr: {Cpus: "2", memory: 2G, storage: 8G}
ioMemberList:
  - {ztype: IO_TYPE_ETH, phylabel: eth0, logicallabel: eth0, assigngrp: eth0,
     phyaddrs: {Ifname: eth0}, usage: ADAPTER_USAGE_MANAGEMENT, usagePolicy: {FreeUplink: true}}
---
{kind: brand, name: maker}
---
{kind: datastore, name: files, dsType: HTTP, dsFQDN: "http://192.0.2.1", dsPath: files}
---
{kind: image, name: web, datastore: files, imageType: APPLICATION, imageFormat: RAW,
 imageArch: AMD64, imageRelUrl: web.raw, imageSizeBytes: 1048576,
 imageSha256: 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58}
"""
APP = """\
kind: instance
name: web
app: web
project: berlin
device: edge-berlin
appType: VM
vminfo: {cpus: 1, memory: 65536, mode: HVM}
drives: [{imagename: web, drvtype: HDD, target: Disk}]
interfaces: [{intfname: eth0, intforder: 1, netinstname: inner}]
logs: {access: true}
---
kind: app
name: web
manifestJSON:
  name: web
  acKind: VMManifest
  acVersion: 1.2.0
  appType: VM
  deploymentType: STAND_ALONE
  vmmode: HV_HVM
  images: [{imagename: web, imageformat: RAW, drvtype: HDD, target: Disk}]
  interfaces: [{name: eth0}]
  resources: [{name: cpus, value: "1"}, {name: memory, value: "65536"}]
---
{kind: netinst, name: inner, project: berlin, device: edge-berlin, networkKind: LOCAL,
 type: V4, port: eth0}
"""
IN_ORDER = [
    *("brand/maker", "model/small", "project/berlin", "network/uplink", "datastore/files"),
    *("image/web", "app/web", "device/edge-berlin", "netinst/inner", "instance/web"),
]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(folder / "password"))
    with running(Process(folder / "state", *options)) as started:
        yield started


@pytest.fixture(scope="module")
def site(process: Process, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A logged-in command line, and a site of files that were applied once."""
    cli = Cli.of(process, tmp_path_factory.mktemp("home"))
    password = str(process.state_dir.parent / "password")
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", password)
    files = cli.home / "site"
    files.mkdir()
    (files / "1.yaml").write_text(SITE)
    (files / "2.yml").write_text(APP)
    (files / "notes.txt").write_text("no YAML: [")
    (cli.home / "catalogue.yaml").write_text(CATALOGUE)
    dry = cli.ok("apply", "-f", "site", "-f", "catalogue.yaml", "--dry-run")
    assert [n for n in dry.splitlines() if "/" in n.split(" ")[0]] == [
        f"{title} would be created" for title in IN_ORDER
    ]
    assert "  +modelId: (id of model small)" in dry
    assert "no device yet" in cli("get", "device").err
    out = cli.ok("apply", "-f", "site", "-f", "catalogue.yaml")
    assert out.splitlines() == [f"{title} created" for title in IN_ORDER]
    return cli


def test_the_same_files_again_change_nothing(site: Cli) -> None:
    again = site.ok("apply", "-f", "catalogue.yaml", "-f", "site").splitlines()
    assert again == [f"{title} unchanged" for title in IN_ORDER]
    assert not site.ok("apply", "--dry-run", "-f", "site").count("would")


def test_a_dry_run_shows_what_an_apply_then_changes(site: Cli) -> None:
    text = SITE.replace("title: Berlin", "title: Berlin Mitte")
    dry = site.ok_inside("apply", "--dry-run", "-f", "-", stdin=text)
    assert "project/berlin would be changed" in dry
    assert "  -title: Berlin\n  +title: Berlin Mitte\n" in dry
    assert json.loads(site.ok_inside("get", "project", "berlin", "-o", "json"))["title"] == "Berlin"
    done = site.ok_inside("apply", "-f", "-", stdin=text)
    assert "project/berlin changed" in done.splitlines()
    assert "device/edge-berlin unchanged" in done.splitlines()
    assert "Berlin Mitte" in site.ok_inside("get", "project")
    site.ok_inside("apply", "-f", "-", stdin=SITE)


def test_diff_tells_each_field_and_changes_nothing(site: Cli) -> None:
    same = site.inside("diff", "-f", "site", "-f", "catalogue.yaml")
    assert (same.code, same.out, same.err) == (0, "", "")
    text = SITE.replace("title: Berlin", "title: Mitte\ntags: {tier: gold}") + (
        "---\n{kind: datastore, name: shut, dsType: HTTP, dsFQDN: 'http://192.0.2.9',"
        " secret: {apiKey: reader, apiPasswd: hunter2}}\n"
    )
    done = site.inside("diff", "-f", "-", stdin=text)
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "project/berlin: 2 fields would change",
        "  tags.tier: (none) -> gold",
        "  title: Berlin -> Mitte",
    ]
    assert "datastore/shut: would be created" in done.out
    assert "  secret.apiPasswd: (none) -> (hidden)" in done.out
    assert "hunter2" not in done.out + done.err
    told = json.loads(site.inside("diff", "-f", "-", "-o", "json", stdin=text).out)
    assert [(one["name"], one["change"], len(one["fields"])) for one in told][:3] == [
        ("berlin", "change", 2),
        ("uplink", "none", 0),
        ("shut", "create", 6),
    ]
    wrong = site.inside("diff", "-f", "-", stdin=SITE.replace("model: small", "model: smal"))
    assert (wrong.code, "did you mean small?" in wrong.err) == (2, True)
    assert "Mitte" not in site.ok_inside("get", "project")


def test_a_plan_tells_what_a_change_does_to_nodes_and_changes_nothing(site: Cli) -> None:
    same = site.inside("plan", "-f", "site", "-f", "catalogue.yaml")
    assert (same.code, same.out) == (1, "")
    assert "a brand reaches no node" in same.err
    same = site.inside("plan", "-f", "site")
    assert (same.code, same.err.count("no node changes")) == (0, 6), same
    stopped = APP.replace("drives:", "activate: false\ndrives:")
    done = site.inside("plan", "-f", "-", stdin=stopped)
    assert done.code == 0, done
    (line,) = [one for one in done.out.splitlines() if one.startswith("edge-berlin")]
    assert line.endswith("changed: app instance web (stops)")
    told = site.ok_inside("plan", "instance/web", "--delete", "-o", "json")
    assert "app instance web" in json.loads(told)["list"][0]["deleted"]
    used = site.inside("plan", "--delete", "image", "web")
    assert (used.code, "refused: " in used.out) == (1, True)
    new = "{kind: datastore, name: second, dsType: HTTP, dsFQDN: 'http://192.0.2.9'}"
    both = f"{new}\n---\n{{kind: image, name: two, datastore: second, imageFormat: RAW}}\n"
    later = site.inside("plan", "-f", "-", stdin=both)
    assert "image/two: not planned: it needs datastore second" in later.out
    assert (later.code, "datastore/second: no node is reached" in later.err) == (0, True)
    for words in (("plan",), ("plan", "device", "edge-berlin"), ("plan", "--delete", "device")):
        assert site.inside(*words).code == 2
    assert "ACTIVE" in site.ok_inside("get", "device", "edge-berlin", "-o", "wide")
    assert site.ok_inside("apply", "-f", "site").count("unchanged") == 6


def test_selectors_narrow_by_tags_of_the_server(site: Cli) -> None:
    tags = {"a": "{site: north, tier: gold}", "b": "{site: north}", "c": "{site: south}"}
    records = "\n---\n".join(
        f"{{kind: device, name: sel-{name}, project: berlin, model: small, serialno: SEL-{name},"
        f" tags: {some}}}"
        for name, some in tags.items()
    )
    (site.home / "sel.yaml").write_text(records)
    site.ok_inside("apply", "-f", "sel.yaml")
    one = ("get", "device", "-o", "name")
    assert site.ok_inside(*one, "-l", "site=north").split() == ["device/sel-a", "device/sel-b"]
    assert site.ok_inside(*one, "-l", "site=north,tier=gold").split() == ["device/sel-a"]
    assert site.ok_inside(*one, "-l", "site=north", "-l", "tier=gold").split() == ["device/sel-a"]
    assert (
        site.inside("get", "device", "-l", "site=west").err
        == "there is no device with these tags\n"
    )
    assert site.inside("get", "device", "-l", "site").code == 2
    assert "a brand has no tags" in site.inside("get", "brand", "-l", "a=b").err
    wide = site.ok_inside("get", "device", "sel-a", "sel-b", "-o", "wide").splitlines()
    assert "site=north,tier=gold" in wide[1]
    assert "berlin" in wide[1]
    found = json.loads(site.ok_inside("get", "device/sel-a", "-o", "json"))
    assert wide[1].endswith(found["id"])
    waited = site.inside("wait", "device", "-l", "site=north", "--for", "adminState=ACTIVE")
    assert (waited.code, waited.err.count("adminState ACTIVE")) == (0, 2)
    never = site.inside("wait", "device/sel-c", "--for", "adminState=INACTIVE", "--timeout", "0")
    assert never.code == 1
    assert "device/sel-c has adminState ACTIVE, not adminState=INACTIVE, after 0 s" in never.err
    assert (
        "sel-c is still there"
        in site.inside("wait", "device/sel-c", "--for=delete", "--timeout=0").err
    )
    site.ok_inside("delete", "device/sel-a", "device/sel-b", "device/sel-c")
    site.ok_inside("wait", "device/sel-c", "--for", "delete")
    assert "there is no device 'sel-c'" in site.inside("wait", "device/sel-c").err


def test_a_shell_completes_commands_kinds_and_names(site: Cli) -> None:
    def completed(*words: str) -> list[str]:
        line = ("eaves", *words)
        told = {
            "_EAVES_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
        }
        return [one.partition(",")[2] for one in site(**told).out.splitlines()]

    assert completed("des") == ["describe"]
    assert completed("get", "de") == ["device", "deployment"]
    assert completed("describe", "device", "edge-") == ["edge-berlin"]
    assert completed("restart", "w") == ["web"]
    assert "--selector" in completed("get", "device", "--sel")
    for shell in ("bash", "zsh", "fish"):
        assert "_EAVES_COMPLETE" in site.ok("completion", shell)
    (site.home / "completion").write_text(site.ok("completion", "bash"))
    subprocess.run(["bash", "-n", "completion"], check=True, cwd=site.home, timeout=30)


def test_what_has_no_command_is_asked_of_the_api(site: Cli) -> None:
    told = json.loads(site.ok_inside("api", "get", "/v1/devices", "-q", "namePattern=berlin"))
    assert [one["name"] for one in told["list"]] == ["edge-berlin"]
    refused = site.inside("api", "GET", "/v1/devices/id/none")
    assert (refused.code, "device" in refused.err) == (1, True)
    assert site.inside("api", "GET", "nothing").code == 2


def test_a_wrong_reference_stops_all_of_an_apply(site: Cli) -> None:
    text = f"{{kind: brand, name: never-made}}\n---\n{SITE.replace('model: small', 'model: smal')}"
    done = site.inside("apply", "-f", "-", stdin=text)
    assert done.code == 1
    assert (
        "-:3: device/edge-berlin: model: there is no model 'smal'; did you mean small?" in done.err
    )
    assert "nothing was changed" in done.err
    assert "never-made" not in site.ok_inside("get", "brand")


def test_a_misspelt_field_is_warned_of_and_sent(site: Cli) -> None:
    done = site.inside("apply", "-f", "-", stdin="kind: brand\nname: maker\ndescripton: x\n")
    assert done.code == 0
    assert done.err == (
        "warning: -:3: descripton is no known field of brand, sent as it is;"
        " did you mean description?\n"
    )
    assert json.loads(site.ok_inside("get", "brand", "maker", "-o", "json"))["descripton"] == "x"


def test_faults_of_a_file_are_named_with_its_line(site: Cli) -> None:
    (site.home / "bad.yaml").write_text("kind: app\nname: [\n")
    done = site.inside("apply", "-f", "bad.yaml")
    assert done.code == 1
    assert done.err.startswith("Error: bad.yaml:3:1: this is not YAML: ")
    missing = site.inside("apply", "-f", "missing.yaml")
    assert missing.code == 2
    assert "'missing.yaml' does not exist" in missing.err


def test_what_the_controller_refuses_is_told_in_its_words(site: Cli) -> None:
    text = "kind: device\nname: d\nproject: berlin\nmodel: small\nadminState: SLEEPING\n"
    done = site.inside("apply", "-f", "-", stdin=text)
    assert done.code == 1
    assert done.err.startswith("Error: -:1: device/d: ")
    assert "'ADMIN_STATE_SLEEPING' is none of " in done.err


def test_tables_are_aligned_and_plain_at_a_pipe(site: Cli) -> None:
    device = site.ok("get", "device").splitlines()
    assert device[0].split() == [*("NAME", "STATE", "LAST", "SEEN", "SERIAL", "ADMIN")]
    assert device[1].split() == ["edge-berlin", "UNPROVISIONED", "never", "BERLIN-1", "ACTIVE"]
    assert "\x1b" not in "".join(device)
    assert site.ok("get", "devices", "edge-berlin") == "\n".join(device) + "\n"
    assert device[0].index("STATE") == device[1].index("UNPROVISIONED")
    assert site.ok("get", "image").splitlines()[1].split()[:4] == ["web", "RAW", "1", "MiB"]


def test_tables_are_coloured_and_cut_at_a_terminal(site: Cli) -> None:
    shown = site.at_terminal("get", "datastore").out
    assert "\x1b[1mNAME" in shown
    assert all(len(line) < 200 for line in shown.splitlines())


def test_json_and_yaml_are_the_objects_of_the_api(site: Cli) -> None:
    listed = json.loads(site.ok_inside("get", "project", "-o", "json"))
    assert [row["name"] for row in listed] == ["berlin"]
    assert "name: berlin\n" in site.ok_inside("get", "project", "berlin", "-o", "yaml")
    in_project = json.loads(site.ok_inside("get", "device", "--project", "berlin", "-o", "json"))
    assert [row["name"] for row in in_project] == ["edge-berlin"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("get", "device", "edge-berln"), 1, "no device 'edge-berln'; did you mean edge-berlin?"),
        (("get", "devcie"), 2, "there is no kind 'devcie'; did you mean device?"),
        (("get", "device", "--project", "brlin"), 1, "no project 'brlin'; did you mean berlin?"),
        (("describe", "app", "wbe"), 1, "did you mean web?"),
        (("delete", "project", "berlin"), 1, "project 'berlin' is still needed by "),
        (("delete", "device"), 2, "which device? give at least one name"),
        (("why", "brand", "maker"), 2, "not for a brand"),
        (("reboot", "nowhere"), 1, "there is no device 'nowhere'; there are: edge-berlin"),
        (("restart", "wbe"), 1, "there is no instance 'wbe'; did you mean web?"),
        (("logs", "wbe"), 1, "there is no instance 'wbe'; did you mean web?"),
        (("wait", "device", "edge-berlin", "--timeout", "0"), 1, "UNPROVISIONED, not ONLINE"),
    ],
)
def test_a_mistake_is_answered(site: Cli, words: tuple[str, ...], code: int, message: str) -> None:
    done = site.inside(*words)
    assert done.code == code
    assert message in done.err


def test_why_leads_to_where_to_look(site: Cli) -> None:
    said = site.ok_inside("why", "instance", "web").splitlines()
    assert said[0] == "instance/web is not as asked for:"
    assert "BERLIN-1" in said[-1]
    assert json.loads(site.ok_inside("why", "device", "edge-berlin", "-o", "json"))["met"] is False
    assert site.inside("wait", "device", "edge-berlin", "--state", "unprovisioned").code == 0


def test_a_long_list_has_times_too(site: Cli) -> None:
    """From the list itself: none of these devices was ever heard of."""
    records = "\n---\n".join(
        f"{{kind: device, name: many-{n}, project: berlin, model: small, serialno: MANY-{n}}}"
        for n in range(51)
    )
    (site.home / "many.yaml").write_text(records)
    site.ok_inside("apply", "-f", "many.yaml")
    done = site.inside("get", "device")
    assert len(done.out.splitlines()) == 53
    assert all("never" in line for line in done.out.splitlines()[1:])
    assert done.err == ""
    site.ok_inside("delete", "-f", "many.yaml")


def test_describe_tells_all_of_an_object(site: Cli) -> None:
    told = json.loads(site.ok_inside("describe", "instance", "web", "-o", "json"))
    assert set(told) == {"why", "current", "intended", "events"}
    assert told["current"]["name"] == "web"
    assert any("created by admin" in event for event in told["events"])
    text = site.ok_inside("describe", "instance", "web")
    assert text.index("why:") < text.index("current:") < text.index("intended:")


def test_secrets_do_not_reach_a_terminal(site: Cli) -> None:
    store = (
        "{kind: datastore, name: locked, dsType: HTTP, dsFQDN: 'http://192.0.2.9', dsPath: x,"
        " apiKey: reader, secret: {apiKey: reader, apiPasswd: hunter2}}"
    )
    dry = site.ok_inside("apply", "--dry-run", "-f", "-", stdin=store)
    assert "hunter2" not in dry
    assert "datastore/locked created" in site.ok_inside("apply", "-f", "-", stdin=store)
    assert site.ok_inside("apply", "-f", "-", stdin=store) == "datastore/locked unchanged\n"
    assert "hunter2" not in site.ok_inside("describe", "datastore", "locked")
    site.ok_inside("delete", "datastore", "locked")


def test_verbs_are_asked_for_once_each(site: Cli) -> None:
    assert site.ok_inside("reboot", "edge-berlin") == "device/edge-berlin: reboot asked for\n"
    assert site.ok_inside("restart", "web") == "instance/web: restart asked for\n"
    assert site.ok_inside("purge", "web") == "instance/web: purge asked for\n"
    assert site.ok_inside("deactivate", "instance", "web") == "instance/web: deactivated\n"
    instance: dict[str, Any] = json.loads(site.ok_inside("get", "instance", "web", "-o", "json"))
    assert instance.get("activate", False) is False
    assert (instance["restart"]["counter"], instance["purge"]["counter"]) == (1, 1)
    assert site.ok_inside("activate", "instance", "web") == "instance/web: activated\n"
    device: dict[str, Any] = json.loads(
        site.ok_inside("get", "device", "edge-berlin", "-o", "json")
    )
    assert device["resetCounter"] == 1
    site.ok_inside("apply", "-f", "site")
    events = site.ok_inside("watch", "--once").splitlines()
    assert any("reboot asked" in line for line in events)


def test_watch_tells_what_happens_and_ends_quietly(site: Cli) -> None:
    with site.start("watch", "--interval", "0.1") as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        site.ok("apply", "-f", "-", stdin="{kind: brand, name: seen-by-watch}")
        line = ""
        while "seen-by-watch" not in line:
            line = child.stdout.readline()
            assert line
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, "")
    site.ok("delete", "brand", "seen-by-watch")


async def test_onboarding_leads_to_logs(site: Cli, process: Process) -> None:
    """The folder lets a device in; then each line that it sends is printed once and in order."""
    out = site.ok("onboarding", "edge-berlin", "--out", "folder")
    assert "eaves node install --from folder" in out
    folder = site.home / "folder"
    assert stat.S_IMODE((folder / "onboard.key.pem").stat().st_mode) == 0o600
    assert (folder / "server").read_text().strip() == f"127.0.0.1:{process.device_port}"
    device = await _register(site, process, folder)
    assert "is onboarded already" in site("onboarding", "edge-berlin", "--out", "b").err
    app = AppInstanceId(json.loads(site.ok("get", "instance", "web", "-o", "json"))["id"])
    assert "has no lines" in site("logs", "web").err
    await _send(process, device, app, [f"line {n}" for n in range(5)])
    with site.start("logs", "-f", "web") as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(5)]
        for first in (5, 8):
            await _send(process, device, app, [f"line {n}" for n in range(first, first + 3)])
            lines += [await asyncio.to_thread(child.stdout.readline) for _ in range(3)]
        child.send_signal(signal.SIGINT)
        rest, err = child.communicate(timeout=30)
    assert (child.returncode, rest, err) == (0, "", "")
    assert [line.split(" ", 1)[1].strip() for line in lines] == [f"line {n}" for n in range(11)]
    assert len(site.ok("logs", "web").splitlines()) == 11
    await until(lambda: "ago" in site.ok("get", "device"), "the device was seen")


async def _register(site: Cli, process: Process, folder: Path) -> WireDevice:
    device = WireDevice(serial=(folder / "soft_serial").read_text().strip())
    body = device.registration(
        (folder / "onboard.cert.pem").read_bytes(), (folder / "onboard.key.pem").read_bytes()
    )
    path = endpoint_path(Endpoint.REGISTER)
    reply = await https(process.device_port, "POST", path, body, tls=process.tls())
    assert reply.status == 201
    found = json.loads(site.ok("get", "device", "edge-berlin", "-o", "json"))
    device.device_id = DeviceId(found["id"])
    return device


async def _send(process: Process, device: WireDevice, app: AppInstanceId, texts: list[str]) -> None:
    entries = [LogEntry(content=text, timestamp=datetime.now(UTC)) for text in texts]
    file = encode_log_file(AppLogOrigin("web"), datetime.now(UTC), entries)
    path = endpoint_path(Endpoint.APP_NEWLOGS, device.device_id, app)
    reply = await https(process.device_port, "POST", path, device.sealed(file), tls=process.tls())
    assert reply.status == 201


def test_what_files_describe_is_deleted_users_first(site: Cli) -> None:
    gone = site.ok_inside("delete", "-f", "site", "-f", "catalogue.yaml").splitlines()
    assert gone == [f"{title} deleted" for title in reversed(IN_ORDER)]
    again = site.ok_inside("delete", "-f", "site").splitlines()
    assert all(line.endswith("is not there") for line in again)


def test_a_controller_that_is_down_is_said_in_a_sentence(site: Cli, process: Process) -> None:
    process.stop()
    done = site.inside("get", "device")
    assert done.code == 1
    assert done.err == (
        f"Error: cannot reach {site.rest_url}: nothing listens there; is the controller running?\n"
    )
