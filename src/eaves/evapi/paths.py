"""The paths of the device-facing API, built and parsed in one place.  EVE API v2, section 3.

Devices send `edgedevice` in lower case, documents show `edgeDevice`: the fixed words match in any
case.  Also accepted: app paths without `id/{uuid}`, and `POST config` without it, both of which
exist in the field; the sender of the envelope then says which device it is.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from eaves.ids import AppInstanceId, DeviceId

BASE: Final = "/api/v2/edgedevice/"
PROTOBUF: Final = "application/x-proto-binary"

Method = Literal["GET", "POST"]


class Endpoint(StrEnum):
    CERTS = "certs"
    PING = "ping"
    REGISTER = "register"
    UUID = "uuid"
    CONFIG = "config"
    COMPOUND_CONFIG = "compound-config"
    ATTEST = "attest"
    INFO = "info"
    METRICS = "metrics"
    NEWLOGS = "newlogs"
    APP_NEWLOGS = "app-newlogs"
    FLOWLOG = "flowlog"
    HARDWAREHEALTH = "hardwarehealth"
    SCEP = "scep"
    LOGS = "logs"  # legacy
    APP_LOGS = "app-logs"  # legacy
    WAIT = "wait"  # of Eaves: answers when the configuration changes

    # that of Enum is written in Python, and every request looks up what its endpoint takes
    __hash__ = str.__hash__


METHODS: Final[Mapping[Endpoint, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(Endpoint, frozenset({"POST"})),
        Endpoint.CERTS: frozenset({"GET", "POST"}),
        Endpoint.PING: frozenset({"GET"}),
    }
)
"""What each endpoint may be asked with; `certs` takes POST as well, as other controllers do."""


class Route(NamedTuple):  # made for every request
    endpoint: Endpoint
    device_id: DeviceId | None = None
    app_id: AppInstanceId | None = None


_WITHOUT_DEVICE: Final[Mapping[str, Route]] = MappingProxyType(
    {
        "certs": Route(Endpoint.CERTS),
        "ping": Route(Endpoint.PING),
        "register": Route(Endpoint.REGISTER),
        "uuid": Route(Endpoint.UUID),
        "config": Route(Endpoint.CONFIG),
    }
)

_WITH_DEVICE: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "config": Endpoint.CONFIG,
        "compound-config": Endpoint.COMPOUND_CONFIG,
        "attest": Endpoint.ATTEST,
        "info": Endpoint.INFO,
        "metrics": Endpoint.METRICS,
        "newlogs": Endpoint.NEWLOGS,
        "flowlog": Endpoint.FLOWLOG,
        "hardwarehealth": Endpoint.HARDWAREHEALTH,
        "proxy/scep": Endpoint.SCEP,
        "logs": Endpoint.LOGS,
        "ext/wait": Endpoint.WAIT,
    }
)

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ONE_UUID: Final = re.compile(_UUID)
_ID: Final = BASE + "id/"
_ID_BEGIN: Final = len(_ID)
_ID_END: Final = _ID_BEGIN + 36
_BELOW_DEVICE: Final = re.compile(rf"id/({_UUID})/([a-z0-9/-]+)")
_APP: Final = re.compile(rf"apps/(?:instanceid|instances)/(?:id/)?({_UUID})/(newlogs|logs)")


def parse_path(path: str) -> Route | None:
    """What a request path asks for, or None when it is no path of the API.

    `path` has no query string.  Identifiers come back in lower case.
    """
    if (short := _as_devices_write_it(path)) is not None:
        return short
    lower = path.lower()
    if not lower.startswith(BASE):
        return None
    tail = lower[len(BASE) :].removesuffix("/")
    if (route := _WITHOUT_DEVICE.get(tail)) is not None:
        return route
    device_id = None
    if (below := _BELOW_DEVICE.fullmatch(tail)) is not None:
        device_id, tail = DeviceId(below[1]), below[2]
        if (endpoint := _WITH_DEVICE.get(tail)) is not None:
            return Route(endpoint, device_id)
    if (app := _APP.fullmatch(tail)) is not None:
        endpoint = Endpoint.APP_NEWLOGS if app[2] == "newlogs" else Endpoint.APP_LOGS
        return Route(endpoint, device_id, AppInstanceId(app[1]))
    return None


def _as_devices_write_it(path: str) -> Route | None:
    """The short way for `/api/v2/edgedevice/id/{uuid}/{action}` in lower case."""
    if path.startswith(_ID) and path[_ID_END : _ID_END + 1] == "/":
        endpoint = _WITH_DEVICE.get(path[_ID_END + 1 :])
        device_id = path[_ID_BEGIN:_ID_END]
        if endpoint is not None and _ONE_UUID.fullmatch(device_id) is not None:
            return Route(endpoint, DeviceId(device_id))
    return None


_ACTIONS: Final[Mapping[Endpoint, str]] = MappingProxyType(
    {endpoint: action for action, endpoint in _WITH_DEVICE.items()}
)


def endpoint_path(
    endpoint: Endpoint,
    device_id: DeviceId | None = None,
    app_id: AppInstanceId | None = None,
) -> str:
    """The path as a device writes it.  Raises ValueError when an identifier is missing."""
    if endpoint in (Endpoint.CERTS, Endpoint.PING, Endpoint.REGISTER, Endpoint.UUID):
        return BASE + endpoint.value
    if device_id is None:
        raise ValueError(f"the path of {endpoint.value} names a device; none was given")
    below = f"{BASE}id/{device_id.lower()}/"
    if endpoint in (Endpoint.APP_NEWLOGS, Endpoint.APP_LOGS):
        if app_id is None:
            raise ValueError(f"the path of {endpoint.value} names an app instance; none was given")
        if endpoint is Endpoint.APP_NEWLOGS:
            return f"{below}apps/instanceid/{app_id.lower()}/newlogs"
        return f"{below}apps/instances/id/{app_id.lower()}/logs"
    return below + _ACTIONS[endpoint]


def server_url(server: str) -> str:
    """The URL of a `server` file or LOC field: scheme and host, no trailing slash.

    `http:` and `https:` are kept, anything else gets `https://`.  Section 2.
    """
    trimmed = server.strip().rstrip("/")
    if trimmed.startswith(("http:", "https:")):
        return trimmed
    return f"https://{trimmed}"
