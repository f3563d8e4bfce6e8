"""The parts on stage: controller, node, datastore, and the command line that a user would type."""

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from eaves.cli.demo.datastore import datastore
from eaves.cli.demo.place import Place
from eaves.cli.demo.processes import RUN_VARIABLE, ask_to_end, start_of
from eaves.cli.demo.remains import Record
from eaves.cli.demo.sandbox import close_in, in_namespace, make_network
from eaves.cli.demo.tell import DemoFailed, last_lines

EAVES: Final = (sys.executable, "-m", "eaves")
NODE_NAME: Final = "demo"
POLL_S: Final = 0.1
COMMAND_TIMEOUT_S: Final = 90.0
HELLO_PORT, MACHINE_PORT, UNMAPPED_PORT = 8080, 8081, 8090
T = TypeVar("T")


class Memory(msgspec.Struct):
    total_mb: float = msgspec.field(default=0.0, name="TotalMB")
    used_mb: float = msgspec.field(default=0.0, name="UsedMB")


class Counters(msgspec.Struct, rename="camel"):
    rx_bytes: float = 0
    tx_acl_drops: int = 0


class Vif(msgspec.Struct, rename="camel"):
    ip_addrs: tuple[str, ...] = ()


class Current(msgspec.Struct, rename="camel"):
    """The members of a status that the demonstration looks at."""

    run_state: str = ""
    memory: Memory | None = msgspec.field(default=None, name="Memory")
    net_counter_list: tuple[Counters, ...] = ()
    net_status_list: tuple[Vif, ...] = ()


class Taken(msgspec.Struct):
    name: str = ""
    state: str = ""


class Intended(msgspec.Struct, rename="camel"):
    available_snapshots: tuple[Taken, ...] = ()


class _Described(msgspec.Struct):
    intended: Intended = msgspec.field(default_factory=Intended)
    current: Current = msgspec.field(default_factory=Current)


