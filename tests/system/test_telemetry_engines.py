"""The engines that telemetry goes through beyond one machine start, work and end in the tests."""

from collections.abc import Iterator

import pytest
from support.jetstream import Cluster, jetstream_cluster, jetstream_is_there
from support.victoria import victoria_is_there, victoria_metrics

pytestmark = [pytest.mark.system, pytest.mark.jetstream]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if not jetstream_is_there():
        pytest.skip("needs root and the package nats-server")
    with jetstream_cluster() as running:
        yield running


def test_three_servers_form_one_cluster(cluster: Cluster) -> None:
    for server in cluster.servers:
        assert server.asked("/jsz")["meta_cluster"]["cluster_size"] == 3


def test_a_killed_server_comes_back(cluster: Cluster) -> None:
    lost = cluster.servers[0]
    lost.kill()
    assert lost.asked("/healthz") == {}
    lost.start()
    cluster.wait_ready()
    assert lost.asked("/healthz") == {"status": "ok"}


def test_what_was_written_outlives_a_restart_of_the_metrics_store() -> None:
    if not victoria_is_there():
        pytest.skip("needs the package victoria-metrics")
    with victoria_metrics() as victoria:
        victoria.post("/api/v1/import/prometheus", b"first 1 1790000000000\n")
        victoria.flush()
        victoria.stop()
        victoria.start()
        found = victoria.get("/api/v1/query?query=first&time=1790000000")
    assert b'"1"' in found
