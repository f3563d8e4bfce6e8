"""Checks of networks: an app on each kind of network instance, what is denied, a bad port.

The node is given its interfaces for this: it starts again with them handed over, and its apps run
on meanwhile.
"""

import sys

from eaves.cli.demo.checking import SLOW_S, address_of, connects, demand
from eaves.cli.demo.place import SITE, SITE_LEASED, SITE_PEER, SITE_PORT, UPLINK
from eaves.cli.demo.sandbox import HostRefused, in_namespace, run_tool
from eaves.cli.demo.scene import EAVES, HELLO_PORT, NODE_NAME, Scene

OPEN_PORT, SHUT_PORT = 8000, 8001  # of the outside peer; a rule allows the first
YAML = "5-site.yaml"
FETCH = "import sys,urllib.request as u;print(u.urlopen(sys.argv[1],timeout=10).read().decode())"


def apps_on_each_network(scene: Scene) -> str:
    _people_the_site(scene)
    _apply(scene)
    scene.stop_node()
    handed_over = ("--interface", UPLINK, "--interface", SITE_PORT)
    scene.start_node("--tpm", "none", "--host-network", "managed", *handed_over)
    greeting = scene.until("on-site answers at the site", _at_site, SLOW_S)
    alone = address_of(scene, "alone")
    _reaches(scene, f"reach?{alone}+80")
    _reaches_not(scene, f"through?{alone}+{scene.place.host}+{scene.datastore_port}")
    scene.until("hello answers", lambda: scene.get(HELLO_PORT), SLOW_S)
    return (
        f"switch: on-site has {SITE_LEASED} from the site's DHCP server, {greeting.strip()!r};"
        f" air-gapped: alone ({alone}) is reached by on-site and has no way out; local: hello"
        " answered before and after"
    )


def denied_is_counted(scene: Scene) -> str:
    _reaches(scene, f"reach?{SITE_PEER}+{OPEN_PORT}")
    before = _drops(scene)
    _reaches_not(scene, f"reach?{SITE_PEER}+{SHUT_PORT}")
    after = scene.until(
        "the denied packets are counted",
        lambda: now if (now := _drops(scene)) > before else 0,
        SLOW_S,
    )
    return (
        f"{SITE_PEER}:{OPEN_PORT} (a rule) connected, :{SHUT_PORT} (no rule) denied; REST counts"
        f" {after} dropped packets of on-site, {before} before"
    )


def bad_port_heals(scene: Scene) -> str:
    _apply(scene, UPLINK="uplink-wrong", ADDRESS="198.18.0.2")

    error = scene.until(
        "the node left the bad port configuration", lambda: _left(_diag(scene)), SLOW_S
    )
    scene.until("hello answers again", lambda: scene.get(HELLO_PORT), SLOW_S)
    demand(connects(scene.place.node, HELLO_PORT) == "connected", "hello does not answer")
    _apply(scene)
    return f"198.18.0.2 was tried and left ({error[:160]}); hello answers at {scene.place.node}"


def _apply(scene: Scene, **values: str) -> None:
    good = {"UPLINK": "uplink-static", "ADDRESS": scene.place.node}
    more = {"NET": str(scene.place.net), "PEER": SITE_PEER, "OPEN": str(OPEN_PORT)}
    scene.apply(YAML, **more, **{**good, **values})


def _people_the_site(scene: Scene) -> None:
    """One that gives addresses, and one that listens on the two ports."""
    leases = scene.place.folder / "site-leases"
    server = [
        *("dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--no-ping"),
        *("--user=root", f"--dhcp-leasefile={leases}", f"--dhcp-range={SITE_LEASED},{SITE_LEASED}"),
    ]
    listen = [
        *(sys.executable, "-m", "http.server", "--bind", SITE_PEER),
        *("--directory", str(scene.place.config_dir.parent / "site")),
    ]
    (scene.place.folder / "site").mkdir()
    scene.record.start(in_namespace(server, SITE), scene.log_of("site-dhcp"))
    for port in (OPEN_PORT, SHUT_PORT):
        scene.record.start(in_namespace([*listen, str(port)], SITE), scene.log_of("site-peer"))


def _reaches(scene: Scene, program: str) -> None:
    """Sooner or later: who is to answer may still be starting."""
    scene.until(
        f"on-site says it is connected by {program}",
        lambda: "connected" in _at_site(program),
        SLOW_S,
    )


def _reaches_not(scene: Scene, program: str) -> None:
    said = scene.until(f"on-site answers {program}", lambda: _at_site(program), SLOW_S)
    demand("no" in said.split(), f"on-site says {said!r} of {program}, which no rule allows")


def _at_site(program: str = "") -> str:
    """What on-site answers to somebody of the site; empty when it does not (yet)."""
    path = f"cgi-bin/{program}" if program else ""
    url = f"http://{SITE_LEASED}/{path}"
    return _said(in_namespace([sys.executable, "-c", FETCH, url], SITE)).strip()


def _said(argv: list[str]) -> str:
    """Empty for a program that fails, or takes too long on a machine with much else to do."""
    try:
        return run_tool(argv)
    except HostRefused:
        return ""


def _drops(scene: Scene) -> int:
    return sum(c.tx_acl_drops for c in scene.current("instance", "on-site").net_counter_list)


def _left(diag: str) -> str:
    """The error of the first entry, once another one is in force."""
    first: list[str] = []
    for line in diag.splitlines():
        if line.startswith("entry 0") or (first and line.startswith(" ")):
            first.append(line.strip())
        elif first:
            break
    if not first or "in force" in first[0]:
        return ""
    return next((line for line in first if line.startswith("error")), "")


def _diag(scene: Scene) -> str:
    place = scene.place
    argv = [*EAVES, "node", "--name", NODE_NAME, "--config", str(place.config_dir)]
    argv += ["--state-dir", str(place.node_dir), "diag", "--no-probe"]
    return _said(in_namespace(argv))
