"""What can be pressed at a moment only: who may does it, others have no button and are refused.

A job and a roll-out go on, an update failed, a machine booted another thing: what a device would
have told is put where the controller keeps it.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
import pytest
from console.actions import MOMENTS, Action
from console.browser import Site, at_console, sign_in
from console.objects import made, put_objects
from console.roles import EVERYTHING, LOOKS, OWN, as_role, session_of
from playwright.sync_api import Page, Playwright, Request, expect
from sqlalchemy import text
from support.generic_image import generic_image
from support.telemetry import fold_state, info_report

from eaves.controller.domain import totp
from eaves.controller.settings import Settings
from eaves.controller.store import attesting
from eaves.controller.store.attestations import Quoted
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

TAG: Final = "0.1.0-amd64"
NO_RESULTS: Final = """
CREATE TRIGGER no_results BEFORE UPDATE ON bulk_job_objects WHEN NEW.state = 'COMPLETE'
BEGIN SELECT RAISE(ABORT, 'a job of this test goes on until it is ended'); END
"""
CODE: Final = re.compile("^Code of the app, or a recovery code")
FAILED, DIFFERS = "health check units: a health check failed", "PCR 4 is not that of golden"


@dataclass(frozen=True)
class World:
    """`views`: by name, its address, and what is on it at the moment that is meant."""

    site: Site
    views: Mapping[str, tuple[str, str]]


@pytest.fixture(scope="module")
def world(own_site: Site) -> World:
    generic_image(own_site.process.state_dir.with_name("images") / TAG / "installer.raw")
    token = session_of(own_site, "walter", LOOKS)["token"]
    with own_site.api() as http:
        with _somebody(own_site, token) as walter:
            enrol(walter, OWN)
        ids = put_objects(http)
        device = ids["device"]
        _in_a_thread(lambda: _told(own_site, DeviceId(device)))
        tagged = {"deviceIdList": [device]}
        job = {"jobName": "tag", "selectionCriteria": tagged, "tagUpdate": {"tags": {"a": "b"}}}
        asked = http.put("/v1/jobs/devices/tags", json=job)
        assert asked.status_code == 200, asked.text
        base = {"uuid": ids["os"], "version": "14.0", "activate": True}
        rollout = made(
            http,
            "/v1/eaves/rollouts",
            {
                "name": "os-14",
                "operationType": "BULK_SERVICE_BASEOS_UPDATE",
                "selectionCriteria": {"deviceIdList": [device]},
                "baseosUpdate": {"baseimage": base},
            },
        )
    views = {
        "job": (f"/jobs/{asked.json()['jobId']}", "edge-1"),
        "rollout": (f"/rollouts/{rollout}", "edge-1"),
        "updates": (f"/nodes/{device}/updates", FAILED),
        "measured": (f"/nodes/{device}/attestation", DIFFERS),
        "fresh": (f"/nodes/{ids['fresh']}", "edge-2"),
        "users": ("/users?namePattern=walter", "walter@example.org"),
    }
    return World(own_site, views)


def _in_a_thread(work: Callable[[], object]) -> None:
    """The loop of the browser runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def _told(site: Site, device: DeviceId) -> None:
    asyncio.run(_tell(site, device))


async def _tell(site: Site, device: DeviceId) -> None:
    now = datetime.now(UTC)
    quoted = Quoted(
        at=now,
        eve_version="14.0",
        firmware_version="1.2",
        pcrs={number: bytes([number]) * 32 for number in range(8)},
        event_log=b"",
        counters=(1, 0, 1000, 1),
        key=b"k" * 32,
        template="golden",
        differences=(DIFFERS,),
    )
    slots = (
        ZInfoDevSW(activated=True, partition_label="IMGA", partition_state="active"),
        ZInfoDevSW(
            partition_label="IMGB",
            partition_state="inprogress",
            short_version="14.0",
            sw_err=ErrorInfo(description=FAILED),
        ),
    )
    report = ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=device, dinfo=ZInfoDevice(sw_list=slots))
    engine = open_engine(Settings(state_dir=site.process.state_dir).database)
    async with unit_of_work(engine) as db:
        await db.execute(text(NO_RESULTS))
        kept = await attesting.take_kept(db, (device,))
        failed = {"state": "ATTEST_STATE_FAIL"} | attesting.of_quote(quoted)
        await attesting.put_changes(db, {device: failed}, kept)
    fold_state(engine.url, info_report(device, encode_z_info_msg(report), now))
    await engine.dispose()


