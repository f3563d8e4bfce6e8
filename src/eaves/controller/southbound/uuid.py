"""POST uuid: a registered device learns what it is called.  EVE API v2, section 6.2."""

from eaves.controller.southbound.context import Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.evapi.uuid import UuidResponse, encode_uuid_response


async def answer(context: Southbound, call: Call) -> Answer:
    return context.sealed(encode_uuid_response(UuidResponse(uuid=call.device.device_id)))
