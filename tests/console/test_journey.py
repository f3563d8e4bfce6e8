"""From an empty tenant to an app that answers on a real node, by keyboard and mouse alone.

The controller and the node are processes of their own, the node in a machine of its own; whatever
is made, asked or ended is done at the page.  One journey, so that each step finds what the one
before it left.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from console.apart import apart
from console.browser import PASSWORD, Site, at_console, sign_in
from playwright.sync_api import Locator, Page, Playwright, expect
from support.controller import Process, running
from support.line import CACHE, NETS, Line

from eaves.cli.demo.datastore import datastore
from eaves.cli.demo.place import free_net, routed_nets
from eaves.cli.samples import container_image

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(900)]

PORT = 8121
FIRST_ANSWER_S = 240.0  # on a machine with much else to do
MODEL = """\
name: small-computer
title: Small computer
type: AMD64
state: SYS_MODEL_STATE_ACTIVE
originType: ORIGIN_LOCAL
brandId: CHOSEN
attr: {Cpus: "4", memory: 4G, storage: 8G}
ioMemberList:
  - ztype: IO_TYPE_ETH
    phylabel: eth0
    logicallabel: eth0
    assigngrp: eth0
    phyaddrs: {Ifname: eth0}
    usage: ADAPTER_USAGE_MANAGEMENT
    usagePolicy: {FreeUplink: true}
"""
DATASTORE = """\
name: registry
title: Registry
dsType: DATASTORE_TYPE_CONTAINERREGISTRY
dsFQDN: {url}
dsPath: samples
"""
IMAGE = """\
name: hello
title: Hello
imageArch: AMD64
imageFormat: CONTAINER
imageType: IMAGE_TYPE_APPLICATION
imageRelUrl: hello:v1
datastoreIdList: CHOSEN
"""
POLICY = """\
networkPolicy:
  type: POLICY_TYPE_NETWORK
  networkPolicy:
    netInstanceConfig:
      - name: apps
        title: Apps
        kind: NETWORK_INSTANCE_KIND_LOCAL
        type: NETWORK_INSTANCE_DHCP_TYPE_V4
        port: eth0
        deviceDefault: true
