from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NestedAppMetrics(_message.Message):
    __slots__ = ("id", "status", "Pids", "uptime", "CPUTotal", "SystemCPUTotal", "UsedMem", "AllocatedMem", "TxBytes", "RxBytes", "ReadBytes", "WriteBytes", "child_container_metrics")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    CPUTOTAL_FIELD_NUMBER: _ClassVar[int]
    SYSTEMCPUTOTAL_FIELD_NUMBER: _ClassVar[int]
    USEDMEM_FIELD_NUMBER: _ClassVar[int]
    ALLOCATEDMEM_FIELD_NUMBER: _ClassVar[int]
    TXBYTES_FIELD_NUMBER: _ClassVar[int]
    RXBYTES_FIELD_NUMBER: _ClassVar[int]
    READBYTES_FIELD_NUMBER: _ClassVar[int]
    WRITEBYTES_FIELD_NUMBER: _ClassVar[int]
    CHILD_CONTAINER_METRICS_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    Pids: int
    uptime: int
    CPUTotal: int
    SystemCPUTotal: int
    UsedMem: int
    AllocatedMem: int
    TxBytes: int
    RxBytes: int
    ReadBytes: int
    WriteBytes: int
    child_container_metrics: _containers.RepeatedCompositeFieldContainer[NestedAppMetrics]
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., Pids: _Optional[int] = ..., uptime: _Optional[int] = ..., CPUTotal: _Optional[int] = ..., SystemCPUTotal: _Optional[int] = ..., UsedMem: _Optional[int] = ..., AllocatedMem: _Optional[int] = ..., TxBytes: _Optional[int] = ..., RxBytes: _Optional[int] = ..., ReadBytes: _Optional[int] = ..., WriteBytes: _Optional[int] = ..., child_container_metrics: _Optional[_Iterable[_Union[NestedAppMetrics, _Mapping]]] = ...) -> None: ...
