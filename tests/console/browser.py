"""A person at the console: Debian's Chromium, driven by keyboard and mouse.

Whatever the policy of the page forbids, whatever it asks of another server, and whatever it writes
to the console of the browser as an error, fails the test that did it.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import ConsoleMessage, Page, Playwright, Request, expect
from support.controller import Process

PATIENCE_MS = 60_000  # other tests have the machine as well
CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
PASSWORD = "given to every test of the console"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
EXPECTED = ("the server responded with a status of 4",)  # a refusal is an answer, and is shown
WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Site:
    """A controller that serves the console; `chromium` is the program that reaches it."""

    process: Process
    base: str
    chromium: Path

    @contextmanager
    def api(self) -> Generator[httpx.Client]:
        """A program beside the person: what it makes, the page has to show."""
        tls = self.process.tls()
        with httpx.Client(base_url=f"{self.base}/api", verify=tls, timeout=60) as http:
            given = {"usernameAtRealm": "admin", "password": PASSWORD}
            answer = http.post("/v1/login", json=given)
            assert answer.status_code == 200, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
            yield http


@dataclass
class Seen:
    """What must not be there at the end."""

    errors: list[str] = field(default_factory=list[str])
    strangers: list[str] = field(default_factory=list[str])


@contextmanager
def at_console(
    playwright: Playwright, site: Site, *, phone: bool = False, dark: bool = False
) -> Generator[Page]:
    """A page of its own, with nothing kept; its faults are raised at the end."""
    browser = playwright.chromium.launch(
        executable_path=site.chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    try:
        context = browser.new_context(
            base_url=site.base,
            ignore_https_errors=True,  # a certificate of the controller's own
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]  # a plain dict is one
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.add_init_script(WATCH)
        context.set_default_timeout(PATIENCE_MS)
        page, seen = context.new_page(), Seen()
        page.on("console", lambda message: _note(seen, message))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: _foreign(seen, request, site.base))
        yield page
        assert not seen.errors, seen.errors
        assert not seen.strangers, seen.strangers
    finally:
        browser.close()


def _note(seen: Seen, message: ConsoleMessage) -> None:
    if message.type == "error" and not any(one in message.text for one in EXPECTED):
        seen.errors.append(message.text)


def _foreign(seen: Seen, request: Request, base: str) -> None:
    asked = urlsplit(request.url)
    if asked.scheme in ("http", "https") and asked.netloc != urlsplit(base).netloc:
        seen.strangers.append(request.url)


def sign_in(page: Page, user: str, password: str) -> None:
    """With the keyboard alone: the first field has it."""
    page.goto("/")
    page.get_by_label("User").wait_for()
    page.keyboard.type(user)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def faults_of_access(page: Page, part: str = "html") -> list[str]:
    """What axe finds on the page as it stands, or in a part of it."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    told: dict[str, Any] = page.evaluate(
        "(part) => axe.run(part, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})", part
    )
    return [f"{one['id']}: {json.dumps(one['nodes'][0]['target'])}" for one in told["violations"]]
