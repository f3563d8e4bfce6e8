from eaves.evapi.pb.auth import auth_pb2 as _auth_pb2
from eaves.evapi.pb.config import devconfig_pb2 as _devconfig_pb2
from eaves.evapi.pb.profile import local_profile_pb2 as _local_profile_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompoundEdgeDevConfigRequest(_message.Message):
    __slots__ = ("last_cmd_timestamp", "cfg_req")
    LAST_CMD_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CFG_REQ_FIELD_NUMBER: _ClassVar[int]
    last_cmd_timestamp: int
    cfg_req: _devconfig_pb2.ConfigRequest
    def __init__(self, last_cmd_timestamp: _Optional[int] = ..., cfg_req: _Optional[_Union[_devconfig_pb2.ConfigRequest, _Mapping]] = ...) -> None: ...

class CompoundEdgeDevConfig(_message.Message):
    __slots__ = ("timestamp", "protected_config", "dev_cmd", "app_cmd_list", "radio_config")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DEV_CMD_FIELD_NUMBER: _ClassVar[int]
    APP_CMD_LIST_FIELD_NUMBER: _ClassVar[int]
    RADIO_CONFIG_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    protected_config: _auth_pb2.AuthContainer
    dev_cmd: _local_profile_pb2.LocalDevCmd
    app_cmd_list: _local_profile_pb2.LocalAppCmdList
    radio_config: _local_profile_pb2.RadioConfig
    def __init__(self, timestamp: _Optional[int] = ..., protected_config: _Optional[_Union[_auth_pb2.AuthContainer, _Mapping]] = ..., dev_cmd: _Optional[_Union[_local_profile_pb2.LocalDevCmd, _Mapping]] = ..., app_cmd_list: _Optional[_Union[_local_profile_pb2.LocalAppCmdList, _Mapping]] = ..., radio_config: _Optional[_Union[_local_profile_pb2.RadioConfig, _Mapping]] = ...) -> None: ...
