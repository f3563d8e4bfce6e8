"""Log files on their way to a collector."""

import gzip
import json
import tracemalloc

from support.collector import collector

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.reports import LogUpload, digest_of, encode_batch
from eaves.controller.telemetry.sinks.logs_out import LogsOut
from eaves.controller.telemetry.sinks.otlp import OtlpExporter

INFLATED = 16 * 1024 * 1024
MIB = 1024 * 1024


def upload(number: int, *, lines: int, characters: int) -> LogUpload:
    text = b"\n".join(
        json.dumps({"content": f"{number}-{line} ".ljust(characters, "x")}).encode()
        for line in range(lines)
    )
    file = gzip.compress(text, 1)
    return LogUpload(
        enterprise_id="acme",
        device_id=f"edge-{number}",
        received_at=1_000_000,
        digest=digest_of(file),
        app_id="",
        file=file,
    )


async def test_every_line_of_many_files_arrives_in_few_requests() -> None:
    uploads = [upload(number, lines=30, characters=10) for number in range(20)]
    with collector() as receiving:
        out = LogsOut(OtlpExporter(HttpSink(receiving.url)), INFLATED)
        await out.store([encode_batch(uploads[:10]), encode_batch(uploads[10:])])
        await out.close()
    assert [line.split()[0] for line in receiving.lines()] == [
        f"{number}-{line}" for number in range(20) for line in range(30)
    ]
    assert len(receiving.bodies) == 1


async def test_many_large_files_take_the_memory_of_one() -> None:
    batches = [encode_batch([upload(n, lines=600, characters=10_000)]) for n in range(12)]
    with collector() as receiving:
        out = LogsOut(OtlpExporter(HttpSink(receiving.url)), INFLATED)
        tracemalloc.start()
        await out.store(batches)
        held = tracemalloc.get_traced_memory()[1] - sum(len(body) for body in receiving.bodies)
        tracemalloc.stop()
        await out.close()
    assert len(receiving.lines()) == 12 * 600
    assert held < 48 * MIB  # all of them are 69, and the collector holds its part
