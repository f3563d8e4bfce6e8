"""How a node is started: read once, then passed on by value."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eaves.node.refs import node_prefix
from eaves.node.tpm.quoter import DEFAULT_EVENT_LOG

DEFAULT_BOOT_ENV = Path("/run/eaves/boot.env")


class HostPower(StrEnum):
    """What a reboot command does to the machine under the node."""

    NONE = "none"  # apps stop, the network goes, the node process starts anew
    REAL = "real"  # the machine restarts


class HostNetwork(StrEnum):
    """Who sets up the interfaces of this machine."""

    BORROWED = "borrowed"  # the host's own network manager; the node uses what it finds
    MANAGED = "managed"  # the node, for the interfaces that it is given
    OWNED = "owned"  # the node, for all that is there: nobody else does on this machine


@dataclass(frozen=True, slots=True)
class Settings:
    config_dir: Path  # server, root-certificate.pem, onboarding key
    state_dir: Path
    run_dir: Path  # on a file system that a power cut empties
    name: str  # tells nodes of one machine apart: interface tables, cgroups
    host_power: HostPower = HostPower.NONE
    tpm: str | None = None  # how tpm2-tss reaches it; empty: none; None: that of the machine
    event_log: Path = DEFAULT_EVENT_LOG  # of the boot
    boot_env: Path = DEFAULT_BOOT_ENV  # written by the initrd of an image of ours
    host_network: HostNetwork = HostNetwork.BORROWED
    interfaces: tuple[str, ...] = ()  # handed over to the node

    @property
    def table(self) -> str:
        """Name of the node's nftables tables."""
        return node_prefix(self.name)


DEFAULT_CONFIG = Path("/etc/eaves/node")
DEFAULT_STATE = Path("/var/lib/eaves/node")
NO_TPM = "none"  # as an option says it
RUN_ROOT = Path("/run/eaves-node")
