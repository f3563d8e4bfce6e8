"""Messages of real peers, and the rules of the mapping that a reader relies on.

Source: EVE API v2, sections "Config" and "AuthContainer"; vectors/.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from eaves.evapi.codec import Codec, Unencodable
from eaves.evapi.config import (
    AppInstanceConfig,
    BootstrapConfig,
    ConfigRequest,
    ConfigResponse,
    DatastoreConfig,
    DHCPType,
    DsType,
    EdgeDevConfig,
    NetworkType,
    PhyIoMemberUsage,
    PhysicalIO,
    VmConfig,
    decode_bootstrap_config,
    decode_config_request,
    decode_config_response,
    decode_edge_dev_config,
    encode_bootstrap_config,
    encode_config_request,
    encode_config_response,
    encode_edge_dev_config,
)
from eaves.evapi.config.wire import CONFIG_RESPONSE, EDGE_DEV_CONFIG
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info import (
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    decode_z_info_msg,
    encode_z_info_msg,
)
from eaves.evapi.info.wire import Z_INFO_MSG
from eaves.evapi.metrics import Z_METRIC_MSG
from eaves.evapi.pb.auth import auth_pb2
from eaves.evapi.pb.config import devconfig_pb2
from eaves.evapi.pb.info import info_pb2

VECTORS = Path(__file__).parent / "vectors"


def described(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return value


def payload_of(envelope: bytes) -> bytes:
    return auth_pb2.AuthContainer.FromString(envelope).protectedPayload.payload


def test_a_config_response_of_a_real_controller_is_read() -> None:
    payload = payload_of((VECTORS / "config_response.bin").read_bytes())
    response = decode_config_response(payload)
    config = response.config
    assert config is not None
    assert config.id is not None
    assert config.id.uuid == "3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b001"
    assert config.config_timestamp == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert config.networks[0].type is NetworkType.V4
    assert config.networks[0].ip is not None
    assert config.networks[0].ip.dhcp is DHCPType.Client
    assert config.datastores[0].d_type is DsType.DsS3
    assert config.device_io_list[0].phyaddrs == {"ifname": "eth0"}
    assert config.device_io_list[0].usage is PhyIoMemberUsage.PhyIoUsageMgmtAndApps
    assert config.reboot is not None
    assert (config.reboot.counter, config.reboot.desired_state) == (3, True)
    assert response.config_hash == described("config_response")["configHash"]


def test_a_config_response_of_a_real_controller_is_written_to_the_byte() -> None:
    payload = payload_of((VECTORS / "config_response.bin").read_bytes())
    assert encode_config_response(decode_config_response(payload)) == payload


def test_a_config_response_of_a_real_controller_says_what_its_description_says() -> None:
    payload = payload_of((VECTORS / "config_response.bin").read_bytes())
    message = CONFIG_RESPONSE.message(decode_config_response(payload))
    as_json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert as_json == described("config_response")["payload_json"]


def test_a_config_request_of_a_real_device_is_read_and_written_to_the_byte() -> None:
    payload = payload_of((VECTORS / "config_request.bin").read_bytes())
    wanted = described("config_request")["payload_decoded"]
    request = decode_config_request(payload)
    assert request == ConfigRequest(
        config_hash=wanted["configHash"],
        integrity_token=bytes.fromhex(wanted["integrity_token_hex"]),
    )
    assert encode_config_request(request) == payload


def test_a_bootstrap_file_holds_an_envelope_with_a_config_and_certificates() -> None:
    data = (VECTORS / "bootstrap_config.bin").read_bytes()
    bootstrap = decode_bootstrap_config(data)
    assert bootstrap.signed_config is not None
    payload = payload_of(bootstrap.signed_config)
    assert payload.hex() == described("bootstrap_config")["payload_hex"]
    assert decode_edge_dev_config(payload).system_adapter_list[0].name == "eth0"
    assert len(bootstrap.controller_certs) == 2
    assert encode_bootstrap_config(bootstrap) == data


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        (EDGE_DEV_CONFIG, {"config.NetworkInstanceConfig.cfg"}),
        (
            Z_INFO_MSG,
            {
                "info.ZInfoDevice.metricItems",
                "info.ZInfoDevice.tasks",
                "info.ZInfoMsg.cluster_info",
                "info.ZInfoMsg.cluster_update_info",
                "info.ZInfoNetworkInstance.vinfo",
            },
        ),
        (
            Z_METRIC_MSG,
            {
                "metrics.ZMetricMsg.cm",
                "metrics.ZMetricMsg.nest_metric",
                "metrics.ZMetricNetworkInstance.flowStats",
                "metrics.ZMetricNetworkInstance.nonem",
                "metrics.ZMetricNetworkInstance.probeMetric",
                "metrics.ZMetricNetworkInstance.probe_metrics",
                "metrics.ZMetricNetworkInstance.vpnm",
                "metrics.deviceMetric.bond_metrics",
                "metrics.deviceMetric.log",
                "metrics.deviceMetric.metricItems",
                "metrics.deviceMetric.pnac_metrics",
                "metrics.deviceMetric.storage_metrics",
            },
        ),
    ],
    ids=["config", "info", "metrics"],
)
def test_only_known_fields_are_left_to_rest(codec: Codec[Any], names: set[str]) -> None:
    assert {name.removeprefix("org.lfedge.eve.") for name in codec.left_out()} == names


def test_an_enum_number_of_a_newer_peer_survives_and_can_be_compared() -> None:
    data = b"\x08\x63\x2a\x03\x78\xfa\x01"  # ztype 99, ainfo.state 250
    message = decode_z_info_msg(data)
    assert message.ztype == ZInfoTypes(99)
    assert message.ztype.name == "UNNAMED_99"
    assert message.ainfo is not None
    assert message.ainfo.state not in set(ZSwState)
    assert encode_z_info_msg(message) == data


def test_an_absent_message_differs_from_an_empty_one() -> None:
    assert encode_config_response(ConfigResponse()) == b""
    empty = ConfigResponse(config=EdgeDevConfig())
    assert encode_config_response(empty) == b"\x0a\x00"
    assert decode_config_response(b"\x0a\x00") == empty


def stamped(seconds: int, nanos: int) -> bytes:
    raw = devconfig_pb2.EdgeDevConfig()
    raw.config_timestamp.seconds = seconds
    raw.config_timestamp.nanos = nanos
    return raw.SerializeToString(deterministic=True)


def test_the_nanoseconds_of_a_timestamp_pass_through() -> None:
    data = stamped(1_735_787_045, 123_456_789)
    config = decode_edge_dev_config(data)
    assert config.config_timestamp == datetime(2025, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert encode_edge_dev_config(config) == data


def test_the_nanoseconds_go_when_the_timestamp_changes_or_goes() -> None:
    config = decode_edge_dev_config(stamped(1_735_787_045, 123_456_789))
    later = datetime(2025, 1, 2, tzinfo=UTC)
    assert encode_edge_dev_config(replace(config, config_timestamp=later)) == (
        encode_edge_dev_config(EdgeDevConfig(config_timestamp=later))
    )
    assert encode_edge_dev_config(replace(config, config_timestamp=None)) == b""


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(2**60, 5), (-(2**60), 0), (0, -1), (0, 2**31 - 1)],
    ids=["far future", "far past", "negative nanoseconds", "too many nanoseconds"],
)
def test_a_timestamp_no_calendar_holds_is_none_and_passes_through(seconds: int, nanos: int) -> None:
    data = stamped(seconds, nanos)
    config = decode_edge_dev_config(data)
    assert config.config_timestamp is None
    assert encode_edge_dev_config(config) == data
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert decode_edge_dev_config(
        encode_edge_dev_config(replace(config, config_timestamp=now))
    ) == EdgeDevConfig(config_timestamp=now)


def test_a_modelled_field_wins_over_the_rest() -> None:
    other = encode_edge_dev_config(EdgeDevConfig(device_name="other", project_name="p"))
    config = EdgeDevConfig(device_name="mine", rest=other)
    assert decode_edge_dev_config(encode_edge_dev_config(config)) == EdgeDevConfig(
        device_name="mine"
    )


def test_the_rest_gives_way_in_a_oneof() -> None:
    raw = info_pb2.ZInfoMsg()
    raw.cluster_info.cluster_id = "c"
    message = decode_z_info_msg(raw.SerializeToString())
    assert message.rest
    now = replace(message, dinfo=ZInfoDevice(ncpu=2))
    assert decode_z_info_msg(encode_z_info_msg(now)) == ZInfoMsg(dinfo=ZInfoDevice(ncpu=2))


def test_two_members_of_a_oneof_are_refused() -> None:
    both = ZInfoMsg(dinfo=ZInfoDevice(), ainfo=ZInfoApp())
    with pytest.raises(Unencodable, match="dinfo and ainfo exclude each other"):
        encode_z_info_msg(both)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (
            EdgeDevConfig(apps=(AppInstanceConfig(fixedresources=VmConfig(memory=2**32)),)),
            "VmConfig.memory",
        ),
        (EdgeDevConfig(device_name="\ud800"), "EdgeDevConfig.device_name"),
        (
            EdgeDevConfig(config_timestamp=datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
            "EdgeDevConfig.config_timestamp",
        ),
    ],
    ids=["out of range", "no unicode", "no time zone"],
)
def test_a_value_that_does_not_fit_is_refused_by_name(config: EdgeDevConfig, named: str) -> None:
    with pytest.raises(Unencodable, match=named):
        encode_edge_dev_config(config)


def test_a_rest_or_an_embedded_message_that_is_none_is_refused() -> None:
    for bad in (BootstrapConfig(rest=b"\xff"), BootstrapConfig(signed_config=b"\xff")):
        with pytest.raises(MalformedMessage):
            encode_bootstrap_config(bad)


def test_a_message_nested_without_end_is_refused() -> None:
    data = b""
    for _ in range(2000):
        data = b"\x1a" + length(data) + data  # DisksConfig.children
    data = b"\x8a\x02" + length(data) + data  # EdgeDevConfig.disks
    with pytest.raises(MalformedMessage):
        decode_edge_dev_config(data)


def length(data: bytes) -> bytes:
    left, out = len(data), bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes((*out, left))


def test_maps_are_written_in_key_order() -> None:
    keys = ("ifname", "pcilong", "irq", "serial")
    first, second = (
        encode_edge_dev_config(
            EdgeDevConfig(device_io_list=(PhysicalIO(phyaddrs={key: key for key in order}),))
        )
        for order in (keys, keys[::-1])
    )
    assert first == second


def test_a_secret_does_not_show_in_a_repr() -> None:
    config = EdgeDevConfig(
        profile_server_token="tell-nobody",
        datastores=(DatastoreConfig(api_key="tell-nobody", password="tell-nobody"),),
        apps=(AppInstanceConfig(user_data="tell-nobody"),),
    )
    assert "tell-nobody" not in repr(config)
    assert "tell-nobody" not in repr(ConfigRequest(integrity_token=b"tell-nobody"))