@contextmanager
def _somebody(site: Site, token: str) -> Generator[httpx.Client]:
    """A program of somebody who signed in."""
    tls, bearer = site.process.tls(), {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{site.base}/api", verify=tls, headers=bearer, timeout=60) as http:
        yield http


def enrol(http: httpx.Client, password: str) -> None:
    begun = http.post("/v1/eaves/totp", json={"currentCred": password})
    assert begun.status_code == 200, begun.text
    confirmed = http.post("/v1/eaves/totp/confirm", json={"code": code(begun.json()["Secret"])})
    assert confirmed.status_code == 200, confirmed.text


def code(secret: str, ahead: int = 0) -> str:
    """Of an authenticator app, `ahead` steps from now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.code_of(key, totp.step_at(datetime.now(UTC)) + ahead)


@pytest.fixture(scope="module")
def doing(playwright: Playwright, world: World) -> Generator[Page]:
    """Somebody who may do everything."""
    with as_role(playwright, world.site, "owner", EVERYTHING) as page:
        yield page


@pytest.fixture(scope="module")
def looking(playwright: Playwright, world: World) -> Generator[Page]:
    """Somebody who may look at everything."""
    with as_role(playwright, world.site, "watcher", LOOKS) as page:
        yield page


@pytest.mark.parametrize("one", MOMENTS, ids=lambda one: f"{one.view}: {one.name}")
def test_a_moment_is_for_who_may_use_it(
    doing: Page, looking: Page, world: World, one: Action
) -> None:
    address, holds = world.views[one.view]
    for page in (doing, looking):
        page.goto(address)
        expect(page.locator("main").get_by_text(holds).first).to_be_visible()
    button = {
        page: page.locator("main").get_by_role("button", name=one.name, exact=True)
        for page in (doing, looking)
    }
    expect(button[doing]).to_be_visible()
    expect(button[looking]).to_have_count(0)
    button[doing].click()
    asked = _answered(doing, one)
    expect(doing.get_by_role("dialog")).to_have_count(0)
    token = looking.evaluate("JSON.parse(sessionStorage.getItem('eaves-session')).token")
    refused = looking.request.fetch(
        asked.url,
        method=asked.method,
        data=asked.post_data,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    assert refused.status == 403
    assert "'watcher' does not grant" in refused.text()


def _answered(page: Page, one: Action) -> Request:
    """Says yes in the dialogue; the request of it, which was carried out."""
    path = re.compile(r".*/api" + re.sub(r"\{\w+\}", r"[^/]+", one.path))
    dialog = page.get_by_role("dialog", name=re.compile(f"^{one.name}"))
    if one.view == "fresh":
        dialog.get_by_label(re.compile(r"^Tag\W*$")).fill(TAG)
    with page.expect_response(path) as told:
        dialog.get_by_role("button", name=one.name, exact=True).click()
    assert (told.value.request.method, told.value.status) == (one.method, 200), told.value.text()
    return told.value.request


def test_a_second_factor_is_added_asked_for_and_taken_away_by_its_owner(
    playwright: Playwright, world: World
) -> None:
    """Of one's own account everybody has these buttons, also who may only look."""
    session_of(world.site, "vera", LOOKS)
    with at_console(playwright, world.site) as page:
        sign_in(page, "vera", OWN)
        page.get_by_role("link", name="Tokens and sessions").click()
        _ask(page, "Add a second factor", Your_password=OWN)
        secret = page.get_by_role("textbox", name="Copyable input").input_value()
        _ask(page, "Confirm with a code", Code_of_the_app=code(secret))
        kept = page.get_by_text("Keep these codes").locator("..").locator("..").locator("pre")
        recovery = kept.inner_text().split()
        assert len(recovery) == totp.RECOVERY_CODES
        _sign_out(page, "vera")
        sign_in(page, "vera", OWN)
        asked = page.get_by_label(CODE)
        asked.fill("000000")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("code")
        asked.fill(code(secret, ahead=1))  # each holds once
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Tokens and sessions").click()
        _ask(page, "Take the second factor away", Your_password=OWN, Code_of_the_app=recovery[0])
        _sign_out(page, "vera")
        sign_in(page, "vera", OWN)
        page.get_by_role("heading", name="Needs a person").wait_for()


def _ask(page: Page, name: str, **fields: str) -> None:
    """Fills a small form, each field by its label, and sends it; `_` in a label is a space."""
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog", name=name)
    for label, told in fields.items():
        dialog.get_by_label(re.compile(rf"^{label.replace('_', ' ')}\W*$")).fill(told)
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


def _sign_out(page: Page, user: str) -> None:
    page.get_by_role("button", name=user).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_label("User").wait_for()
