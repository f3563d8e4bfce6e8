"""What the controller is told of the time sources of a node.  Pure."""

from collections.abc import Iterable
from types import MappingProxyType

from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import (
    NTPSource,
    NTPSourceMode,
    NTPSourceState,
    ZInfoMsg,
    ZInfoNTPSources,
    ZInfoTypes,
)
from eaves.node.host.time_sources import TimeSource

STATES = MappingProxyType(
    {
        "*": NTPSourceState.NTP_SOURCE_STATE_SYNC,
        "+": NTPSourceState.NTP_SOURCE_STATE_CANDIDATE,
        "-": NTPSourceState.NTP_SOURCE_STATE_OUTLIER,
        "?": NTPSourceState.NTP_SOURCE_STATE_UNREACH,
        "x": NTPSourceState.NTP_SOURCE_STATE_FALSETICKER,
        "~": NTPSourceState.NTP_SOURCE_STATE_JITTERY,
    }
)
MODES = MappingProxyType(
    {
        "server": NTPSourceMode.NTP_SOURCE_MODE_CLIENT,
        "peer": NTPSourceMode.NTP_SOURCE_MODE_PEER,
        "reference": NTPSourceMode.NTP_SOURCE_MODE_REF,
    }
)


def time_pause_s(items: ItemValues, share: float) -> float:
    return share * items.seconds("timer.ntpsources.interval")


def time_info(sources: Iterable[TimeSource]) -> ZInfoMsg:
    return ZInfoMsg(
        ztype=ZInfoTypes.ZiNTPSources,
        ntp_sources=ZInfoNTPSources(sources=tuple(_source(one) for one in sources)),
    )


def _source(one: TimeSource) -> NTPSource:
    return NTPSource(
        reachable=one.reach != 0,
        reachability=one.reach,
        state=STATES.get(one.state, NTPSourceState.NTP_SOURCE_STATE_UNSPECIFIED),
        mode=MODES.get(one.kind, NTPSourceMode.NTP_SOURCE_MODE_UNSPECIFIED),
        src_addr=one.name,
        stratum=one.stratum,
        poll=one.poll,
        offset=one.offset_s,
    )
