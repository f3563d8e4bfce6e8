"""The console as somebody meets it: signing in, looking round, being refused, on any screen."""

import re

import pytest
from console.browser import PASSWORD, Site, at_console, faults_of_access, sign_in
from console.views import VIEWS
from playwright.sync_api import Page, Playwright, expect

pytestmark = pytest.mark.system

TRIAGE = ("/", "/nodes", "/alerts", "/events")  # what somebody looks at on the way


def test_a_wrong_password_is_told_and_the_right_one_opens(stranger: Page) -> None:
    sign_in(stranger, "admin", "not this one")
    expect(stranger.get_by_role("alert")).to_contain_text("user name or password is wrong")
    assert faults_of_access(stranger) == []
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("heading", name="Needs a person")).to_be_visible()


def test_an_empty_tenant_is_led_by_the_hand(page: Page) -> None:
    expect(page.get_by_role("heading", name="Begin here")).to_be_visible()
    page.get_by_role("link", name="A hardware model").click()
    expect(page).to_have_url(re.compile("/library/models$"))


def test_a_view_can_be_linked_and_comes_back_after_a_reload(page: Page) -> None:
    page.goto("/nodes?runState=OFFLINE&sort=name%3Adesc")
    expect(page.get_by_role("heading", name="Nodes", exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="State")).to_have_value("OFFLINE")
    page.reload()
    expect(page.get_by_role("combobox", name="State")).to_have_value("OFFLINE")


def test_a_change_of_somebody_else_shows_without_a_reload(page: Page, site: Site) -> None:
    page.goto("/projects")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    body = {"name": "seen-soon", "title": "Seen soon", "type": "TAG_TYPE_PROJECT"}
    with site.api() as http:
        assert http.post("/v1/projects", json=body).status_code == 200
    expect(page.get_by_role("link", name="seen-soon")).to_be_visible()


def test_keys_go_everywhere(page: Page) -> None:
    page.keyboard.press("g")
    expect(page.get_by_role("status").filter(has_text="Go to")).to_contain_text("Events")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("/events$"))
    page.keyboard.press("Control+k")
    page.get_by_label("Name of a page, node or app instance").wait_for()
    page.keyboard.type("audit")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/audit$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_markup_in_a_name_is_text(page: Page, site: Site) -> None:
    title = "<img src=x onerror=alert(1)> \u202egnp.exe"
    body = {"name": "odd-one", "title": "Odd", "type": "TAG_TYPE_PROJECT", "description": title}
    with site.api() as http:
        assert http.post("/v1/projects", json=body).status_code == 200
    page.goto("/projects?namePattern=odd-one")
    page.get_by_role("link", name="odd-one").click()
    expect(page.get_by_role("heading", name="Odd")).to_be_visible()


def test_every_view_is_for_everybody_in_the_dark_as_well(
    playwright: Playwright, site: Site
) -> None:
    """Nearly empty; `test_fleet.py` has them in the light, with a fleet."""
    faults: dict[str, list[str]] = {}
    with at_console(playwright, site, dark=True) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for view in VIEWS:
            page.goto(view)
            page.get_by_role("heading", level=1).first.wait_for()
            expect(page.get_by_role("progressbar")).to_have_count(0)
            if found := faults_of_access(page):
                faults[view] = found
    assert not faults, faults


def test_a_phone_is_enough_to_see_what_needs_a_person(playwright: Playwright, site: Site) -> None:
    with at_console(playwright, site, phone=True) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for view in TRIAGE:
            page.goto(view)
            page.get_by_role("heading", level=1).first.wait_for()
            expect(page.get_by_role("progressbar")).to_have_count(0)
            wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{view} is {wide} pixels wider than the screen"
            assert faults_of_access(page) == [], view
