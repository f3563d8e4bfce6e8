"""Taking interfaces over from the host's own network manager, on trial.  Pure: commands as text.

Before anything is taken, a script that gives all of it back is on its way in a process of its own.
It runs by itself unless the node takes it back, which the node does once it has reached the
controller over what it took.  Whoever kills the node, or its network, gets the host's back.
Nothing that is written survives a restart of the machine: the host's manager starts as before.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from eaves.node.uplinks.layout import PROTOCOL, RULE_PREFERENCE

TRIAL_S = 180
CONFIRMED, EXPIRED = "confirmed", "reverted"


class Manager(StrEnum):
    """Who sets the addresses of an interface now."""

    NETWORK_MANAGER = "NetworkManager"
    NETWORKD = "systemd-networkd"
    IFUPDOWN = "ifupdown"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Held:
    """An interface as the host had it; routes as `ip route` writes and reads them."""

    ifname: str
    manager: Manager
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    up: bool = True


def networkd_file(ifname: str) -> str:
    """Below /run: gone with the next start of the machine."""
    return f"/run/systemd/network/00-eaves-{ifname}.network"


def networkd_text(ifname: str) -> str:
    return f"[Match]\nName={ifname}\n\n[Link]\nUnmanaged=yes\n"


def take_commands(held: Held) -> tuple[tuple[str, ...], ...]:
    """What makes the manager leave the interface alone; addresses stay until they are replaced."""
    match held.manager:
        case Manager.NETWORK_MANAGER:
            return (("nmcli", "device", "set", held.ifname, "managed", "no"),)
        case Manager.NETWORKD:
            return (("networkctl", "reload"),)  # after `networkd_file` was written
        case Manager.IFUPDOWN | Manager.NOBODY:
            return ()


def give_back(held: Held) -> tuple[str, ...]:
    """Lines of a shell script, each of which may fail without stopping the next."""
    name = shlex.quote(held.ifname)
    lines = [
        f"ip address flush dev {name}",
        *(f"ip address add {shlex.quote(a)} dev {name}" for a in held.addresses),
        f"ip link set {name} {'up' if held.up else 'down'}",
        *(f"ip route add {shlex.join(r.split())}" for r in held.routes),
    ]
    match held.manager:
        case Manager.NETWORK_MANAGER:
            lines.append(f"nmcli device set {name} managed yes")
        case Manager.NETWORKD:
            lines.append(f"rm -f {shlex.quote(networkd_file(held.ifname))}")
            lines.append("networkctl reload")
            lines.append(f"networkctl reconfigure {name}")
        case Manager.IFUPDOWN:
            lines.append(f"ifup --force {name}")
        case Manager.NOBODY:
            pass
    return tuple(lines)


def script(helds: Iterable[Held], folder: str, trial_s: int, clients: Iterable[str] = ()) -> str:
    """The guardian.  `folder` holds the trial's word; `clients` are files with pids of ours.

    The word is moved, not written: of two that want it, the guardian and the node, one gets it.
    """
    where = shlex.quote(folder)
    body = [line for held in helds for line in give_back(held)]
    kills = [f"[ -r {shlex.quote(path)} ] && kill $(cat {shlex.quote(path)})" for path in clients]
    return "\n".join(
        [
            "#!/bin/sh",
            "# Written by the Eaves node: gives interfaces back to this machine.",
            "left=" + str(trial_s),
            f'while [ "$left" -gt 0 ] && [ -e {where}/trial ]; do sleep 1; left=$((left-1)); done',
            f"mv {where}/trial {where}/{EXPIRED} 2>/dev/null || exit 0",
            *kills,
            f"while ip rule delete pref {RULE_PREFERENCE} protocol {PROTOCOL} 2>/dev/null",
            "do :; done",
            f"ip route flush table all proto {PROTOCOL}",
            *body,
            "",
        ]
    )
