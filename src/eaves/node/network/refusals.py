"""What is not made, each with its sentence; and what all network instances share.  Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eaves.evapi.config import NetworkInstanceConfig
from eaves.evapi.config_items import ItemValues
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.addresses import BadSubnet
from eaves.node.network.items import Tracking
from eaves.node.refs import Port

DEFAULT_MTU = 1500
LEAST_MTU, MOST_MTU = 1280, 65535


@dataclass(frozen=True, slots=True)
class Facts:
    """What is neither configured nor a port, and still decides."""

    tracking: Tracking = Tracking.NONE  # what this kernel follows connections in a bridge with
    chosen: Mapping[tuple[NetworkInstanceId, str], str] = field(
        default_factory=dict[tuple[NetworkInstanceId, str], str]
    )  # (network instance, destination) -> interface name of the port that carries it
    controller: str = ""  # host name, asked over the uplinks of a probed default route
    clamp_mss: bool = True  # TCP that is forwarded offers segments that fit the path
    legacy_macs: bool = False  # of apps on local network instances


def clamps_mss(items: ItemValues) -> bool:
    return items.flag("app.enable.tcp.mss.clamping")


def has_legacy_macs(items: ItemValues) -> bool:
    return items.flag("network.local.legacy.mac.address")


@dataclass(slots=True)
class Refusals:
    """Object id -> the sentences that say why it, or a part of it, is not made."""

    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, object_id: str, text: str) -> None:
        sentences = self.texts.setdefault(object_id, [])
        if text not in sentences:
            sentences.append(text)

    def as_mapping(self) -> Mapping[str, str]:
        return {object_id: "; ".join(texts) for object_id, texts in self.texts.items()}


def network_instance_id(config: NetworkInstanceConfig) -> NetworkInstanceId:
    return NetworkInstanceId(config.uuidandversion.uuid if config.uuidandversion else "")


def ports_of(config: NetworkInstanceConfig, ports: Sequence[Port]) -> tuple[Port, ...]:
    """The ports that the label of a network instance matches now."""
    label = config.port.name if config.port else ""
    if not label:
        return ()
    return tuple(p for p in ports if label == p.logical_label or label in p.labels)


def mtu_of(ni: NetworkInstanceConfig, ports: Sequence[Port]) -> int:
    """The lowest of its ports, or what is configured if that is lower."""
    lowest = min((p.mtu for p in ports), default=DEFAULT_MTU)
    mtu = min(ni.mtu or lowest, lowest) if ports else ni.mtu or DEFAULT_MTU
    if not LEAST_MTU <= mtu <= MOST_MTU:
        raise BadSubnet(f"MTU {mtu} is outside {LEAST_MTU} to {MOST_MTU}")
    return mtu


def note_ports(
    ni: NetworkInstanceConfig,
    ni_id: NetworkInstanceId | AppInstanceId,
    ports: Sequence[Port],
    refusals: Refusals,
) -> None:
    """What is wrong with its ports without keeping the network instance from working."""
    label = ni.port.name if ni.port else ""
    if label and not ports:
        refusals.add(
            ni_id,
            f"network instance {ni.displayname}: no port has the label {label!r}; it is"
            " air-gapped until one does",
        )
    low = min(ports, key=lambda p: p.mtu, default=None)
    if low and ni.mtu > low.mtu:
        refusals.add(
            ni_id,
            f"network instance {ni.displayname}: MTU {ni.mtu} is above the {low.mtu} of port"
            f" {low.logical_label}; {low.mtu} is used",
        )
