"""Roll-outs on a REST side that runs in the test: looked at here, and the devices that tell."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from support.bulk import ALONE
from support.rest import Caller, Json, Rest
from support.rest_objects import World
from support.telemetry import fold_state, info_report

from eaves.controller.domain.status.liveness import Limits
from eaves.controller.jobs.rollouts import Rollouts
from eaves.controller.northbound.bulk.acting import Means
from eaves.controller.northbound.rollouts.stepping import Stepper
from eaves.controller.telemetry.reports import InfoReport
from eaves.evapi.info import (
    BaseOsStatus,
    ErrorInfo,
    Severity,
    ZInfoApp,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.ids import DeviceId

PATH = "/v1/eaves/rollouts"
A_LOOK = timedelta(seconds=30)  # between two: joiners are looked for again


@dataclass
class Driver:
    """Looks at roll-outs as a controller does, and is the devices that they change."""

    rest: Rest
    caller: Caller
    told: set[DeviceId] = field(default_factory=set[DeviceId])

    def __post_init__(self) -> None:
        stepper = Stepper(Means(self.rest.keys, os.urandom), Limits())
        self.jobs = Rollouts(self.rest.engine, stepper, self.rest.clock, self.told.update)

    async def look(self, name: str) -> Json:
        self.rest.clock.pass_by(A_LOOK)
        await self.jobs.tick(ALONE)
        return await self.caller.get(f"{PATH}/id/{name}")

    async def standing(self, name: str, *standings: str) -> list[str]:
        found = await self.caller.get(f"{PATH}/id/{name}/objects")
        return [one["objectId"] for one in found["list"] if one["standing"] in standings]

    async def results(self, name: str) -> dict[str, tuple[str, str]]:
        """(standing, result) by id."""
        found = await self.caller.get(f"{PATH}/id/{name}/objects")
        return {one["objectId"]: (one["standing"], one["result"]) for one in found["list"]}

    async def report(self, ids: Iterable[str], version: str, *, ok: bool = True) -> None:
        self.rest.clock.pass_by(timedelta(seconds=1))
        made: list[InfoReport] = []
        for one in ids:
            slot = ZInfoDevSW(
                activated=ok,
                short_version=version,
                partition_state="active" if ok else "unused",
                user_status=BaseOsStatus.UPDATED if ok else BaseOsStatus.FALLBACK,
            )
            message = ZInfoMsg(
                ztype=ZInfoTypes.ZiDevice, dev_id=one, dinfo=ZInfoDevice(sw_list=(slot,))
            )
            made.append(info_report(one, encode_z_info_msg(message), self.rest.clock()))
        fold_state(self.rest.engine.url, *made)

    async def report_app(
        self, device: str, app: str, version: str, boot_time: datetime, *waits: str
    ) -> None:
        """An app that runs; `waits`: what of it is known and not applied."""
        self.rest.clock.pass_by(timedelta(seconds=1))
        info = ZInfoApp(
            app_id=app,
            app_version=version,
            state=ZSwState.RUNNING,
            boot_time=boot_time,
            app_err=tuple(
                ErrorInfo(description=text, severity=Severity.SEVERITY_WARNING) for text in waits
            ),
        )
        message = ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=device, ainfo=info)
        report = info_report(device, encode_z_info_msg(message), self.rest.clock())
        fold_state(self.rest.engine.url, report)


def spec(world: World, name: str = "os-14", **more: object) -> Json:
    return {
        "name": name,
        "operationType": "BULK_SERVICE_BASEOS_UPDATE",
        "selectionCriteria": {"projectId": world.project},
        "baseosUpdate": {"baseimage": {"uuid": world.image, "version": "14.0", "activate": True}},
        **more,
    }


async def begin(caller: Caller, body: Json) -> str:
    answer = await caller.http.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["objectId"])


async def move(caller: Caller, name: str, what: str, status: int = 200) -> None:
    answer = await caller.http.put(f"{PATH}/id/{name}/{what}")
    assert answer.status_code == status, answer.text
