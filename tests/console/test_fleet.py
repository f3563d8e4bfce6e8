"""Each view on a fleet that has faults, for everybody; and what a role has no button for.

A hundred simulated nodes; `make test-system` takes a thousand.
"""

import asyncio
import os
import re
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import httpx
import pytest
from console.actions import ACTIONS, Action
from console.browser import PASSWORD, Site, at_console, faults_of_access, sign_in
from console.roles import EVERYTHING, LOOKS, Verbs, as_role
from console.simulated import Course, at_work, views_of, wait_until_told
from playwright.sync_api import Page, Playwright, expect
from support.rules import NEEDS
from system.test_rest_many_rows import COPIES, copy_rows

from eaves.controller.domain.authz import EVERY_VERB, Area, Grant, Rule, Verb
from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, unit_of_work

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

NODES = int(os.environ.get("CONSOLE_NODES", "100"))
LOAD = 2000  # nodes of no hurry that make as much work as these
FAULTS = (
    *("--offline-share", "5%", "--crash-loops", "5%", "--bad-signatures", "3%"),
    *("--duplicate-serials", "2", "--clock-skew", "2%", "--slow-links", "2%"),
    *("--fault-period", "5s"),
)
ROW = "main tbody tr"
HOLDS = {  # what a view shows once it has data, where that is no row of a table
    "overview": "#attention tbody tr",
    "marketplace": "main article",
    "node": "main dd:has-text('FLEET-00001')",
    "node-attestation": "main dd",
    "node-asked": "main .cm-line",
    "node-charts": "main .eaves-chart:has(polyline)",  # a line of one moment is of no size
    "node-events": "main [aria-label=Events] li",
    "node-flows": "main h2",  # simulated nodes forward nothing
    "node-logs": "main .eaves-log li",
    "instance": "main dd:has-text('fleet-00001')",
    "instance-asked": "main .cm-line",
    "instance-charts": "main h2",  # simulated apps have no figures
    "instance-events": "main [aria-label=Events] li",
    "instance-flows": "main h2",
    "instance-logs": "main [aria-label=Log]",
    "app": "main input",
    "app-text": "main .cm-line",
    "shelf": "main p",
    "project": "main .cm-line",
    "image": "main .cm-line",
    "node-idle": "main dd",
    "node-fresh": "main dd",
    "provider": "main .cm-line",
}
ROLES: Mapping[str, Verbs] = {  # by area and by verb
    "maker": {
        **LOOKS,
        Area.DEVICE: frozenset({Verb.CREATE, Verb.READ, Verb.DELETE}),
        Area.EDGE_APP: frozenset({Verb.CREATE, Verb.READ}),
        Area.STORAGE: EVERY_VERB,
        Area.APP_INSTANCE: frozenset({Verb.READ, Verb.DELETE}),
    },
    "runner": {
        **LOOKS,
        Area.DEVICE: frozenset({Verb.READ, Verb.EXECUTE}),
        # who may change one may execute as well
        Area.APP_INSTANCE: frozenset({Verb.CREATE, Verb.READ, Verb.UPDATE}),
        Area.USER: frozenset({Verb.CREATE, Verb.READ}),
    },
    "owner": EVERYTHING,
}
AT_ONCE = {"Make the onboarding folder", "Import and go on", "Next", "Try it"}  # ask nothing
CHOSEN = "-chosen"  # what can be done with many at once is seen once one is chosen


@dataclass(frozen=True)
class Fleet:
    site: Site
    views: Mapping[str, str]


