"""POST ext/wait, an addition of Eaves: answers when the configuration differs from the sender's.

The request is that of a poll.  200 with an empty body: poll now.  403: attest again first, as a
poll would say.  304: nothing changed within the time of a wait.  503: every place is taken, poll
as other devices do.
"""

import asyncio

from eaves.controller.live import NoWaiterPlace
from eaves.controller.southbound.context import FORBIDDEN, NOT_MODIFIED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.evapi.poll import poll_fields

CHANGED = Answer(200, typed=True)
NO_PLACE = Answer(503, retry_after_s=60)


async def answer(context: Southbound, call: Call) -> Answer:
    known, _ = poll_fields(call.payload)
    try:
        changed = await _changed_or_gone(context, call, known)
    except NoWaiterPlace:
        return NO_PLACE
    if not changed:
        return NOT_MODIFIED
    now = context.live.find(call.device.device_id)
    if now is not None and now.has_to_attest and now.config_hash == known:
        return FORBIDDEN
    return CHANGED


async def _changed_or_gone(context: Southbound, call: Call, known: str) -> bool:
    """Wait for a change, and give the place back at once when the client leaves."""
    leaving = asyncio.ensure_future(call.request.disconnected())
    try:
        return await context.live.wait_for_change(
            call.device.device_id, known, context.settings.bounds.wait_s, leaving
        )
    finally:
        # the server's future takes no cancellation: it ends with the connection, after the answer
        leaving.cancel()
