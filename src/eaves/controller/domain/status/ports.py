"""Ports of a device: the network of each, how it was configured, and the modem behind it."""

from typing import Final

from eaves.controller.domain.contract.devices import GeoLocation
from eaves.controller.domain.contract.networks import NetProxyServer, NetworkProxyProto
from eaves.controller.domain.contract.statuses import (
    CellularStatus,
    ModemDetail,
    NetProxyStatus,
    NetworkConfigOrigin,
    NetworkProvider,
    NetworkStatus,
    PNACPortStatus,
    PNACSupplicantState,
    PortConfigSource,
    RadioAccessTechnology,
    SIMCard,
    ZCellularControlProtocol,
    ZCellularOperatingState,
)
from eaves.controller.domain.contract.stored import made
from eaves.controller.domain.render.adapters import PROXY_PROTOCOLS
from eaves.controller.domain.status.words import dns_info, timestamp, told_error, word
from eaves.evapi.evecommon import PortConfigSource as ToldSource
from eaves.evapi.evecommon import ProxyProto
from eaves.evapi.info import (
    DevicePort,
    GeoLoc,
    PNACStatus,
    ProxyStatus,
    ZCellularModuleInfo,
    ZCellularProvider,
    ZCellularStatus,
    ZInfoDevice,
    ZSimcardInfo,
)

_CONTROL_PROTOCOLS: Final = tuple(ZCellularControlProtocol)
_OPERATING_STATES: Final = tuple(ZCellularOperatingState)
_ORIGINS: Final = tuple(NetworkConfigOrigin)
_PROXY_PROTOCOLS: Final = {told: proto for proto, told in PROXY_PROTOCOLS.items()}
_RADIO_TECHNOLOGIES: Final = tuple(RadioAccessTechnology)
_SUPPLICANT_STATES: Final = tuple(PNACSupplicantState)


def ports_in_force(info: ZInfoDevice) -> tuple[DevicePort, ...]:
    """Those of the network configuration in force."""
    adapters = info.system_adapter
    if adapters is None or not 0 <= adapters.current_index < len(adapters.status):
        return ()
    return adapters.status[adapters.current_index].ports


def port_status(port: DevicePort, info: ZInfoDevice) -> NetworkStatus:
    """`info`: what the device that has the port told; it names the modems and the SIM cards."""
    wireless = port.wireless_status
    return made(
        NetworkStatus,
        if_name=port.name or port.ifname,
        mac_addr=port.mac_addr,
        ip_addrs=port.ip_addrs,
        default_routers=port.default_routers,
        up=port.up,
        uplink=port.is_mgmt,
        mtu=port.mtu,
        dns=dns_info(port.dns),
        err_info=told_error(port.err),
        cellular=_cellular(wireless.cellular if wireless is not None else None, info),
        config_source=_config_source(port.config_source),
        location=_location(port.location),
        pnac_status=_access(port.pnac_status),
        proxy=_proxy(port.proxy),
    )


def _config_source(source: ToldSource | None) -> PortConfigSource | None:
    if source is None:
        return None
    return made(
        PortConfigSource,
        origin=word(_ORIGINS, source.origin),
        submitted_at=timestamp(source.submitted_at),
    )


def _location(place: GeoLoc | None) -> GeoLocation | None:
    """Of the address that the world sees, as the service that the device asked says."""
    if place is None:
        return None
    return made(
        GeoLocation,
        underlay_ip=place.underlay_ip,
        hostname=place.hostname,
        city=place.city,
        region=place.region,
        country=place.country,
        loc=place.loc,
        org=place.org,
        postal=place.postal,
    )


def _access(access: PNACStatus | None) -> PNACPortStatus | None:
    if access is None:
        return None
    return made(
        PNACPortStatus,
        enabled=access.enabled,
        err=told_error(access.err),
        last_auth_timestamp=timestamp(access.last_auth_timestamp),
        supplicant_state=word(_SUPPLICANT_STATES, access.state),
    )


def _proxy(proxy: ProxyStatus | None) -> NetProxyStatus | None:
    if proxy is None:
        return None
    return made(
        NetProxyStatus,
        exceptions=proxy.exceptions,
        network_proxy=proxy.network_proxy_enable,
        network_proxy_url=proxy.network_proxy_url,
        pacfile=proxy.pacfile,
        proxies=tuple(
            made(
                NetProxyServer,
                port=one.port,
                # the first word, HTTP, says something
                proto=_PROXY_PROTOCOLS.get(ProxyProto(one.type), NetworkProxyProto.OTHER),
                server=one.server,
            )
            for one in proxy.proxies
        ),
        wpad_proxy_url=proxy.wpad_url,
    )


def _cellular(told: ZCellularStatus | None, info: ZInfoDevice) -> CellularStatus | None:
    if told is None:
        return None
    name = told.cellular_module  # without one it may be any
    modem = next((one for one in info.cell_radios if name and one.name == name), None)
    return made(
        CellularStatus,
        modem=_modem(modem),
        providers=tuple(_provider(one, told) for one in told.providers),
        sim_cards=tuple(_sim_card(one) for one in info.sims if one.name in told.sim_cards),
    )


def _modem(modem: ZCellularModuleInfo | None) -> ModemDetail | None:
    if modem is None:
        return None
    return made(
        ModemDetail,
        control_protocol=word(_CONTROL_PROTOCOLS, modem.control_protocol),
        firmware_version=modem.firmware_version,
        imei=modem.imei,
        manufacturer=modem.manufacturer,
        model=modem.model,
        operating_state=word(_OPERATING_STATES, modem.operating_state),
    )


def _provider(provider: ZCellularProvider, told: ZCellularStatus) -> NetworkProvider:
    """Since when, and over which radio, is told of the one that serves; of two radios neither."""
    serving = provider.current_serving
    radio = told.current_rats[0] if serving and len(told.current_rats) == 1 else 0
    return made(
        NetworkProvider,
        name=provider.description,
        plmn=provider.plmn,
        roaming=provider.roaming,
        rat=word(_RADIO_TECHNOLOGIES, radio),
        connected_at=timestamp(told.connected_at if serving else None),
    )


def _sim_card(card: ZSimcardInfo) -> SIMCard:
    return made(
        SIMCard,
        iccid=card.iccid,
        imsi=card.imsi,
        slot_activated=card.slot_activated,
        slot_number=card.slot_number,
        state=card.state,
    )
