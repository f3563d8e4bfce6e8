"""A cluster of devices.  config/edge_node_cluster.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import CipherBlock


class ClusterType(OpenEnum):
    CLUSTER_TYPE_UNSPECIFIED = 0
    CLUSTER_TYPE_K3S_BASE = 1
    CLUSTER_TYPE_REPLICATED_STORAGE = 2
    CLUSTER_TYPE_HA = 3


class HAScheme(OpenEnum):
    HA_SCHEME_UNSPECIFIED = 0
    HA_SCHEME_K3S_EMBEDDED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerInterface:
    interface_name: str = ""
    address_cidrs: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerService:
    interfaces: tuple[LoadBalancerInterface, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeNodeCluster:
    cluster_name: str = ""
    cluster_id: str = ""
    cluster_interface: str = ""
    cluster_ip_prefix: str = ""
    is_worker_node: bool = False
    join_server_ip: str = ""
    encrypted_cluster_token: CipherBlock | None = None
    cluster_type: ClusterType = ClusterType.CLUSTER_TYPE_UNSPECIFIED
    tie_breaker_node_id: str = ""
    ha_scheme: HAScheme = HAScheme.HA_SCHEME_UNSPECIFIED
    load_balancer_service: LoadBalancerService | None = None
    master_node_uuids: tuple[str, ...] = ()
    enable_native_k8s_orchestration: bool = False
    rest: bytes = field(default=b"", repr=False)
