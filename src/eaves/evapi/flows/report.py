"""Messages that a device sends of its own accord, and what becomes of each.  Section 3.3.

A refused info message is dropped for ever and a refused log file is kept aside, so which status
means what is decided here once, for node and simulator alike.
"""

from dataclasses import dataclass

from eaves.evapi.envelope import Sender, seal
from eaves.evapi.flows.steps import Flow, NoConnection, Received, Reply, Send, explain, sent
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.ids import AppInstanceId, DeviceId

_RETRIED = frozenset({401, 403, 407, 408, 429})


@dataclass(frozen=True, slots=True)
class Delivered:
    body: bytes = b""  # ServerMetrics in JSON may answer a log upload


@dataclass(frozen=True, slots=True)
class Dropped:
    """Not delivered, and sending the same again is pointless."""

    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """To be sent again later.  `refused`: the controller answered, and did not want it."""

    reason: str
    refused: bool
    slow_down: bool = False  # 429: fewer requests from now on


Fate = Delivered | Dropped | Kept


def report(
    device: Sender,
    device_id: DeviceId,
    endpoint: Endpoint,
    payload: bytes,
    app_id: AppInstanceId | None = None,
) -> Flow[Fate]:
    """Send one info, metrics, log, flow log or health message."""
    path = endpoint_path(endpoint, device_id, app_id)
    stop = endpoint is Endpoint.INFO
    send = Send(endpoint, "POST", path, seal(payload, device), stop_on_refusal=stop)
    reply = yield from sent(send)
    return fate(endpoint, reply)


def fate(endpoint: Endpoint, reply: Reply) -> Fate:
    """What becomes of a message after this reply."""
    match endpoint:
        case Endpoint.INFO:
            return _fate_of_info(reply)
        case Endpoint.NEWLOGS | Endpoint.APP_NEWLOGS | Endpoint.LOGS | Endpoint.APP_LOGS:
            if isinstance(reply, Received) and reply.status in (200, 201):
                return Delivered(reply.body)
            return _kept(endpoint, reply)
        case Endpoint.FLOWLOG | Endpoint.HARDWAREHEALTH:
            if isinstance(reply, Received) and reply.status in (200, 201, 204, 304):
                return Delivered()
            return _kept(endpoint, reply)
        case _:  # metrics: counters are cumulative, the next message makes up for a lost one
            if isinstance(reply, Received) and reply.status in (200, 201, 204, 304):
                return Delivered()
            return Dropped(explain(endpoint, reply))


def _fate_of_info(reply: Reply) -> Fate:
    if isinstance(reply, NoConnection):
        return _kept(Endpoint.INFO, reply)
    if reply.status in (200, 201, 204, 304):
        return Delivered()
    if 400 <= reply.status < 500 and reply.status not in _RETRIED:
        return Dropped(explain(Endpoint.INFO, reply))
    return _kept(Endpoint.INFO, reply)


def _kept(endpoint: Endpoint, reply: Reply) -> Kept:
    refused = isinstance(reply, Received) and reply.status != 503
    slow_down = isinstance(reply, Received) and reply.status == 429
    return Kept(explain(endpoint, reply), refused, slow_down)
