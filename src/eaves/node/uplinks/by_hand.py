"""Ports as somebody who stands before the machine sets them.  Pure.

Only how a port gets its address and finds its proxy may be set.  What it costs, who may use it, its
labels and what lies below it are the controller's alone; and once that configured this device, it
says which ports may be set at all.  Source: node reference, sections 5.5 and 8.6.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from eaves.errors import EavesError, Rejected
from eaves.evapi.config import (
    EdgeDevConfig,
    NetworkConfig,
    PhysicalIO,
    SystemAdapter,
    decode_edge_dev_config,
)
from eaves.evapi.evecommon import (
    DHCPType,
    Ipspec,
    NetworkType,
    PhyIoType,
    ProxyConfig,
    ProxyProto,
    ProxyServer,
)
from eaves.node.uplinks.entries import entry_of, slim
from eaves.node.uplinks.hand import AS_CONFIGURED, PortByHand, Settable
from eaves.node.uplinks.model import Adapter, Entry, Source

BY_HAND: Final = "by-hand:"  # of a network that was made here
PROXIED: Final = (ProxyProto.PROXY_HTTP, ProxyProto.PROXY_HTTPS)


class NotSet(Rejected):
    """The text says why, and what to write instead."""


def settable(base: EdgeDevConfig, told: EdgeDevConfig | None) -> tuple[Settable, ...]:
    """`base`: of the ports in force; `told`: what the controller wants, once it said so."""
    return tuple(
        Settable(
            _now(adapter, network),
            _refused(adapter.name, told),
            by_hand=network.id.startswith(BY_HAND),
        )
        for adapter, network in _with_addresses(base)
    )


def entry_by_hand(
    base: EdgeDevConfig, wish: PortByHand, told: EdgeDevConfig | None, at: datetime
) -> Entry:
    """The ports of `base` with the one that is set.  Raises NotSet."""
    found = next((pair for pair in _with_addresses(base) if pair[0].name == wish.port), None)
    if found is None:
        raise NotSet(f"this machine has no port {wish.port[:64]!r} with an address of its own")
    if refused := _refused(wish.port, told):
        raise NotSet(refused)
    _check(wish)
    adapter, network = found
    made = _network(wish, network)
    address = "" if wish.dhcp else wish.address.strip()
    config = replace(
        base,
        networks=(*(n for n in base.networks if n.id != made.id), made),
        system_adapter_list=tuple(
            replace(a, network_uuid=made.id, addr=address) if a is adapter else a
            for a in base.system_adapter_list
        ),
    )
    entry = entry_of(slim(config), Source.MANUAL, at)
    port = next(p for p in entry.ports if p.label == wish.port)
    if port.wrong:
        raise NotSet(port.wrong)
    if not entry.usable:
        raise NotSet("no port would reach the controller; set one that is for management")
    return entry


def base_of(entry: Entry) -> EdgeDevConfig:
    """What `entry` was made from; the last resort was made from what is plugged in."""
    if entry.config:
        try:
            return decode_edge_dev_config(entry.config)
        except EavesError as error:
            raise NotSet(f"the ports in force cannot be read: {error}") from error
    adapters = {d.label: d for d in entry.devices if isinstance(d, Adapter)}
    return EdgeDevConfig(
        device_io_list=tuple(
            PhysicalIO(
                ptype=PhyIoType.PhyIoNetEth,
                phylabel=label,
                logicallabel=label,
                phyaddrs={"ifname": device.named.ifname},
            )
            for label, device in adapters.items()
        ),
        system_adapter_list=tuple(
            SystemAdapter(name=p.label, uplink=p.management, network_uuid=p.label)
            for p in entry.ports
            if p.device in adapters
        ),
        networks=tuple(
            NetworkConfig(id=p.label, type=NetworkType.V4, ip=Ipspec(dhcp=DHCPType.Client))
            for p in entry.ports
        ),
    )


def _with_addresses(config: EdgeDevConfig) -> Iterator[tuple[SystemAdapter, NetworkConfig]]:
    """A port without a network only lends itself to those of apps."""
    networks = {network.id: network for network in config.networks}
    for adapter in config.system_adapter_list:
        if (network := networks.get(adapter.network_uuid)) is not None:
            yield adapter, network


def _refused(label: str, told: EdgeDevConfig | None) -> str:
    if told is None or not told.system_adapter_list:
        return ""  # nobody else says how this machine reaches its controller
    adapter = next((a for a in told.system_adapter_list if a.name == label), None)
    if adapter is None:
        return f"port {label} is not in the configuration of this device"
    if not adapter.allow_local_modifications:
        return f"port {label}: the controller does not allow that it is changed on the spot"
    return ""


def _now(adapter: SystemAdapter, network: NetworkConfig) -> PortByHand:
    ip = network.ip or Ipspec()
    static = ip.dhcp is DHCPType.Static
    return PortByHand(
        adapter.name,
        dhcp=not static,
        address=_with_length(adapter.addr, ip.subnet) if static else "",
        gateway=ip.gateway if static else "",
        dns=ip.dns if static else (),
        proxy=_proxy_text(network.ent_proxy),
    )


def _with_length(address: str, subnet: str) -> str:
    """As it is written here; a configuration may leave the length to its network."""
    return address if "/" in address or "/" not in subnet else f"{address}/{subnet.split('/')[1]}"


def _proxy_text(told: ProxyConfig | None) -> str:
    if told is None or told == ProxyConfig():
        return ""
    texts = {f"{one.server}:{one.port}" for one in told.proxies if one.proto in PROXIED}
    plain = replace(told, proxies=()) == ProxyConfig() and len(texts) == 1
    return texts.pop() if plain else AS_CONFIGURED


def _check(wish: PortByHand) -> None:
    label = wish.port
    if wish.dhcp:
        if wish.address or wish.gateway or wish.dns:
            raise NotSet(
                f"port {label}: address, gateway and DNS servers come by DHCP; leave them empty,"
                " or switch DHCP off"
            )
        return
    if "/" not in wish.address:
        raise NotSet(
            f"port {label}: {wish.address[:64]!r} is no address with the length of its subnet;"
            " write one like 192.0.2.7/24"
        )


def _network(wish: PortByHand, before: NetworkConfig) -> NetworkConfig:
    """What is not set stays: the kind of the network, its Wi-Fi or access point, its MTU."""
    ip = Ipspec(dhcp=DHCPType.Client)
    family = before.type
    if not wish.dhcp:
        ip = Ipspec(dhcp=DHCPType.Static, gateway=wish.gateway, dns=wish.dns)
        if ":" in wish.address:
            family = NetworkType.V6
        elif family in (NetworkType.V6, NetworkType.V6Only):
            family = NetworkType.V4
    return replace(
        before,
        id=f"{BY_HAND}{wish.port}",
        type=family,
        ip=ip,
        ent_proxy=_proxy(wish, before.ent_proxy),
    )


def _proxy(wish: PortByHand, before: ProxyConfig | None) -> ProxyConfig | None:
    text = wish.proxy.strip()
    if text == _proxy_text(before):
        return before
    if not text:
        return None
    host, _, number = text.removeprefix("http://").rstrip("/").rpartition(":")
    if not host or not number.isdecimal() or not 0 < int(number) < 65536 or set(host) & set(" /@"):
        raise NotSet(
            f"port {wish.port}: {text[:64]!r} is no proxy; write its name or address and its port,"
            " like 192.0.2.9:3128"
        )
    return ProxyConfig(
        proxies=tuple(ProxyServer(proto=one, server=host, port=int(number)) for one in PROXIED)
    )
