"""What a running controller tells of itself, and to whom."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.controller import Process, free_port, running
from support.generated import REPOSITORY

pytestmark = pytest.mark.system

TOKEN = "a token for tests"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, int]]:
    folder = tmp_path_factory.mktemp("observed")
    (folder / "token").write_text(TOKEN + "\n")
    port = free_port()
    options = (
        *("--metrics-listen", f"127.0.0.1:{port}"),
        *("--metrics-token-file", str(folder / "token")),
    )
    with running(Process(folder / "state", *options)) as started:
        yield started, port


def rest(process: Process, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"https://localhost:{process.rest_port}{path}"
    return httpx.get(url, headers=headers, verify=process.tls(), timeout=30)


def test_metrics_tell_of_requests_queues_and_files(process: tuple[Process, int]) -> None:
    controller, port = process
    devices = f"https://localhost:{controller.device_port}/api/v2/edgedevice/ping"
    assert httpx.get(devices, verify=controller.tls(), timeout=30).status_code == 200
    assert rest(controller, "/api/v1/cloud/ping").status_code == 200
    told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
    assert told.status_code == 200
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(told.text)
        for sample in family.samples
    }
    assert found["eaves_device_requests_total", "200", "ping"] >= 1
    assert found["eaves_rest_requests_total", "200", "GET /api/v1/cloud/ping"] >= 1
    assert found["eaves_state_file_bytes", "eaves.db"] > 0
    assert found["eaves_devices",] == 0
    assert found["process_resident_memory_bytes",] > 0
    assert found["eaves_loop_lag_seconds_count", "devices"] >= 0


def test_health_is_for_anybody_metrics_for_those_with_the_token(
    process: tuple[Process, int],
) -> None:
    controller, port = process
    for path in ("/healthz", "/readyz"):
        answer = rest(controller, path)
        assert answer.status_code == 200, answer.text
        assert "why" not in answer.text
        assert "why" in httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).text
    assert rest(controller, "/metrics").status_code == 401
    assert rest(controller, "/metrics", "wrong").status_code == 401
    assert "eaves_devices" in rest(controller, "/metrics", TOKEN).text


def test_readiness_names_what_is_missing(process: tuple[Process, int], tmp_path: Path) -> None:
    controller, port = process
    database = controller.state_dir / "eaves.db"
    aside = database.rename(tmp_path / "eaves.db")
    try:
        told = _failing(port)
    finally:
        aside.rename(database)
    (failed,) = [check for check in told["checks"] if not check["ok"]]
    assert failed["name"] == "database"
    assert "does not answer" in failed["why"]


def _failing(port: int) -> dict[str, list[dict[str, str]]]:
    """Looks are fresh for a second: ask until the change is seen."""
    for _ in range(10_000):
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
        if answer.status_code == 503:
            found: dict[str, list[dict[str, str]]] = json.loads(answer.text)
            return found
    raise AssertionError("still ready without a database")


def test_dashboard_and_alerts_ask_for_metrics_that_there_are(process: tuple[Process, int]) -> None:
    controller, port = process
    ping = f"https://localhost:{controller.device_port}/api/v2/edgedevice/ping"
    assert httpx.get(ping, verify=controller.tls(), timeout=30).status_code == 200
    assert rest(controller, "/api/v1/cloud/ping").status_code == 200
    told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    # a family without samples is announced all the same: its type says which names it may have
    offered = {
        name
        for family in text_string_to_metric_families(told)
        for name in (
            family.name,
            *(f"{family.name}{end}" for end in ("_total", "_bucket", "_sum", "_count")),
        )
    }
    folder = REPOSITORY / "packaging/observability"
    for path in sorted(folder.iterdir()):
        asked = set(re.findall(r"\b(?:eaves|process)_[a-z_]+\b", _expressions(path)))
        assert asked, path.name
        assert asked <= offered, path.name


def _expressions(path: Path) -> str:
    """What a file asks Prometheus for, without its other words."""
    parsed = yaml.safe_load(path.read_text())  # JSON is YAML
    if "panels" in parsed:
        return " ".join(t["expr"] for panel in parsed["panels"] for t in panel["targets"])
    return " ".join(rule["expr"] for group in parsed["groups"] for rule in group["rules"])