"""
ONBOARDING = (
    *("server", "root-certificate.pem", "onboard.cert.pem", "onboard.key.pem", "soft_serial"),
)
ROLE = """\
name: operator
title: Operator
type: USER_ROLE_USER_DEFINED
scopes: [{accessDevice: PermissionAccessRead, projectFilter: []}]
"""


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """What a node starts comes and goes beside the test; the check of the session holds."""


@pytest.fixture
def line(tmp_path: Path) -> Generator[Line]:
    """A machine that nobody has installed a node on yet, and a registry that has one image."""
    line = Line(tmp_path, f"j{os.getpid() % 100_000}", free_net(routed_nets(), NETS))
    layout = container_image(CACHE).layout
    shutil.copytree(layout, line.store / "oci" / "samples" / "hello")
    with contextlib.ExitStack() as stack:
        stack.callback(line.cut_power)
        line.plug_in()
        line.datastore_port = stack.enter_context(datastore(line.store, "0.0.0.0"))
        yield line


@pytest.fixture
def empty(line: Line) -> Generator[Site]:
    """A controller of its own: a tenant with nothing in it."""
    password = line.root / "password"
    password.write_text(PASSWORD)
    made = Process(line.root / "controller", "--admin-password-file", str(password))
    made.options += (
        *("--device-listen", f"0.0.0.0:{made.device_port}"),
        *("--device-server", f"{line.host}:{made.device_port}"),
    )
    with running(made) as process, apart(line.root, process.rest_port) as chromium:
        yield Site(process, f"https://localhost:{process.rest_port}", chromium)


def test_from_an_empty_tenant_to_an_app_that_answers(
    playwright: Playwright, empty: Site, line: Line
) -> None:
    with at_console(playwright, empty) as page:
        sign_in(page, "admin", PASSWORD)
        expect(page.get_by_role("heading", name="Begin here")).to_be_visible()
        _tenant(page, line)
        _project(page)
        _app(page)
        _node(page, line)
        _deploy(page, line)
        _observe(page)
        _end(page, line)


def _go(page: Page, title: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
    page.get_by_role("heading", level=1).first.wait_for()


def _dialog(page: Page, button: str) -> Locator:
    page.get_by_role("button", name=button, exact=True).click()
    return page.get_by_role("dialog", name=re.compile(f"^{re.escape(button)}"))


def _fill(page: Page, dialog: Locator, **fields: str) -> None:
    """Each by its label, typed; `_` in a label is a space."""
    for label, text in fields.items():
        field = dialog.get_by_label(re.compile(f"^{label.replace('_', ' ')}\\W*$"))
        field.click()
        page.keyboard.press("Control+a")
        page.keyboard.type(text)


def _sent(dialog: Locator, button: str) -> None:
    expect(dialog.locator("input:invalid")).to_have_count(0)  # each name was found
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def _write(page: Page, place: Locator, text: str) -> None:
    """As pasted: all of what the editor holds becomes this."""
    place.get_by_role("textbox", name=re.compile("as YAML$")).click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")  # in two: over a selection the browser writes a style beside it
    page.keyboard.insert_text(text)


def _make(page: Page, noun: str, text: str, **refs: str) -> None:
    """In the list that is shown."""
    dialog = _dialog(page, f"New {noun}")
    _write(page, dialog, text)
    _fill(page, dialog, **refs)
    expect(dialog.get_by_role("textbox", name=re.compile("as YAML$"))).not_to_contain_text("CHOSEN")
    _sent(dialog, f"New {noun}")
    page.get_by_role("heading", level=1, name=re.compile(_titled(text))).wait_for()


def _titled(text: str) -> str:
    found = re.search(r"^title: (.*)$", text, re.MULTILINE)
    assert found is not None
    return found[1]


def _tenant(page: Page, line: Line) -> None:
    """Steps 2 to 5: a token, who works here, what hardware there is, where images come from."""
    _go(page, "Tokens and sessions")
    _sent(_dialog(page, "New token"), "New token")
    expect(page.get_by_text("Keep it now")).to_be_visible()
    _go(page, "Roles")
    page.get_by_role("link", name="Make or change one").click()
    _make(page, "role", ROLE)
    _go(page, "Users")
    user = _dialog(page, "New user")
    _fill(page, user, Name="olga", Mail="olga@example.org", Role="operator")
    _fill(page, user, First_password="the first one of olga")
    _sent(user, "New user")
    _go(page, "Brands")
    _make(page, "brand", "name: maker\ntitle: Maker\noriginType: ORIGIN_LOCAL\n")
    _go(page, "Models")
    _make(page, "model", MODEL, Brand="maker")
    _go(page, "Datastores")
    _make(page, "datastore", DATASTORE.format(url=f"http://{line.host}:{line.datastore_port}"))
    _go(page, "Images")
    _make(page, "image", IMAGE, Datastore="registry")
    _sent(_dialog(page, "Release"), "Release")


def _project(page: Page) -> None:
    """Steps 7, 8 and 10: with the network of its uplinks, and one for its apps on each node."""
    _go(page, "Projects and policies")
    dialog = _dialog(page, "New project")
    _fill(page, dialog, Name="plant", A_network_for_its_uplinks="uplink")
    _sent(dialog, "New project")
    page.get_by_role("heading", level=1, name="plant").wait_for()
    page.get_by_role("textbox", name="Project as YAML").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(POLICY)
    _sent(_dialog(page, "Save"), "Save")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)


def _app(page: Page) -> None:
    """Step 9."""
    _go(page, "Apps")
    dialog = _dialog(page, "New app")
    _fill(page, dialog, Name="hello", Image="hello", Port_of_the_app="80")
    _fill(page, dialog, Port_of_the_node=str(PORT))
    _sent(dialog, "New app")
    page.get_by_role("link", name="Deploy this app").wait_for()


def _node(page: Page, line: Line) -> None:
    """Steps 12 to 16: a record, its folder carried to the machine, power."""
    _go(page, "Nodes")
    dialog = _dialog(page, "New node")
    _fill(page, dialog, Name="first", Serial_number=f"JOURNEY-{line.name}")
    _fill(page, dialog, Model="small-computer", Project="plant", Network_of_its_uplink="uplink")
    _sent(dialog, "New node")
    page.get_by_role("button", name="Make the onboarding folder").click()
    for name in ONBOARDING:
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        download.value.save_as(line.root / "config" / name)
    line.start_node()
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "Online", timeout=FIRST_ANSWER_S * 1000
    )
    page.get_by_role("tab", name="Attestation").click()
    expect(page.get_by_text("Enforced")).to_be_visible(timeout=FIRST_ANSWER_S * 1000)


def _deploy(page: Page, line: Line) -> None:
    """Steps 17 to 21: by the wizard, from the app to what answers."""
    _go(page, "Network instances")  # made by the policy of the project
    expect(page.get_by_role("link", name="apps-first")).to_be_visible()
    _go(page, "Apps")
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_role("checkbox", name="Deploy on first").check()
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text("Every node that was asked takes it.")).to_be_visible()
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Completed")
    _go(page, "App instances")
    page.get_by_role("link", name="hello-first").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "Online", timeout=FIRST_ANSWER_S * 1000
    )
    line.until(
        "the app answers", lambda: "hello from a container" in line.get(PORT), FIRST_ANSWER_S
    )


def _observe(page: Page) -> None:
    """Steps 22, 25 and 26: what it says and does, and a change of what its node is asked to be."""
    page.get_by_role("tab", name="Log", exact=True).click()
    page.get_by_role("tab", name="Events").click()
    page.get_by_role("tab", name="State", exact=True).click()
    page.get_by_role("link", name="first", exact=True).click()
    for tab in ("Adapters", "Apps", "Charts", "Traffic"):
        page.get_by_role("tab", name=tab, exact=True).click()


def _end(page: Page, line: Line) -> None:
    """Step 28: no app, no node, no record."""
    _go(page, "App instances")
    page.get_by_role("link", name="hello-first").click()
    _sent(_dialog(page, "Delete"), "Delete")
    expect(page.get_by_text("No app runs yet")).to_be_visible()
    line.until("the app is gone", lambda: not line.get(PORT), FIRST_ANSWER_S)
    _go(page, "Nodes")
    page.get_by_role("link", name="first", exact=True).click()
    for verb in ("Deactivate", "Offboard"):
        _sent(_dialog(page, verb), verb)
    _sent(_dialog(page, "Delete"), "Delete")
    expect(page.get_by_text("first", exact=True)).to_have_count(0)
