"""A person at the console of a bench controller: Chromium, on the core of the generator."""

import json
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright
from support.fleet_lists import prepare
from support.rest import TOKEN, percentile
from support.row import finish, work_folder
from support.server import Server, on_core, running

from eaves.controller.northbound.console import Files, built_folder

CHROMIUM: Final = Path("/usr/bin/chromium")
NODES: Final = 10_000
PATIENCE_MS: Final = 60_000
DESK: Final = {"width": 1440, "height": 900}
# How a view that is told by its heading is known to be whole: nothing of it is waited for.
WHOLE: Final = """
window.whole = (title, begun) => new Promise((done) => {
  const look = () => {
    const heading = document.querySelector("main h1");
    const waits = document.querySelector("main [role=progressbar]");
    if (!heading || !heading.textContent.includes(title) || waits) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => {
      const spans = performance.getEntriesByType("resource")
        .filter((one) => one.name.includes("/api/") && !one.name.includes("/stream"))
        .filter((one) => one.startTime >= begun)
        .map((one) => [one.startTime, one.responseEnd]).sort((a, b) => a[0] - b[0]);
      let api = 0, until = 0;
      for (const [from, to] of spans) {
        api += Math.max(0, to - Math.max(from, until));
        until = Math.max(until, to);
      }
      done({ ms: performance.now() - begun, api });
    }));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, characterData: true });
  look();
});
"""


@contextmanager
def fleet() -> Generator[Server]:
    """A controller with 10,000 nodes in its database."""
    if not Files(built_folder()).present or not CHROMIUM.exists():
        print("the console is not built (make console), or there is no Chromium", file=sys.stderr)
        raise SystemExit(1)
    with work_folder() as folder:
        prepare(folder / "state", NODES)
        with running(Server(folder / "state")) as server:
            yield server


@contextmanager
def chromium() -> Generator[Browser]:
    with on_core(), sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def signed_in(browser: Browser, server: Server) -> Generator[Page]:
    """A page that has loaded nothing yet, of a browser that keeps nothing."""
    held = {"token": TOKEN, "expires": int((time.time() + 3600) * 1000)}
    context = browser.new_context(
        base_url=f"https://localhost:{server.rest_port}",
        ignore_https_errors=True,
        viewport=DESK,  # type: ignore[arg-type]  # a plain dict is one
    )
    kept = json.dumps(json.dumps(held))
    context.add_init_script(f'sessionStorage.setItem("eaves-session", {kept});')
    context.add_init_script(WHOLE)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def row(name: str, took_ms: list[float], limit_ms: float, **more: Any) -> int:
    """Prints it; the exit status."""
    p95 = percentile(took_ms, 0.95)
    told: Mapping[str, Any] = {
        "name": name,
        "nodes": NODES,
        "times": len(took_ms),
        "p50_ms": round(percentile(took_ms, 0.5), 1),
        "p95_ms": round(p95, 1),
        "limit_ms": limit_ms,
        "met": p95 <= limit_ms,
        "generator_ok": True,  # the person is what is measured
        **more,
    }
    return finish(told)
