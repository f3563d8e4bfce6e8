"""What `--check` finds out by use, one line of evidence each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from eaves.cli.demo.checking import SLOW_S, address_of, connects, demand
from eaves.cli.demo.sandbox import in_namespace, run_tool
from eaves.cli.demo.scene import HELLO_PORT, MACHINE_PORT, UNMAPPED_PORT, Scene
from eaves.cli.demo.site import apps_on_each_network, bad_port_heals, denied_is_counted
from eaves.cli.demo.snapshots import snapshot_is_rolled_back
from eaves.cli.demo.tell import Teller
from eaves.errors import EavesError

NOTES = "/cgi-bin/notes"


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    find_out: Callable[[Scene], str]  # the evidence; raises EavesError


def run_checks(scene: Scene, tell: Teller) -> bool:
    """True when all hold; a check that fails does not keep the others from running."""
    tell.title("Each step checked by use")
    holds = True
    for check in CHECKS:
        try:
            tell.evidence(check.what, holds=True, shown=check.find_out(scene))
        except EavesError as error:
            holds = False
            tell.evidence(check.what, holds=False, shown=str(error))
    return holds


def project_is_there(scene: Scene) -> str:
    return _one_line(scene.eaves("get", "project", "first-light"), "first-light")


def node_is_online(scene: Scene) -> str:
    scene.until(
        "the node is ONLINE", lambda: _state(scene, "device", "demo-node") == "ONLINE", SLOW_S
    )
    return _one_line(scene.eaves("get", "device"), "demo-node")


def second_apply_changes_nothing(scene: Scene) -> str:
    lines = scene.eaves("apply", "-f", str(scene.place.yaml_dir)).splitlines()
    changed = [line for line in lines if not line.endswith("unchanged")]
    demand(bool(lines) and not changed, f"the second apply says: {'; '.join(changed)}")
    return f"all {len(lines)} objects unchanged"


def container_answers(scene: Scene) -> str:
    return _greeting(scene, HELLO_PORT, "GREETING=first light")


def machine_answers(scene: Scene) -> str:
    return _greeting(scene, MACHINE_PORT, "GREETING=by cloud-init")


def unmapped_port_is_denied(scene: Scene) -> str:
    seen = connects(scene.place.node, UNMAPPED_PORT)
    demand(seen != "connected", f"port {UNMAPPED_PORT} of the node lets a connection in")
    inner = address_of(scene, "machine")
    return f"{scene.place.node}:{UNMAPPED_PORT} {seen}; the machine's own address is {inner}"


def apps_are_kept_apart(scene: Scene) -> str:
    inner = address_of(scene, "machine")
    scene.until(
        "hello reaches the datastore, which a rule allows",
        lambda: _reach(scene, scene.place.host, scene.datastore_port) == "connected",
        SLOW_S,
    )
    denied = scene.until("hello says what it reaches", lambda: _reach(scene, inner, 80), SLOW_S)
    demand(denied == "no", f"hello reaches {inner}:80 without a rule: {denied!r}")
    return f"hello to {inner}:80 (no rule) denied; to the datastore (a rule) connected"


def host_is_closed_to_the_node(scene: Scene) -> str:
    probe = (
        "import socket,sys;s=socket.socket();s.settimeout(10);"
        "print(s.connect_ex((sys.argv[1],int(sys.argv[2]))))"
    )
    argv = in_namespace(["python3", "-c", probe])
    rest = run_tool([*argv, scene.place.host, str(scene.place.rest_port)]).strip()
    device = run_tool([*argv, scene.place.host, str(scene.place.device_port)]).strip()
    demand(device == "0", f"the node does not reach the controller (errno {device})")
    demand(rest != "0", "the node reaches a port of the host that is not for it")
    return f"port {scene.place.device_port} (devices) open to it, {scene.place.rest_port} dropped"


def logs_are_read_back(scene: Scene) -> str:
    def lines_of(name: str, text: str) -> str:
        lines = (line for line in scene.eaves("logs", name).splitlines() if text in line)
        return next(lines, "")

    hello = scene.until("logs of hello", lambda: lines_of("hello", "web app is starting"), SLOW_S)
    machine = scene.until("logs of machine", lambda: lines_of("machine", "ready, GREETING"), SLOW_S)
    return f"{_cut(hello)} | {_cut(machine)}"


def metrics_are_read_back(scene: Scene) -> str:
    def figures(name: str) -> str:
        now = scene.current("instance", name)
        received = sum(counters.rx_bytes for counters in now.net_counter_list)
        if now.memory is None or not now.memory.total_mb or not received:
            return ""
        used = f"{now.memory.used_mb:g} of {now.memory.total_mb:g} MB"
        return f"{name} {used} of memory, {received:g} bytes received"

    hello = scene.until("figures of hello", lambda: figures("hello"), SLOW_S)
    return f"{hello}; {scene.until('figures of machine', lambda: figures('machine'), SLOW_S)}"


def restart_makes_a_new_incarnation(scene: Scene) -> str:
    scene.until("a note is added", lambda: scene.get(HELLO_PORT, f"{NOTES}?add"), SLOW_S)
    before = _notes(scene)
    demand(before["notes"] != "0", "a note was not kept on the volume")
    scene.eaves("restart", "hello")
    after = scene.until("hello restarts", lambda: _other_start(scene, before), SLOW_S)
    demand(
        after["notes"] == before["notes"],
        f"the volume had {before['notes']} notes before the restart and {after['notes']} after it",
    )
    return (
        f"its first process started at tick {before['start']}, now at {after['start']};"
        f" {after['notes']} note(s) still on its volume"
    )


def purge_makes_a_fresh_volume(scene: Scene) -> str:
    before = _notes(scene)
    scene.eaves("purge", "hello")
    after = scene.until("hello is purged", lambda: _other_start(scene, before), SLOW_S)
    demand(after["notes"] == "0", f"{after['notes']} notes survived the purge")
    return f"{before['notes']} note(s) before, {after['notes']} after; the machine was left alone"


def machine_kept_running(scene: Scene) -> str:
    _greeting(scene, MACHINE_PORT, "GREETING")
    starts = scene.eaves("logs", "machine").count("init runs")
    demand(starts <= 1, f"the machine booted {starts} times")
    return f"one boot in its log, http://{scene.place.node}:{MACHINE_PORT}/ answers"


def why_names_the_fact(scene: Scene) -> str:
    scene.apply("wrong.yaml")

    def chain() -> str:
        said = scene.eaves("why", "instance", "broken")
        return said if "sha256" in said.lower() else ""

    said = scene.until("`eaves why` names the digest", chain, SLOW_S)
    scene.eaves("delete", "-f", str(scene.place.yaml_dir / "wrong.yaml"))
    (scene.place.yaml_dir / "wrong.yaml").unlink()
    return " ".join(said.split())


def too_large_is_refused(scene: Scene) -> str:
    path = scene.place.yaml_dir / "4-machine.yaml"
    large = scene.place.folder / "too-large.yaml"
    text = path.read_text().replace("memory: 262144,", "memory: 99999999,")
    large.write_text(text.replace('value: "262144"', 'value: "99999999"'))
    done = scene.try_eaves("apply", "-f", str(large))
    demand(done.returncode != 0, "an app larger than the node was accepted")
    scene.eaves("apply", "-f", str(path))
    return " ".join(done.stderr.split())


def _greeting(scene: Scene, port: int, wanted: str) -> str:
    body = scene.until(f"port {port} answers", lambda: scene.get(port), SLOW_S).strip()
    demand(wanted in body, f"port {port} answers {body[:200]!r}, without {wanted!r}")
    return f"http://{scene.place.node}:{port}/ -> {body.splitlines()[0]}"


def _reach(scene: Scene, host: str, port: int) -> str:
    """What the container says of its own attempt; "" when the container does not answer."""
    answer = scene.get(HELLO_PORT, f"/cgi-bin/reach?{quote(host)}+{port}", timeout_s=20).strip()
    return answer.splitlines()[-1] if answer else ""


def _notes(scene: Scene) -> dict[str, str]:
    body = scene.until("the notes answer", lambda: scene.get(HELLO_PORT, NOTES), SLOW_S)
    return dict(_pairs(body))


def _pairs(body: str) -> Iterator[tuple[str, str]]:
    for line in body.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            yield name, value.strip()


def _other_start(scene: Scene, before: dict[str, str]) -> dict[str, str]:
    now = dict(_pairs(scene.get(HELLO_PORT, NOTES, timeout_s=2)))
    return now if now.get("start", before["start"]) != before["start"] else {}


def _state(scene: Scene, kind: str, name: str) -> str:
    return scene.current(kind, name).run_state.removeprefix("RUN_STATE_")


def _one_line(table: str, name: str) -> str:
    line = next((line for line in table.splitlines() if name in line), "")
    demand(bool(line), f"{name} is not listed")
    return " ".join(line.split())


def _cut(line: str) -> str:
    return " ".join(line.split())[:110]


CHECKS = (
    Check("step 1, project", project_is_there),
    Check("step 2 and 3, node on line", node_is_online),
    Check("step 4, the container answers through its port map", container_answers),
    Check("step 4, the machine answers through its own", machine_answers),
    Check("a port without a map is denied", unmapped_port_is_denied),
    Check("apps reach only what a rule allows", apps_are_kept_apart),
    Check("the node reaches only its controller", host_is_closed_to_the_node),
    Check("the same YAML again", second_apply_changes_nothing),
    Check("step 5, logs read back", logs_are_read_back),
    Check("step 5, metrics read back", metrics_are_read_back),
    Check("restart", restart_makes_a_new_incarnation),
    Check("purge", purge_makes_a_fresh_volume),
    Check("why", why_names_the_fact),
    Check("too large an app is refused", too_large_is_refused),
    Check("the machine was left alone all the time", machine_kept_running),
    Check("a snapshot is rolled back", snapshot_is_rolled_back),
    Check("an app on each kind of network", apps_on_each_network),
    Check("a denied connection is counted", denied_is_counted),
    Check("a bad port configuration heals itself", bad_port_heals),
)
