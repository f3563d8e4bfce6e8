"""What goes wrong around a node: it says why where a person looks, keeps its apps, and recovers."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from support.line import INSTANCE, MACHINE, Line, whole_line

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(600)]

ONE, TWO = 8111, 8112
STATE_BYTES = 6 << 30  # sparse: what is filled is only allocated, never written


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """Processes of the line come and go with these tests; the check of the session holds."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Generator[Line]:
    """The state directory is a small file system of its own."""
    root = tmp_path_factory.mktemp("line")
    (root / "node").mkdir()
    disk = root / "disk"
    with disk.open("wb") as file:
        file.truncate(STATE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(disk)], check=True)
    subprocess.run(["mount", "-o", "loop", str(disk), str(root / "node")], check=True)
    try:
        with whole_line(root, "t") as line:
            line.deploy("one", ONE)
            line.until("everything is met", line.settled)
            yield line
    finally:
        subprocess.run(["umount", "--lazy", str(root / "node")], check=True)


def test_status_on_the_spot_needs_no_controller(line: Line) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "eaves", "node", "--tpm", "none", "--name", line.name),
            *("--config", str(line.root / "config"), "--state-dir", str(line.state), "status"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "one (container) wanted running, is RUNNING" in done.stdout
    assert "intentions  all met" in done.stdout


def test_an_unreachable_datastore_is_named_and_the_app_starts_when_it_is_back(line: Line) -> None:
    blob = next((line.store / "oci" / "samples" / "hello").glob("index.json"))
    image = "kind: image\nname: late\ndatastore: images\nimageType: IMAGE_TYPE_APPLICATION\n"
    image += "imageFormat: CONTAINER\nimageArch: AMD64\nimageRelUrl: late:v1\n"
    line.apply(f"{image}---\n{_app_of('late')}---\n{_instance_of('late', TWO)}")
    why = line.until("the node says why", lambda: _reason(line, "late"), 60)
    assert "late" in why, why
    assert str(line.datastore_port) in why or line.host in why, why
    line.until("the controller says why", lambda: "404" in line.why("late"), 30)
    shutil.copytree(blob.parent, line.store / "oci" / "samples" / "late")
    line.until("the app answers by itself", lambda: line.get(TWO, timeout_s=1) == "hello", 90)
    line.remove("late")


def test_a_wrong_digest_is_told_with_both_figures(line: Line) -> None:
    (line.store / "files" / "broken.raw").write_bytes(bytes(1 << 20))
    digest = f"{0:064x}"
    machine = {"name": "broken", "port": TWO, "file": "broken.raw", "format": "RAW"}
    line.apply(MACHINE, **machine, sha256=digest, bytes=1 << 20)
    why = line.until("the node says why", lambda: _reason(line, "broken"), 60)
    assert digest in why, why
    line.until("the controller says why", lambda: digest in line.why("broken"), 30)
    assert line.get(ONE) == "hello"
    line.remove("broken")


def test_a_full_disk_stops_what_is_new_and_nothing_else(line: Line) -> None:
    ballast = _fill(line)
    before = line.workloads()
    line.apply(INSTANCE, name="two", title="two", port=TWO, activate="true")
    line.until("the node says why", lambda: "space" in f"{line.unmet()} {line.problem()}", 60)
    assert line.get(ONE) == "hello"
    line.kill_node()
    line.start_node()
    line.until("the new process too", lambda: "space" in f"{line.unmet()} {line.problem()}", 60)
    assert line.get(ONE) == "hello"
    assert before <= line.workloads()
    ballast.unlink()
    line.until("it recovers by itself", lambda: line.get(TWO, timeout_s=1) == "hello", 90)
    line.until("everything is met", line.settled, 30)
    assert before <= line.workloads()
    line.remove("two")


def test_a_port_that_another_app_maps_is_named_and_given_on(line: Line) -> None:
    line.deploy("one", ONE)
    said = _try_apply(line, INSTANCE, name="two", title="two", port=ONE, activate="true")
    if said:  # admission refuses it before it reaches the node
        assert str(ONE) in said, said
        return
    why = line.until("the node says why", lambda: _reason(line, "two"), 60)
    assert str(ONE) in why, why
    line.until("the controller says why", lambda: str(ONE) in line.why("two"), 30)
    line.remove("two")


def _fill(line: Line) -> Path:
    """Take every block that is free, and what the node keeps back for such a moment."""
    (line.state / "reserve").unlink(missing_ok=True)
    ballast = line.state / "ballast"
    with ballast.open("wb") as file:
        end = 0
        for piece in (1 << 30, 1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), end, piece)
                    end += piece
    return ballast


def _reason(line: Line, name: str) -> str:
    """Why an app is not there, once something failed or was refused."""
    app = line.apps().get(name)
    status = line.status()
    failed = [w for u in status.unmet if u.state in {"failed", "refused"} for w in u.why]
    return " ".join([*app.why, *failed]) if app is not None and failed else ""


def _try_apply(line: Line, text: str, **values: object) -> str:
    try:
        line.apply(text, **values)
    except AssertionError as error:
        return str(error)
    return ""


def _instance_of(app: str, port: int) -> str:
    text = INSTANCE.replace("app: hello", f"app: {app}").replace(
        "imagename: hello", f"imagename: {app}"
    )
    for key, value in {"NAME": app, "TITLE": app, "PORT": port, "ACTIVATE": "true"}.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def _app_of(image: str) -> str:
    return f"""\
kind: app
name: {image}
manifestJSON:
  name: {image}
  acKind: PodManifest
  acVersion: 1.2.0
  appType: APP_TYPE_CONTAINER
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_NOHYPER
  images:
    - {{imagename: {image}, imageformat: CONTAINER, drvtype: HDD, target: Disk}}
  interfaces:
    - {{name: eth0}}
  resources:
    - {{name: cpus, value: "1"}}
    - {{name: memory, value: "65536"}}
  configuration:
    customConfig:
      name: settings
      override: true
      template: |
        #cloud-config
        runcmd:
          - GREETING=hello
        write_files:
          - path: /bin/start-web
            permissions: "0755"
            content: |
              #!/bin/sh
              mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www
"""
