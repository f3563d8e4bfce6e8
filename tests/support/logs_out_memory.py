"""A process that sends large log files to a collector, and prints the most bytes that it held."""

import asyncio
import gzip
import json
import sys
import tracemalloc

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.reports import LogUpload, digest_of, encode_batch
from eaves.controller.telemetry.sinks.logs_out import LogsOut
from eaves.controller.telemetry.sinks.otlp import OtlpExporter

INFLATED = 16 * 1024 * 1024


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


async def main(url: str, files: int, lines: int, characters: int) -> None:
    batches = [encode_batch([upload(n, lines=lines, characters=characters)]) for n in range(files)]
    out = LogsOut(OtlpExporter(HttpSink(url)), INFLATED)
    tracemalloc.start()
    await out.store(batches)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await out.close()
    sys.stdout.write(f"{held}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
