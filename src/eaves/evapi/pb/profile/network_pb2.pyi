import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from eaves.evapi.pb.evecommon import netcmn_pb2 as _netcmn_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IPVersion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IP_VERSION_UNSPECIFIED: _ClassVar[IPVersion]
    IP_VERSION_DUAL_STACK: _ClassVar[IPVersion]
    IP_VERSION_IPV4_ONLY: _ClassVar[IPVersion]
    IP_VERSION_IPV6_ONLY: _ClassVar[IPVersion]

class WirelessType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WIRELESS_TYPE_UNSPECIFIED: _ClassVar[WirelessType]
    WIRELESS_TYPE_CELLULAR: _ClassVar[WirelessType]
    WIRELESS_TYPE_WIFI: _ClassVar[WirelessType]
IP_VERSION_UNSPECIFIED: IPVersion
IP_VERSION_DUAL_STACK: IPVersion
IP_VERSION_IPV4_ONLY: IPVersion
IP_VERSION_IPV6_ONLY: IPVersion
WIRELESS_TYPE_UNSPECIFIED: WirelessType
WIRELESS_TYPE_CELLULAR: WirelessType
WIRELESS_TYPE_WIFI: WirelessType

class NetworkInfo(_message.Message):
    __slots__ = ("latest_config", "config_testing", "is_using_fallback_config", "fallback_config", "local_config", "port_status")
    LATEST_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CONFIG_TESTING_FIELD_NUMBER: _ClassVar[int]
    IS_USING_FALLBACK_CONFIG_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_CONFIG_FIELD_NUMBER: _ClassVar[int]
    LOCAL_CONFIG_FIELD_NUMBER: _ClassVar[int]
    PORT_STATUS_FIELD_NUMBER: _ClassVar[int]
    latest_config: _containers.RepeatedCompositeFieldContainer[NetworkPortConfig]
    config_testing: NetworkConfigTestingStatus
    is_using_fallback_config: bool
    fallback_config: _containers.RepeatedCompositeFieldContainer[NetworkPortConfig]
    local_config: LocalNetworkConfigInfo
    port_status: _containers.RepeatedCompositeFieldContainer[NetworkPortStatus]
    def __init__(self, latest_config: _Optional[_Iterable[_Union[NetworkPortConfig, _Mapping]]] = ..., config_testing: _Optional[_Union[NetworkConfigTestingStatus, _Mapping]] = ..., is_using_fallback_config: _Optional[bool] = ..., fallback_config: _Optional[_Iterable[_Union[NetworkPortConfig, _Mapping]]] = ..., local_config: _Optional[_Union[LocalNetworkConfigInfo, _Mapping]] = ..., port_status: _Optional[_Iterable[_Union[NetworkPortStatus, _Mapping]]] = ...) -> None: ...

class NetworkConfigTestingStatus(_message.Message):
    __slots__ = ("controller_reachable", "connectivity_error", "last_test_time", "testing_in_progress", "testing_phase")
    CONTROLLER_REACHABLE_FIELD_NUMBER: _ClassVar[int]
    CONNECTIVITY_ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_TEST_TIME_FIELD_NUMBER: _ClassVar[int]
    TESTING_IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TESTING_PHASE_FIELD_NUMBER: _ClassVar[int]
    controller_reachable: bool
    connectivity_error: str
    last_test_time: _timestamp_pb2.Timestamp
    testing_in_progress: bool
    testing_phase: str
    def __init__(self, controller_reachable: _Optional[bool] = ..., connectivity_error: _Optional[str] = ..., last_test_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., testing_in_progress: _Optional[bool] = ..., testing_phase: _Optional[str] = ...) -> None: ...

