"""Other bytes, same message: every reader makes of them what it makes of the canonical form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.message import Message
from support.malleable import FORMS, Form, envelopes, other_signature
from wire import golden
from wire.hostile import filled

from eaves.evapi import attest, certs, config, flowlog, hardwarehealth, info, logs, metrics, poll
from eaves.evapi.canonical import canonical_flow_message, canonical_hardware_health
from eaves.evapi.envelope import encode_sealed, parse_envelope, parse_signed
from eaves.evapi.flow_records import fold_flow_message
from eaves.evapi.info.fold import fold_info
from eaves.evapi.metrics_fold import fold_metrics
from eaves.evapi.pb.attest import attest_pb2
from eaves.evapi.pb.auth import auth_pb2
from eaves.evapi.pb.certs import certs_pb2
from eaves.evapi.pb.config import compound_devconfig_pb2, devconfig_pb2
from eaves.evapi.pb.eveuuid import eveuuid_pb2
from eaves.evapi.pb.flowlog import flowlog_pb2
from eaves.evapi.pb.hardwarehealth import hardware_health_pb2
from eaves.evapi.pb.info import info_pb2
from eaves.evapi.pb.logs import log_pb2
from eaves.evapi.pb.metrics import metrics_pb2
from eaves.evapi.pb.register import register_pb2
from eaves.evapi.plain import plain_config, plain_info, plain_metrics
from eaves.evapi.register import decode_z_register_msg
from eaves.evapi.uuid import decode_uuid_response


@dataclass(frozen=True)
class Reader:
    """One parser of one message."""

    of: type[Message]
    read: Callable[[bytes], Any]

    @property
    def name(self) -> str:
        return f"{self.of.DESCRIPTOR.name}-{getattr(self.read, '__name__', 'read')}"


def polled(data: bytes) -> object:
    """The configuration is handed on as bytes, and read later."""
    response = poll.decode_poll_response(data)
    assert response.config is not None
    return response.config_hash, config.decode_edge_dev_config(response.config)


READERS = (
    Reader(auth_pb2.AuthContainer, parse_envelope),
    Reader(auth_pb2.AuthContainer, parse_signed),
    Reader(attest_pb2.ZAttestReq, attest.decode_z_attest_req),
    Reader(attest_pb2.ZAttestResponse, attest.decode_z_attest_response),
    Reader(attest_pb2.AttestVolumeKeyData, attest.decode_attest_volume_key_data),
    Reader(certs_pb2.ZControllerCert, certs.decode_z_controller_cert),
    Reader(register_pb2.ZRegisterMsg, decode_z_register_msg),
    Reader(eveuuid_pb2.UuidResponse, decode_uuid_response),
    Reader(devconfig_pb2.ConfigRequest, config.decode_config_request),
    Reader(devconfig_pb2.ConfigRequest, poll.decode_poll_request),
    Reader(devconfig_pb2.ConfigRequest, poll.poll_fields),
    Reader(devconfig_pb2.ConfigResponse, config.decode_config_response),
    Reader(devconfig_pb2.ConfigResponse, polled),
    Reader(devconfig_pb2.EdgeDevConfig, config.decode_edge_dev_config),
    Reader(devconfig_pb2.EdgeDevConfig, plain_config),
    Reader(compound_devconfig_pb2.CompoundEdgeDevConfig, config.decode_compound_edge_dev_config),
    Reader(info_pb2.ZInfoMsg, info.decode_z_info_msg),
    Reader(info_pb2.ZInfoMsg, fold_info),
    Reader(info_pb2.ZInfoMsg, plain_info),
    Reader(metrics_pb2.ZMetricMsg, metrics.decode_z_metric_msg),
    Reader(metrics_pb2.ZMetricMsg, fold_metrics),
    Reader(metrics_pb2.ZMetricMsg, plain_metrics),
    Reader(flowlog_pb2.FlowMessage, flowlog.decode_flow_message),
    Reader(flowlog_pb2.FlowMessage, fold_flow_message),
    Reader(flowlog_pb2.FlowMessage, canonical_flow_message),
    Reader(hardware_health_pb2.ZHardwareHealth, hardwarehealth.decode_z_hardware_health),
    Reader(hardware_health_pb2.ZHardwareHealth, canonical_hardware_health),
    Reader(log_pb2.LogBundle, logs.decode_log_bundle),
    Reader(log_pb2.AppInstanceLogBundle, logs.decode_app_instance_log_bundle),
)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_message_means_the_same_in_any_order_and_with_fields_twice(
    reader: Reader, form: Form
) -> None:
    data = _seed(reader.of)
    changed = form(reader.of, data)
    assert changed != data
    assert reader.of.FromString(changed) == reader.of.FromString(data)  # the library says so
    assert reader.read(changed) == reader.read(data)


def _seed(of: type[Message]) -> bytes:
    if of is not auth_pb2.AuthContainer:
        return filled(of()).SerializeToString()
    return golden.data("config_request")


def test_a_signature_and_its_mirror_image_are_both_the_signers() -> None:
    """ECDSA: with (r, s) goes (r, n - s); neither is preferred by EVE."""
    envelope = golden.data("config_request")
    mirrored = other_signature(envelope)
    assert mirrored != envelope
    key = golden.public_key("device")
    assert parse_envelope(mirrored).verify(key) == parse_envelope(envelope).verify(key)


def test_an_envelope_in_other_bytes_is_kept_as_one_that_opens() -> None:
    """A node keeps envelopes as they came, a controller may write them again."""
    envelope = golden.data("config_request")
    key = golden.public_key("device")
    for name, data in envelopes(envelope).items():
        again = parse_envelope(encode_sealed(parse_envelope(data)))
        assert again.verify(key) == parse_envelope(envelope).payload, name
