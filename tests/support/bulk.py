"""Bulk jobs on a REST side that runs in the test: carried out here, one step at a time or whole."""

import os
from dataclasses import dataclass, field

from support.rest import Caller, Json, Rest

from eaves.controller.jobs.bulk_jobs import BulkJobs
from eaves.controller.jobs.leased import Held
from eaves.controller.northbound.bulk.acting import Means
from eaves.controller.northbound.bulk.carrying import Carrier
from eaves.controller.store.leases import Lease
from eaves.ids import DeviceId

ALONE = Held(Lease("bulk-jobs", "test", 0), alone=True)


@dataclass
class Runner:
    """What a controller process does with bulk jobs."""

    rest: Rest
    told: set[DeviceId] = field(default_factory=set[DeviceId])

    def __post_init__(self) -> None:
        carrier = Carrier(Means(self.rest.keys, os.urandom))
        self.jobs = BulkJobs(self.rest.engine, carrier, self.rest.clock, self.told.update)

    async def run(self) -> None:
        await self.jobs.tick(ALONE)

    async def step(self) -> bool:
        return await self.jobs._round(ALONE)  # one transaction of each job


async def ask(caller: Caller, path: str, body: Json) -> str:
    """Ask for a bulk operation; the id of its job."""
    answer = await caller.http.put(f"/v1/jobs/{path}", json=body)
    assert answer.status_code == 200, answer.text
    envelope = answer.json()
    assert envelope["jobId"] == envelope["objectId"]
    return str(envelope["jobId"])


async def done(caller: Caller, runner: Runner, path: str, body: Json) -> Json:
    """Ask for a bulk operation and carry it out; the job as it is then."""
    job = await ask(caller, path, body)
    await runner.run()
    return await caller.get(f"/v1/jobs/id/{job}")
