"""POST info: what a device says about itself and its objects.  EVE API v2, section 3.

The latest message about each object is kept; what is news in it becomes an event in the same
transaction.  A message that names another device is refused: it would be shown as that one's.
"""

import asyncio
from datetime import datetime

import structlog

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.decoding import LARGE
from eaves.controller.southbound.events import KINDS, subject_of, tell
from eaves.controller.southbound.http import Answer
from eaves.controller.store import reports
from eaves.controller.store.devices import put_last_seen
from eaves.controller.store.reports import Info
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Said, changes, object_id_of, said
from eaves.errors import Rejected
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info import ZInfoMsg, ZInfoTypes, decode_z_info_msg

log = structlog.get_logger()


async def answer(context: Southbound, call: Call) -> Answer:
    device_id, now = call.device.device_id, context.clock()
    message = await context.decoding.run(device_id, decode_z_info_msg, call.payload)
    if message.dev_id and message.dev_id.lower() != device_id:
        raise MalformedMessage("ZInfoMsg", f"devId is {message.dev_id!r}, {device_id} sent it")
    info = Info(
        device_id=device_id,
        kind=int(message.ztype),
        object_id=object_id_of(message),
        at=message.at_time_stamp,
        received_at=now,
        message=call.payload,
    )
    await context.writer.write(lambda db: _save(db, call, info, message, now), len(call.payload))
    return CREATED


async def _save(db: Db, call: Call, info: Info, message: ZInfoMsg, now: datetime) -> None:
    if message.ztype is ZInfoTypes.ZiDevice:
        # the status that this message is about need not wait for the next flush
        await put_last_seen(db, {info.device_id: now})
    news = said(message)
    if news is None:
        await reports.put_info(db, info)
        return
    before = await reports.find_info(db, info.device_id, info.kind, info.object_id)
    if news.gone:
        await reports.delete_info(db, info.device_id, info.kind, info.object_id)
    else:
        await reports.put_info(db, info)
    said_before = None if before is None else await _read(before.message)
    if _what(said_before) == _what(news):
        return
    kind = KINDS.get(news.kind)
    subject = await subject_of(
        db,
        call.device.enterprise_id,
        info.device_id,
        kind,
        info.object_id or info.device_id,
        news.name or info.object_id,
    )
    for change in changes(said_before, news, subject.name):
        await tell(db, subject, change, now)


async def _read(message: bytes) -> Said | None:
    try:
        if len(message) > LARGE:
            return said(await asyncio.to_thread(decode_z_info_msg, message))
        return said(decode_z_info_msg(message))
    except Rejected:
        return None


def _what(said_of: Said | None) -> tuple[object, ...]:
    if said_of is None:
        return ()
    return (said_of.state, said_of.errors, said_of.boots, said_of.gone)
