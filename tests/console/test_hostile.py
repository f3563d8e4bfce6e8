"""Names that mean harm or are as long as the API takes them: text, and nothing loses its place."""

import re
from urllib.parse import urlencode

import pytest
from console.browser import PASSWORD, Site, at_console, sign_in
from playwright.sync_api import Page, Playwright, expect

pytestmark = pytest.mark.system

NAMES = {
    "markup": "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>",
    "long": "x" * 256,
    "words": "a name of many words " * 11,
    "arabic": "\u0645\u0635\u0646\u0639 \u0627\u0644\u0634\u0645\u0627\u0644 (7)",
    "wide": "\U0001f3ed" * 200,
}


@pytest.fixture(scope="module")
def hostile(site: Site) -> Site:
    with site.api() as http:
        for name, title in NAMES.items():
            body = {"name": f"hostile-{name}", "title": title, "type": "TAG_TYPE_PROJECT"}
            made = http.post("/v1/projects", json=body)
            assert made.status_code == 200, made.text
    return site


def too_wide(page: Page) -> int:
    told: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return told


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_any_name_is_text_and_keeps_to_its_place(
    playwright: Playwright, hostile: Site, *, phone: bool
) -> None:
    with at_console(playwright, hostile, phone=phone) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        page.goto("/projects?namePattern=hostile")
        for name in NAMES:
            expect(page.get_by_role("link", name=f"hostile-{name}", exact=True)).to_be_visible()
        assert NAMES["markup"] in page.get_by_role("main").inner_text()
        assert too_wide(page) <= 0
        for name, title in NAMES.items():
            page.goto(f"/projects?namePattern=hostile-{name}")
            page.get_by_role("link", name=f"hostile-{name}", exact=True).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(title.strip())
            assert too_wide(page) <= 0, name
        assert page.title() != "run"


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_thousand_characters_to_look_for_keep_to_their_place(
    playwright: Playwright, hostile: Site, *, phone: bool
) -> None:
    with at_console(playwright, hostile, phone=phone) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for text in ("x" * 1000, (NAMES["arabic"] * 60)[:1000]):
            page.goto(f"/projects?{urlencode({'namePattern': text})}")
            expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
            assert too_wide(page) <= 0, text[:9]


def test_a_name_of_a_thousand_characters_is_refused_in_its_place(
    playwright: Playwright, hostile: Site
) -> None:
    with at_console(playwright, hostile) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        page.goto("/projects")
        page.get_by_role("button", name="New project").click()
        dialogue = page.get_by_role("dialog", name="New project")
        dialogue.get_by_label(re.compile(r"^Name\W*$")).fill("x" * 1000)
        dialogue.get_by_role("button", name="New project").click()
        expect(dialogue.get_by_role("alert")).to_contain_text("name")
        assert too_wide(page) <= 0
