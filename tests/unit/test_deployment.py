"""Files below packaging/: they parse, name settings that exist, and agree on ports and secrets."""

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml
from support.generated import REPOSITORY

from eaves.controller.sink_settings import read_sink_settings
from eaves.node.install import unit_text
from eaves.node.settings import Settings as NodeSettings

PACKAGING = REPOSITORY / "packaging"
SETTINGS = set(
    re.findall(r"`(EAVES_[A-Z_]+)`", (REPOSITORY / "docs/reference/settings.md").read_text())
)
FOR_COMPOSE = {"EAVES_IMAGE"}  # parameters of the compose file itself
TEMPLATES = sorted((PACKAGING / "helm/eaves/templates").glob("*.yaml"))


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((PACKAGING / "compose/compose.yaml").read_text())
    return parsed


@pytest.mark.parametrize(
    "path",
    [
        *sorted((PACKAGING / "compose").iterdir()),
        *sorted((PACKAGING / "systemd").iterdir()),
        *TEMPLATES,
        PACKAGING / "helm/eaves/values.yaml",
    ],
    ids=lambda path: path.name,
)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"\bEAVES_[A-Z_]+\b", path.read_text()))
    assert named <= SETTINGS | FOR_COMPOSE


def test_the_compose_file_uses_only_what_it_defines() -> None:
    parsed = compose()
    services: Mapping[str, Mapping[str, Any]] = parsed["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service.get("secrets", ())) <= set(parsed["secrets"]), name
        assert {config["source"] for config in service.get("configs", ())} <= set(
            parsed["configs"]
        ), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= set(parsed["volumes"]), name
    for config in parsed["configs"].values():
        assert (PACKAGING / "compose" / config["file"]).is_file()


def test_the_compose_profile_is_the_one_that_scales_out() -> None:
    services = compose()["services"]
    assert {"postgres", "nats-1", "nats-2", "nats-3", "balancer"} <= set(services)
    controllers = [services["controller-1"], services["controller-2"]]
    for controller in controllers:
        environment = controller["environment"]
        assert environment["EAVES_DATABASE_URL"].startswith("postgresql+psycopg://")
        assert {f"nats://nats-{n}:4222" for n in (1, 2, 3)} == set(
            environment["EAVES_STREAM_URL"].split(",")
        )
        for value in map(str, environment.values()):
            assert set(re.findall(r"/run/secrets/(\w+)", value)) <= set(controller["secrets"])
        read_sink_settings(
            {k: v for k, v in environment.items() if "TOKEN_FILE" not in k},
            environment["EAVES_DATABASE_URL"],
        )
        store = urlsplit(str(environment["EAVES_METRICS_WRITE_URL"]))
        assert environment["EAVES_METRICS_QUERY_URL"] == f"{store.scheme}://{store.netloc}"
        assert "-dedup.minScrapeInterval=1ms" in services[str(store.hostname)]["command"]
    servers = (PACKAGING / "compose/nats.conf").read_text()
    assert "sync_interval: always" in servers
    assert "max_payload: 8MB" in servers


def test_the_balancer_reaches_the_ports_that_controllers_listen_on() -> None:
    environment = compose()["services"]["controller-1"]["environment"]
    devices, users = (
        environment[name].rpartition(":")[2]
        for name in ("EAVES_DEVICE_LISTEN", "EAVES_REST_LISTEN")
    )
    text = (PACKAGING / "compose/haproxy.cfg").read_text()
    servers = re.findall(r"^  server (\S+) (\S+):(\d+)$", text, re.MULTILINE)
    assert {(host, port) for _, host, port in servers} == {
        (f"controller-{n}", port) for n in (1, 2) for port in (devices, users)
    }
    assert f"check port {users} check-ssl" in text
    published = {p.split(":")[1] for p in compose()["services"]["balancer"]["ports"]}
    assert published == {devices, users}


def test_no_image_comes_from_a_named_registry() -> None:
    for service in compose()["services"].values():
        default = re.sub(r"\$\{\w+(:[-?](.*))?\}", r"\2", service["image"])
        assert "." not in default.partition("/")[0].partition(":")[0], default


def _rendered(text: str) -> str:
    """Not Helm: expressions become a word, so that what stands around them can be parsed."""
    whole_lines = re.sub(r"^\s*\{\{.*\}\}\s*$\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\{\{.*?\}\}", "x", whole_lines)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_of_the_chart_is_yaml_around_its_expressions(path: Path) -> None:
    documents = list(yaml.safe_load_all(_rendered(path.read_text())))
    assert documents
    assert all(document["kind"] for document in documents)
    text = path.read_text()
    opened = len(re.findall(r"\{\{-? (?:range|if|with)\b", text))
    assert opened == len(re.findall(r"\{\{-? end\b", text))


def test_every_value_that_the_chart_uses_is_in_its_values() -> None:
    values = yaml.safe_load((PACKAGING / "helm/eaves/values.yaml").read_text())
    for path in TEMPLATES:
        for name in re.findall(r"\.Values\.([A-Za-z.]+)", path.read_text()):
            found: Any = values
            for part in name.split("."):
                assert part in found, name
                found = found[part]


def test_the_chart_asks_the_rest_port_for_health() -> None:
    text = (PACKAGING / "helm/eaves/templates/controllers.yaml").read_text()
    (pod,) = list(yaml.safe_load_all(_rendered(text)))
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    listens = {item["name"]: item.get("value", "") for item in container["env"]}
    assert listens["EAVES_DEVICE_LISTEN"].endswith(":" + ports["devices"])
    assert listens["EAVES_REST_LISTEN"].endswith(":" + ports["rest"])
    for probe, path in (
        ("startupProbe", "/readyz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": "rest", "scheme": "HTTPS"}


@pytest.mark.parametrize(
    "path", sorted((PACKAGING / "systemd").iterdir()), ids=lambda path: path.name
)
def test_a_unit_can_be_read_and_runs_a_command_that_exists(path: Path) -> None:
    from eaves.controller.main import command  # noqa: PLC0415 - used here only

    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # names of systemd have capitals
    unit.read_string(path.read_text())
    assert unit["Unit"]["Description"]
    if path.suffix == ".service":
        line = unit["Service"]["ExecStart"]
        verb = re.search(r"eaves controller ?(\w*)", line)
        assert verb is not None
        assert verb[1] in {"", *command.commands}


EXPOSED: Final = {"eaves-controller.service": 1.6, "eaves-backup.service": 1.6}
"""Exposure as systemd counts it, from 0 to 10; the node's is bounded by what apps inherit of it."""


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(("name", "most"), [*EXPOSED.items(), ("eaves-node.service", 8.8)])
def test_a_unit_leaves_its_service_few_rights(name: str, most: float, tmp_path: Path) -> None:
    """A looser unit is noticed here; a stricter one may lower the bound."""
    unit = PACKAGING / "systemd" / name
    if name not in EXPOSED:
        unit = tmp_path / name
        folders = (tmp_path / "config", tmp_path / "state", tmp_path / "run")
        unit.write_text(unit_text("/usr/bin/eaves node", NodeSettings(*folders, "node")))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.search(r"Overall exposure level for [\w.-]+: ([0-9.]+)", done.stdout)
    assert told is not None, done.stderr
    assert float(told[1]) <= most, done.stdout


def _names_in(expressions: Iterator[str]) -> set[str]:
    return {name for e in expressions for name in re.findall(r"\b(?:eaves|process)_\w+", e)}


def dashboard_expressions() -> Iterator[str]:
    parsed = json.loads((PACKAGING / "observability/grafana-dashboard.json").read_text())
    for panel in parsed["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def alert_expressions() -> Iterator[str]:
    parsed = yaml.safe_load((PACKAGING / "observability/alerts.yaml").read_text())
    for group in parsed["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"]
            yield rule["expr"]


def test_dashboard_and_alerts_use_metrics() -> None:
    assert len(_names_in(dashboard_expressions())) > 10
    assert len(_names_in(alert_expressions())) > 5
