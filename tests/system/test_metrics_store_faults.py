"""A metrics store that is away for a minute, and a controller that dies meanwhile.

A ledger of what was acknowledged is compared with what the store has at the end: nothing missing,
nothing double, and no device noticed.  The store runs with `-dedup.minScrapeInterval=1ms`, as the
reader needs it: of samples of one series and one millisecond it keeps one, so "nothing double" is
what a person sees there, and a batch may well have been written twice.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store.databases import postgres_is_there
from support.jetstream import Cluster, jetstream_cluster, jetstream_is_there
from support.ledger import SAMPLES, Entry, Ledger, Sent, open_ledger
from support.several import Several, several
from support.victoria import Victoria, victoria_is_there, victoria_metrics

from eaves.controller.settings import Settings
from eaves.controller.sink_settings import ACCEPTED, HttpSink
from eaves.controller.telemetry.sinks.metrics_store import MetricsReader

pytestmark = [pytest.mark.system, pytest.mark.jetstream, pytest.mark.postgres]

AWAY_S = 60.0
WITHIN_S = 120.0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if not (jetstream_is_there() and postgres_is_there()):
        pytest.skip("needs root and the packages nats-server and postgresql")
    with jetstream_cluster() as running:
        yield running


@pytest.fixture
def victoria() -> Iterator[Victoria]:
    if not victoria_is_there():
        pytest.skip("needs the package victoria-metrics")
    with victoria_metrics() as running:
        yield running


async def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {WITHIN_S} s"
        await asyncio.sleep(0.05)


async def more(ledger: Ledger, samples: int) -> None:
    """Wait until every device got so many more acknowledged, or all that it has to send."""
    wanted = [min(e.counts[Sent.SAMPLE] + samples, SAMPLES) for e in ledger.entries]

    def reached() -> bool:
        return all(
            entry.counts[Sent.SAMPLE] >= count
            for entry, count in zip(ledger.entries, wanted, strict=True)
        )

    await wait_for(reached, f"{samples} more samples of each device")


async def shown(victoria: Victoria, entry: Entry) -> list[tuple[int, float]]:
    """What the store has of a device: milliseconds and number, oldest first."""
    await asyncio.to_thread(victoria.flush)
    reader = MetricsReader(HttpSink(victoria.url))
    series = f'eaves_device_metric{{device="{entry.device.device_id}",field="used_mem"}}[2h]'
    found = await reader.at(series, datetime.now(UTC).timestamp() + 600)
    await reader.close()
    return [(round(at * 1000), float(value)) for one in found for at, value in one.values]


async def require_all_samples(victoria: Victoria, ledger: Ledger) -> None:
    """Every acknowledged sample once, and of each device at most the one that was in flight."""
    end = time.monotonic() + WITHIN_S
    for entry in ledger.entries:
        wanted = [
            (round(entry.clock.timestamp() * 1000) + 1000 * number, float(number))
            for number in range(entry.counts[Sent.SAMPLE])
        ]
        found = await shown(victoria, entry)
        while not set(wanted) <= set(found) and time.monotonic() < end:
            await asyncio.sleep(0.2)
            found = await shown(victoria, entry)
        missing = sorted(set(wanted) - set(found))
        assert not missing, f"{len(missing)} of {len(wanted)} missing, such as {missing[:3]}"
        assert found[: len(wanted)] == wanted
        assert len(found) <= len(wanted) + 1


async def chart(found: Several, entry: Entry) -> tuple[int, str]:
    async with found.caller(1) as caller:
        path = f"/v1/devices/id/{entry.device.device_id}/timeSeries/MEMORY_TOTAL"
        answer = await caller.http.get(path, params={"interval": "60"})
        return answer.status_code, answer.text


@pytest.mark.nightly
async def test_a_store_that_is_away_for_a_minute_slows_no_device_and_misses_nothing(
    tmp_path: Path, cluster: Cluster, victoria: Victoria
) -> None:
    environment = {
        "EAVES_STREAM_URL": cluster.url,
        "EAVES_STREAM_UNSYNCED": ACCEPTED,
        "EAVES_STREAM_BYTES": str(64 << 20),
        "EAVES_METRICS_WRITE_URL": victoria.write_url,
        "EAVES_METRICS_QUERY_URL": victoria.url,
    }
    with several(tmp_path, environment=environment) as found:
        first = found.processes[0]
        settings = Settings(
            state_dir=first.state_dir, database_url=found.server.url, secret_key_file=found.secret
        )
        ledger = await open_ledger(found.processes, settings, 4)
        sending = asyncio.ensure_future(ledger.send({Sent.SAMPLE}))
        try:
            await more(ledger, 20)
            victoria.stop()
            begun = time.monotonic()
            refused = ledger.refused()
            await more(ledger, 50)
            status, text = await chart(found, ledger.entries[0])
            assert status == 503
            assert victoria.url in text
            assert refused == ledger.refused()  # no device noticed
            first.kill()
            await more(ledger, 20)  # through the other one
            await asyncio.to_thread(first.start)
            await wait_for(lambda: time.monotonic() > begun + AWAY_S, "the store is away")
            await more(ledger, 20)
            await asyncio.to_thread(victoria.start)
            await more(ledger, 20)
            ledger.stop()
            await sending
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        await require_all_samples(victoria, ledger)
        status, text = await chart(found, ledger.entries[0])
        assert status == 200
        assert '"timestamp"' in text
    assert ledger.slowest() < 10
