"""What the node says of its ports: to the controller, and to who stands before it.  Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from eaves.evapi.evecommon import (
    NetworkConfigOrigin,
    PhyIoMemberUsage,
    PortConfigSource,
    ProxyProto,
)
from eaves.evapi.info import (
    DevicePort,
    DevicePortStatus,
    ErrorInfo,
    PNACStatus,
    Severity,
    SupplicantState,
    SystemAdapterInfo,
    WirelessStatus,
    ZCellularStatus,
    ZInfoDNS,
)
from eaves.evapi.info.adapters import ProxyEntry, ProxyStatus, WirelessType
from eaves.node import refs
from eaves.node.uplinks.entries import SCHEMES
from eaves.node.uplinks.model import Kept, PortPlan, PortResult, Source
from eaves.node.uplinks.seen import Seen, SeenPort
from eaves.node.uplinks.verify import State

ORIGINS = {
    Source.CONTROLLER: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_CONTROLLER,
    Source.BOOTSTRAP: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_BOOTSTRAP,
    Source.OVERRIDE: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_OVERRIDE,
    Source.USB: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_OVERRIDE,
    Source.MANUAL: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_TUI,
    Source.LAST_RESORT: NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_LASTRESORT,
}
PROTOS: Mapping[str, ProxyProto] = {word: proto for proto, word in SCHEMES.items()}


def system_adapter(state: State, seen: Seen) -> SystemAdapterInfo:
    """Best entry first; of the one in force, what its ports really have."""
    index = state.index
    return SystemAdapterInfo(
        current_index=max(0, index),
        status=tuple(
            _entry(kept, seen if n == index else Seen()) for n, kept in enumerate(state.ledger)
        ),
    )


def _entry(kept: Kept, seen: Seen) -> DevicePortStatus:
    entry, marks = kept.entry, kept.marks
    return DevicePortStatus(
        version=1,
        key=entry.source,
        time_priority=entry.at,
        last_failed=marks.failed,
        last_succeeded=marks.succeeded,
        last_error=marks.error,
        ports=tuple(
            _port(plan, seen.port(plan.label), marks.port(plan.label), entry.source, entry.at)
            for plan in entry.ports
        ),
    )


def _port(
    plan: PortPlan, seen: SeenPort | None, result: PortResult, source: Source, at: datetime
) -> DevicePort:
    link = seen.link if seen else None
    addresses = tuple(a.partition("/")[0] for a in link.addresses) if link else ()
    ip = plan.ip
    dns = seen.dns if seen else (ip.dns if ip else ())
    ntp = seen.ntp if seen else (ip.ntp if ip else ())
    return DevicePort(
        ifname=link.ifname if link else "",
        name=plan.label,
        is_mgmt=plan.management,
        free=plan.cost == 0,
        dhcp_type=int(ip.dhcp) if ip else 0,
        subnet=ip.address if ip else "",
        gateway=ip.gateway if ip else "",
        domainname=seen.domain if seen else "",
        ntp_server=next(iter(ntp), ""),
        more_ntp_servers=ntp[1:],
        dns_servers=dns,
        proxy=_proxy(plan, seen),
        mac_addr=link.mac if link else "",
        ip_addrs=addresses,
        default_routers=link.gateways if link else (),
        dns=ZInfoDNS(dns_servers=dns, dns_domain=seen.domain if seen else ""),
        up=bool(link and link.up),
        err=_error(plan, seen, result),
        usage=plan.usage
        if plan.usage != PhyIoMemberUsage.PhyIoUsageNone
        else PhyIoMemberUsage.PhyIoUsageMgmtAndApps,
        network_uuid=plan.network_id,
        cost=plan.cost,
        mtu=link.mtu if link else plan.mtu,
        config_source=PortConfigSource(origin=_origin(plan, source), submitted_at=at),
        wireless_status=_wireless(plan, seen),
        pnac_status=_access(plan, seen),
    )


def _origin(plan: PortPlan, source: Source) -> NetworkConfigOrigin:
    lps = NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_LPS
    return lps if plan.on_the_spot else ORIGINS[source]


def _wireless(plan: PortPlan, seen: SeenPort | None) -> WirelessStatus | None:
    """Of a mobile port whose modem was asked whom it hears."""
    if plan.cellular is None or seen is None or not seen.providers:
        return None
    return WirelessStatus(
        type=WirelessType.WIRELESS_TYPE_CELLULAR,
        cellular=ZCellularStatus(providers=seen.providers),
    )


def _access(plan: PortPlan, seen: SeenPort | None) -> PNACStatus | None:
    """Of a port that is to authenticate itself (802.1X)."""
    if plan.access is None:
        return None
    told = seen.access if seen is not None else None
    error = told.error if told is not None else _not_authenticated(seen)
    return PNACStatus(
        enabled=told is not None and told.enabled,
        state=told.state if told is not None else SupplicantState.SUPPLICANT_STATE_UNSPECIFIED,
        last_auth_timestamp=told.since if told is not None else None,
        err=ErrorInfo(
            description=f"port {plan.label}: 802.1X: {error}", severity=Severity.SEVERITY_ERROR
        )
        if error
        else None,
    )


def _not_authenticated(seen: SeenPort | None) -> str:
    """A port of an entry that is not in force has nothing to say."""
    if seen is None or seen.link is None:
        return ""
    if not seen.managed:
        return (
            "its interface belongs to the machine's own network, which has to authenticate it; or "
            "hand it over with --host-network=managed --interface"
        )
    return "no supplicant speaks for it yet; adapters and VLANs of them authenticate, bonds do not"


def _proxy(plan: PortPlan, seen: SeenPort | None) -> ProxyStatus | None:
    told = plan.proxy
    if not told.in_use:
        return None
    return ProxyStatus(
        proxies=tuple(
            ProxyEntry(type=int(PROTOS[s.scheme]), server=s.host, port=s.port) for s in told.servers
        ),
        exceptions=",".join(told.exceptions),
        pacfile="",  # its text may hold what is nobody's business; that there is one is enough
        network_proxy_enable=told.automatic,
        network_proxy_url=told.pac_url,
        wpad_url=seen.wpad_url if seen else "",
    )


def _error(plan: PortPlan, seen: SeenPort | None, result: PortResult) -> ErrorInfo | None:
    """What is wrong with the configuration stands before what a test said."""
    local = seen.local_error() if seen else plan.wrong
    text = local or result.error
    if text:
        return ErrorInfo(
            description=text, severity=Severity.SEVERITY_ERROR, timestamp=result.failed
        )
    notice = plan.left_out or (seen.conflict if seen else "")
    warning = result.warning or (f"port {plan.label}: {notice}" if notice else "")
    if warning:
        return ErrorInfo(description=warning, severity=Severity.SEVERITY_WARNING)
    return None


def ports_of(seen: Seen) -> tuple[refs.Port, ...]:
    """For network instances and reports: ports whose interface is there."""
    return tuple(
        refs.Port(
            p.plan.label,
            p.link.ifname,
            p.link.up,
            p.link.mac,
            p.link.mtu,
            p.link.addresses,
            p.link.gateways,
            p.dns,
            p.plan.management,
            p.plan.cost,
            p.plan.shared_labels,
            p.managed,
            p.wireless,
            alias=p.plan.alias,
        )
        for p in seen.ports
        if p.link is not None
    )


# On the spot


class ShownPort(msgspec.Struct, frozen=True):
    label: str
    ifname: str = ""
    management: bool = False
    cost: int = 0
    up: bool = False
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    proxy: str = ""
    roots: tuple[str, ...] = ()  # of the proxy, PEM
    names: tuple[str, ...] = ()  # servers that look names up for it; none: the machine does
    error: str = ""
    warning: str = ""
    last_succeeded: datetime | None = None
    access: str = ""  # how its authentication (802.1X) stands, where it is asked for


class ShownEntry(msgspec.Struct, frozen=True):
    key: str
    at: datetime
    in_force: bool
    standing: str
    last_succeeded: datetime | None = None
    last_failed: datetime | None = None
    last_error: str = ""
    last_warning: str = ""


class Shown(msgspec.Struct, frozen=True):
    """What `eaves node diag` reads."""

    at: datetime
    server: str
    host_network: str  # borrowed or managed
    managed: tuple[str, ...] = ()
    phase: str = ""
    entries: tuple[ShownEntry, ...] = ()
    ports: tuple[ShownPort, ...] = ()
    failing: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()  # URLs that tell whether the Internet is there


@dataclass(frozen=True, slots=True)
class Setting:
    server: str
    host_network: str
    managed: frozenset[str]
    asked: tuple[str, ...] = ()


def shown(
    state: State,
    seen: Seen,
    failing: Iterable[str],
    proxies: Mapping[str, str],
    setting: Setting,
    now: datetime,
) -> Shown:
    """`proxies`: of each port for the controller; empty text: none."""
    marks = next((k.marks for n, k in enumerate(state.ledger) if n == state.index), None)
    return Shown(
        now,
        setting.server,
        setting.host_network,
        tuple(sorted(setting.managed)),
        state.phase,
        tuple(_shown_entry(k, in_force=n == state.index) for n, k in enumerate(state.ledger)),
        tuple(
            _shown_port(p, marks.port(p.plan.label) if marks else PortResult(), proxies)
            for p in seen.ports
        ),
        tuple(sorted(failing)),
        setting.asked,
    )


def _shown_entry(kept: Kept, *, in_force: bool) -> ShownEntry:
    marks = kept.marks
    return ShownEntry(
        kept.entry.source,
        kept.entry.at,
        in_force,
        marks.standing.name.lower().replace("_", " "),
        marks.succeeded,
        marks.failed,
        marks.error,
        marks.warning,
    )


def _shown_port(port: SeenPort, result: PortResult, proxies: Mapping[str, str]) -> ShownPort:
    link = port.link
    return ShownPort(
        port.plan.label,
        link.ifname if link else "",
        port.plan.management,
        port.plan.cost,
        bool(link and link.up),
        link.addresses if link else (),
        link.gateways if link else (),
        port.dns,
        proxies.get(port.plan.label, ""),
        port.plan.proxy.roots,
        port.servers,
        port.local_error() or result.error,
        result.warning or port.plan.left_out or port.conflict,
        result.succeeded,
        _shown_access(_access(port.plan, port)),
    )


def _shown_access(told: PNACStatus | None) -> str:
    if told is None:
        return ""
    state = told.state.name.removeprefix("SUPPLICANT_STATE_").lower()
    word = state if told.enabled else "off"
    return f"{word}: {told.err.description}" if told.err else word
