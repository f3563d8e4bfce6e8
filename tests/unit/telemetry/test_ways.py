"""A setting that nothing would heed stops the start by its name."""

import os
from pathlib import Path

import pytest

from eaves.controller.process import clock
from eaves.controller.settings import Options, read_settings
from eaves.controller.telemetry.pipelines import running_telemetry
from eaves.controller.telemetry.ways import NotServed


@pytest.mark.parametrize(
    ("name", "others"),
    [
        (
            "EAVES_METRICS_WRITE_URL",
            {
                "EAVES_DATABASE_URL": "postgresql+psycopg://user@localhost/never-asked",
                "EAVES_STREAM_URL": "nats://localhost:4222",
                "EAVES_METRICS_WRITE_URL": "http://localhost/api/v1/write",
                "EAVES_METRICS_QUERY_URL": "http://localhost",
            },
        ),
        ("EAVES_OTLP_METRICS", {"EAVES_OTLP_METRICS": "1"}),
    ],
)
async def test_what_this_release_does_not_serve_is_refused_by_name(
    name: str, others: dict[str, str], tmp_path: Path
) -> None:
    settings = read_settings(Options(state_dir=str(tmp_path)), others)
    with pytest.raises(NotServed, match=name):
        async with running_telemetry(settings, os.urandom, clock):
            pass
