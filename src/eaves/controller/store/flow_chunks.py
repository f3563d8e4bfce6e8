"""Flow records of one message, compressed.  Pure: records in, bytes out."""

from typing import Final

import cramjam
import msgspec

from eaves.evapi.flow_records import FlowRecord, NameRecord

_LEVEL: Final = 3
_ENCODER: Final = msgspec.msgpack.Encoder()
_FLOWS: Final = msgspec.msgpack.Decoder(list[FlowRecord])
_NAMES: Final = msgspec.msgpack.Decoder(list[NameRecord])


def write_flows(flows: list[FlowRecord]) -> bytes:
    return bytes(cramjam.zstd.compress(_ENCODER.encode(flows), _LEVEL)) if flows else b""


def read_flows(data: bytes) -> list[FlowRecord]:
    return _FLOWS.decode(bytes(cramjam.zstd.decompress(data))) if data else []


def write_names(names: list[NameRecord]) -> bytes:
    return bytes(cramjam.zstd.compress(_ENCODER.encode(names), _LEVEL)) if names else b""


def read_names(data: bytes) -> list[NameRecord]:
    return _NAMES.decode(bytes(cramjam.zstd.decompress(data))) if data else []
