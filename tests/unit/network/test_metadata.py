"""What apps are told of themselves and their node; and that nobody is told of another."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.network_node import app, interface

from eaves.evapi.config import (
    ContentTree,
    EdgeDevConfig,
    MetaDataType,
    Target,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    VolumeRef,
)
from eaves.evapi.info import AppInstMetaDataType
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.metadata import (
    MOST_STATUS_BYTES,
    Allowance,
    Caller,
    Neighbour,
    NodeFacts,
    PortCounters,
    Question,
    answer,
    blobs_of,
)
from eaves.node.refs import Position

NI = NetworkInstanceId("11111111-0000-4000-8000-000000000001")
APP = app(1, "a", interface(NI))
OTHER = AppInstanceId("other")
CALLER = Caller(APP.app, APP.config, NI, "10.1.0.2", 40000, "192.0.2.10")
FACTS = NodeFacts(
    "device",
    device_name="gate",
    project_name="project",
    ports=(PortCounters("eth0", up=True, rx_bytes=7),),
    neighbours=(
        Neighbour(APP.app, "a", "eth0", "10.1.0.2"),
        Neighbour(OTHER, "b", "eth0", "10.1.0.3"),
    ),
    diagnosis="all is well",
    uptime_s=5.0,
)


def get(path: str, caller: Caller | None = CALLER) -> tuple[int, str]:
    told = answer(Question("GET", path), caller, FACTS)
    return told.status, told.body


def test_an_app_is_told_where_the_node_stands() -> None:
    here = Position(52.52, 13.405, 34.5, "lte", datetime(2026, 1, 1, tzinfo=UTC))
    told = answer(Question("GET", "/eve/v1/location.json"), CALLER, replace(FACTS, position=here))
    assert json.loads(told.body) == {
        "latitude": 52.52,
        "longitude": 13.405,
        "altitude": 34.5,
        "utc-timestamp": 1767225600000,
        "logical-label": "lte",
    }


def test_an_app_is_told_who_and_where_it_is() -> None:
    status, body = get("/eve/v1/network.json")
    told = json.loads(body)
    assert status == 200
    assert told["caller-ip"] == "10.1.0.2:40000"
    assert (told["external-ipv4"], told["app-instance-uuid"], told["device-uuid"]) == (
        "192.0.2.10",
        APP.app,
        "device",
    )
    assert get("/eve/v1/hostname") == (200, APP.app)
    assert get("/eve/v1/external_ipv4") == (200, "192.0.2.10")
    assert get("/eve/v1/diag") == (200, "all is well")
    assert json.loads(get("/eve/v1/networks/metrics.json")[1])[0]["RxBytes"] == 7
    assert "node_uptime_seconds 5.0\n" in get("/metrics")[1]


def test_sensors_are_read_for_the_metrics_only() -> None:
    read: list[str] = []

    def sensors() -> tuple[str, ...]:
        read.append("sensors")
        return ("node_hwmon_temp_celsius 40",)

    facts = replace(FACTS, more_metrics=sensors)
    assert answer(Question("GET", "/eve/v1/network.json"), CALLER, facts).status == 200
    assert answer(Question("GET", "/metrics"), None, facts).status == 204
    assert read == []
    told = answer(Question("GET", "/metrics"), CALLER, facts).body
    assert told.endswith("node_hwmon_temp_celsius 40\n")
    assert read == ["sensors"]


@pytest.mark.parametrize(
    "path", ["/eve/v1/network.json", "/eve/v1/diag", "/metrics", "/openstack", "/"]
)
def test_whoever_is_no_app_is_told_nothing(path: str) -> None:
    assert get(path, None) == (204, "")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/eve/v1/location.json", 204),
        ("/eve/v1/wwan/status.json", 204),
        ("/eve/v1/tpm/signer", 501),
        ("/eve/app-custom-blobs/x", 404),
        ("/eve/v1/nothing", 404),
        ("/openstack/latest/meta_data.json", 404),
    ],
)
def test_what_is_not_there_says_so(path: str, status: int) -> None:
    assert get(path)[0] == status


def test_an_app_is_told_of_the_volumes_that_it_may_fetch() -> None:
    assert json.loads(get("/eve/v1/app/info.json")[1]) == {"appCustomBlobs": []}
    origin = VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id="tree"
    )
    notes = Volume(uuid="one", display_name="my notes", origin=origin, target=Target.AppCustom)
    disk = replace(notes, uuid="two", target=Target.Disk)
    others = replace(notes, uuid="three")
    tree = ContentTree(uuid="tree", custom_meta_data='{"for": "me"}')
    config = EdgeDevConfig(volumes=(notes, disk, others), content_info=(tree,))
    mine = replace(APP.config, volume_ref_list=(VolumeRef(uuid="one"), VolumeRef(uuid="two")))
    caller = replace(CALLER, config=mine, blobs=blobs_of(config, mine))
    assert json.loads(get("/eve/v1/app/info.json", caller)[1])["appCustomBlobs"] == [
        {
            "custom-meta": '{"for": "me"}',
            "download-url": "http://169.254.169.254/eve/app-custom-blobs/my%20notes",
        }
    ]


def test_neighbours_are_shown_only_to_an_interface_that_may_see_them() -> None:
    assert get("/eve/v1/discover-network.json")[0] == 403
    allowed = Caller(APP.app, APP.config, NI, "10.1.0.2", 1, "", discovers=True)
    _, body = get("/eve/v1/discover-network.json", allowed)
    assert json.loads(body) == {OTHER: {"name": "b", "ports": {"eth0": {"ip": "10.1.0.3"}}}}


def test_a_node_without_a_way_out_has_no_outside_address() -> None:
    caller = Caller(APP.app, APP.config, NI, "10.1.0.2", 1, "")
    assert get("/eve/v1/external_ipv4", caller) == (204, "")


def test_openstack_is_for_apps_that_ask_for_it() -> None:
    interfaces = APP.config.interfaces
    config = type(APP.config)(
        displayname="a",
        interfaces=interfaces,
        meta_data_type=MetaDataType.MetaDataOpenStack,
    )
    caller = Caller(APP.app, config, NI, "10.1.0.2", 1, "")
    assert json.loads(get("/openstack/latest/meta_data.json", caller)[1])["uuid"] == APP.app
    assert "meta_data.json" in get("/openstack/latest", caller)[1]
    assert get("/openstack/latest/user_data", caller)[0] == 404


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("POST", "application/json; charset=utf-8", b'{"a": 1}', 200),
        ("POST", "text/plain", b"{}", 415),
        ("POST", "", b"{}", 415),
        ("POST", "application/json", b"{", 400),
        ("POST", "application/json", b"[" * 30_000, 400),
        ("POST", "application/json", b'"' + b"x" * MOST_STATUS_BYTES + b'"', 413),
        ("GET", "application/json", b"", 405),
    ],
)
def test_the_status_of_an_app_is_json_of_a_bounded_size(
    method: str, kind: str, body: bytes, status: int
) -> None:
    told = answer(Question(method, "/eve/v1/app/appCustomStatus", kind, body), CALLER, FACTS)
    assert told.status == status
    wanted = AppInstMetaDataType.APP_INST_META_DATA_TYPE_CUSTOM_STATUS if status == 200 else None
    assert told.status_of == wanted


def test_a_caller_is_held_back_after_its_burst_and_only_it() -> None:
    allowance = Allowance(rate=1, burst=3)
    assert [allowance.takes("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert allowance.takes("b", 0.0)
    assert [allowance.takes("a", 1.0) for _ in range(2)] == [True, False]
