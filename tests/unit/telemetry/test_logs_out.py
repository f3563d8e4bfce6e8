"""Log files on their way to a collector."""

import os
import subprocess
import sys
from pathlib import Path

from support.collector import collector
from support.logs_out_memory import INFLATED, upload

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.reports import encode_batch
from eaves.controller.telemetry.sinks.logs_out import LogsOut
from eaves.controller.telemetry.sinks.otlp import OtlpExporter

TESTS = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024


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


def test_many_large_files_take_the_memory_of_one() -> None:
    program = [sys.executable, "-m", "support.logs_out_memory"]
    with collector() as receiving:
        done = subprocess.run(
            [*program, receiving.url, "12", "600", "10000"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), *sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
    assert len(receiving.lines()) == 12 * 600
    assert int(done.stdout) < 36 * MIB  # all of them are 69
