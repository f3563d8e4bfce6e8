"""The node's own network namespace, one veth pair to it, and one nftables table on the host.

A second namespace, the site, is on a cable of the node's own and touches the host nowhere.
Nothing else of the host changes: no forwarding, no setting of the kernel, no address but that of
the pair.  The table lets the node reach the controller and the datastore, and nothing more.
"""

import subprocess
from collections.abc import Sequence

from eaves.cli.demo.place import (
    LINK,
    NETNS,
    SITE,
    SITE_PEER,
    SITE_PORT,
    SITE_WIRE,
    TABLE,
    UPLINK,
    Place,
)
from eaves.errors import EavesError

TIMEOUT_S = 30.0


class HostRefused(EavesError):
    """A command that changes this host's network did not work."""


def run_tool(argv: Sequence[str], stdin: str = "", *, check: bool = True) -> str:
    """Output of a tool.  Raises HostRefused with what it said, unless `check` is off."""
    try:
        done = subprocess.run(  # noqa: S603 - argv is built from our own names
            argv, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostRefused(f"`{' '.join(argv)}`: {error}") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise HostRefused(f"`{' '.join(argv)}` ended with {done.returncode}: {said}")
    return done.stdout


def rules(place: Place, *more_ports: int) -> str:
    """The whole table.  Connections that the host opens to the node are answered."""
    ports = f"{{ {', '.join(map(str, (place.device_port, *more_ports)))} }}"
    return f"""
table inet {TABLE} {{
    chain from_node {{
        type filter hook input priority -10; policy accept;
        iifname != "{LINK}" accept
        ct state established,related accept
        ip saddr {place.node} ip daddr {place.host} tcp dport {ports} accept
        drop
    }}
    chain through_host {{
        type filter hook forward priority -10; policy accept;
        iifname "{LINK}" drop
        oifname "{LINK}" drop
    }}
}}
"""


def make_network(place: Place) -> None:
    """Namespace, veth pair and addresses; `close_in` follows once all ports are known."""
    run_tool(["ip", "netns", "add", NETNS])
    prefix = place.net.prefixlen
    run_tool(
        ["ip", "-batch", "-"],
        f"link add {LINK} type veth peer name {UPLINK} netns {NETNS}\n"
        f"addr add {place.host}/{prefix} dev {LINK}\n"
        f"link set {LINK} up\n",
    )
    run_tool(
        ["ip", "-n", NETNS, "-batch", "-"],
        f"link set lo up\n"
        f"addr add {place.node}/{prefix} dev {UPLINK}\n"
        f"link set {UPLINK} up\n"
        f"route add default via {place.host}\n",
    )
    _make_site()


def _make_site() -> None:
    """Where an app on a switch lives: addresses come from there, and somebody listens."""
    run_tool(["ip", "netns", "add", SITE])
    run_tool(
        ["ip", "-n", NETNS, "-batch", "-"],
        f"link add {SITE_PORT} type veth peer name {SITE_WIRE} netns {SITE}\n"
        f"link set {SITE_PORT} up\n",
    )
    run_tool(
        ["ip", "-n", SITE, "-batch", "-"],
        f"link set lo up\naddr add {SITE_PEER}/24 dev {SITE_WIRE}\nlink set {SITE_WIRE} up\n",
    )


def close_in(place: Place, *more_ports: int) -> None:
    """`more_ports` of this host that the node may reach, besides the controller's."""
    run_tool(["nft", "-f", "-"], rules(place, *more_ports))


def remove_network() -> None:
    """What `make_network` and `close_in` made, whichever part of it is there."""
    run_tool(["nft", "delete", "table", "inet", TABLE], check=False)
    run_tool(["ip", "link", "delete", LINK], check=False)
    for name in (NETNS, SITE):
        run_tool(["ip", "netns", "delete", name], check=False)


def in_namespace(argv: Sequence[str], name: str = NETNS) -> list[str]:
    """The command that runs `argv` in the namespace.

    Not by `ip netns exec`: that makes a mount namespace without control groups.
    """
    return ["nsenter", f"--net=/run/netns/{name}", "--", *argv]
