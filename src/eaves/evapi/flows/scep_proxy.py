"""One request to a SCEP server, by way of the controller.  Section 13."""

from dataclasses import dataclass, field

from eaves.errors import EavesError
from eaves.evapi.envelope import Sender, seal
from eaves.evapi.flows.steps import Clock, Flow, Send
from eaves.evapi.flows.trust import Failed, Opened, Trust, ask
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.scep_proxy import SCEP_PROXY_REQUEST, SCEP_PROXY_RESPONSE, SCEPProxyRequest
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Passed:
    """What the server answered; or why there is no answer of its."""

    message: bytes = field(default=b"", repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    passed: Passed
    trust: Trust


def pass_on(
    device: Sender, device_id: DeviceId, trust: Trust, now: Clock, request: SCEPProxyRequest
) -> Flow[Answered]:
    endpoint = Endpoint.SCEP
    body = seal(SCEP_PROXY_REQUEST.encode(request), device)
    asked = yield from ask(
        Send(endpoint, "POST", endpoint_path(endpoint, device_id), body), trust, now
    )
    match asked.outcome:
        case Failed(reason=reason, status=status):
            hint = ""
            if status == 403:
                hint = "; the profile is not among those of this device"
            elif status == 404:
                hint = "; this controller passes nothing on, take use_controller_proxy off"
            return Answered(Passed(problem=f"{reason}{hint}"), asked.trust)
        case Opened(payload=payload):
            return Answered(_passed(payload, request), asked.trust)
        case _:
            return Answered(Passed(problem="the controller's answer is empty"), asked.trust)


def _passed(payload: bytes, request: SCEPProxyRequest) -> Passed:
    try:
        told = SCEP_PROXY_RESPONSE.decode(payload)
    except EavesError as error:
        return Passed(problem=str(error))
    if (told.scep_profile_name, told.operation) != (request.scep_profile_name, request.operation):
        return Passed(problem="the controller answered another question")
    if told.http_status_code != 200:
        return Passed(problem=f"HTTP status {told.http_status_code}")
    return Passed(told.message)
