from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class NestedAppInstanceLogMsg(_message.Message):
    __slots__ = ("nested_app_id", "container_name", "msg")
    NESTED_APP_ID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_NAME_FIELD_NUMBER: _ClassVar[int]
    MSG_FIELD_NUMBER: _ClassVar[int]
    nested_app_id: str
    container_name: str
    msg: str
    def __init__(self, nested_app_id: _Optional[str] = ..., container_name: _Optional[str] = ..., msg: _Optional[str] = ...) -> None: ...
