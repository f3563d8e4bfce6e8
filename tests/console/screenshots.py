"""Every view, light and dark, for the documentation: `make screenshots`.  No test by its name.

What is drawn is a fleet of simulated nodes, some of which are away, with an app on one of them.
"""

from pathlib import Path

import pytest
from console.browser import PASSWORD, Site, at_console, faults_of_access, sign_in
from console.test_first_look import VIEWS
from playwright.sync_api import Page, Playwright, expect
from support.cli import Cli

FOLDER = Path(__file__).parents[2] / "docs/images/console"
NODES = 300
FAULTS = ("--offline-share", "10%", "--fault-period", "20s", "--crash-loops", "5%")
PLACES = (
    *("52.52,13.40", "48.86,2.35", "40.71,-74.01", "37.77,-122.42", "35.68,139.69"),
    *("-33.87,151.21", "1.35,103.82", "19.08,72.88", "-23.55,-46.63", "51.51,-0.13"),
)
APP = """
kind: datastore
name: registry
dsType: DATASTORE_TYPE_CONTAINERREGISTRY
dsFQDN: https://registry.example.com
dsPath: samples
---
kind: image
name: web
datastore: registry
imageType: IMAGE_TYPE_APPLICATION
imageFormat: CONTAINER
imageArch: AMD64
imageRelUrl: web:v1
---
kind: app
name: web
manifestJSON:
  name: web
  acKind: PodManifest
  acVersion: 1.2.0
  appType: APP_TYPE_CONTAINER
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_NOHYPER
  images: [{imagename: web, imageformat: CONTAINER, drvtype: HDD, target: Disk}]
  interfaces: [{name: eth0}]
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
---
kind: netinst
name: apps
project: fleet
device: fleet-00001
networkKind: NETWORK_INSTANCE_KIND_LOCAL
type: NETWORK_INSTANCE_DHCP_TYPE_V4
port: eth0
---
kind: instance
name: web-1
app: web
device: fleet-00001
project: fleet
appType: APP_TYPE_CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives: [{imagename: web, drvtype: HDD, target: Disk}]
interfaces: [{intfname: eth0, intforder: 1, netinstname: apps}]
---
kind: alertrule
name: node-reboot
condition: NODE_REBOOT
clearSeconds: 3600
severity: ERROR
channels: []
selector: {}
"""


@pytest.fixture(scope="module")
def fleet(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "password").write_text(PASSWORD)
    (folder / "app.yaml").write_text(APP)
    cli = Cli.of(site.process, folder)
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
    server = f"localhost:{site.process.device_port}"
    run = ("fleet", "run", "--devices", str(NODES), "--server", server, "--state", "fleet.json")
    cli.ok(*run, "--for", "25s", "--hurry", "5")
    cli.ok("apply", "-f", "app.yaml")
    with site.api() as http:
        listed = http.get("/v1/devices", params={"next.pageSize": 100}).json()["list"]
        for number, device in enumerate(listed[:60]):
            place = {"latlong": PLACES[number % len(PLACES)]}
            moved = {**device, "devLocation": place}
            assert http.put(f"/v1/devices/id/{device['id']}", json=moved).status_code == 200
    cli("fleet", "run", *run[2:], "--for", "40s", "--hurry", "5", "--spread", "10s", *FAULTS)
    return site


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_drawn(playwright: Playwright, fleet: Site, *, dark: bool) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with fleet.api() as http:
        node = http.get("/v1/devices/name/fleet-00001").json()["id"]
        instance = http.get("/v1/apps/instances/name/web-1").json()["id"]
    tabs = ("adapters", "attestation", "charts", "events", "logs")
    more = {
        "node": f"/nodes/{node}",
        **{f"node-{tab}": f"/nodes/{node}/{tab}" for tab in tabs},
        "instance": f"/instances/{instance}",
    }
    names = {view.strip("/").replace("/", "-") or "overview": view for view in VIEWS}
    with at_console(playwright, fleet, dark=dark) as page:
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        faults = {}
        for name, view in (names | more).items():
            _settle(page, view)
            if found := faults_of_access(page):
                faults[view] = found
            page.screenshot(path=FOLDER / f"{name}-{'dark' if dark else 'light'}.png")
    assert not faults, faults


def _settle(page: Page, view: str) -> None:
    page.goto(view)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    page.evaluate("document.fonts.ready.then(() => true)")
    if view == "/":
        page.locator(".eaves-map canvas").or_(page.get_by_text("No node tells")).first.wait_for()
