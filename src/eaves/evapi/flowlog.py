"""Network flows and DNS requests of apps.  flowlog/flowlog.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.pb.flowlog import flowlog_pb2


class ACLAction(OpenEnum):
    ActionUnknown = 0
    ActionDrop = 1
    ActionAccept = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class IpFlow:
    src: str = ""
    src_port: int = 0
    dest: str = ""
    dest_port: int = 0
    protocol: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeInfo:
    uuid: str = ""
    intf: str = ""
    local_intf: str = ""
    net_inst_uuid: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRecord:
    flow: IpFlow | None = None
    inbound: bool = False
    acl_id: int = 0
    acl_name: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    tx_bytes: int = 0
    tx_pkts: int = 0
    rx_bytes: int = 0
    rx_pkts: int = 0
    action: ACLAction = ACLAction.ActionUnknown
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRequest:
    host_name: str = ""
    addrs: tuple[str, ...] = ()
    request_time: datetime | None = None
    acl_num: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMessage:
    dev_id: str = ""
    scope: ScopeInfo | None = None
    flows: tuple[FlowRecord, ...] = ()
    dns_reqs: tuple[DnsRequest, ...] = ()
    rest: bytes = field(default=b"", repr=False)


FLOW_MESSAGE = Codec(FlowMessage, flowlog_pb2.FlowMessage)


def decode_flow_message(data: bytes) -> FlowMessage:
    return FLOW_MESSAGE.decode(data)


def encode_flow_message(message: FlowMessage) -> bytes:
    return FLOW_MESSAGE.encode(message)
