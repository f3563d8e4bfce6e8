"""Both sides of a controller and its jobs in one process of tests, over one database."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.controller import InProcess, WireDevice, in_process
from support.rest import Caller, running_app

from eaves.controller.jobs.leased import Leases
from eaves.controller.jobs.run import Jobs
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.northbound.app import build_app
from eaves.controller.northbound.bulk.acting import Means
from eaves.controller.northbound.bulk.carrying import Carrier
from eaves.controller.northbound.rollouts.stepping import Stepper
from eaves.controller.northbound.status import limits_in
from eaves.controller.store.unit import open_engine
from eaves.evapi.paths import Endpoint, endpoint_path


@dataclass(frozen=True)
class Whole:
    """`caller` is logged in as a user of an enterprise of its own."""

    devices: InProcess
    caller: Caller
    jobs: Jobs

    async def onboarding(self, device_id: str) -> tuple[bytes, bytes]:
        """Certificate and key of the folder that an installer carries."""
        folder = await self.caller.get(f"/v1/devices/id/{device_id}/onboarding")
        pair = folder["onboarding"]
        return pair["pemCert"].encode(), pair["pemKey"].encode()

    async def register(self, device: WireDevice, *, status: int = 201) -> None:
        """Send the registration of a device whose record is `device.device_id`."""
        body = device.registration(*await self.onboarding(device.device_id))
        reply = await self.devices.post(endpoint_path(Endpoint.REGISTER), body)
        assert reply.status == status

    async def until_polled(self, device: WireDevice, status: int) -> bytes:
        """Poll until the answer has this status; 503 says that it is not rendered yet."""
        async with asyncio.timeout(30):
            while True:
                reply = await self.devices.post(device.path(Endpoint.CONFIG), device.poll())
                if reply.status == status:
                    return reply.body
                await asyncio.sleep(0.02)


@asynccontextmanager
async def whole_controller(folder: Path, database_url: str = "") -> AsyncGenerator[Whole]:
    wanted = RenderWanted()
    async with in_process(
        folder, lambda device_id: wanted.add((device_id,)), database_url=database_url
    ) as devices:
        settings = devices.settings
        app = build_app(
            settings=settings,
            database_url=settings.database,
            keys=devices.keys,
            live=devices.live,
            clock=devices.clock,
            random=os.urandom,
        )
        engine = open_engine(settings.database)
        jobs = Jobs(
            settings=settings,
            engine=engine,
            keys=devices.keys,
            live=devices.live,
            clock=devices.clock,
            reload_listeners=devices.service.reload_certificate,
            wanted=wanted,
            leases=Leases(engine, "test"),
            telemetry=devices.service.telemetry,
            carrier=Carrier(Means(devices.keys, os.urandom)),
            random=os.urandom,
            stepper=Stepper(Means(devices.keys, os.urandom), limits_in(app.state.context)),
        )
        async with running_app(app, engine, devices.keys, devices.live, devices.clock) as rest:
            await rest.add_user("alice")
            rendering = asyncio.ensure_future(jobs.render_wanted_forever())
            try:
                async with rest.client(await rest.login("alice")) as http:
                    yield Whole(devices, Caller(http), jobs)
            finally:
                rendering.cancel()
                await asyncio.wait([rendering])
