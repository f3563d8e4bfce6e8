"""Which database a controller serves, and which key opens its secrets."""

from pathlib import Path

import pytest

from eaves.controller.settings import Options, read_settings

POSTGRES = "postgresql+psycopg://eaves@db/eaves"


@pytest.mark.parametrize(
    ("options", "environment", "url"),
    [
        (Options(), {}, ""),
        (Options(database_url=POSTGRES), {}, POSTGRES),
        (Options(), {"EAVES_DATABASE_URL": POSTGRES}, POSTGRES),
        (Options(), {"EAVES_DATABASE": POSTGRES}, POSTGRES),
        (Options(), {"EAVES_DATABASE_URL": POSTGRES, "EAVES_DATABASE": "sqlite:///x"}, POSTGRES),
        (Options(database_url=POSTGRES), {"EAVES_DATABASE_URL": "sqlite:///x"}, POSTGRES),
    ],
    ids=["none", "option", "variable", "older variable", "newer wins", "option wins"],
)
def test_the_database_comes_from_option_or_environment(
    options: Options, environment: dict[str, str], url: str
) -> None:
    settings = read_settings(options, environment)
    assert settings.database_url == url
    assert settings.alone == (not url)


def test_the_secret_key_stands_in_the_state_folder_unless_a_file_is_given() -> None:
    state = {"EAVES_STATE_DIR": "/state"}
    assert read_settings(Options(), state).secret_key_path == Path("/state/secret.key")
    given = state | {"EAVES_SECRET_KEY_FILE": "/shared/key"}
    assert read_settings(Options(), given).secret_key_path == Path("/shared/key")
