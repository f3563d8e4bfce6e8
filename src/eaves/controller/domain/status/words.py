"""Words of the device API in the words of the REST contract."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.statuses import (
    DeviceEntity,
    DeviceError,
    DNSInfo,
    Entity,
    NetworkStatus,
    RunState,
    Severity,
    SWState,
)
from eaves.controller.domain.contract.stored import made
from eaves.controller.domain.status.liveness import Contact, Liveness
from eaves.evapi.info import DevicePort, ErrorInfo, ZInfoNetwork, ZSwState
from eaves.evapi.info import Severity as ToldSeverity

T = TypeVar("T")

RUN_STATES = {
    ZSwState.INITIAL: RunState.INIT,
    ZSwState.RESOLVING_TAG: RunState.DOWNLOADING,
    ZSwState.RESOLVED_TAG: RunState.DOWNLOADING,
    ZSwState.DOWNLOAD_STARTED: RunState.DOWNLOADING,
    ZSwState.DOWNLOADED: RunState.VERIFYING,
    ZSwState.VERIFYING: RunState.VERIFYING,
    ZSwState.VERIFIED: RunState.LOADING,
    ZSwState.LOADING: RunState.LOADING,
    ZSwState.LOADED: RunState.LOADING,
    ZSwState.DELIVERED: RunState.LOADING,
    ZSwState.CREATING_VOLUME: RunState.CREATING_VOLUME,
    ZSwState.CREATED_VOLUME: RunState.CREATING_VOLUME,
    ZSwState.INSTALLED: RunState.HALTED,
    ZSwState.AWAITNETWORKINSTANCE: RunState.INIT,
    ZSwState.START_DELAYED: RunState.START_DELAYED,
    ZSwState.BOOTING: RunState.BOOTING,
    ZSwState.RUNNING: RunState.ONLINE,
    ZSwState.HALTING: RunState.HALTING,
    ZSwState.HALTED: RunState.HALTED,
    ZSwState.RESTARTING: RunState.RESTARTING,
    ZSwState.PURGING: RunState.PURGING,
    ZSwState.ERROR: RunState.ERROR,
    ZSwState.PENDING: RunState.INIT,
    ZSwState.SCHEDULING: RunState.INIT,
}
SW_STATES = {
    ZSwState.INITIAL: SWState.INITIAL,
    ZSwState.DOWNLOAD_STARTED: SWState.DOWNLOAD_IN_PROGRESS,
    ZSwState.DOWNLOADED: SWState.DOWNLOADED,
    ZSwState.DELIVERED: SWState.LOADED,
    ZSwState.INSTALLED: SWState.INSTALLED,
    ZSwState.BOOTING: SWState.BOOTING,
    ZSwState.RUNNING: SWState.RUNNING,
    ZSwState.HALTING: SWState.HALTING,
    ZSwState.HALTED: SWState.HALTED,
    ZSwState.RESTARTING: SWState.REFRESHING,
    ZSwState.PURGING: SWState.PURGING,
    ZSwState.RESOLVING_TAG: SWState.RESOLVING_TAG,
    ZSwState.RESOLVED_TAG: SWState.RESOLVED_TAG,
    ZSwState.CREATING_VOLUME: SWState.CREATING_VOLUME,
    ZSwState.CREATED_VOLUME: SWState.CREATED_VOLUME,
    ZSwState.VERIFYING: SWState.VERIFYING,
    ZSwState.VERIFIED: SWState.VERIFIED,
    ZSwState.LOADING: SWState.LOADING,
    ZSwState.LOADED: SWState.LOADED,
    ZSwState.AWAITNETWORKINSTANCE: SWState.AWAITNETWORKINSTANCE,
}


def with_age(reported: RunState, alive: Liveness) -> RunState:
    """A state that a silent device reported long ago is not the state of now."""
    match alive.contact:
        case Contact.ALIVE:
            return reported
        case Contact.SUSPECT:
            return RunState.SUSPECT
        case Contact.SILENT | Contact.NEVER_REGISTERED | Contact.REGISTERED:
            return RunState.UNKNOWN


def run_state(state: ZSwState) -> RunState:
    return RUN_STATES.get(state, RunState.UNKNOWN)


def sw_state(state: ZSwState) -> SWState:
    return SW_STATES.get(state, SWState.UNSPECIFIED)


def timestamp(moment: datetime | None) -> str:
    return "" if moment is None else rfc3339(moment)


def device_error(error: ErrorInfo) -> DeviceError:
    entities = list(Entity)
    severities = list(Severity)
    return made(
        DeviceError,
        description=error.description,
        timestamp=timestamp(error.timestamp),
        severity=_member(severities, int(error.severity), Severity.UNSPECIFIED),
        retry_condition=error.retry_condition,
        entities=tuple(
            made(
                DeviceEntity,
                entity=_member(entities, int(e.entity), Entity.UNSPECIFIED),
                entity_id=e.entity_id,
                entity_name=e.entity_name,
            )
            for e in error.entities
        ),
    )


def _member(members: list[T], number: int, unknown: T) -> T:
    return members[number] if 0 <= number < len(members) else unknown


def device_errors(errors: Iterable[ErrorInfo | None]) -> tuple[DeviceError, ...]:
    return tuple(device_error(error) for error in errors if error is not None and error.description)


FATAL: Final = frozenset({ToldSeverity.SEVERITY_ERROR, ToldSeverity.SEVERITY_UNSPECIFIED})


def fatal(errors: Iterable[ErrorInfo]) -> tuple[ErrorInfo, ...]:
    """Of the others nothing says that the device will not get over them."""
    return tuple(error for error in errors if error.severity in FATAL)


def network_status(network: ZInfoNetwork) -> NetworkStatus:
    return made(
        NetworkStatus,
        if_name=network.local_name or network.dev_name,
        mac_addr=network.mac_addr,
        ip_addrs=network.ip_addrs,
        default_routers=network.default_routers,
        up=network.ipv4_up,
        uplink=network.uplink,
        dns=(
            made(
                DNSInfo,
                domain=network.dns.dns_domain,
                search=network.dns.dns_search,
                servers=network.dns.dns_servers,
            )
            if network.dns is not None
            else None
        ),
        err_info=(
            device_error(network.network_err)
            if network.network_err is not None and network.network_err.description
            else None
        ),
    )


def port_status(port: DevicePort) -> NetworkStatus:
    return made(
        NetworkStatus,
        if_name=port.name or port.ifname,
        mac_addr=port.mac_addr,
        ip_addrs=port.ip_addrs,
        default_routers=port.default_routers,
        up=port.up,
        uplink=port.is_mgmt,
        mtu=port.mtu,
        dns=(
            made(
                DNSInfo,
                domain=port.dns.dns_domain,
                search=port.dns.dns_search,
                servers=port.dns.dns_servers,
            )
            if port.dns is not None
            else None
        ),
        err_info=(
            device_error(port.err) if port.err is not None and port.err.description else None
        ),
    )


def lacks(missing: Iterable[str]) -> tuple[DeviceError, ...]:
    """What the controller could not put into the configuration, as errors of the object."""
    return tuple(
        made(
            DeviceError, description=text, severity=Severity.ERROR, retry_condition="configuration"
        )
        for text in missing
    )


def without_repeats(errors: Iterable[DeviceError]) -> tuple[DeviceError, ...]:
    return tuple({error.description: error for error in errors}.values())
