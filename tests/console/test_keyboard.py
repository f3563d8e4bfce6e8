"""With the keyboard alone: a list filtered, a row opened, a dialogue answered, a button pressed."""

import re

import pytest
from console.browser import Site
from playwright.sync_api import Locator, Page, expect

from eaves.controller.domain.builtin_roles import SYS_MONITOR

pytestmark = pytest.mark.system

MOST_STEPS = 60  # of Tab, from anywhere on these pages to anywhere else


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until it has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STEPS):
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {wanted}")


def test_a_list_a_row_a_dialogue_and_a_trial(page: Page, site: Site) -> None:
    with site.api() as http:
        for name in ("by-key-one", "by-key-two"):
            body = {"name": name, "title": name, "type": "TAG_TYPE_PROJECT"}
            assert http.post("/v1/projects", json=body).status_code == 200
    page.goto("/projects")
    expect(page.get_by_role("link", name="by-key-one")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type("by-key-two")
    expect(page.get_by_role("link", name="by-key-one")).to_have_count(0)
    tab_to(page, page.get_by_role("link", name="by-key-two"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/projects/[0-9a-f-]+$"))
    remove = page.get_by_role("button", name="Delete", exact=True)
    tab_to(page, remove)
    page.keyboard.press("Enter")
    dialogue = page.get_by_role("dialog", name="Delete?")
    expect(dialogue).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialogue).to_have_count(0)
    expect(remove).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, dialogue.get_by_role("button", name="Delete", exact=True))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/projects$"))
    expect(page.get_by_role("link", name="by-key-one")).to_be_visible()
    expect(page.get_by_role("link", name="by-key-two")).to_have_count(0)
    _try_a_provider(page, site)


def _try_a_provider(page: Page, site: Site) -> None:
    """One that is not there: which check fails is told, and read out."""
    with site.api() as http:
        role = http.get(f"/v1/roles/name/{SYS_MONITOR}").json()["id"]
        provider = {"OIDCEndPoint": "https://localhost:1", "clientID": "console"}
        body = {
            "name": "away",
            "title": "Away",
            "type": "AUTH_TYPE_OAUTH",
            "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
            "active": False,
            "defaultRoleId": role,
            "oauthProfile": provider | {"clientSecret": "secret", "roleScope": "roles"},
        }
        made = http.post("/v1/authorization/profiles", json=body)
        assert made.status_code == 200, made.text
    page.goto(f"/library/auth-profiles/{made.json()['objectId']}")
    tab_to(page, page.get_by_role("button", name="Try it"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody could sign in there")).to_be_visible()
    expect(page.get_by_text("What it tells of itself: fails.")).to_be_visible()
    expect(page.get_by_text("Client and secret: not tried.")).to_be_visible()
