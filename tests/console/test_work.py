"""What is done by hand at the console: apps imported and changed, lists of roll-outs and tokens."""

import re
from collections.abc import Generator

import pytest
from console.browser import PASSWORD, Site, at_console, faults_of_access, sign_in
from console.objects import put_objects
from playwright.sync_api import Locator, Page, Playwright, expect
from support.rest_objects import SHA256

pytestmark = pytest.mark.system

ROW = "main tbody tr"


@pytest.fixture(scope="module")
def world(own_site: Site) -> Site:
    with own_site.api() as http:
        put_objects(http)
    return own_site


@pytest.fixture
def page(playwright: Playwright, world: Site) -> Generator[Page]:
    with at_console(playwright, world) as opened:
        sign_in(opened, "admin", PASSWORD)
        opened.get_by_role("heading", name="Needs a person").wait_for()
        yield opened


def _field(place: Page | Locator, label: str) -> Locator:
    return place.get_by_label(re.compile(rf"^{label}\W*$"))


def _ask(page: Page, name: str, **fields: str) -> None:
    """Fills a form, each field by its label, and sends it once each name was found."""
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog", name=name)
    for label, text in fields.items():
        _field(dialog, label).fill(text)
    expect(dialog.locator("input:invalid")).to_have_count(0)
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


def _do(page: Page, name: str) -> None:
    """Presses a button, reads what will happen, and says yes."""
    page.get_by_role("button", name=name, exact=True).first.click()
    dialog = page.get_by_role("dialog", name=f"{name}?")
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


def test_an_app_is_imported_from_its_card_once_it_is_said_where_its_image_is(
    page: Page, world: Site
) -> None:
    page.goto("/marketplace?namePattern=redis")
    card = page.get_by_role("article")
    expect(card).to_have_count(1)
    card.get_by_role("button", name="Import", exact=True).click()
    dialog = page.get_by_role("dialog", name="Import?")
    sha256 = _field(dialog, "sha256 of redis:7.2")
    sha256.fill("no digest")
    _field(dialog, "Datastore").fill("files")
    expect(dialog.locator("input:invalid")).to_have_count(0)  # the datastore was found
    imports = dialog.get_by_role("button", name="Import", exact=True)
    imports.click()
    expect(dialog.get_by_text("a sha256 has 64 hexadecimal digits")).to_be_visible()
    sha256.fill("sha256:" + SHA256)
    imports.click()
    expect(card.get_by_text("Imported", exact=True)).to_be_visible()
    with world.api() as http:
        app = http.get("/v1/apps/name/redis").json()
        found = http.get("/v1/apps/images/name/" + app["manifestJSON"]["images"][0]["imagename"])
    assert (found.json()["imageSha256"], found.json()["imageVersion"]) == (SHA256, "7.2")


def test_an_app_is_changed_as_a_form_and_nothing_written_is_lost_on_the_way(
    page: Page, world: Site
) -> None:
    page.goto("/apps")
    _ask(page, "New app", Name="web", Image="disk")
    memory = _field(page, "Memory in MiB")
    memory.fill("513")
    page.get_by_role("tab", name="Text").click()
    asked = page.get_by_role("dialog", name="Leave without saving?")
    asked.get_by_role("button", name="Stay here").click()
    expect(memory).to_have_value("513")
    _do(page, "Save")
    expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    with world.api() as http:
        manifest = http.get("/v1/apps/name/web").json()["manifestJSON"]
    assert {"name": "memory", "value": str(513 * 1024)} in manifest["resources"]
    page.get_by_role("tab", name="Text").click()  # nobody is asked: nothing would be lost
    page.get_by_role("textbox", name="App as YAML").click()
    page.keyboard.insert_text("# to be thought over\n")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Apps").click()
    asked.get_by_role("button", name="Leave", exact=True).click()
    expect(page).to_have_url(re.compile("/apps$"))


def test_rollouts_are_begun_by_hand_found_ordered_and_undone_together(page: Page) -> None:
    for name in ("by-hand-1", "by-hand-2"):
        page.goto("/rollouts")
        _ask(page, "New OS roll-out", Name=name, Image="os-14", Version="14.0", Project="plant")
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    page.goto("/rollouts?namePattern=by-hand&sort=name%3Adesc")
    expect(page.locator(ROW).get_by_role("link")).to_have_text(["by-hand-2", "by-hand-1"])
    page.get_by_role("checkbox", name="Choose all of this page").check()
    _do(page, "Undo")
    page.get_by_role("combobox", name="State").select_option("UNDONE")
    expect(page.locator(ROW)).to_have_count(2)


def test_tokens_are_chosen_by_their_kind_and_revoked_together(page: Page) -> None:
    page.goto("/tokens")
    for _ in range(2):
        _do(page, "New token")
        expect(page.get_by_text("Keep it now")).to_be_visible()
    page.get_by_role("combobox", name="Kind").select_option("api")
    expect(page.get_by_text("(this one)")).to_have_count(0)
    page.get_by_role("checkbox", name="Choose all of this page").check()
    _do(page, "Revoke")
    expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Tokens and sessions")).to_be_visible()


@pytest.mark.parametrize(("view", "time"), [("events", "timestamp"), ("audit", "at")])
def test_what_happened_is_read_page_by_page_from_either_end(
    page: Page, world: Site, view: str, time: str
) -> None:
    with world.api() as http:
        for number in range(45):
            body = {"name": f"{view}-{number:02}", "title": "To be told"}
            assert http.post("/v1/brands", json=body).status_code == 200
    part = "resourceNamePattern" if view == "events" else "objectNamePattern"
    page.goto(f"/{view}?{part}={view}-&size=20")
    rows = page.locator(ROW)
    turn = page.get_by_role("button", name="Go to next page")
    back = page.get_by_role("button", name="Go to previous page")
    for number, shown in enumerate((20, 20, 5), 1):
        expect(rows).to_have_count(shown)
        expect(rows.first).to_contain_text(f"{view}-{64 - 20 * number:02}")
        if number < 3:
            turn.click()
            expect(page).to_have_url(re.compile(rf"page={number + 1}&.*from=\d+"))
    expect(turn).to_be_disabled()
    back.click()
    expect(rows.first).to_contain_text(f"{view}-24")
    page.get_by_role("columnheader", name="When").get_by_role("button").click()
    expect(page).to_have_url(re.compile(f"sort={time}%3Aasc"))
    expect(rows.first).to_contain_text(f"{view}-00")
    assert not faults_of_access(page)


def test_the_marketplace_is_paged_ordered_and_narrowed(page: Page) -> None:
    page.goto("/marketplace?size=20")
    cards = page.get_by_role("article")
    expect(cards).to_have_count(20)
    first = cards.first.inner_text()
    page.get_by_role("combobox", name="Order").select_option("Name, down")
    expect(cards.first).not_to_have_text(first)
    page.get_by_role("button", name="Go to next page").click()
    expect(page).to_have_url(re.compile("page=2"))
    expect(cards.last.get_by_role("heading")).to_have_text(first.splitlines()[0])
    page.get_by_role("combobox", name="Kind").select_option("APP_TYPE_VM")
    expect(page).not_to_have_url(re.compile("page="))
    expect(cards.first).to_contain_text("VM")
    assert not faults_of_access(page)
