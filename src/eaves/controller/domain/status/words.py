"""Words of the device API in the words of the REST contract."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

from eaves.controller.domain.contract.base import OpenEnum, rfc3339
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
from eaves.evapi.info import ErrorInfo, ZInfoDNS, ZInfoNetwork, ZSwState
from eaves.evapi.info import Severity as ToldSeverity

W = TypeVar("W", bound=OpenEnum)

_ENTITIES: Final = tuple(Entity)
_SEVERITIES: Final = tuple(Severity)

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
    """Empty for the first year too: what EVE sends of a time that never was."""
    return "" if moment is None or moment.year == 1 else rfc3339(moment)


def word(words: tuple[W, ...], number: int) -> W:
    """The first one, which says nothing, for a number that stands for none."""
    return words[number] if 0 <= number < len(words) else words[0]


def device_error(error: ErrorInfo) -> DeviceError:
    return made(
        DeviceError,
        description=error.description,
        timestamp=timestamp(error.timestamp),
        severity=word(_SEVERITIES, error.severity),
        retry_condition=error.retry_condition,
        entities=tuple(
            made(
                DeviceEntity,
                entity=word(_ENTITIES, e.entity),
                entity_id=e.entity_id,
                entity_name=e.entity_name,
            )
            for e in error.entities
        ),
    )


def told_error(error: ErrorInfo | None) -> DeviceError | None:
    return device_error(error) if error is not None and error.description else None


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
        dns=dns_info(network.dns),
        err_info=told_error(network.network_err),
    )


def dns_info(dns: ZInfoDNS | None) -> DNSInfo | None:
    if dns is None:
        return None
    return made(DNSInfo, domain=dns.dns_domain, search=dns.dns_search, servers=dns.dns_servers)


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