class NetworkPortStatus(_message.Message):
    __slots__ = ("logical_label", "interface_name", "link_up", "mac_address", "ip_addresses", "gateways", "dns_servers", "dns_domain", "ntp_servers", "mtu")
    LOGICAL_LABEL_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    LINK_UP_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    DNS_SERVERS_FIELD_NUMBER: _ClassVar[int]
    DNS_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    NTP_SERVERS_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    logical_label: str
    interface_name: str
    link_up: bool
    mac_address: str
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    gateways: _containers.RepeatedScalarFieldContainer[str]
    dns_servers: _containers.RepeatedScalarFieldContainer[str]
    dns_domain: str
    ntp_servers: _containers.RepeatedScalarFieldContainer[str]
    mtu: int
    def __init__(self, logical_label: _Optional[str] = ..., interface_name: _Optional[str] = ..., link_up: _Optional[bool] = ..., mac_address: _Optional[str] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., gateways: _Optional[_Iterable[str]] = ..., dns_servers: _Optional[_Iterable[str]] = ..., dns_domain: _Optional[str] = ..., ntp_servers: _Optional[_Iterable[str]] = ..., mtu: _Optional[int] = ...) -> None: ...

class LocalNetworkConfigInfo(_message.Message):
    __slots__ = ("ports", "error_message")
    PORTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ports: _containers.RepeatedCompositeFieldContainer[NetworkPortConfig]
    error_message: str
    def __init__(self, ports: _Optional[_Iterable[_Union[NetworkPortConfig, _Mapping]]] = ..., error_message: _Optional[str] = ...) -> None: ...

class LocalNetworkConfig(_message.Message):
    __slots__ = ("server_token", "ports")
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    server_token: str
    ports: _containers.RepeatedCompositeFieldContainer[NetworkPortConfig]
    def __init__(self, server_token: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[NetworkPortConfig, _Mapping]]] = ...) -> None: ...

class NetworkPortAddresses(_message.Message):
    __slots__ = ("interface_name", "pci_address", "usb_address")
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    PCI_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USB_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    interface_name: str
    pci_address: str
    usb_address: str
    def __init__(self, interface_name: _Optional[str] = ..., pci_address: _Optional[str] = ..., usb_address: _Optional[str] = ...) -> None: ...

class NetworkPortConfig(_message.Message):
    __slots__ = ("logical_label", "port_addresses", "config_applied", "ip_version", "use_dhcp", "dhcp_options_ignore", "ip_addresses", "gateways", "without_default_route", "dns_servers", "dns_domain", "ntp_servers", "mtu", "proxy_config", "wireless_device_type", "cellular_config", "wifi_config", "config_source", "error_message", "local_modifications_allowed")
    LOGICAL_LABEL_FIELD_NUMBER: _ClassVar[int]
    PORT_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_APPLIED_FIELD_NUMBER: _ClassVar[int]
    IP_VERSION_FIELD_NUMBER: _ClassVar[int]
    USE_DHCP_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_IGNORE_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_DEFAULT_ROUTE_FIELD_NUMBER: _ClassVar[int]
    DNS_SERVERS_FIELD_NUMBER: _ClassVar[int]
    DNS_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    NTP_SERVERS_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    PROXY_CONFIG_FIELD_NUMBER: _ClassVar[int]
    WIRELESS_DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CELLULAR_CONFIG_FIELD_NUMBER: _ClassVar[int]
    WIFI_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CONFIG_SOURCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_MODIFICATIONS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    logical_label: str
    port_addresses: NetworkPortAddresses
    config_applied: bool
    ip_version: IPVersion
    use_dhcp: bool
    dhcp_options_ignore: _netcmn_pb2.DhcpOptionsIgnore
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    gateways: _containers.RepeatedScalarFieldContainer[str]
    without_default_route: bool
    dns_servers: _containers.RepeatedScalarFieldContainer[str]
    dns_domain: str
    ntp_servers: _containers.RepeatedScalarFieldContainer[str]
    mtu: int
    proxy_config: _netcmn_pb2.ProxyConfig
    wireless_device_type: WirelessType
    cellular_config: CellularConfig
    wifi_config: WifiConfig
    config_source: _netcmn_pb2.PortConfigSource
    error_message: str
    local_modifications_allowed: bool
    def __init__(self, logical_label: _Optional[str] = ..., port_addresses: _Optional[_Union[NetworkPortAddresses, _Mapping]] = ..., config_applied: _Optional[bool] = ..., ip_version: _Optional[_Union[IPVersion, str]] = ..., use_dhcp: _Optional[bool] = ..., dhcp_options_ignore: _Optional[_Union[_netcmn_pb2.DhcpOptionsIgnore, _Mapping]] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., gateways: _Optional[_Iterable[str]] = ..., without_default_route: _Optional[bool] = ..., dns_servers: _Optional[_Iterable[str]] = ..., dns_domain: _Optional[str] = ..., ntp_servers: _Optional[_Iterable[str]] = ..., mtu: _Optional[int] = ..., proxy_config: _Optional[_Union[_netcmn_pb2.ProxyConfig, _Mapping]] = ..., wireless_device_type: _Optional[_Union[WirelessType, str]] = ..., cellular_config: _Optional[_Union[CellularConfig, _Mapping]] = ..., wifi_config: _Optional[_Union[WifiConfig, _Mapping]] = ..., config_source: _Optional[_Union[_netcmn_pb2.PortConfigSource, _Mapping]] = ..., error_message: _Optional[str] = ..., local_modifications_allowed: _Optional[bool] = ...) -> None: ...

