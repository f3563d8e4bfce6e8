"""Every operation that is served, as an administrator uses it: request and answer fit the contract.

What reads is driven from the objects that there are; what writes has a step of its own.  An
operation that is served and not driven fails here, and so does a member that the contract has not.
"""

import json
import re
from pathlib import Path

import httpx
import pytest
from support import drive_images, drive_jobs, drive_machines, drive_people, drive_reported
from support.contract_check import Checked
from support.driving import STEPS, Driver
from support.rest import Caller
from system.test_rest_sweep import Site, filled, open_site, served

from eaves.controller.domain.builtin_roles import SYS_ROOT

pytestmark = pytest.mark.system

# which are known once they are there
ALL_STEPS = (drive_images, drive_jobs, drive_machines, drive_people, drive_reported)
ADDRESS = "/v1/eaves/content/{datastore}/{code}/{digest}"
REFUSED = {  # what cannot be had here, and why; tests of their own have it
    ("GET", ADDRESS): 404,  # only the configuration of a device tells addresses
    ("HEAD", ADDRESS): 404,
    ("POST", "/v1/login/external"): 401,  # a provider of identities is another process, and slow
    ("POST", "/v1/login/oauth/callback"): 401,
    ("POST", "/v1/login/signup/enterprise"): 403,  # closed unless a controller is told otherwise
    ("POST", "/v1/login/signup/user"): 403,
}
EVENTS_ALONE = re.compile(r"/(?:events|projects|netinsts|volumes)\b.*timeSeries|^/v1/timeSeries")


def sent_body(request: httpx.Request) -> object:
    if request.headers.get("content-type") != "application/json" or not request.content:
        return None
    return json.loads(request.content)


async def driven(site: Site, driver: Driver, method: str, template: str) -> httpx.Response:
    step = STEPS.get((method, template))
    if step is not None:
        return await step(driver)
    assert method in ("GET", "HEAD"), f"{method} {template} is served and has no step"
    path = filled(site, template)
    if EVENTS_ALONE.search(template):
        path = path.replace("METRIC_TYPE_CPU_USAGE", "METRIC_TYPE_EVENTS_COUNT")
    return await driver.call(method, path)


async def test_every_operation_answers_as_the_contract_says(tmp_path: Path) -> None:
    checked, faults = Checked(), list[str]()
    async with open_site(tmp_path) as site:
        await site.rest.add_user("root", platform=True, role=SYS_ROOT)
        root = Caller(site.rest.client(await site.rest.login("root")))
        driver = Driver(site.rest, site.alice, site.world, site.ids, root)
        for method, template in served(site.rest):
            what = f"{method} {template}"
            try:
                answer = await driven(site, driver, method, template)
            except (AssertionError, KeyError, ValueError) as error:  # that step alone
                faults.append(f"{what}: {error!r}"[:600])
                continue
            wanted = REFUSED.get((method, template), 200)
            if answer.status_code not in (wanted, 202 if wanted == 200 else wanted):
                faults.append(f"{what}: {answer.status_code} {answer.text[:300]}")
            told = checked.faults_of_answer(method, template, answer)
            body = sent_body(answer.request)
            if body is not None:
                told += checked.faults_of_request(method, template, body)
            faults += [f"{what}: {one}" for one in told]
        assert not STEPS.keys() - set(served(site.rest)), "steps of what is not served"
    assert not faults, "\n".join(faults)
