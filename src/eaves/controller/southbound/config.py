"""POST config: the poll.  EVE API v2, sections 6.4 and 7.

The unchanged path reads memory only.  What is sent is what was rendered and stored when an object
was written.
"""

from typing import assert_never

import structlog

from eaves.controller.domain.poll import (
    AttestFirst,
    NotRenderedYet,
    PollAnswer,
    Replace,
    Unchanged,
    answer_poll,
    attestation_of,
    is_unchanged,
)
from eaves.controller.live import LiveDevice
from eaves.controller.southbound.configs import SealedConfig
from eaves.controller.southbound.context import DOUBT, FORBIDDEN, NOT_MODIFIED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.southbound.unproven import OVERDUE
from eaves.evapi.envelope import seal
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.poll import PollResponse, encode_poll_response, poll_fields

log = structlog.get_logger()


async def answer(context: Southbound, call: Call) -> Answer:
    known, token = poll_fields(call.payload)
    device = call.device
    decided = _decided(known, token, device)
    if isinstance(decided, AttestFirst):
        await context.catch_up()  # it may have attested at another process just now
        decided = _decided(known, token, context.live.find(device.device_id) or device)
    match decided:
        case Unchanged():
            return NOT_MODIFIED
        case Replace():
            return await _stored(context, call, known)
        case AttestFirst(reason=reason):
            log.info("attest_first", device_id=device.device_id, why=reason)
            if context.unproven.is_overdue(device.device_id, context.clock()):
                await _tell_unproven(context, device)
            return FORBIDDEN
        case NotRenderedYet():
            log.info("nothing_rendered", device_id=device.device_id)
            return DOUBT
    assert_never(decided)


def unchanged(device: LiveDevice, payload: bytes) -> bool:
    """Has the device what is in force, and may it have it?  False also for what is no poll."""
    try:
        known, token = poll_fields(payload)
    except MalformedMessage:
        return False
    return is_unchanged(
        known,
        token,
        device.config_hash,
        required=device.attestation_required,
        token=device.integrity_token,
    )


def _decided(known: str, token: bytes, device: LiveDevice) -> PollAnswer:
    return answer_poll(
        known,
        token,
        device.config_hash,
        attestation_of(required=device.attestation_required, token=device.integrity_token),
    )


async def _tell_unproven(context: Southbound, device: LiveDevice) -> None:
    # imported here: a start that serves polls needs none of it
    from eaves.controller.southbound.events import device_event  # noqa: PLC0415 - see above
    from eaves.controller.telemetry.changes import Change, Severity  # noqa: PLC0415 - see above

    asked = int(OVERDUE.total_seconds() / 60)
    what = (
        f"the device asks for its configuration for {asked} minutes and has not attested; the "
        "project enforces it, so it gets none"
    )
    change = Change("EDGE_NODE_ATTESTATION_MISSING", Severity.WARNING, what)
    now = context.clock()
    log.warning("never_attested", device_id=device.device_id)
    await context.writer.write(
        lambda db: device_event(db, device.enterprise_id, device.device_id, change, now)
    )


async def _stored(context: Southbound, call: Call, known: str) -> Answer:
    device = call.device
    in_force = device.config_hash, device.config_timestamp
    again = context.configs.sealed(device.device_id, *in_force, context.keys.sender)
    if again is not None:
        return Answer(200, again)
    rendered = await context.configs.find(device.device_id, *in_force)
    if rendered is None:
        return DOUBT  # deleted since, or not rendered again yet; the next poll knows
    if rendered.config_hash == known:
        return NOT_MODIFIED  # the memory was one change behind
    if context.configs.first_served(device.device_id, rendered.config_hash):
        log.info(
            "config_served",
            device_id=device.device_id,
            config_hash=rendered.config_hash,
            bytes=len(rendered.config),
        )
    response = PollResponse(config=rendered.config, config_hash=rendered.config_hash)
    sender = context.keys.sender
    envelope = seal(encode_poll_response(response), sender)
    context.configs.keep_sealed(
        device.device_id,
        SealedConfig(rendered.config_hash, rendered.config_timestamp, sender, envelope),
    )
    return Answer(200, envelope)
