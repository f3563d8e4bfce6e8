"""Hostile bytes for every decoder: seeds, mutations and the doors that they are thrown at."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from wire import golden

from eaves.evapi import attest, certs, config, flowlog, hardwarehealth, info, logs, metrics, poll
from eaves.evapi.cipher import cipher_key, decrypt
from eaves.evapi.envelope import encode_sealed, onboarding_certificate, parse_envelope
from eaves.evapi.evecommon import CipherBlock
from eaves.evapi.keys import SoftKeyAgreement
from eaves.evapi.paths import parse_path
from eaves.evapi.pb.attest import attest_pb2
from eaves.evapi.pb.config import compound_devconfig_pb2, devconfig_pb2
from eaves.evapi.pb.flowlog import flowlog_pb2
from eaves.evapi.pb.hardwarehealth import hardware_health_pb2
from eaves.evapi.pb.info import info_pb2
from eaves.evapi.pb.logs import log_pb2
from eaves.evapi.pb.metrics import metrics_pb2
from eaves.evapi.pem import load_certificates, load_private_key
from eaves.evapi.quote import parse_quote
from eaves.evapi.register import (
    decode_z_register_msg,
    device_certificate_of,
    encode_z_register_msg,
)
from eaves.evapi.uuid import decode_uuid_response, device_id_of, encode_uuid_response

Seeds = Callable[[], tuple[bytes, ...]]


@dataclass(frozen=True)
class Door:
    """One way in for bytes from outside, and how many hostile cases it gets."""

    name: str
    enter: Callable[[bytes], object]
    seeds: Seeds
    cases: int


# --- what is done with bytes behind each door


def _envelope(data: bytes) -> None:
    sealed = parse_envelope(data)
    encode_sealed(sealed)
    if sealed.encrypted:
        sealed = sealed.decrypted(_shared_key())
    sealed.verify(golden.public_key("device"))


def _onboarding(data: bytes) -> None:
    onboarding_certificate(parse_envelope(data))


@cache
def _shared_key() -> bytes:
    device = SoftKeyAgreement(golden.private_key("device-ecdh"))
    return cipher_key(device, golden.ec_public_key("ctrl-ecdh"))


def _controller_certs(data: bytes) -> None:
    listed = certs.decode_z_controller_cert(data)
    certs.encode_z_controller_cert(listed)
    certs.verify_controller_certs(listed, golden.pem("root-certificate"), golden.NOW)


def _register(data: bytes) -> None:
    message = decode_z_register_msg(data)
    encode_z_register_msg(message)
    device_certificate_of(message)


def _uuid(data: bytes) -> None:
    response = decode_uuid_response(data)
    encode_uuid_response(response)
    device_id_of(response)


def _attest(data: bytes) -> None:
    request = attest.decode_z_attest_req(data)
    attest.encode_z_attest_req(request)
    if request.quote is not None:
        parse_quote(request.quote.attest_data)
    for cert in request.certs:
        certs.check_edge_node_cert(cert, golden.pem("device.cert"))


def _cipher(data: bytes) -> None:
    block = CipherBlock(
        cipher_context_id="c",
        initial_value=data[:16],
        cipher_data=data[16:],
        clear_text_sha256=data[-32:],
    )
    decrypt(block, _shared_key())


def _log_text(data: bytes) -> None:
    """The lines themselves: a mutated gzip member hardly ever gets that far."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush()
    trailer = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    head = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
    log = logs.decode_log_file(head + body + trailer)
    logs.encode_log_file(log.origin, datetime(2025, 1, 1, tzinfo=UTC), log.entries)


def _path(data: bytes) -> None:
    parse_path("/api/v2/edgedevice/" + data.decode("latin-1"))


def _both(
    decode: Callable[[bytes], object], encode: Callable[..., bytes]
) -> Callable[[bytes], object]:
    return lambda data: encode(decode(data))


# --- seeds


def filled(message: Message, depth: int = 4) -> Message:
    """Every field set, down to `depth`, so that a mutation may hit any of them."""
    if depth:
        for wire in message.DESCRIPTOR.fields:
            _fill(message, wire, depth)
    return message


def _fill(message: Message, wire: Any, depth: int) -> None:
    value = getattr(message, wire.name)
    if wire.message_type is not None and wire.message_type.GetOptions().map_entry:
        kinds = wire.message_type.fields_by_name
        key = _scalar(kinds["key"])
        if kinds["value"].message_type is None:
            value[key] = _scalar(kinds["value"])
        else:
            filled(value[key], depth - 1)
    elif wire.message_type is not None:
        filled(value.add() if wire.is_repeated else value, depth - 1)
        if not wire.is_repeated:
            value.SetInParent()
    elif wire.is_repeated:
        value.extend([_scalar(wire), _scalar(wire)])
    else:
        setattr(message, wire.name, _scalar(wire))


