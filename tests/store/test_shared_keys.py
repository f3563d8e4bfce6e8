"""The same keys for every controller on one database: stored by the first, taken by the others."""

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.keys.files import BadKeyFile
from eaves.controller.keys.shared import (
    KeysOfAnother,
    open_shared_keys,
    renew_shared_keys,
    take_shared_keys,
)
from eaves.controller.settings import Settings
from eaves.controller.store.unit import UnusableDatabase, check_server

pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 5, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(os.urandom(32).hex())
    return Settings(tmp_path / "a", database_url=database_url, secret_key_file=secret)


async def opened(engine: AsyncEngine, settings: Settings, clock: Clock) -> KeyStore:
    return await open_shared_keys(engine, settings, clock=clock, random=os.urandom)


def beside(settings: Settings) -> Settings:
    return replace(settings, state_dir=settings.state_dir.with_name("b"))


async def test_the_second_process_has_the_keys_of_the_first(
    engine: AsyncEngine, settings: Settings, clock: Clock
) -> None:
    first = await opened(engine, settings, clock)
    second = await opened(engine, beside(settings), clock)
    assert second.ring.signing.pem == first.ring.signing.pem
    assert second.shared_files() == first.shared_files()
    assert second.open("p", first.seal("p", b"x")) == b"x"
    assert second.root_certificate_pem == first.root_certificate_pem
    again = await opened(engine, settings, clock)
    assert again.shared_files() == first.shared_files()


async def test_keys_that_one_renews_are_taken_by_the_other(
    engine: AsyncEngine, settings: Settings, clock: Clock
) -> None:
    first = await opened(engine, settings, clock)
    second = await opened(engine, beside(settings), clock)
    assert not await renew_shared_keys(engine, first)
    before = first.ring
    clock.now += timedelta(days=5 * 365 + 1)
    assert not second.renew().signing  # what is shared is renewed by one
    assert await renew_shared_keys(engine, first)
    assert not await renew_shared_keys(engine, second)  # it takes them first: none is due
    assert first.ring.signing.pem != before.signing.pem
    assert second.ring.signing.pem == first.ring.signing.pem
    assert [one.pem for one in second.ring.ecdh] == [one.pem for one in first.ring.ecdh]
    assert first.ring.ecdh[1].pem == before.ecdh[0].pem
    assert not await take_shared_keys(engine, second)


async def test_another_secret_key_or_keys_of_another_controller_are_refused_by_name(
    engine: AsyncEngine, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    await opened(engine, settings, clock)
    with pytest.raises(KeysOfAnother, match="a secret key that is not at"):
        await opened(engine, replace(beside(settings), secret_key_file=None), clock)
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text(os.urandom(32).hex())
    with pytest.raises(KeysOfAnother, match="do not open with"):
        await opened(engine, replace(beside(settings), secret_key_file=other), clock)
    with pytest.raises(BadKeyFile, match=r"EAVES_SECRET_KEY_FILE .* is missing"):
        open_keys(Settings(tmp_path / "c", secret_key_file=tmp_path / "none"), clock=clock)
    stranger = replace(settings, state_dir=tmp_path / "stranger", secret_key_file=None)
    open_keys(replace(stranger, database_url=""), clock=clock)
    stranger = replace(stranger, secret_key_file=settings.secret_key_file)
    with pytest.raises(KeysOfAnother, match="give this one an empty --state-dir"):
        await opened(engine, stranger, clock)


async def test_the_keys_in_the_database_are_sealed(
    engine: AsyncEngine, settings: Settings, clock: Clock
) -> None:
    await opened(engine, settings, clock)
    async with engine.connect() as db:
        sealed = (await db.execute(text("SELECT sealed FROM controller_keys"))).scalar_one()
    assert b"PRIVATE" not in bytes(sealed)


async def test_a_postgresql_that_is_too_old_is_refused_by_name(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_server(engine)
    monkeypatch.setattr("eaves.controller.store.unit.OLDEST_POSTGRES", 99)
    with pytest.raises(UnusableDatabase, match=r"is PostgreSQL 1\d.*; this controller needs 99"):
        await check_server(engine)
