"""The configuration of one device and the messages around it.  config/devconfig.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.config.appconfig import AppInstanceConfig
from eaves.evapi.config.baseosconfig import BaseOS, BaseOSConfig
from eaves.evapi.config.devcommon import ConfigItem, DeviceOpsCmd, UUIDandVersion
from eaves.evapi.config.devmodel import BondAdapter, PhysicalIO, SystemAdapter, VlanAdapter
from eaves.evapi.config.edge_node_cluster import EdgeNodeCluster
from eaves.evapi.config.edgeview import EdgeViewConfig
from eaves.evapi.config.netconfig import PNAC, NetworkConfig
from eaves.evapi.config.netinst import NetworkInstanceConfig
from eaves.evapi.config.patch_envelope import EvePatchEnvelope
from eaves.evapi.config.scep import SCEPProfile
from eaves.evapi.config.storage import ContentTree, DatastoreConfig, DisksConfig, Volume
from eaves.evapi.evecommon import CipherContext
from eaves.frozen import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class LOCConfig:
    loc_url: str = ""
    datastore_collect_info_id: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeDevConfig:
    id: UUIDandVersion | None = None
    apps: tuple[AppInstanceConfig, ...] = ()
    networks: tuple[NetworkConfig, ...] = ()
    datastores: tuple[DatastoreConfig, ...] = ()
    base: tuple[BaseOSConfig, ...] = ()  # obsolete, see baseos
    reboot: DeviceOpsCmd | None = None
    backup: DeviceOpsCmd | None = None
    config_items: tuple[ConfigItem, ...] = ()
    system_adapter_list: tuple[SystemAdapter, ...] = ()
    device_io_list: tuple[PhysicalIO, ...] = ()
    manufacturer: str = ""
    product_name: str = ""
    network_instances: tuple[NetworkInstanceConfig, ...] = ()
    cipher_contexts: tuple[CipherContext, ...] = ()
    content_info: tuple[ContentTree, ...] = ()
    volumes: tuple[Volume, ...] = ()
    controllercert_confighash: str = ""  # changes when the controller certificates do
    maintenance_mode: bool = False
    controller_epoch: int = 0  # another value: the device publishes all info again
    baseos: BaseOS | None = None
    global_profile: str = ""
    local_profile_server: str = ""
    profile_server_token: str = field(default="", repr=False)
    vlans: tuple[VlanAdapter, ...] = ()
    bonds: tuple[BondAdapter, ...] = ()
    edgeview: EdgeViewConfig | None = None
    disks: DisksConfig | None = None
    shutdown: DeviceOpsCmd | None = None
    device_name: str = ""
    project_name: str = ""
    project_id: str = ""
    enterprise_name: str = ""
    enterprise_id: str = ""
    config_timestamp: datetime | None = None  # older than the one in force: the config is ignored
    loc_config: LOCConfig | None = None
    patch_envelopes: tuple[EvePatchEnvelope, ...] = ()
    cluster: EdgeNodeCluster | None = None
    pnacs: tuple[PNAC, ...] = ()
    scep_profiles: tuple[SCEPProfile, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRequest:
    config_hash: str = ""  # of the last response since the process started; empty after boot
    integrity_token: bytes = field(default=b"", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigResponse:
    config: EdgeDevConfig | None = None
    config_hash: str = ""  # opaque, never empty
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapConfig:
    signed_config: bytes | None = None  # AuthContainer of an EdgeDevConfig, serialized
    controller_certs: tuple[bytes, ...] = ()  # each a ZCert, serialized
    rest: bytes = field(default=b"", repr=False)
