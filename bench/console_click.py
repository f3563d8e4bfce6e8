"""From a click to the view that it asks for, less the time in which the API was asked.

Lists by the navigation and pages of nodes by the list, each several times; the first time is with
what the view has to load.
"""

from playwright.sync_api import Page
from support.page import chromium, fleet, row, signed_in
from support.rest import percentile

LIMIT_MS = 300.0
ROUNDS = 6
LISTS = (
    *("Nodes", "App instances", "Alerts", "Events", "Projects and policies", "Roll-outs"),
    *("Jobs", "Networks", "Models", "Overview"),
)
TITLES = {"Overview": "Needs a person"}
CLICK = """
([text, title, scope]) => {
  const link = [...document.querySelectorAll(`${scope} a`)].find((one) => {
    return text ? one.textContent === text : one.getAttribute("href").startsWith("/nodes/");
  });
  const begun = performance.now();
  const whole = window.whole(title ?? link.textContent, begun + 0.01);
  link.click();
  return whole;
}
"""


def click(page: Page, text: str, title: str | None, scope: str) -> tuple[float, float]:
    told = page.evaluate(CLICK, [text, title, scope])
    return float(told["ms"]), float(told["api"])


def main() -> int:
    beside: list[float] = []
    api: list[float] = []
    with fleet() as server, chromium() as browser, signed_in(browser, server) as page:
        page.goto("/")
        page.evaluate("window.whole('Needs a person', 0)")
        for _ in range(ROUNDS):
            for name in LISTS:
                page.evaluate("performance.clearResourceTimings()")
                taken = [click(page, name, TITLES.get(name, name), "nav")]
                if name == "Nodes":
                    taken.append(click(page, "", None, "main"))
                for whole, asked in taken:
                    beside.append(whole - asked)
                    api.append(asked)
    more = {
        "api_p50_ms": round(percentile(api, 0.5), 1),
        "api_p95_ms": round(percentile(api, 0.95), 1),
    }
    return row("console-click", beside, LIMIT_MS, **more)


if __name__ == "__main__":
    raise SystemExit(main())
