from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConfigEndpoint(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFIG_ENDPOINT_UNSPECIFIED: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_LOCAL_PROFILE: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_RADIO: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_APP_INFO: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_APP_BOOT_INFO: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_DEV_INFO: _ClassVar[ConfigEndpoint]
    CONFIG_ENDPOINT_NETWORK: _ClassVar[ConfigEndpoint]
CONFIG_ENDPOINT_UNSPECIFIED: ConfigEndpoint
CONFIG_ENDPOINT_LOCAL_PROFILE: ConfigEndpoint
CONFIG_ENDPOINT_RADIO: ConfigEndpoint
CONFIG_ENDPOINT_APP_INFO: ConfigEndpoint
CONFIG_ENDPOINT_APP_BOOT_INFO: ConfigEndpoint
CONFIG_ENDPOINT_DEV_INFO: ConfigEndpoint
CONFIG_ENDPOINT_NETWORK: ConfigEndpoint

class Signal(_message.Message):
    __slots__ = ("pending_changes",)
    PENDING_CHANGES_FIELD_NUMBER: _ClassVar[int]
    pending_changes: _containers.RepeatedScalarFieldContainer[ConfigEndpoint]
    def __init__(self, pending_changes: _Optional[_Iterable[_Union[ConfigEndpoint, str]]] = ...) -> None: ...
