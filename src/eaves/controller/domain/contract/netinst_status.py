"""Status of network instances."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, Timestamp, wire
from eaves.controller.domain.contract.envelope import Cursor, Summary
from eaves.controller.domain.contract.netinsts import NetworkInstanceDhcpType, NetworkInstanceKind
from eaves.controller.domain.contract.statuses import DeviceError, IoBundleStatus, RunState


class IPAssignment(Contract):
    ip_address: tuple[str, ...] = ()
    mac_address: str = ""


class IpRoute(Contract):
    destination_network: str = ""
    gateway: str = ""
    gateway_app: str = ""
    port: str = ""


class VifInfo(Contract):
    app_name: str = ""
    mac_address: str = ""
    vif_name: str = ""


class NetInstStatusMsg(Contract):
    assigned_adapters: tuple[IoBundleStatus, ...] = ()
    bridge_ip_addr: str = wire("bridgeIPAddr", "")
    bridge_name: str = ""
    bridge_num: int = 0
    cluster_id: str = wire("clusterID", "")
    device_id: str = ""
    err_info: tuple[DeviceError, ...] = ()
    id: str = ""
    ip_mappings: tuple[IPAssignment, ...] = ()
    ip_routes: tuple[IpRoute, ...] = ()
    ipv4_eid: bool = False
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    mtu: int = 0
    name: str = ""
    ports: tuple[str, ...] = ()
    project_id: str = ""
    raw_status: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    up_time_stamp: Timestamp = ""
    uplink_intf: str = ""
    vifs: tuple[VifInfo, ...] = ()


class NetInstStatusSummaryMsg(Contract):
    cluster_id: str = wire("clusterID", "")
    device_id: str = ""
    device_name: str = ""
    edge_node_cluster_id: str = wire("edgeNodeClusterID", "")
    id: str = ""
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    name: str = ""
    project_id: str = ""
    project_name: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED
    up_time_stamp: Timestamp = ""
    uplink_intf: str = ""


class NetInstStatusListMsg(Contract):
    list: tuple[NetInstStatusSummaryMsg, ...] = ()
    next: Cursor | None = None
    summary_by_address_type: Summary | None = None
    summary_by_kind: Summary | None = None


class NetInstConfigStatus(Contract):
    cluster_id: str = wire("clusterID", "")
    device_default: bool = False
    device_id: str = ""
    device_name: str = ""
    edge_node_cluster_id: str = wire("edgeNodeClusterID", "")
    id: str = ""
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    name: str = ""
    network_policy_id: str = ""
    project_id: str = ""
    project_name: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED
    up_time_stamp: Timestamp = ""
    uplink_intf: str = ""


class NetInstConfigStatusList(Contract):
    list: tuple[NetInstConfigStatus, ...] = ()
    next: Cursor | None = None
    summary_by_address_type: Summary | None = None
    summary_by_kind: Summary | None = None
