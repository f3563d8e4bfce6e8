"""`override.json` and `usb.json`: ports as somebody at the machine writes them.  Pure.

The form is that of EVE's DevicePortConfig.  It becomes the same message that a controller sends,
so that one place says what a port is.  What such a file names twice, or not as it should be, is
refused as a whole: nobody is there to see that half of it was taken.  Source: node reference,
sections 3 and 5.5.
"""

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, cast

import msgspec

from eaves.errors import Rejected
from eaves.evapi.config import EdgeDevConfig, NetworkConfig, PhysicalIO, SystemAdapter
from eaves.evapi.config.devmodel import ArpMonitor, BondAdapter, MIIMonitor, VlanAdapter
from eaves.evapi.config.netconfig import (
    CellularAccessPoint,
    CellularConfig,
    WifiConfig,
    WirelessConfig,
)
from eaves.evapi.evecommon import (
    BondMode,
    DHCPType,
    Ipspec,
    LacpRate,
    NetworkType,
    PhyIoType,
    ProxyConfig,
    ProxyProto,
    ProxyServer,
    WiFiKeyScheme,
    WirelessType,
)

MOST_BYTES = 256 * 1024
Strings = tuple[str, ...]


class OverrideUnusable(Rejected):
    """The text says what in the file is wrong."""


def _key(name: str) -> str:
    """Upper and lower case of a name do not count."""
    return name.replace("_", "")


class _Part(msgspec.Struct, frozen=True, rename=_key):
    """What is null, or absent, is empty."""


class _Proxy(_Part, frozen=True):
    type: int = 0
    server: str = ""
    port: int = 0


class _Wifi(_Part, frozen=True):
    ssid: str = ""
    key_scheme: int = 0
    identity: str = ""
    password: str = ""
    priority: int = 0


class _AccessPoint(_Part, frozen=True):
    slot_num: int = 0
    apn: str = ""
    forbid_roaming: bool = False


class _Cellular(_Part, frozen=True):
    access_points: tuple[_AccessPoint, ...] = ()


class _Wireless(_Part, frozen=True):
    w_type: int = 0
    wifi: tuple[_Wifi, ...] = ()
    cellular: tuple[_AccessPoint, ...] = ()  # of old
    cellular_v2: _Cellular = msgspec.field(default_factory=_Cellular)


class _Vlan(_Part, frozen=True):
    parent_port: str = ""
    id: int = 0


class _Monitor(_Part, frozen=True):
    enabled: bool = False
    interval: int = 0
    up_delay: int = 0
    down_delay: int = 0
    ip_targets: Strings = ()


class _Bond(_Part, frozen=True):
    aggregated_ports: Strings = ()
    mode: int = 0
    lacp_rate: int = 0
    mii_monitor: _Monitor = msgspec.field(default_factory=_Monitor)
    arp_monitor: _Monitor = msgspec.field(default_factory=_Monitor)


class _Port(_Part, frozen=True):
    if_name: str = ""
    name: str = ""
    logicallabel: str = ""
    usb_addr: str = ""
    pci_addr: str = ""
    is_mgmt: bool = False
    free: bool = False
    cost: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    dhcp: int = 0
    type: int = int(NetworkType.V4)
    addr_subnet: str = ""
    gateway: str = ""
    domain_name: str = ""
    ntp_server: str = ""
    ntp_servers: Strings = ()
    dns_servers: Strings = ()
    mtu: int = 0
    network_proxy_enable: bool = False
    network_proxy_url: str = ""
    proxies: tuple[_Proxy, ...] = ()
    exceptions: str = ""
    pacfile: str = ""
    proxy_cert_pem: Strings = ()
    wireless_cfg: _Wireless | None = None
    l2_type: int = 0
    vlan: _Vlan = msgspec.field(default_factory=_Vlan)
    bond: _Bond = msgspec.field(default_factory=_Bond)

    @property
    def label(self) -> str:
        return self.logicallabel or self.name or self.if_name


class _File(_Part, frozen=True):
    version: int = 0
    time_priority: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    ports: tuple[_Port, ...] = ()


_VLAN, _BOND = 1, 2  # L2Type
_FIRST_WITH_MANAGEMENT = 1  # of Version; before, each port was one


