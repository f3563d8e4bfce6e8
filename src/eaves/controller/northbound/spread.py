"""How a fleet is spread, in one answer below `/v1/ext`: versions, attestation, what machines have.

What devices run and have is counted from their own reports: it is what they say, not what was
asked for.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.reports import AT_ONCE
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.sources import visible_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import attestations, reports
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import listed
from eaves.evapi.info import ZInfoTypes
from eaves.evapi.info.state import Machine, machine
from eaves.ids import DeviceId

MOST: Final = 20_000  # devices of one answer
NEVER: Final = "ATTEST_STATE_NONE"


async def spread(context: Context, request: Request) -> Response:
    """How many nodes say that they run which version, how their last attestation ended, and what
    they have together.

    Nodes that said no version count under an empty one; `more`: there are more than were counted.
    """
    machines: list[Machine] = []
    attested: Counter[str] = Counter()
    async with context.reading(request) as work:
        found = await _ids(work, MOST + 1)
        for start in range(0, min(len(found), MOST), AT_ONCE):
            some = found[start : start + AT_ONCE]
            told = await reports.list_info(work.db, some, [int(ZInfoTypes.ZiDevice)])
            machines += [machine(one.message) for one in told]
            machines += [Machine()] * (len(some) - len(told))  # that said nothing of themselves
            tried = await attestations.find_attested(work.db, some)
            attested.update(one.state or NEVER for one in tried.values())
            attested[NEVER] += len(some) - len(tried)
    return JSONResponse(
        {
            "versions": dict(sorted(Counter(one.version for one in machines).items())),
            "attestation": dict(sorted((+attested).items())),
            "capacity": _capacity(machines),
            "more": len(found) > MOST,
        }
    )


def _capacity(machines: Sequence[Machine]) -> JsonObject:
    return {
        "nodes": sum(one != Machine() for one in machines),
        "processors": sum(one.processors for one in machines),
        "memoryMB": sum(one.memory_mb for one in machines),
        "storageMB": sum(one.storage_mb for one in machines),
    }


async def _ids(work: Work, limit: int) -> Sequence[DeviceId]:
    c = listed[Kind.DEVICE].c
    query = select(c.id).where(visible_in(c, work.scope)).order_by(c.id).limit(limit)
    return [DeviceId(one) for one in (await work.db.execute(query)).scalars()]


ROUTES: tuple[Route, ...] = (Route("GET", "/v1/ext/spread", spread, READ_DEVICES),)
