from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SCEPOperation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCEP_OPERATION_UNSPECIFIED: _ClassVar[SCEPOperation]
    SCEP_OPERATION_GET_CA_CAPS: _ClassVar[SCEPOperation]
    SCEP_OPERATION_GET_CA_CERT: _ClassVar[SCEPOperation]
    SCEP_OPERATION_GET_NEXT_CA_CERT: _ClassVar[SCEPOperation]
    SCEP_OPERATION_PKI_MESSAGE: _ClassVar[SCEPOperation]

class HTTPMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HTTP_METHOD_UNSPECIFIED: _ClassVar[HTTPMethod]
    HTTP_METHOD_GET: _ClassVar[HTTPMethod]
    HTTP_METHOD_POST: _ClassVar[HTTPMethod]
SCEP_OPERATION_UNSPECIFIED: SCEPOperation
SCEP_OPERATION_GET_CA_CAPS: SCEPOperation
SCEP_OPERATION_GET_CA_CERT: SCEPOperation
SCEP_OPERATION_GET_NEXT_CA_CERT: SCEPOperation
SCEP_OPERATION_PKI_MESSAGE: SCEPOperation
HTTP_METHOD_UNSPECIFIED: HTTPMethod
HTTP_METHOD_GET: HTTPMethod
HTTP_METHOD_POST: HTTPMethod

class SCEPProxyRequest(_message.Message):
    __slots__ = ("scep_profile_name", "operation", "message", "http_method", "http_header_fields")
    SCEP_PROFILE_NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HTTP_METHOD_FIELD_NUMBER: _ClassVar[int]
    HTTP_HEADER_FIELDS_FIELD_NUMBER: _ClassVar[int]
    scep_profile_name: str
    operation: SCEPOperation
    message: bytes
    http_method: HTTPMethod
    http_header_fields: _containers.RepeatedCompositeFieldContainer[HTTPHeaderField]
    def __init__(self, scep_profile_name: _Optional[str] = ..., operation: _Optional[_Union[SCEPOperation, str]] = ..., message: _Optional[bytes] = ..., http_method: _Optional[_Union[HTTPMethod, str]] = ..., http_header_fields: _Optional[_Iterable[_Union[HTTPHeaderField, _Mapping]]] = ...) -> None: ...

class HTTPHeaderField(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SCEPProxyResponse(_message.Message):
    __slots__ = ("scep_profile_name", "operation", "message", "http_status_code", "http_header_fields", "error_body")
    SCEP_PROFILE_NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    HTTP_HEADER_FIELDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_BODY_FIELD_NUMBER: _ClassVar[int]
    scep_profile_name: str
    operation: SCEPOperation
    message: bytes
    http_status_code: int
    http_header_fields: _containers.RepeatedCompositeFieldContainer[HTTPHeaderField]
    error_body: bytes
    def __init__(self, scep_profile_name: _Optional[str] = ..., operation: _Optional[_Union[SCEPOperation, str]] = ..., message: _Optional[bytes] = ..., http_status_code: _Optional[int] = ..., http_header_fields: _Optional[_Iterable[_Union[HTTPHeaderField, _Mapping]]] = ..., error_body: _Optional[bytes] = ...) -> None: ...