def override_config(data: bytes) -> EdgeDevConfig:
    """`config_timestamp` is that of the file, or none.  Raises OverrideUnusable."""
    if len(data) > MOST_BYTES:
        raise OverrideUnusable(f"it has {len(data)} bytes, {MOST_BYTES} at most are read")
    try:
        told = _decoded(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OverrideUnusable(str(error)) from error
    if not told.ports:
        raise OverrideUnusable('it names no port ("Ports")')
    labels = [port.label for port in told.ports]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None or not all(labels):
        raise OverrideUnusable(f"each port needs a name of its own, {twice or 'one'!r} not")
    old = told.version < _FIRST_WITH_MANAGEMENT
    if not old and not any(port.is_mgmt for port in told.ports):
        raise OverrideUnusable('no port is for management ("IsMgmt": true)')
    nics = [port for port in told.ports if port.l2_type not in (_VLAN, _BOND)]
    try:
        return EdgeDevConfig(
            device_io_list=tuple(_io(port) for port in nics),
            system_adapter_list=tuple(_adapter(port, uplink=old) for port in told.ports),
            networks=tuple(_network(port) for port in told.ports if _has_ip(port)),
            vlans=tuple(_vlan(port) for port in told.ports if port.l2_type == _VLAN),
            bonds=tuple(_bond(port) for port in told.ports if port.l2_type == _BOND),
            config_timestamp=_time(told.time_priority),
        )
    except ValueError as error:
        raise OverrideUnusable(str(error)) from error


def _decoded(data: bytes) -> _File:
    return msgspec.convert(_plain(msgspec.json.decode(data)), _File)


def _plain(value: object) -> object:
    """With names in lower case, and without what is null."""
    if isinstance(value, dict):
        named = cast("dict[str, object]", value)  # JSON has no other keys
        return {k.lower(): _plain(v) for k, v in named.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in cast("list[object]", value)]
    return value


def _time(told: datetime | None) -> datetime | None:
    """Year 1 is how Go writes that there is none."""
    return told if told is not None and told.year > 1 else None


def _has_ip(port: _Port) -> bool:
    return port.dhcp != DHCPType.DHCPNoop


def _io(port: _Port) -> PhysicalIO:
    addresses = {"ifname": port.if_name, "usbaddr": port.usb_addr, "pcilong": port.pci_addr}
    wireless = port.wireless_cfg.w_type if port.wireless_cfg else 0
    kinds = {
        WirelessType.WiFi.value: PhyIoType.PhyIoNetWLAN,
        WirelessType.Cellular.value: PhyIoType.PhyIoNetWWAN,
    }
    return PhysicalIO(
        ptype=kinds.get(wireless, PhyIoType.PhyIoNetEth),
        phylabel=port.label,
        logicallabel=port.label,
        phyaddrs={key: value for key, value in addresses.items() if value},
    )


def _adapter(port: _Port, *, uplink: bool) -> SystemAdapter:
    return SystemAdapter(
        name=port.label,
        uplink=port.is_mgmt or uplink,
        free_uplink=port.free and (port.is_mgmt or uplink),
        cost=0 if port.free else port.cost,
        network_uuid=port.label if _has_ip(port) else "",
        addr=port.addr_subnet if port.dhcp == DHCPType.Static else "",
    )


def _network(port: _Port) -> NetworkConfig:
    servers = tuple(s for s in (port.ntp_server, *port.ntp_servers) if s)
    return NetworkConfig(
        id=port.label,
        type=NetworkType(port.type or NetworkType.V4),
        ip=Ipspec(
            dhcp=DHCPType(port.dhcp),
            gateway=port.gateway,
            domain=port.domain_name,
            ntp=next(iter(servers), ""),
            more_ntp=servers[1:],
            dns=port.dns_servers,
        ),
        ent_proxy=_proxy(port),
        wireless=_wireless(port.wireless_cfg) if port.wireless_cfg else None,
        mtu=port.mtu,
    )


def _proxy(port: _Port) -> ProxyConfig | None:
    told = ProxyConfig(
        network_proxy_enable=port.network_proxy_enable,
        network_proxy_url=port.network_proxy_url,
        proxies=tuple(
            ProxyServer(proto=ProxyProto(p.type), server=p.server, port=p.port)
            for p in port.proxies
        ),
        exceptions=port.exceptions,
        pacfile=port.pacfile,
        proxy_cert_pem=tuple(_base64(pem) for pem in port.proxy_cert_pem),
    )
    return None if told == ProxyConfig() else told


def _base64(text: str) -> bytes:
    """As Go writes bytes; PEM as it stands is understood too."""
    return text.encode() if "-----BEGIN" in text else base64.b64decode(text, validate=True)


def _wireless(told: _Wireless) -> WirelessConfig:
    return WirelessConfig(
        type=WirelessType(told.w_type),
        wifi_cfg=tuple(
            WifiConfig(
                wifi_ssid=w.ssid,
                key_scheme=WiFiKeyScheme(w.key_scheme),
                identity=w.identity,
                password=w.password,
                priority=w.priority,
            )
            for w in told.wifi
        ),
        cellular_cfg=tuple(_cellular(told)),
    )


def _cellular(told: _Wireless) -> Iterable[CellularConfig]:
    points = told.cellular_v2.access_points or told.cellular
    if points:
        yield CellularConfig(
            access_points=tuple(
                CellularAccessPoint(sim_slot=p.slot_num, apn=p.apn, forbid_roaming=p.forbid_roaming)
                for p in points
            )
        )


def _vlan(port: _Port) -> VlanAdapter:
    return VlanAdapter(
        logicallabel=port.label,
        interface_name=port.if_name,
        lower_layer_name=port.vlan.parent_port,
        vlan_id=port.vlan.id,
    )


def _bond(port: _Port) -> BondAdapter:
    bond, mii, arp = port.bond, port.bond.mii_monitor, port.bond.arp_monitor
    return BondAdapter(
        logicallabel=port.label,
        interface_name=port.if_name,
        lower_layer_names=bond.aggregated_ports,
        bond_mode=BondMode(bond.mode),
        lacp_rate=LacpRate(bond.lacp_rate),
        mii=MIIMonitor(interval=mii.interval, updelay=mii.up_delay, downdelay=mii.down_delay)
        if mii.enabled
        else None,
        arp=ArpMonitor(interval=arp.interval, ip_targets=arp.ip_targets) if arp.enabled else None,
    )
