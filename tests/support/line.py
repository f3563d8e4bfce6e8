"""The whole line as real processes: controller, datastore, a node in a namespace of its own, apps.

Everything has names of its own, so that lines of several test runs do not meet, and everything is
gone when the block ends: processes (QEMU, conmon, dnsmasq, containers), mounts, namespaces, the
cable, control groups, run state.  A power cut is the same removal without the state directory.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self, TypeVar

from support.controller import free_port
from support.netns import ip

from eaves.cli.demo.datastore import datastore
from eaves.cli.demo.place import free_net, routed_nets
from eaves.cli.demo.processes import RUN_VARIABLE, Claims, Process, kill, netns_of, ours, running
from eaves.cli.samples import container_image, vm_disk
from eaves.node.runtime.status_file import AppStatus, NodeStatus, read_status

EAVES = (sys.executable, "-m", "eaves")
NETS = tuple(IPv4Network(f"10.{b}.{c}.0/24") for b in (119, 173) for c in range(256))
CACHE = Path("/var/tmp/eaves-test-images")  # noqa: S108 - root's, named by content
NETNS = Path("/run/netns")
DEVICE = "first"
HOUR_S = 3600
Json = dict[str, Any]
T = TypeVar("T")

COUNTER_APP = """\
#!/bin/sh
# Counts aloud, answers HTTP, and exits with the code that /cgi-bin/end?CODE names.
trap "exit 0" TERM
rm -f /tmp/end; mkdir -p /www
echo "$GREETING" > /www/index.html
httpd -p 80 -h /www
n=0
while [ ! -e /tmp/end ]; do echo "count $n"; n=$((n+1)); sleep 0.2; done
exit "$(cat /tmp/end)"
"""

WORLD = """\
kind: project
name: survival
tagLevelSettings:
  flowLogTransmission: NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_DISABLED
attestationPolicy:
  title: accept
  type: POLICY_TYPE_ATTESTATION
  attestationPolicy: {type: ATTEST_POLICY_TYPE_ACCEPT}
---
kind: network
name: uplink
project: survival
networkKind: NETWORK_KIND_V4
ip: {dhcp: NETWORK_DHCP_TYPE_CLIENT}
---
kind: brand
name: any-maker
---
kind: model
name: small-computer
brand: any-maker
type: AMD64
attr: {Cpus: "4", memory: 4G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: eth0}
    usage: ADAPTER_USAGE_MANAGEMENT
    usagePolicy: {FreeUplink: true}
---
kind: datastore
name: files
dsType: DATASTORE_TYPE_HTTP
dsFQDN: "@DATASTORE@"
dsPath: files
---
kind: datastore
name: images
dsType: DATASTORE_TYPE_CONTAINERREGISTRY
dsFQDN: "@DATASTORE@"
dsPath: samples
---
kind: device
name: first
project: survival
model: small-computer
serialno: "@SERIAL@"
interfaces:
  - intfname: eth0
    intfUsage: ADAPTER_USAGE_MANAGEMENT
    netname: uplink
configItem:
  - {key: timer.config.interval, stringValue: "@POLL_S@"}
  - {key: timer.metric.interval, stringValue: "3600"}
  - {key: newlog.allow.fastupload, stringValue: "true"}
---
kind: netinst
name: apps
project: survival
device: first
networkKind: NETWORK_INSTANCE_KIND_LOCAL
type: NETWORK_INSTANCE_DHCP_TYPE_V4
port: eth0
---
kind: image
name: hello
datastore: images
imageType: IMAGE_TYPE_APPLICATION
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
  appType: APP_TYPE_CONTAINER
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_NOHYPER
  images:
    - {imagename: hello, imageformat: CONTAINER, drvtype: HDD, target: Disk}
  interfaces:
    - {name: eth0}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
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
@PROGRAM@
          - path: /www/cgi-bin/end
            permissions: "0755"
            content: |
              #!/bin/sh
              printf 'Content-Type: text/plain\\r\\n\\r\\n'
              echo "$QUERY_STRING" > /tmp/end
"""

INSTANCE = """\
kind: instance
name: "@NAME@"
title: "@TITLE@"
app: hello
device: first
project: survival
appType: APP_TYPE_CONTAINER
activate: @ACTIVATE@
logs: {access: true}
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives:
  - {imagename: hello, drvtype: HDD, target: Disk}
