"""Where the demonstration lives: its folder, its addresses, its ports, its names on the host."""

import ipaddress
import json
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from eaves.errors import Rejected

NETNS: Final = "eaves-demo"
LINK: Final = "eaves-demo0"  # host side of the veth pair
UPLINK: Final = "eth0"  # the other side, in the namespace
SITE: Final = "eaves-demo-site"  # a namespace that only the node has a cable to
SITE_PORT: Final = "eth1"  # of the node
SITE_NET: Final = "192.0.2"
SITE_PEER: Final = f"{SITE_NET}.1"  # who gives addresses there, and listens
SITE_LEASED: Final = f"{SITE_NET}.50"
SITE_WIRE: Final = "wire0"
TABLE: Final = "eaves_demo"  # of family inet
RECORD: Final = Path("/run/eaves-demo/run.json")  # one demonstration for each host
NETS: Final = tuple(ipaddress.IPv4Network(f"10.{b}.{c}.0/24") for b in (231, 87) for c in range(64))


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    net: ipaddress.IPv4Network
    device_port: int
    rest_port: int

    @property
    def host(self) -> str:
        """Address of this machine as the node sees it."""
        return str(self.net[1])

    @property
    def node(self) -> str:
        """Address of the node, where its apps' port maps answer."""
        return str(self.net[2])

    @property
    def rest_url(self) -> str:
        return f"https://localhost:{self.rest_port}"

    @property
    def controller_dir(self) -> Path:
        return self.folder / "controller"

    @property
    def config_dir(self) -> Path:
        return self.folder / "node-config"

    @property
    def node_dir(self) -> Path:
        return self.folder / "node"

    @property
    def store_dir(self) -> Path:
        return self.folder / "datastore"

    @property
    def yaml_dir(self) -> Path:
        return self.folder / "yaml"

    @property
    def cli_dir(self) -> Path:
        return self.folder / "cli"

    @property
    def log_dir(self) -> Path:
        return self.folder / "logs"

    @property
    def password_file(self) -> Path:
        return self.folder / "admin-password"

    def to_json(self) -> str:
        fields = asdict(self)
        return json.dumps({**fields, "folder": str(self.folder), "net": str(self.net)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        net = ipaddress.IPv4Network(fields["net"])
        return cls(Path(fields["folder"]), net, fields["device_port"], fields["rest_port"])


def free_net(
    used: Iterable[ipaddress.IPv4Network],
    candidates: Iterable[ipaddress.IPv4Network] = NETS,
) -> ipaddress.IPv4Network:
    """The first candidate that overlaps nothing in use."""
    taken = tuple(used)
    for net in candidates:
        if not any(net.overlaps(other) for other in taken):
            return net
    raise Rejected(
        "every network that the demo could use (10.231.0.0/18, 10.87.0.0/18) is routed on this host"
    )


def free_port(preferred: int, is_free: Callable[[int], bool], tries: int = 100) -> int:
    """The preferred port, or the next one that is free."""
    for port in range(preferred, preferred + tries):
        if is_free(port):
            return port
    raise Rejected(f"no free TCP port from {preferred} to {preferred + tries - 1} on this host")


def routed_nets() -> list[ipaddress.IPv4Network]:
    """What this host has routes for, the default route left out."""
    shown = subprocess.run(
        ["ip", "-j", "-4", "route", "show", "table", "all"],  # noqa: S607 - from PATH, as root set it
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    nets: list[ipaddress.IPv4Network] = []
    for route in json.loads(shown or "[]"):
        destination = str(route.get("dst", "default"))
        if destination != "default":
            nets.append(ipaddress.IPv4Network(destination, strict=False))
    return nets


def port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def choose_place(folder: Path) -> Place:
    device_port = free_port(8443, port_is_free)
    rest_port = free_port(9443, lambda port: port != device_port and port_is_free(port))
    return Place(folder.absolute(), free_net(routed_nets()), device_port, rest_port)
