"""Flow messages read straight from the wire.  flowlog/flowlog.proto.

A message of an app interface comes every two minutes with up to 125 flows.  Flows that differ in
nothing but their time are one record: an app that opens a connection each second makes one of them.
"""

from typing import Final

import msgspec
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from eaves.evapi.device_text import storable, storable_key
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.flowlog import ACLAction
from eaves.evapi.pb.flowlog import flowlog_pb2

_MAX_INT64: Final = (1 << 63) - 1
_MAX_SECONDS: Final = 253_402_300_799  # the end of the year 9999

DROP: Final = int(ACLAction.ActionDrop)
ACCEPT: Final = int(ACLAction.ActionAccept)


class FlowRecord(msgspec.Struct, array_like=True):
    """`local` is the app's side whoever began; times are microseconds since 1970, 0: not told."""

    local_addr: str
    local_port: int
    remote_addr: str
    remote_port: int
    protocol: int  # of IANA: 6 TCP, 17 UDP
    inbound: bool
    acl_id: int
    acl_name: str
    action: int  # ACLAction
    started_at: int
    ended_at: int
    tx_bytes: int
    tx_packets: int
    rx_bytes: int
    rx_packets: int
    flows: int  # how many of them this is


class NameRecord(msgspec.Struct, array_like=True):
    """What an app was told of a name."""

    host: str
    addresses: list[str]
    at: int  # microseconds since 1970, 0: not told
    acl_id: int


class FlowFold(msgspec.Struct):
    dev_id: str
    app_id: str  # empty: flows of the device
    interface: str
    netinst_id: str
    flows: list[FlowRecord]
    names: list[NameRecord]


def fold_flow_message(data: bytes) -> FlowFold:
    """Raises MalformedMessage."""
    message = flowlog_pb2.FlowMessage()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise MalformedMessage("FlowMessage", str(error)) from error
    records: dict[tuple[object, ...], FlowRecord] = {}
    for flow in message.flows:
        record = _record(flow)
        key = (
            record.local_addr, record.local_port, record.remote_addr, record.remote_port,
            record.protocol, record.inbound, record.acl_id, record.acl_name, record.action,
        )  # fmt: skip
        known = records.get(key)
        if known is None:
            records[key] = record
        else:
            add_record(known, record)
    scope = message.scope
    return FlowFold(
        dev_id=message.devId,
        app_id=storable_key(scope.uuid),
        interface=storable(scope.intf or scope.localIntf),
        netinst_id=storable_key(scope.netInstUUID),
        flows=list(records.values()),
        names=[
            NameRecord(
                storable(name.hostName),
                [storable(address) for address in name.addrs],
                _microseconds(name.requestTime) if name.HasField("requestTime") else 0,
                name.aclNum,
            )
            for name in message.dnsReqs
        ],
    )


def _record(flow: flowlog_pb2.FlowRecord) -> FlowRecord:
    ip = flow.flow
    return FlowRecord(
        storable(ip.src),
        ip.srcPort,
        storable(ip.dest),
        ip.destPort,
        ip.protocol,
        flow.inbound,
        flow.aclId,
        storable(flow.aclName),
        int(flow.action),
        _microseconds(flow.startTime) if flow.HasField("startTime") else 0,
        _microseconds(flow.endTime) if flow.HasField("endTime") else 0,
        max(0, min(flow.txBytes, _MAX_INT64)),
        max(0, min(flow.txPkts, _MAX_INT64)),
        max(0, min(flow.rxBytes, _MAX_INT64)),
        max(0, min(flow.rxPkts, _MAX_INT64)),
        1,
    )


def add_record(known: FlowRecord, more: FlowRecord) -> None:
    """Count `more` into `known`."""
    started = [at for at in (known.started_at, more.started_at) if at]
    known.started_at = min(started, default=0)
    known.ended_at = max(known.ended_at, more.ended_at)
    known.tx_bytes = min(known.tx_bytes + more.tx_bytes, _MAX_INT64)
    known.tx_packets = min(known.tx_packets + more.tx_packets, _MAX_INT64)
    known.rx_bytes = min(known.rx_bytes + more.rx_bytes, _MAX_INT64)
    known.rx_packets = min(known.rx_packets + more.rx_packets, _MAX_INT64)
    known.flows += more.flows


def _microseconds(stamp: Timestamp) -> int:
    if not 0 <= stamp.seconds <= _MAX_SECONDS:
        return 0
    return stamp.seconds * 1_000_000 + max(stamp.nanos, 0) // 1000