@pytest.fixture(scope="module")
def fleet(own_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Generator[Fleet]:
    course = Course(NODES, LOAD / NODES, FAULTS, first_s=6 + NODES // 40)
    folder = tmp_path_factory.mktemp("fleet")
    with at_work(own_site, folder, course) as cli, own_site.api() as http:
        cli.ok("apply", "-f", "rule.yaml")
        wait_until_told(http)
        yield Fleet(own_site, {**views_of(http), **_more_views(http)})


def _more_views(http: httpx.Client) -> Mapping[str, str]:
    """With what only some nodes can be asked, a way to sign in, and lists to choose from."""
    first = http.get("/v1/devices/name/fleet-00001").json()
    idle = http.get("/v1/devices/name/fleet-00003").json()["id"]
    assert http.put(f"/v1/devices/id/{idle}/deactivate").status_code == 200
    kept = ("projectId", "modelId", "interfaces", "adminState")
    record = {"name": "not-come", "title": "Not come", "serialno": "NOT-COME"}
    body = {**{name: first[name] for name in kept}, **record, "obkey": first["obkey"]}
    made = http.post("/v1/devices", json=body)
    assert made.status_code == 200, made.text
    provider = http.get("/v1/authorization/profiles/name/company").json()["id"]
    return {
        "nodes-chosen": "/nodes?namePattern=fleet-00001",
        "instances-chosen": "/instances?namePattern=web-1",
        "rollouts-chosen": "/rollouts?namePattern=eve-14",
        "alerts-chosen": "/alerts?acknowledged=false",
        "apps-chosen": "/apps?namePattern=web",
        "projects-chosen": "/projects?namePattern=fleet",
        "library-images-chosen": "/library/images?namePattern=eve-14",
        "users-chosen": "/users?namePattern=walter",
        "node-idle": f"/nodes/{idle}",
        "node-fresh": f"/nodes/{made.json()['objectId']}",
        "provider": f"/library/auth-profiles/{provider}",
    }


def test_each_view_shows_the_fleet_to_everybody(playwright: Playwright, fleet: Fleet) -> None:
    faults: dict[str, list[str]] = {}
    with at_console(playwright, fleet.site) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for name, view in fleet.views.items():
            if name.endswith(CHOSEN):
                continue  # a view of the others, narrowed
            _open(page, view)
            expect(page.locator(HOLDS.get(name, ROW)).first).to_be_visible()
            expect(page.locator("main").get_by_role("alert")).to_have_count(0)
            if found := faults_of_access(page):
                faults[view] = found
    assert not faults, faults


def _open(page: Page, view: str) -> None:
    page.goto(view)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.get_by_role("progressbar")).to_have_count(0)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_button_for_what_it_may_and_no_other(
    playwright: Playwright, fleet: Fleet, role: str
) -> None:
    wrong: list[str] = []
    with as_role(playwright, fleet.site, role, ROLES[role]) as page:
        for view, actions in groupby(ACTIONS, lambda one: one.view):
            _open(page, fleet.views[view])
            _choose(page, view)
            for name, asked in groupby(actions, lambda one: one.name):
                wrong += _misplaced(page, name, Grant(ROLES[role]), [*asked])
        _open(page, fleet.views["app"])
        wrong += _saved_by_others(page, Grant(ROLES[role]))
    assert not wrong, wrong


def test_each_dialogue_says_what_will_happen_to_everybody(
    playwright: Playwright, fleet: Fleet
) -> None:
    """Each once, where it stands first; nothing is answered."""
    faults: dict[str, list[str]] = {}
    opened: set[str] = set()
    with at_console(playwright, fleet.site) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for view, actions in groupby(ACTIONS, lambda one: one.view):
            names = {one.name for one in actions} - opened - AT_ONCE
            opened |= names
            if names:
                _open(page, fleet.views[view])
                _choose(page, view)
            for name in sorted(names):
                page.locator("main").get_by_role("button", name=name, exact=True).first.click()
                expect(page.get_by_role("dialog")).to_contain_text(name)
                if found := faults_of_access(page, "[role=dialog]"):
                    faults[name] = found
                page.keyboard.press("Escape")
                expect(page.get_by_role("dialog")).to_have_count(0)
    assert not faults, faults


def _choose(page: Page, view: str) -> None:
    """What there is, where the role may do something with rows."""
    box = page.get_by_role("checkbox", name="Choose all of this page")
    if view.endswith(CHOSEN) and box.count():
        box.check()


def _misplaced(page: Page, name: str, role: Grant, asked: list[Action]) -> list[str]:
    """`asked`: all that the button calls."""
    button = page.locator("main").get_by_role("button", name=name, exact=True)
    if all(role.permits(_rule(one)) for one in asked):
        expect(button.first).to_be_visible()
        return []
    return [f"{asked[0].view}: {name}"] if button.count() else []


def _saved_by_others(page: Page, role: Grant) -> list[str]:
    """An app is changed by who may change it; to others its form is closed."""
    title = page.get_by_label(re.compile(r"^Title\W*$"))
    save = page.get_by_role("button", name="Save", exact=True)
    if role.permits(Rule(Area.EDGE_APP, Verb.UPDATE)):
        title.fill("another title")
        expect(save).to_be_visible()
        page.get_by_role("button", name="As it was").click()
        return []
    expect(title).to_be_disabled()
    return ["app: Save"] if save.count() else []


def _rule(one: Action) -> Rule:
    needs = one.rule or NEEDS[one.method, one.path]
    assert isinstance(needs, Rule)
    return needs


def test_alerts_are_acknowledged_together_ordered_and_taken_back(
    playwright: Playwright, fleet: Fleet
) -> None:
    """Those of rules, which open while the test runs, are left out by looking at one node."""
    with fleet.site.api() as http:
        one = http.get("/v1/eaves/incidents", params={"open": "true"}).json()["list"][0]
    node = one["deviceName"]
    with at_console(playwright, fleet.site) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        _open(page, f"/alerts?deviceNamePattern={node}&sort=severity%3Adesc")
        expect(page.get_by_role("columnheader", name="Severity")).to_have_attribute(
            "aria-sort", "descending"
        )
        for name, before in (("Acknowledge", "Not yet"), ("Take back", "By somebody")):
            page.get_by_role("combobox", name="Acknowledged").select_option(before)
            expect(page.locator(ROW).first).to_be_visible()
            page.get_by_role("checkbox", name="Choose all of this page").check()
            page.get_by_role("button", name=name, exact=True).click()
            dialogue = page.get_by_role("dialog", name=f"{name}?")
            dialogue.get_by_role("button", name=name, exact=True).click()
            expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
        page.get_by_role("button", name="Take the filters away").click()
        expect(page).to_have_url(re.compile(r"[?&]open=(&|$)"))


def test_fifty_thousand_rows_are_paged_ordered_chosen_and_found(
    playwright: Playwright, fleet: Fleet
) -> None:
    """The last test of the fleet, which is larger from here on."""
    fresh = fleet.views["node-fresh"].rpartition("/")[2]
    with ThreadPoolExecutor(1) as pool:  # this thread has the loop of the browser
        pool.submit(asyncio.run, _copied(fleet.site, fresh)).result()
    with at_console(playwright, fleet.site) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        _open(page, f"/nodes?namePattern=row-&sort=name%3Adesc&size=500&page={COPIES // 500}")
        rows = page.locator(ROW)
        expect(rows).to_have_count(500)
        expect(rows.last.get_by_role("link")).to_have_text("row-00001")
        page.get_by_role("checkbox", name="Choose all of this page").check()
        expect(page.get_by_text("500 chosen", exact=True)).to_be_visible()
        page.keyboard.press("Control+k")
        page.get_by_label("Name of a page, node or app instance").fill(f"row-{COPIES}")
        page.get_by_role("menuitem", name=f"row-{COPIES}").click()
        expect(page).to_have_url(re.compile("/nodes/[0-9a-f-]+$"))
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"row-{COPIES}")


async def _copied(site: Site, device_id: str) -> None:
    engine = open_engine(Settings(state_dir=site.process.state_dir).database)
    async with unit_of_work(engine) as db:
        await copy_rows(db, device_id)
    await engine.dispose()
