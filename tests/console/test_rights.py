"""What somebody who only looks tries all the same is refused; `test_fleet.py` looks for buttons."""

import re
from collections.abc import Iterator

import httpx
import pytest
from console.browser import Site, at_console, sign_in
from playwright.sync_api import Page, Playwright, expect

from eaves.controller.domain.builtin_roles import SYS_MONITOR

pytestmark = pytest.mark.system

FIRST, OWN = "given by somebody else", "and this one is my own"
WATCHER = "watcher"


@pytest.fixture(scope="module")
def watcher(site: Site) -> Site:
    """Somebody who may look at everything and change nothing; with a password of its own."""
    with site.api() as http:
        role = http.get(f"/v1/roles/name/{SYS_MONITOR}").json()["id"]
        user = {"username": WATCHER, "email": "w@example.org", "roleId": role}
        made = http.post("/v1/users", json=user)
        assert made.status_code == 200, made.text
        owner = made.json()["objectId"]
        given = {"owner": owner, "newCred": FIRST, "type": "CREDENTIAL_TYPE_PASSWORD"}
        assert http.post("/v1/credentials", json=given).status_code == 200
    return site


@pytest.fixture
def watching(playwright: Playwright, watcher: Site) -> Iterator[Page]:
    with at_console(playwright, watcher) as page:
        changed = _changed(watcher)
        sign_in(page, WATCHER, OWN if changed else FIRST)
        if not changed:
            page.get_by_label("Password now").fill(FIRST)
            page.get_by_label(re.compile(r"^New password\W*$")).fill(OWN)
            page.get_by_label("New password again").fill(OWN)
            page.keyboard.press("Enter")
        page.get_by_role("heading", name="Needs a person").wait_for()
        yield page


def _changed(site: Site) -> bool:
    base, tls = f"{site.base}/api", site.process.tls()
    with httpx.Client(base_url=base, verify=tls, timeout=60) as http:
        answer = http.post("/v1/login", json={"usernameAtRealm": WATCHER, "password": OWN})
    return answer.status_code == 200


def test_what_is_not_shown_is_refused_as_well(watching: Page) -> None:
    token = watching.evaluate("JSON.parse(sessionStorage.getItem('eaves-session')).token")
    answer = watching.request.post(
        "/api/v1/projects",
        headers={"Authorization": f"Bearer {token}"},
        data={"name": "not-mine", "title": "Not mine", "type": "TAG_TYPE_PROJECT"},
    )
    assert answer.status == 403


def test_a_new_tab_has_the_session_and_signing_out_ends_it_in_both(watching: Page) -> None:
    other = watching.context.new_page()
    other.goto("/nodes")
    expect(other.get_by_role("heading", name="Nodes", exact=True)).to_be_visible()
    other.get_by_role("button", name=WATCHER).click()
    other.get_by_role("menuitem", name="Sign out").click()
    expect(other.get_by_label("User")).to_be_visible()
    expect(watching.get_by_label("User")).to_be_visible()