def _scalar(wire: Any) -> object:
    match wire.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return b"\x01bytes" if wire.type == FieldDescriptor.TYPE_BYTES else "text"
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return 1.5
        case FieldDescriptor.CPPTYPE_ENUM:
            assert wire.enum_type is not None
            return wire.enum_type.values[-1].number
        case _:
            return 7


def _payloads(*names: str) -> Seeds:
    return lambda: tuple(parse_envelope(golden.data(name)).payload for name in names)


def _golden(*names: str) -> Seeds:
    return lambda: tuple(golden.data(name) for name in names)


def _full(*messages: type[Message]) -> Seeds:
    return lambda: tuple(filled(message()).SerializeToString() for message in messages)


def _joined(*seeds: Seeds) -> Seeds:
    return lambda: tuple(one for some in seeds for one in some())


def _keys() -> tuple[bytes, ...]:
    return (golden.pem("device.cert"), golden.pem("root-certificate"))


def _private_keys() -> tuple[bytes, ...]:
    key = golden.private_key("device")
    forms = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    return tuple(key.private_bytes(Encoding.PEM, form, NoEncryption()) for form in forms)


def _log_lines() -> tuple[bytes, ...]:
    members = _payloads("newlogs_request", "app_newlogs_request")()
    return tuple(zlib.decompress(member, 31) for member in members)


ENVELOPES = _golden(*(n for n in golden.NAMES if n.endswith(("_request", "_response"))))

DOORS = (
    Door("envelope", _envelope, ENVELOPES, 12_000),
    Door("onboarding envelope", _onboarding, _golden("register_request"), 4_000),
    Door("cipher block", _cipher, _golden("cipher_block"), 3_000),
    Door("controller certificates", _controller_certs, _payloads("certs_response"), 4_000),
    Door("registration", _register, _payloads("register_request"), 5_000),
    Door("uuid", _uuid, _payloads("uuid_response"), 5_000),
    Door(
        "attestation request",
        _attest,
        _joined(
            _payloads("attest_certs_request", "attest_quote_request", "attest_escrow_request"),
            _full(attest_pb2.ZAttestReq),
        ),
        5_000,
    ),
    Door(
        "attestation response",
        _both(attest.decode_z_attest_response, attest.encode_z_attest_response),
        _full(attest_pb2.ZAttestResponse),
        4_000,
    ),
    Door(
        "volume key",
        _both(attest.decode_attest_volume_key_data, attest.encode_attest_volume_key_data),
        _full(attest_pb2.AttestVolumeKeyData),
        2_000,
    ),
    Door(
        "quote",
        parse_quote,
        lambda: (golden.hexed("attest_quote_request", "attestData_hex"),),
        6_000,
    ),
    Door(
        "poll request",
        _both(poll.decode_poll_request, poll.encode_poll_request),
        _payloads("config_request"),
        4_000,
    ),
    Door(
        "poll response",
        _both(poll.decode_poll_response, poll.encode_poll_response),
        _payloads("config_response"),
        4_000,
    ),
    Door(
        "config request",
        _both(config.decode_config_request, config.encode_config_request),
        _payloads("config_request"),
        3_000,
    ),
    Door(
        "config response",
        _both(config.decode_config_response, config.encode_config_response),
        _joined(_payloads("config_response"), _full(devconfig_pb2.ConfigResponse)),
        6_000,
    ),
    Door(
        "configuration",
        _both(config.decode_edge_dev_config, config.encode_edge_dev_config),
        _full(devconfig_pb2.EdgeDevConfig),
        3_000,
    ),
    Door(
        "bootstrap",
        _both(config.decode_bootstrap_config, config.encode_bootstrap_config),
        _golden("bootstrap_config"),
        3_000,
    ),
    Door(
        "compound configuration",
        _both(config.decode_compound_edge_dev_config, config.encode_compound_edge_dev_config),
        _joined(
            _golden("compound_config_encrypted"),
            _full(compound_devconfig_pb2.CompoundEdgeDevConfig),
        ),
        4_000,
    ),
    Door(
        "info",
        _both(info.decode_z_info_msg, info.encode_z_info_msg),
        _full(info_pb2.ZInfoMsg),
        4_000,
    ),
    Door(
        "metrics",
        _both(metrics.decode_z_metric_msg, metrics.encode_z_metric_msg),
        _full(metrics_pb2.ZMetricMsg),
        4_000,
    ),
    Door(
        "flow log",
        _both(flowlog.decode_flow_message, flowlog.encode_flow_message),
        _full(flowlog_pb2.FlowMessage),
        4_000,
    ),
    Door(
        "hardware health",
        _both(hardwarehealth.decode_z_hardware_health, hardwarehealth.encode_z_hardware_health),
        _full(hardware_health_pb2.ZHardwareHealth),
        4_000,
    ),
    Door(
        "log file",
        logs.decode_log_file,
        _payloads("newlogs_request", "app_newlogs_request"),
        8_000,
    ),
    Door("log lines", _log_text, _log_lines, 6_000),
    Door("log bundle", logs.decode_log_bundle, _full(log_pb2.LogBundle), 2_000),
    Door(
        "app log bundle",
        logs.decode_app_instance_log_bundle,
        _full(log_pb2.AppInstanceLogBundle),
        2_000,
    ),
    Door(
        "server metrics",
        logs.decode_server_metrics,
        lambda: (b'{"cpu_percentage":1.5,"log_process_delay_msec":7}',),
        3_000,
    ),
    Door("certificates", lambda data: load_certificates(data, "test"), _keys, 3_000),
    Door("private key", load_private_key, _private_keys, 1_000),
    Door(
        "path",
        _path,
        lambda: (f"id/{golden.DEVICE_ID}/apps/instanceid/{golden.DEVICE_ID}/newlogs".encode(),),
        3_000,
    ),
)


