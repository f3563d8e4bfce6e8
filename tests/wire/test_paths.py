"""Every path of the API, as devices write it and as documents show it."""

import pytest

from eaves.evapi.paths import METHODS, Endpoint, Route, endpoint_path, parse_path, server_url
from eaves.ids import AppInstanceId, DeviceId

DEVICE = DeviceId("3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b001")
APP = AppInstanceId("6605d17b-3273-4108-8e6e-4965441ebe01")
OPEN = {Endpoint.CERTS, Endpoint.PING, Endpoint.REGISTER, Endpoint.UUID}
OF_APPS = {Endpoint.APP_NEWLOGS, Endpoint.APP_LOGS}


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_a_path_that_is_built_parses_to_what_it_was_built_from(endpoint: Endpoint) -> None:
    device = None if endpoint in OPEN else DEVICE
    app = APP if endpoint in OF_APPS else None
    path = endpoint_path(endpoint, device, app)
    assert parse_path(path) == Route(endpoint, device, app)


@pytest.mark.parametrize(
    ("tail", "endpoint", "device", "app"),
    [
        ("certs", Endpoint.CERTS, None, None),
        ("ping", Endpoint.PING, None, None),
        ("register", Endpoint.REGISTER, None, None),
        ("uuid", Endpoint.UUID, None, None),
        ("config", Endpoint.CONFIG, None, None),
        (f"id/{DEVICE}/config", Endpoint.CONFIG, DEVICE, None),
        (f"id/{DEVICE}/compound-config", Endpoint.COMPOUND_CONFIG, DEVICE, None),
        (f"id/{DEVICE}/attest", Endpoint.ATTEST, DEVICE, None),
        (f"id/{DEVICE}/info", Endpoint.INFO, DEVICE, None),
        (f"id/{DEVICE}/metrics", Endpoint.METRICS, DEVICE, None),
        (f"id/{DEVICE}/newlogs", Endpoint.NEWLOGS, DEVICE, None),
        (f"id/{DEVICE}/apps/instanceid/{APP}/newlogs", Endpoint.APP_NEWLOGS, DEVICE, APP),
        (f"apps/instanceid/{APP}/newlogs", Endpoint.APP_NEWLOGS, None, APP),
        (f"apps/instanceid/id/{APP}/newlogs", Endpoint.APP_NEWLOGS, None, APP),
        (f"id/{DEVICE}/flowlog", Endpoint.FLOWLOG, DEVICE, None),
        (f"id/{DEVICE}/hardwarehealth", Endpoint.HARDWAREHEALTH, DEVICE, None),
        (f"id/{DEVICE}/proxy/scep", Endpoint.SCEP, DEVICE, None),
        (f"id/{DEVICE}/logs", Endpoint.LOGS, DEVICE, None),
        (f"id/{DEVICE}/apps/instances/id/{APP}/logs", Endpoint.APP_LOGS, DEVICE, APP),
        (f"apps/instances/id/{APP}/logs", Endpoint.APP_LOGS, None, APP),
        (f"id/{DEVICE}/ext/wait", Endpoint.WAIT, DEVICE, None),
    ],
)
@pytest.mark.parametrize("base", ["/api/v2/edgedevice/", "/api/v2/edgeDevice/"])
def test_each_path_of_the_table_is_known_in_either_case(
    base: str,
    tail: str,
    endpoint: Endpoint,
    device: DeviceId | None,
    app: AppInstanceId | None,
) -> None:
    assert parse_path(base + tail) == Route(endpoint, device, app)


def test_an_identifier_comes_back_in_lower_case() -> None:
    assert parse_path(f"/api/v2/edgedevice/id/{DEVICE.upper()}/info") == Route(
        Endpoint.INFO, DEVICE
    )


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1/edgedevice/config",
        "/api/v2/edgedevice/",
        "/api/v2/edgedevice/info",
        "/api/v2/edgedevice/id//config",
        "/api/v2/edgedevice/id/nonsense/config",
        f"/api/v2/edgedevice/id/{DEVICE}",
        f"/api/v2/edgedevice/id/{DEVICE}/unknown",
        f"/api/v2/edgedevice/id/{DEVICE}/../{DEVICE}/config",
        f"/api/v2/edgedevice/id/{DEVICE}/apps/instanceid/x/newlogs",
        "/api/v2/edgedevice/certs\n",
    ],
)
def test_anything_else_is_no_path_of_the_api(path: str) -> None:
    assert parse_path(path) is None


def test_a_path_that_lacks_its_identifier_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="names a device"):
        endpoint_path(Endpoint.INFO)
    with pytest.raises(ValueError, match="names an app instance"):
        endpoint_path(Endpoint.APP_NEWLOGS, DEVICE)


def test_only_certs_and_ping_are_fetched_with_get() -> None:
    assert {e for e, methods in METHODS.items() if "GET" in methods} == {
        Endpoint.CERTS,
        Endpoint.PING,
    }
    assert "POST" in METHODS[Endpoint.CERTS]


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("host", "https://host"),
        (" host:8443\n", "https://host:8443"),
        ("http://host", "http://host"),
        ("https://host/", "https://host"),
    ],
)
def test_a_server_without_scheme_is_asked_by_https(server: str, url: str) -> None:
    assert server_url(server) == url