interfaces:
  - intfname: eth0
    intforder: 1
    netinstname: apps
    acls:
      - name: web
        matches:
          - {type: protocol, value: tcp}
          - {type: lport, value: "@PORT@"}
        actions:
          - {portmap: true, mapparams: {port: 80}}
"""

MACHINE = """\
kind: image
name: @NAME@
datastore: files
imageType: IMAGE_TYPE_APPLICATION
imageFormat: @FORMAT@
imageArch: AMD64
imageRelUrl: @FILE@
imageSha256: "@SHA256@"
imageSizeBytes: "@BYTES@"
---
kind: app
name: @NAME@
manifestJSON:
  name: @NAME@
  acKind: VMManifest
  acVersion: 1.2.0
  appType: APP_TYPE_VM
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_HVM
  images:
    - {imagename: @NAME@, imageformat: @FORMAT@, drvtype: HDD, target: Disk}
  interfaces:
    - {name: eth0}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "131072"}
---
kind: instance
name: @NAME@
app: @NAME@
device: first
project: survival
appType: APP_TYPE_VM
logs: {access: true}
vminfo: {cpus: 1, memory: 131072, mode: HV_HVM, bootloaderMode: VM_BOOTLOADER_MODE_LEGACY}
drives:
  - {imagename: @NAME@, drvtype: HDD, target: Disk}
interfaces:
  - intfname: eth0
    intforder: 1
    netinstname: apps
    acls:
      - name: web
        matches:
          - {type: protocol, value: tcp}
          - {type: lport, value: "@PORT@"}
        actions:
          - {portmap: true, mapparams: {port: 80}}
