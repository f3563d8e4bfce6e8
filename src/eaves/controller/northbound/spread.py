"""How a fleet is spread, in one answer below `/v1/ext`: over versions, and over attestation.

What devices run is counted from their own reports: it is what they say, not what was asked for.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select

from eaves.controller.northbound.context import Context
from eaves.controller.northbound.reports import AT_ONCE
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.sources import visible_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import attestations, reports
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import listed
from eaves.evapi.info import ZInfoTypes
from eaves.evapi.info.state import running_version
from eaves.ids import DeviceId

MOST: Final = 20_000  # devices of one answer
NEVER: Final = "ATTEST_STATE_NONE"


async def spread(context: Context, request: Request) -> Response:
    """How many nodes say that they run which version, and how their last attestation ended.

    Nodes that said no version count under an empty one; `more`: there are more than were counted.
    """
    versions: Counter[str] = Counter()
    attested: Counter[str] = Counter()
    async with context.reading(request) as work:
        found = await _ids(work, MOST + 1)
        for start in range(0, min(len(found), MOST), AT_ONCE):
            some = found[start : start + AT_ONCE]
            told = await reports.list_info(work.db, some, [int(ZInfoTypes.ZiDevice)])
            versions.update(running_version(one.message) for one in told)
            versions[""] += len(some) - len(told)  # one report of itself each, or none
            tried = await attestations.find_attested(work.db, some)
            attested.update(one.state or NEVER for one in tried.values())
            attested[NEVER] += len(some) - len(tried)
    return JSONResponse(
        {
            "versions": dict(sorted((+versions).items())),
            "attestation": dict(sorted((+attested).items())),
            "more": len(found) > MOST,
        }
    )


async def _ids(work: Work, limit: int) -> Sequence[DeviceId]:
    c = listed[Kind.DEVICE].c
    query = select(c.id).where(visible_in(c, work.scope)).order_by(c.id).limit(limit)
    return [DeviceId(one) for one in (await work.db.execute(query)).scalars()]


ROUTES: tuple[Route, ...] = (Route("GET", "/v1/ext/spread", spread, READ_DEVICES),)
