"""Settings from the command line and the environment."""

from pathlib import Path

import pytest

from eaves.controller.settings import (
    BadSetting,
    Bounds,
    Endpoint,
    Options,
    OwnTls,
    parse_endpoint,
    read_settings,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.0.0.1:8443", Endpoint("10.0.0.1", 8443)),
        ("10.0.0.1", Endpoint("10.0.0.1", 443)),
        (":8443", Endpoint("0.0.0.0", 8443)),
        ("[::1]:8443", Endpoint("::1", 8443)),
        ("[::1]", Endpoint("::1", 443)),
        ("::1", Endpoint("::1", 443)),
        ("eaves.example:0", Endpoint("eaves.example", 0)),
        ("", Endpoint("0.0.0.0", 443)),
    ],
)
def test_an_address_reads_as_people_write_it(text: str, wanted: Endpoint) -> None:
    assert parse_endpoint(text, name="--device-listen", default_port=443) == wanted


@pytest.mark.parametrize("text", ["host:port", "host:65536", "[::1", "[::1]x", "host:-1"])
def test_a_bad_address_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadSetting, match="--device-listen"):
        parse_endpoint(text, name="--device-listen", default_port=443)


def test_the_command_line_wins_over_the_environment() -> None:
    settings = read_settings(
        Options(state_dir="/a"), {"EAVES_STATE_DIR": "/b", "EAVES_DEVICE_LISTEN": ":1"}
    )
    assert settings.state_dir == Path("/a")
    assert settings.device_listen.port == 1
    assert settings.database == "sqlite+aiosqlite:////a/eaves.db"


def test_bounds_of_a_site_come_from_the_environment() -> None:
    given = {"EAVES_WAITERS": "5", "EAVES_REGISTRATIONS_PER_MINUTE": "60000"}
    bounds = read_settings(Options(), given).bounds
    assert (bounds.waiters, bounds.registrations_per_minute) == (5, 60_000)
    assert bounds.device_requests_per_s == Bounds().device_requests_per_s


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_bound_that_is_no_number_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadSetting, match="EAVES_DEVICE_REQUESTS_PER_S"):
        read_settings(Options(), {"EAVES_DEVICE_REQUESTS_PER_S": text})


def test_half_a_key_pair_is_refused() -> None:
    with pytest.raises(BadSetting, match="--tls-key"):
        read_settings(Options(tls_certificate="/a"), {})
    with pytest.raises(BadSetting, match="--signing-root"):
        read_settings(Options(signing_certificates="/a", signing_key="/b"), {})
    assert read_settings(Options(tls_certificate="/a", tls_key="/b"), {}).own_tls == OwnTls(
        Path("/a"), Path("/b")
    )


def test_one_address_for_both_is_one_shared_port() -> None:
    assert read_settings(Options(device_listen=":9", rest_listen=":9"), {}).shared_port
    assert not read_settings(Options(), {}).shared_port
