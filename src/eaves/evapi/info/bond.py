"""Bonded ports.  info/bond.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import BondMode, LacpRate


class BondLACPChurnState(OpenEnum):
    BOND_LACP_CHURN_STATE_UNSPECIFIED = 0
    BOND_LACP_CHURN_STATE_NONE = 1
    BOND_LACP_CHURN_STATE_MONITORING = 2
    BOND_LACP_CHURN_STATE_CHURNED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BondMIIMonitorStatus:
    enabled: bool = False
    polling_interval: int = 0
    updelay: int = 0
    downdelay: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondArpMonitorStatus:
    enabled: bool = False
    polling_interval: int = 0
    ip_targets: tuple[str, ...] = ()
    missed_max: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondLACPStatus:
    lacp_rate: LacpRate = LacpRate.LACP_RATE_UNSPECIFIED
    active_aggregator_id: int = 0
    partner_mac: str = ""
    actor_key: int = 0
    partner_key: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondMemberLACPStatus:
    aggregator_id: int = 0
    actor_churn_state: BondLACPChurnState = BondLACPChurnState.BOND_LACP_CHURN_STATE_UNSPECIFIED
    partner_churn_state: BondLACPChurnState = BondLACPChurnState.BOND_LACP_CHURN_STATE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondMemberStatus:
    logicallabel: str = ""
    mii_up: bool = False
    lacp: BondMemberLACPStatus | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondStatus:
    mode: BondMode = BondMode.BOND_MODE_UNSPECIFIED
    active_member: str = ""
    mii_monitor: BondMIIMonitorStatus | None = None
    arp_monitor: BondArpMonitorStatus | None = None
    lacp: BondLACPStatus | None = None
    members: tuple[BondMemberStatus, ...] = ()
    rest: bytes = field(default=b"", repr=False)