# --- mutations

_NASTY = (
    b"",
    b"\0",
    b"\xff" * 10,  # the longest varint, and one too long
    b"\x80" * 11,
    b"\xff\xff\xff\xff\x0f",
    b"\x0a\xff\xff\xff\xff\x07",  # a length of 2 GiB
    b"\x0b\x0c",  # groups, which proto3 does not know
    b"\x0f",
    b"\x00\x00",
    b'{"a":' * 50,
    b"\\u0000\\ud800",
    b"-1e999999",
    b"\x0a\x02\xc3\x28",  # no UTF-8
)


def mutations(seeds: tuple[bytes, ...], count: int, name: str) -> Iterator[bytes]:
    """`count` cases, the same ones in every run."""
    chance = random.Random(f"eaves {name}")  # noqa: S311  # repeatable on purpose
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        if chance.randrange(2):
            yield _reshape(bytes(data), chance)
            continue
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            _mutate(data, seeds, chance)
        yield bytes(data)


def _reshape(data: bytes, chance: random.Random, depth: int = 8) -> bytes:
    """Change one field somewhere inside and keep all lengths right, so that decoding goes on."""
    parsed = fields_of(data)
    if not parsed or not depth:
        changed = bytearray(data)
        _mutate(changed, (data,), chance)
        return bytes(changed)
    at = chance.randrange(len(parsed))
    number, kind, value = parsed[at]
    match chance.randrange(8):
        case 0:
            del parsed[at]
        case 1:
            parsed.insert(at, parsed[at])
        case 2:
            parsed[at] = (number, chance.choice((0, 1, 2, 5)), value)
        case 3:
            parsed[at] = (chance.choice((number + 1, 1, 2, 536_870_911)), kind, value)
        case _ if kind == 2:
            parsed[at] = (number, kind, _reshape(value, chance, depth - 1))
        case _:
            parsed[at] = (number, kind, varint(chance.getrandbits(chance.choice((1, 8, 32, 64)))))
    return b"".join(_field_bytes(*one) for one in parsed)


def fields_of(data: bytes) -> list[tuple[int, int, bytes]]:
    """Number, wire type and value of each field; nothing when these are no fields."""
    fields: list[tuple[int, int, bytes]] = []
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        kind = tag & 7
        start = position
        match kind:
            case 0:
                _, position = _read_varint(data, position)
            case 1 | 5:
                position += 8 if kind == 1 else 4
            case 2:
                length, start = _read_varint(data, position)
                position = start + length
            case _:
                return []
        if tag < 8 or position > len(data):
            return []
        fields.append((tag >> 3, kind, data[start:position]))
    return fields


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    return 0, len(data) + 1


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field_bytes(number: int, kind: int, value: bytes) -> bytes:
    match kind:
        case 1 | 5:
            size = 8 if kind == 1 else 4
            value = value[:size].ljust(size, b"\0")
        case 2:
            value = varint(len(value)) + value
        case _:
            value = value or b"\0"
    return varint(number << 3 | kind) + value


def _mutate(data: bytearray, seeds: tuple[bytes, ...], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
    match chance.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(data):
            data[at] = chance.randrange(256)
        case 2 if at < len(data):  # the same field, another wire type
            data[at] = data[at] & 0xF8 | chance.randrange(8)
        case 3:
            del data[at:end]
        case 4:
            del data[at:]
        case 5:
            data[at:at] = data[at:end]
        case 6:
            data[at:at] = chance.randbytes(chance.choice((1, 2, 8, 40)))
        case 7:
            data[at:at] = chance.choice(_NASTY)
        case _:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            data[at:end] = other[start : start + chance.choice((2, 8, 64, 512))]