@dataclass(slots=True)
class Scene:
    place: Place
    record: Record
    datastore_port: int
    children: dict[str, "subprocess.Popen[bytes]"] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )

    def log_of(self, name: str) -> Path:
        return self.place.log_dir / f"{name}.log"

    def start_controller(self, *options: str) -> None:
        place = self.place
        with os.fdopen(
            os.open(place.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(secrets.token_urlsafe(12) + "\n")
        argv = [*EAVES, "controller", "--state-dir", str(place.controller_dir)]
        argv += ["--device-listen", f"0.0.0.0:{place.device_port}"]
        argv += ["--rest-listen", f"0.0.0.0:{place.rest_port}"]
        argv += ["--device-server", f"{place.host}:{place.device_port}"]
        argv += ["--admin-password-file", str(place.password_file), *options]
        self.children["controller"] = self.record.start(argv, self.log_of("controller"))

    def log_in(self) -> None:
        root = self.place.controller_dir / "root-certificate.pem"
        self.until("the controller answers", self._rest_answers, 180)
        self.eaves(
            *("login", self.place.rest_url, "--ca", str(root)),
            *("--password-file", str(self.place.password_file)),
        )

    def _rest_answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.place.rest_port)) == 0

    def start_node(self, *options: str) -> None:
        """Without options it leaves no keys in the TPM of this machine."""
        argv = [*EAVES, "node", "--name", NODE_NAME, "--config", str(self.place.config_dir)]
        argv += ["--state-dir", str(self.place.node_dir), *(options or ("--tpm", "none"))]
        self.children["node"] = self.record.start(in_namespace(argv), self.log_of("node"))

    def stop_node(self) -> None:
        node = self.children.pop("node")
        ask_to_end([(node.pid, start_of(node.pid))], COMMAND_TIMEOUT_S)
        node.wait()

    def start_node_that_ends(self, *options: str) -> str:
        """A node that cannot go on: what it says last.  Raises DemoFailed when it does go on."""
        self.start_node(*options)
        node = self.children.pop("node")
        try:
            node.wait(COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(f"the node runs with {' '.join(options)}") from error
        return last_lines(self.log_of("node"), 1).strip()

    def eaves(self, *words: str) -> str:
        """What a user's `eaves WORDS` prints.  Raises DemoFailed with what it complains of."""
        done = self.try_eaves(*words)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise DemoFailed(f"`eaves {' '.join(words)}` ended with {done.returncode}: {said}")
        return done.stdout

    def try_eaves(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {"EAVES_CONFIG": str(self.place.cli_dir), RUN_VARIABLE: self.record.token}
        try:
            return subprocess.run(  # noqa: S603 - our own program
                [*EAVES, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_TIMEOUT_S,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(
                f"`eaves {' '.join(words)}` did not end within {COMMAND_TIMEOUT_S:g} s"
            ) from error

    def current(self, kind: str, name: str) -> "Current":
        """What is known to be, as `eaves describe` shows it."""
        return self._described(kind, name).current

    def intended(self, kind: str, name: str) -> "Intended":
        """What should be, as `eaves describe` shows it."""
        return self._described(kind, name).intended

    def _described(self, kind: str, name: str) -> "_Described":
        shown = self.eaves("describe", kind, name, "-o", "json")
        return msgspec.json.decode(shown, type=_Described)

    def apply(self, name: str, **values: str) -> str:
        """Write a sample YAML with its values filled in, and apply it as a user would."""
        return self.eaves("apply", "-f", str(self.write_yaml(name, **values)))

    def write_yaml(self, name: str, **values: str) -> Path:
        values = {
            "HOST": self.place.host,
            "DATASTORE": f"http://{self.place.host}:{self.datastore_port}",
            "DATASTORE_PORT": str(self.datastore_port),
            **values,
        }
        text = filled_in(files("eaves.cli.demo").joinpath(name).read_text("utf-8"), values)
        self.place.yaml_dir.mkdir(exist_ok=True)
        path = self.place.yaml_dir / name
        path.write_text(text)
        return path

    def until(
        self, what: str, probe: Callable[[], T], timeout_s: float, pause_s: float = POLL_S
    ) -> T:
        """The first true answer of `probe`.  Raises DemoFailed when it does not come, or when the
        controller or the node has ended, with the last lines of their logs.
        """
        deadline = time.monotonic() + timeout_s
        while not (answer := probe()):
            for name, child in self.children.items():
                code = child.poll()
                if code is not None:
                    log = last_lines(self.log_of(name))
                    raise DemoFailed(f"the {name} ended with {code}; its last lines:\n{log}")
            if time.monotonic() >= deadline:
                logs = "\n".join(
                    f"  last lines of the {name}:\n{last_lines(self.log_of(name))}"
                    for name in self.children
                )
                raise DemoFailed(f"not within {timeout_s:g} s: {what}{_busy()}\n{logs}")
            time.sleep(pause_s)
        return answer

    def get(self, port: int, path: str = "/", timeout_s: float = 10.0) -> str:
        """Body of an HTTP answer from the node's address; empty where there is none (yet)."""
        connection = http.client.HTTPConnection(self.place.node, port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return ""
        else:
            return body if answer.status == http.HTTPStatus.OK else ""
        finally:
            connection.close()


def _busy() -> str:
    """What to do where nothing but time was missing."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load <= cores:
        return ""
    busy = f"this machine has a load of {load:.1f} for {cores} cores"
    return f"; {busy}: end what else runs on it, and try again"


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """`@NAME@` replaced by its value, everywhere."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


@contextmanager
def on_stage(place: Place, record: Record) -> Generator[Scene]:
    """Network and datastore for the time of the block; processes are ended by `remains.remove`."""
    make_network(place)
    place.store_dir.mkdir(parents=True, exist_ok=True)
    with datastore(place.store_dir, place.host) as port:
        close_in(place, port)
        yield Scene(place, record, port)