"""


def filled_in(text: str, **values: object) -> str:
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    return text


class Failed(AssertionError):
    """Something did not come in time; carries the last lines of both logs."""


@dataclass
class Line:
    root: Path
    name: str  # of the node: tells this line from others on the machine
    net: IPv4Network
    datastore_port: int = 0
    device_port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    node_options: tuple[str, ...] = ()
    node_environment: Mapping[str, str] = field(default_factory=dict[str, str])
    _controller: "subprocess.Popen[bytes] | None" = None
    _node: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return str(self.net[1])

    @property
    def address(self) -> str:
        return str(self.net[2])

    @property
    def netns(self) -> str:
        return f"eaves-l-{self.name}"

    @property
    def link(self) -> str:
        return f"el-{self.name}"

    @property
    def state(self) -> Path:
        return self.root / "node"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def run_dir(self) -> Path:
        return Path("/run/eaves-node", self.name)

    # The machine that the node is on

    def plug_in(self) -> None:
        """Namespace and cable."""
        ip("netns", "add", self.netns)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        ip("addr", "add", f"{self.host}/24", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", self.netns, "link", "set", "lo", "up")
        ip("-n", self.netns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.netns, "link", "set", "eth0", "up")
        ip("-n", self.netns, "route", "add", "default", "via", self.host)

    def cut_power(self) -> None:
        """Everything of the node but its state directory is gone at once."""
        claims = self._claims()
        names = self._app_namespaces()
        end = time.monotonic() + 20
        while ours(running(), claims):
            kill(claims)
            if time.monotonic() > end:
                raise Failed(f"not killed: {ours(running(), claims)}")
            time.sleep(0.02)
        self._node_is_gone()
        _unmount_below(self.run_dir)
        _unmount_below(self.state)
        for name in (*names, self.netns):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self.link], check=False, capture_output=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.run_dir.parent.rmdir()
        self._remove_control_groups()

    def _claims(self) -> Claims:
        names = (self.netns, *self._app_namespaces())
        inodes = {netns_of(NETNS / name) for name in names}
        own = {netns_of(Path("/proc/1/ns/net")), netns_of(Path("/proc/self/ns/net")), 0}
        return Claims(
            token=self.token,
            namespaces=frozenset(inodes - own),
            cgroups=(f"/eaves/{self.name}",),
            spare=frozenset({os.getpid()}),
        )

    def _app_namespaces(self) -> list[str]:
        found = NETNS.glob(f"eaves-{self.name}-app*") if NETNS.is_dir() else ()
        return [path.name for path in found]

    def _remove_control_groups(self) -> None:
        end = time.monotonic() + 5
        for root in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*")):
            group = root / "eaves" / self.name
            if not group.is_dir():
                continue
            for at, _, _ in os.walk(group, topdown=False):
                while Path(at).exists() and time.monotonic() < end:
                    with contextlib.suppress(OSError):
                        Path(at).rmdir()
            with contextlib.suppress(OSError):
                group.parent.rmdir()

    # The processes

    def start_controller(self) -> None:
        password = self.root / "password"
        if not password.exists():
            password.write_text(f"{secrets.token_urlsafe(12)}\n")
        self._controller = self._start(
            "controller",
            *("controller", "--state-dir", str(self.root / "controller")),
            *("--device-listen", f"0.0.0.0:{self.device_port}"),
            *("--rest-listen", f"127.0.0.1:{self.rest_port}"),
            *("--device-server", f"{self.host}:{self.device_port}"),
            *("--admin-password-file", str(password)),
            environment={},
        )
        self.until("the controller answers", self._rest_answers, 60)

    def stop_controller(self) -> None:
        if self._controller is not None:
            self._controller.terminate()
            self._controller.wait(30)
            self._controller = None

    def start_node(self, *, wait: bool = True) -> None:
        """`wait`: until its status is that of this process."""
        self._node = self._start(
            "node",
            *("node", "--tpm", "none", "--name", self.name, "--config", str(self.root / "config")),
            *("--state-dir", str(self.state), *self.node_options),
            enter=(
                *("nsenter", f"--net={NETNS / self.netns}", "--"),
                *("env", *(f"{k}={v}" for k, v in self.node_environment.items())),
            ),
            environment={RUN_VARIABLE: self.token},
        )
        if wait:
            pid = self._node.pid
            self.until(
                "the node says how it is",
                lambda: self.has_status() and self.status().pid == pid,
                60,
            )

    def kill_node(self) -> None:
        assert self._node is not None
        self._node.kill()
        self._node_is_gone()

    def _node_is_gone(self) -> None:
        if self._node is not None:
            self._node.wait(30)
            self._node = None

    def _start(
        self,
        log: str,
        *words: str,
        enter: tuple[str, ...] = (),
        environment: Mapping[str, str],
    ) -> "subprocess.Popen[bytes]":
        with (self.root / f"{log}.log").open("ab") as output:
            return subprocess.Popen(
                [*enter, *EAVES, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    # What a user types

    def log_in(self) -> None:
        root = self.root / "controller" / "root-certificate.pem"
        self.eaves(
            *("login", f"https://localhost:{self.rest_port}", "--ca", str(root)),
            *("--password-file", str(self.root / "password")),
        )

    def eaves(self, *words: str) -> str:
        done = subprocess.run(
            [*EAVES, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            env={**os.environ, "EAVES_CONFIG": str(self.root / "cli")},
        )
        assert done.returncode == 0, f"eaves {' '.join(words)}: {done.stderr or done.stdout}"
        return done.stdout

    def apply(self, text: str, **values: object) -> str:
        path = self.root / "apply.yaml"
        path.write_text(
            filled_in(text, datastore=f"http://{self.host}:{self.datastore_port}", **values)
        )
        return self.eaves("apply", "-f", str(path))

    def deploy(
        self, name: str, port: int, *, activate: bool = True, title: str = "", wait: bool = True
    ) -> str:
        """An instance of the counting container; returns what apply said."""
        said = self.apply(
            INSTANCE, name=name, port=port, activate=str(activate).lower(), title=title or name
        )
        if wait and activate:
            self.until(f"{name} answers", lambda: self.get(port) == "hello", 90)
        return said

    def remove(self, *names: str) -> None:
        """Delete instances and wait until the node has none of them and nothing left to do."""
        self.eaves("delete", "instance", *names)
        self.until(
            f"{names} are gone",
            lambda: not set(self.apps()) & set(names) and self.settled(),
            90,
        )

    def why(self, name: str) -> str:
        return self.eaves("why", "instance", name)

    def lines_of(self, name: str) -> list[str]:
        """What the app printed, as the controller has it."""
        return [line.partition(" ")[2] for line in self.eaves("logs", name).splitlines()]

    # What the node says on the spot

    def has_status(self) -> bool:
        return read_status(self.run_dir) is not None

    def status(self) -> NodeStatus:
        found = read_status(self.run_dir)
        assert found is not None, f"no status in {self.run_dir}"
        return found

    def apps(self) -> dict[str, AppStatus]:
        return {app.name: app for app in self.status().apps}

    def unmet(self) -> str:
        """All reasons in one text."""
        return "; ".join(f"{u.item} {u.state}: {u.why}" for u in self.status().unmet)

    def problem(self) -> str:
        controller = self.status().controller
        return f"{controller.waiting_for} {controller.problem}".strip()

    def settled(self) -> bool:
        return self.status().unmet == []

    def online(self) -> bool:
        return self.status().controller.phase == "online" and not self.problem()

    # What happens in the world

    def get(self, port: int, path: str = "/", timeout_s: float = 5.0) -> str:
        """Body of an HTTP answer behind a port map; empty where there is none."""
        connection = http.client.HTTPConnection(self.address, port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode(errors="replace").strip()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def workloads(self) -> frozenset[tuple[str, int, int]]:
        """Name, pid and start time of all that a node leaves running: apps and their keepers."""
        found: set[Process] = set(ours(running(), self._claims()))
        node = self._node.pid if self._node is not None else 0
        kept = ("conmon", "qemu", "dnsmasq")
        return frozenset(
            (p.name, p.pid, p.start)
            for p in found
            if p.pid != node
            and (p.name.startswith(kept) or any(f"/eaves/{self.name}" in c for c in p.cgroups))
            and p.name not in {"sleep", "httpd", "end", "cat"}  # short-lived, of the apps
        )

    def until(self, what: str, probe: Callable[[], T], timeout_s: float = 90.0) -> T:
        """The first true answer; fails after the deadline."""
        end = time.monotonic() + timeout_s
        while not (answer := probe()):
            if time.monotonic() > end:
                unmet = self.unmet() if self.has_status() else "no status"
                logs = "".join(
                    f"\n--- {log}\n{_tail(self.root / f'{log}.log')}"
                    for log in ("controller", "node")
                )
                raise Failed(f"not within {timeout_s:g} s: {what}; unmet: {unmet}{logs}")
            time.sleep(0.1)
        return answer

    def _rest_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=1)
        try:
            connection.connect()
        except OSError:
            return False
        else:
            return True
        finally:
            connection.close()


class Client:
    """Asks an app behind a port map all the time and counts what went wrong."""

    def __init__(self, line: Line, port: int) -> None:
        self.line, self.port = line, port
        self.answers, self.failures = 0, list[float]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name=f"client of port {port}")

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            if self.line.get(self.port):
                self.answers += 1
            else:
                self.failures.append(time.monotonic())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@contextlib.contextmanager
def whole_line(root: Path, label: str, *, poll_s: int = HOUR_S) -> Generator[Line]:
    """Controller, datastore and an onboarded node with the network instance `apps`; no app yet.

    The node polls once an hour: what it hears sooner came by the long poll.
    """
    root.mkdir(parents=True, exist_ok=True)
    name = f"{label}{os.getpid() % 100_000}"
    line = Line(root, name, free_net(routed_nets(), NETS))
    layout = container_image(CACHE).layout
    shutil.copytree(layout, line.store / "oci" / "samples" / "hello", dirs_exist_ok=True)
    (line.store / "files").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.callback(line.cut_power)
        line.plug_in()
        line.datastore_port = stack.enter_context(datastore(line.store, "0.0.0.0"))
        stack.callback(line.stop_controller)
        line.start_controller()
        line.log_in()
        program = "".join(f"              {text}\n" for text in COUNTER_APP.splitlines())
        serial = f"LINE-{name}"
        line.apply(WORLD, serial=serial, poll_s=poll_s, program=program.rstrip("\n"))
        line.eaves("onboarding", DEVICE, "--out", str(root / "config"))
        line.start_node()
        line.until("the node is on line", line.online, 60)
        line.until("its network is there", line.settled, 60)
        yield line


def add_disk(line: Line) -> tuple[str, int]:
    """The sample machine's disk into the datastore: digest and size."""
    disk = vm_disk(CACHE)
    shutil.copyfile(disk.path, line.store / "files" / "machine.qcow2")
    return disk.sha256, disk.size_bytes


def _unmount_below(folder: Path) -> None:
    rows = (row.split() for row in Path("/proc/self/mountinfo").read_text().splitlines())
    points = [row[4] for row in rows if row[4].startswith(f"{folder}/")]
    for point in sorted(points, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=True, capture_output=True)


def _tail(path: Path, lines: int = 15) -> str:
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
