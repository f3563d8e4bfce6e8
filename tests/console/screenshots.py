"""Every view, light and dark, for the documentation: `make screenshots`.  No test by its name.

What is drawn is a fleet of simulated nodes that runs meanwhile: some come and go, some start again
and again, a few have gone for good.  One of them has an app, and a roll-out is on its way.
"""

import base64
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from console.browser import DESK, PASSWORD, Site, at_console, faults_of_access, sign_in
from console.simulated import Course, at_work, views_of
from playwright.sync_api import Page, Playwright, expect

pytestmark = pytest.mark.timeout(3600)

QUALITY = 80
FOLDER = Path(__file__).parents[2] / "docs/images/console"
COURSE = Course(
    nodes=120,
    hurry=5,
    faults=("--offline-share", "5%", "--fault-period", "20s", "--crash-loops", "2%"),
    gone=6,
    first_s=25,
    logs_every_s=60,
)
BOOTED_S = 30.0  # before alerts are watched: that all of them began is no trouble
SILENT_S = 200.0  # longer than a node may be silent before it is suspect
TALL = {"width": DESK["width"], "height": 1300}  # the overview, with all of its cards
PLACES = (
    *("52.52,13.40", "48.86,2.35", "40.71,-74.01", "37.77,-122.42", "35.68,139.69"),
    *("-33.87,151.21", "1.35,103.82", "19.08,72.88", "-23.55,-46.63", "51.51,-0.13"),
)


@pytest.fixture(scope="module")
def fleet(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("fleet")
    with at_work(site, folder, COURSE) as cli:
        begun = time.monotonic()
        _place(site)
        time.sleep(BOOTED_S)
        cli.ok("apply", "-f", "rule.yaml")
        time.sleep(max(0.0, begun + SILENT_S - time.monotonic()))
        yield site


def _place(site: Site) -> None:
    with site.api() as http:
        listed = http.get("/v1/devices", params={"next.pageSize": 500}).json()["list"]
        for number, device in enumerate([*listed[:60], *listed[-COURSE.gone :]]):
            place = {"latlong": PLACES[number % len(PLACES)]}
            path = f"/v1/devices/id/{device['id']}"
            # the roll-out and the job change devices as well: what is old by then is read again
            while http.put(path, json={**device, "devLocation": place}).status_code == 409:
                device = http.get(path).json()  # noqa: PLW2901 - the same, newer


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_drawn(playwright: Playwright, fleet: Site, *, dark: bool) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with fleet.api() as http:
        views = views_of(http)
    faults = draw(playwright, fleet, views, FOLDER, dark=dark)
    assert not faults, faults


def draw(
    playwright: Playwright, site: Site, views: Mapping[str, str], folder: Path, *, dark: bool
) -> Mapping[str, list[str]]:
    """What axe finds, by view."""
    faults: dict[str, list[str]] = {}
    light = "dark" if dark else "light"
    with at_console(playwright, site, dark=dark) as page:
        page.goto("/")
        page.get_by_label("User").wait_for()
        picture(page, folder / f"sign-in-{light}.webp")
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for name, view in views.items():
            page.set_viewport_size(TALL if view == "/" else DESK)  # type: ignore[arg-type]  # a plain dict is one
            _settle(page, view)
            if found := faults_of_access(page):
                faults[view] = found
            picture(page, folder / f"{name}-{light}.webp")
    return faults


def picture(page: Page, path: Path) -> None:
    """As WebP, a third of what PNG takes; Playwright itself writes none."""
    asked = {"format": "webp", "quality": QUALITY}
    session: Any = page.context.new_cdp_session(page)  # its answers have no types
    told: Mapping[str, str] = session.send("Page.captureScreenshot", asked)
    path.write_bytes(base64.b64decode(told["data"]))


def _settle(page: Page, view: str) -> None:
    page.goto(view)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.locator(".eaves-who").wait_for()
    if page.locator(".eaves-editor").count():
        page.locator(".cm-line").first.wait_for()
    page.evaluate("document.fonts.ready.then(() => true)")
    if view == "/":
        page.locator(".eaves-map[data-drawn]").wait_for()
        page.get_by_role("heading", name="Capacity").wait_for()
