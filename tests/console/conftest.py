"""One controller with the console, and a browser for each test; skipped where either is missing."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from support.controller import Process, running

if not os.environ.get("EAVES_TESTS_ALL"):  # where every test has to run, the imports below fail
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make develop")

from console.apart import apart
from console.browser import CHROMIUM, PASSWORD, Site, at_console, sign_in
from playwright.sync_api import Page, Playwright, sync_playwright

from eaves.controller.northbound.console import Files, built_folder


def left_out(why: str) -> NoReturn:
    """Where every test has to run, what one lacks is a fault."""
    if os.environ.get("EAVES_TESTS_ALL"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ends with its file: its loop runs in this thread, where no other loop could follow."""
    if not CHROMIUM.exists():
        left_out("no Chromium on this machine; install the package chromium")
    with sync_playwright() as started:
        yield started


@contextmanager
def new_site(folder: Path) -> Generator[Site]:
    """A controller with nothing in it yet."""
    if not Files(built_folder()).present:
        left_out("the console is not built: make console")
    password = folder / "password"
    password.write_text(PASSWORD)
    made = Process(
        folder / "c" / "state",
        "--admin-password-file",
        str(password),
        environment={"EAVES_INSTALLER_IMAGES": str(folder / "c/images")},
    )
    with running(made) as process, apart(folder, process.rest_port) as chromium:
        yield Site(process, f"https://localhost:{process.rest_port}", chromium)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Of all tests that do not mind what the others left."""
    with new_site(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Of the tests of one file."""
    with new_site(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture
def stranger(playwright: Playwright, site: Site) -> Generator[Page]:
    """Nobody is signed in."""
    with at_console(playwright, site) as page:
        yield page


@pytest.fixture
def page(playwright: Playwright, site: Site) -> Generator[Page]:
    """Signed in as the administrator."""
    with at_console(playwright, site) as opened:
        sign_in(opened, "admin", PASSWORD)
        opened.get_by_role("heading", name="Needs a person").wait_for()
        yield opened
