"""From the answer to a change of a node until its page shows it, without a reload."""

from support.page import chromium, fleet, row, signed_in
from support.rest import Rest

LIMIT_MS = 2000.0
TIMES = 20
WORDS = {"deactivate": "Inactive", "activate": "Active"}
# the time of the page's own clock at which the word stands there
SEEN = """
(word) => new Promise((done) => {
  const shown = () => [...document.querySelectorAll("main dd")].some((one) => {
    return one.textContent.trim() === word;
  });
  const look = () => {
    if (!shown()) return;
    observer.disconnect();
    done(performance.timeOrigin + performance.now());
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, characterData: true });
  look();
})
"""
NOW = "performance.timeOrigin + performance.now()"


def main() -> int:
    taken: list[float] = []
    with fleet() as server, chromium() as browser, signed_in(browser, server) as page:
        rest = Rest(server)
        found, _ = rest.ask("/api/v1/devices/status?next.pageSize=1&runState=ONLINE")
        node = found["list"][0]["id"]
        page.goto(f"/nodes/{node}")
        page.get_by_text("Live", exact=True).wait_for()
        for number in range(TIMES):
            verb = ("deactivate", "activate")[number % 2]
            rest.ask(f"/api/v1/devices/id/{node}/{verb}", {})
            begun = float(page.evaluate(NOW))
            taken.append(max(0.0, float(page.evaluate(SEEN, WORDS[verb])) - begun))
        rest.close()
    return row("console-live", taken, LIMIT_MS, worst_ms=round(max(taken), 1))


if __name__ == "__main__":
    raise SystemExit(main())
