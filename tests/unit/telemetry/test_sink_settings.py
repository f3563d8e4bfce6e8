"""EAVES_STREAM_*, EAVES_METRICS_*, EAVES_OTLP_*: what is taken, refused and shown."""

from pathlib import Path

import pytest

from eaves.controller.settings import Options, read_settings
from eaves.controller.sink_settings import (
    ACCEPTED,
    BadSinkSetting,
    SinkSettings,
    read_sink_settings,
)

POSTGRES = "postgresql+psycopg://eaves@db/eaves"


def read(database: str = POSTGRES, **given: str) -> SinkSettings:
    return read_sink_settings({f"EAVES_{name}": value for name, value in given.items()}, database)


def test_nothing_is_set_by_default() -> None:
    assert read("") == SinkSettings()


def test_a_user_in_the_url_is_taken_and_never_shown() -> None:
    settings = read(
        STREAM_URL="nats://eaves:s%40cret@js1:4222, tls://js2:4222",
        METRICS_WRITE_URL="https://vm:s3cret@metrics:8428/api/v1/write?token=k3y",
        METRICS_QUERY_URL="https://metrics:8428",
    )
    stream, write = settings.stream, settings.metrics_write
    assert stream is not None
    assert (stream.servers, stream.user, stream.password) == (
        ("nats://js1:4222", "tls://js2:4222"),
        "eaves",
        "s@cret",
    )
    assert stream.tls
    assert write is not None
    assert (write.user, write.password) == ("vm", "s3cret")
    assert write.shown == "https://metrics:8428/api/v1/write"
    assert not {"s@cret", "s%40cret", "s3cret"} & set(repr(settings).replace("'", " ").split())
    assert "cret" not in repr(settings)


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file\n")
    settings = read(
        STREAM_URL="nats://js1",
        STREAM_USER="eaves",
        STREAM_PASSWORD_FILE=str(tmp_path / "password"),
        OTLP_URL="http://collector:4318",
        OTLP_TOKEN_FILE=str(tmp_path / "password"),
    )
    assert settings.stream is not None
    assert settings.stream.password == "from-file"
    assert settings.otlp is not None
    assert settings.otlp.token == "from-file"
    assert "from-file" not in repr(settings)


@pytest.mark.parametrize(
    ("database", "given", "says"),
    [
        ("", {"STREAM_URL": "nats://a"}, "the database is SQLite"),
        (POSTGRES, {"STREAM_URL": "http://a"}, "give nats://host:port"),
        (POSTGRES, {"STREAM_URL": "nats://u:secret@:1"}, "without a host"),
        (POSTGRES, {"STREAM_URL": "nats://u:secret@h:x"}, "that is no URL"),
        (POSTGRES, {"STREAM_URL": "nats://a", "STREAM_UNSYNCED": "1"}, ACCEPTED),
        (POSTGRES, {"STREAM_URL": "nats://a", "STREAM_REPLICAS": "0"}, "from 1 to 5"),
        (POSTGRES, {"STREAM_URL": "nats://a", "STREAM_NAME": "a.b"}, "EAVES_STREAM_NAME"),
        (POSTGRES, {"STREAM_URL": "nats://a", "STREAM_PASSWORD_FILE": "/none"}, "check the file"),
        (POSTGRES, {"METRICS_WRITE_URL": "http://a"}, "go together"),
        (
            POSTGRES,
            {"METRICS_WRITE_URL": "http://a", "METRICS_QUERY_URL": "http://a"},
            "without EAVES_STREAM_URL",
        ),
        (POSTGRES, {"OTLP_URL": "http://a"}, "without EAVES_STREAM_URL"),
        (POSTGRES, {"STREAM_URL": "nats://a", "METRICS_QUERY_URL": "http://a"}, "go together"),
        ("", {"OTLP_METRICS": "1"}, "without EAVES_OTLP_URL"),
        ("", {"OTLP_METRICS": "maybe"}, "give 1 or 0"),
        (POSTGRES, {"OTLP_URL": "ftp://a"}, "give http://host"),
    ],
)
def test_what_cannot_work_is_refused_by_name(
    database: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(BadSinkSetting, match=says) as told:
        read(database, **given)
    assert "secret" not in str(told.value)


def test_the_risk_is_taken_by_its_name() -> None:
    stream = read(STREAM_URL="nats://a", STREAM_UNSYNCED=ACCEPTED).stream
    assert stream is not None
    assert stream.accept_unsynced


def test_the_settings_of_the_controller_hold_them() -> None:
    settings = read_settings(
        Options(database_url=POSTGRES),
        {"EAVES_STREAM_URL": "nats://a", "EAVES_STREAM_UNSYNCED": ""},
    )
    assert settings.sinks.stream is not None