class CellularConfig(_message.Message):
    __slots__ = ("apn", "attach_apn", "ip_type", "attach_ip_type", "activate_sim_slot", "forbid_roaming", "default_bearer_auth", "attach_bearer_auth", "probe", "location_tracking")
    APN_FIELD_NUMBER: _ClassVar[int]
    ATTACH_APN_FIELD_NUMBER: _ClassVar[int]
    IP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ATTACH_IP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_SIM_SLOT_FIELD_NUMBER: _ClassVar[int]
    FORBID_ROAMING_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_BEARER_AUTH_FIELD_NUMBER: _ClassVar[int]
    ATTACH_BEARER_AUTH_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_TRACKING_FIELD_NUMBER: _ClassVar[int]
    apn: str
    attach_apn: str
    ip_type: _netcmn_pb2.CellularIPType
    attach_ip_type: _netcmn_pb2.CellularIPType
    activate_sim_slot: int
    forbid_roaming: bool
    default_bearer_auth: CellularNetworkAuth
    attach_bearer_auth: CellularNetworkAuth
    probe: CellularConnectivityProbe
    location_tracking: bool
    def __init__(self, apn: _Optional[str] = ..., attach_apn: _Optional[str] = ..., ip_type: _Optional[_Union[_netcmn_pb2.CellularIPType, str]] = ..., attach_ip_type: _Optional[_Union[_netcmn_pb2.CellularIPType, str]] = ..., activate_sim_slot: _Optional[int] = ..., forbid_roaming: _Optional[bool] = ..., default_bearer_auth: _Optional[_Union[CellularNetworkAuth, _Mapping]] = ..., attach_bearer_auth: _Optional[_Union[CellularNetworkAuth, _Mapping]] = ..., probe: _Optional[_Union[CellularConnectivityProbe, _Mapping]] = ..., location_tracking: _Optional[bool] = ...) -> None: ...

class CellularNetworkAuth(_message.Message):
    __slots__ = ("auth_protocol", "username", "password")
    AUTH_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    auth_protocol: _netcmn_pb2.CellularAuthProtocol
    username: str
    password: str
    def __init__(self, auth_protocol: _Optional[_Union[_netcmn_pb2.CellularAuthProtocol, str]] = ..., username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class CellularConnectivityProbe(_message.Message):
    __slots__ = ("disable", "custom_probe")
    DISABLE_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_PROBE_FIELD_NUMBER: _ClassVar[int]
    disable: bool
    custom_probe: _netcmn_pb2.ConnectivityProbe
    def __init__(self, disable: _Optional[bool] = ..., custom_probe: _Optional[_Union[_netcmn_pb2.ConnectivityProbe, _Mapping]] = ...) -> None: ...

class WifiConfig(_message.Message):
    __slots__ = ("ssid", "key_scheme", "identity", "password")
    SSID_FIELD_NUMBER: _ClassVar[int]
    KEY_SCHEME_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ssid: str
    key_scheme: _netcmn_pb2.WiFiKeyScheme
    identity: str
    password: str
    def __init__(self, ssid: _Optional[str] = ..., key_scheme: _Optional[_Union[_netcmn_pb2.WiFiKeyScheme, str]] = ..., identity: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...
