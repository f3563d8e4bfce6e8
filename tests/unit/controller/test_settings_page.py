"""docs/reference/settings.md names every setting that is read, and no other."""

import re
from collections.abc import Iterator, Mapping

from support.generated import REPOSITORY

from eaves.controller.settings import Options, read_settings

PAGE = REPOSITORY / "docs/reference/settings.md"
ELSEWHERE = {"EAVES_LOG_LEVEL"}  # read where the log is set up
EVERYTHING = {
    "EAVES_DATABASE_URL": "postgresql://user@host/name",
    "EAVES_STREAM_URL": "nats://host:4222",
    "EAVES_METRICS_WRITE_URL": "http://host",
    "EAVES_METRICS_QUERY_URL": "http://host",
    "EAVES_OTLP_URL": "http://host",
    "EAVES_METRICS_LISTEN": "127.0.0.1:1",
    "EAVES_MAIL_URL": "smtp://host",
    "EAVES_MAIL_FROM": "eaves@host",
}


class Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given, self.names = given, set[str]()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def settings_read() -> set[str]:
    bare, full = Asked({}), Asked(EVERYTHING)
    read_settings(Options(), bare)
    read_settings(Options(), full)
    return bare.names | full.names | ELSEWHERE


def test_the_page_of_settings_has_every_one_and_no_other() -> None:
    told = set(re.findall(r"`(EAVES_[A-Z0-9_]+)`", PAGE.read_text(encoding="utf-8")))
    assert told == settings_read()
