"""Network instances.  info/info.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.adapters import ZioBundle, ZmetIPAssignmentEntry
from eaves.evapi.info.apps import ZInfoSW
from eaves.evapi.info.common import ErrorInfo


class ZNetworkInstanceState(OpenEnum):
    ZNETINST_STATE_UNSPECIFIED = 0
    ZNETINST_STATE_INIT = 1
    ZNETINST_STATE_ONLINE = 2
    ZNETINST_STATE_ERROR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ZmetVifInfo:
    vif_name: str = ""
    mac_address: str = ""
    app_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IPRoute:
    destination_network: str = ""
    gateway: str = ""
    port: str = ""
    gateway_app: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoNetworkInstance:
    network_id: str = ""
    network_version: str = ""
    inst_type: int = 0  # number of a ZNetworkInstType
    displayname: str = ""
    activated: bool = False
    up_time_stamp: datetime | None = None
    software_list: ZInfoSW | None = None
    current_uplink_intf: str = ""  # deprecated
    current_uplink_alias: str = ""  # deprecated
    ports: tuple[str, ...] = ()
    bridge_num: int = 0
    bridge_name: str = ""
    bridge_ip_addr: str = ""
    ip_assignments: tuple[ZmetIPAssignmentEntry, ...] = ()
    vifs: tuple[ZmetVifInfo, ...] = ()
    ipv4_eid: bool = False
    assigned_adapters: tuple[ZioBundle, ...] = ()
    network_err: tuple[ErrorInfo, ...] = ()
    state: ZNetworkInstanceState = ZNetworkInstanceState.ZNETINST_STATE_UNSPECIFIED
    mtu: int = 0
    ip_routes: tuple[IPRoute, ...] = ()
    rest: bytes = field(default=b"", repr=False)
