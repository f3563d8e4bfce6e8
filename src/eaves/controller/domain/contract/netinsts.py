"""Network instances: virtual networks on a device for its apps."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary
from eaves.controller.domain.contract.networks import DhcpIpRange, NtpServer, StaticDNSList


class NetInstEdgeNodeCluster(Contract):
    designated_node_id: str = wire("designatedNodeID", "")
    id: str = ""


class DhcpServerConfig(Contract):
    dhcp_range: DhcpIpRange | None = None
    dns: tuple[str, ...] = ()
    domain: str = ""
    gateway: str = ""
    mask: str = ""
    ntp: str = ""
    ntp_servers: tuple[NtpServer, ...] = ()
    subnet: str = ""


class NetworkInstanceKind(OpenEnum):
    UNSPECIFIED = "NETWORK_INSTANCE_KIND_UNSPECIFIED"
    TRANSPARENT = "NETWORK_INSTANCE_KIND_TRANSPARENT"
    SWITCH = "NETWORK_INSTANCE_KIND_SWITCH"
    LOCAL = "NETWORK_INSTANCE_KIND_LOCAL"
    CLOUD = "NETWORK_INSTANCE_KIND_CLOUD"
    MESH = "NETWORK_INSTANCE_KIND_MESH"
    HONEYPOT = "NETWORK_INSTANCE_KIND_HONEYPOT"


class StaticIPRoute(Contract):
    gateway: str = ""
    output_port: str = ""
    prefix: str = ""
    probe_config: JsonObject | None = None


class NetworkInstanceDhcpType(OpenEnum):
    UNSPECIFIED = "NETWORK_INSTANCE_DHCP_TYPE_UNSPECIFIED"
    V4 = "NETWORK_INSTANCE_DHCP_TYPE_V4"
    V6 = "NETWORK_INSTANCE_DHCP_TYPE_V6"
    CRYPTOEID = "NETWORK_INSTANCE_DHCP_TYPE_CRYPTOEID"
    CRYPTOV4 = "NETWORK_INSTANCE_DHCP_TYPE_CRYPTOV4"
    CRYPTOV6 = "NETWORK_INSTANCE_DHCP_TYPE_CRYPTOV6"


class NetInstConfig(Contract):
    cluster_id: str = wire("clusterID", "")
    description: str = ""
    device_default: bool = False
    device_id: str = ""
    dhcp: bool = False
    dns_list: tuple[StaticDNSList, ...] = ()
    edge_node_cluster: NetInstEdgeNodeCluster | None = None
    forward_lldp: bool = False
    id: str = ""
    ip: DhcpServerConfig | None = None
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    lisp: JsonObject | None = None
    mtu: int = 0
    name: str = ""
    network_policy_id: str = ""
    oconfig: str = ""
    opaque: JsonObject | None = None
    port: str = ""
    port_tags: dict[str, str] = Field(default_factory=dict)
    project_id: str = ""
    propagate_connected_routes: bool = False
    revision: ObjectRevision | None = None
    static_routes: tuple[StaticIPRoute, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED


class NetInstShortConfig(Contract):
    device_default: bool = False
    device_id: str = ""
    forward_lldp: bool = False
    id: str = ""
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    name: str = ""
    network_policy_id: str = ""
    project_id: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED


class NetInstList(Contract):
    cfg_list: tuple[NetInstConfig, ...] = ()
    list: tuple[NetInstShortConfig, ...] = ()
    next: Cursor | None = None
    summary_by_address_type: Summary | None = None
    summary_by_kind: Summary | None = None
