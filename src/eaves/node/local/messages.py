"""What a local profile server is told.  Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from eaves.evapi.config import BootOrder, EdgeDevConfig, NetworkConfig, SystemAdapter
from eaves.evapi.evecommon import (
    DHCPType,
    Ipspec,
    NetworkConfigOrigin,
    NetworkType,
    PortConfigSource,
)
from eaves.evapi.info import BootReason, MaintenanceModeReason, ZDeviceState, ZInfoApp
from eaves.evapi.profile import (
    AppBootInfo,
    AppBootInfoList,
    BootOrderSource,
    LocalAppInfo,
    LocalAppInfoList,
    LocalDevInfo,
)
from eaves.evapi.profile_network import (
    IPVersion,
    LocalNetworkConfigInfo,
    NetworkConfigTestingStatus,
    NetworkInfo,
    NetworkPortConfig,
    NetworkPortStatus,
)
from eaves.ids import AppInstanceId
from eaves.node.local.overlay import NO_ORDERS
from eaves.node.local.ports import local_ports, why_refused, with_local_ports
from eaves.node.local.state import LocalState
from eaves.node.refs import ON_THE_SPOT, Port


def app_info_list(apps: Iterable[ZInfoApp], state: LocalState) -> LocalAppInfoList:
    return LocalAppInfoList(
        apps_info=tuple(
            LocalAppInfo(
                id=app.app_id,
                version=app.app_version,
                name=app.app_name,
                err=app.app_err[0] if app.app_err else None,
                state=app.state,
                last_cmd_timestamp=state.apps.get(AppInstanceId(app.app_id), NO_ORDERS).done,
            )
            for app in apps
        )
    )


def device_info_of(
    device_id: str,
    device: ZDeviceState,
    maintenance: tuple[MaintenanceModeReason, ...],
    boot_time: datetime,
    boot_reason: BootReason,
    state: LocalState,
) -> LocalDevInfo:
    return LocalDevInfo(
        device_uuid=device_id,
        state=device,
        maintenance_mode_reasons=maintenance,
        boot_time=boot_time,
        last_boot_reason=boot_reason,
        last_cmd_timestamp=state.device_done,
    )


PROPERTY_ORDERS: Mapping[str, BootOrder] = {
    "usb": BootOrder.BOOT_ORDER_USB,
    "nousb": BootOrder.BOOT_ORDER_NOUSB,
}


def boot_info_list(config: EdgeDevConfig, state: LocalState, of_node: str) -> AppBootInfoList:
    """`config` as the controller has it; `of_node`: what `app.boot.order` says for all."""
    found: list[AppBootInfo] = []
    for app in config.apps:
        name = app.uuidandversion.uuid if app.uuidandversion else ""
        own = app.fixedresources.boot_order if app.fixedresources else 0
        local, node = state.boots.get(AppInstanceId(name), 0), PROPERTY_ORDERS.get(of_node, 0)
        order, source = next(
            (
                (order, source)
                for order, source in (
                    (local, BootOrderSource.BOOT_ORDER_SOURCE_LPS),
                    (own, BootOrderSource.BOOT_ORDER_SOURCE_CONTROLLER),
                    (node, BootOrderSource.BOOT_ORDER_SOURCE_DEVICE_PROPERTY),
                )
                if order
            ),
            (0, BootOrderSource.BOOT_ORDER_SOURCE_UNSPECIFIED),
        )
        found.append(
            AppBootInfo(
                id=name, displayname=app.displayname, boot_order=BootOrder(order), source=source
            )
        )
    return AppBootInfoList(apps_boot_info=tuple(found))


VERSIONS: Mapping[NetworkType, IPVersion] = {
    NetworkType.DualV4V6: IPVersion.IP_VERSION_DUAL_STACK,
    NetworkType.V4Only: IPVersion.IP_VERSION_IPV4_ONLY,
    NetworkType.V6Only: IPVersion.IP_VERSION_IPV6_ONLY,
}


@dataclass(frozen=True, slots=True)
class Reached:
    """How it stands with the controller."""

    answers: bool = False
    error: str = ""
    at: datetime | None = None


def network_info(
    config: EdgeDevConfig, state: LocalState, ports: Iterable[Port], reached: Reached
) -> NetworkInfo:
    """`config` as the controller has it; `ports` as they are now.

    Proxies and wireless networks are left out: they may hold secrets.
    """
    in_force = with_local_ports(config, state)
    networks = {network.id: network for network in in_force.networks}
    told = local_ports(state)
    refused = {port.logical_label: why_refused(port, config) for port in told}
    return NetworkInfo(
        latest_config=tuple(
            _port_config(adapter, networks.get(adapter.network_uuid, NetworkConfig()))
            for adapter in in_force.system_adapter_list
        ),
        config_testing=NetworkConfigTestingStatus(
            controller_reachable=reached.answers,
            connectivity_error=reached.error,
            last_test_time=reached.at,
        ),
        local_config=LocalNetworkConfigInfo(
            ports=tuple(
                NetworkPortConfig(
                    logical_label=port.logical_label,
                    config_applied=not refused[port.logical_label],
                    error_message=refused[port.logical_label],
                )
                for port in told
            ),
            error_message="; ".join(why for why in refused.values() if why),
        ),
        port_status=tuple(
            NetworkPortStatus(
                logical_label=port.logical_label,
                interface_name=port.ifname,
                link_up=port.up,
                mac_address=port.mac,
                ip_addresses=port.addresses,
                gateways=port.gateways,
                dns_servers=port.dns_servers,
                mtu=port.mtu,
            )
            for port in ports
        ),
    )


def _port_config(adapter: SystemAdapter, network: NetworkConfig) -> NetworkPortConfig:
    ip = network.ip or Ipspec()
    local = network.id.startswith(ON_THE_SPOT)
    origin = (
        NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_LPS
        if local
        else NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_CONTROLLER
    )
    return NetworkPortConfig(
        logical_label=adapter.name,
        config_applied=True,
        ip_version=VERSIONS.get(network.type, IPVersion.IP_VERSION_UNSPECIFIED),
        use_dhcp=ip.dhcp != DHCPType.Static,
        dhcp_options_ignore=ip.dhcp_options_ignore,
        ip_addresses=(adapter.addr,) if adapter.addr else (),
        gateways=(ip.gateway,) if ip.gateway else (),
        dns_servers=ip.dns,
        dns_domain=ip.domain,
        ntp_servers=tuple(n for n in (ip.ntp, *ip.more_ntp) if n),
        mtu=network.mtu,
        config_source=PortConfigSource(origin=origin),
        local_modifications_allowed=adapter.allow_local_modifications,
    )
