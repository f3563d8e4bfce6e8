"""Requests of a person to a bench controller, and what they took."""

import asyncio
import hashlib
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from support.devices import now
from support.server import GENERATOR_CORE, Server, core_ticks

from eaves.controller.first_start import ADMIN
from eaves.controller.settings import Settings
from eaves.controller.store.people import StoredToken, find_user_for_login, insert_token
from eaves.controller.store.unit import open_engine, unit_of_work

WITHIN_S = 60.0


def make_token(settings: Settings) -> str:
    """An API token of the user admin, put into a database that no controller serves yet."""
    return asyncio.run(_make_token(settings))


async def _make_token(settings: Settings) -> str:
    token, at = os.urandom(24).hex(), now()
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, ADMIN)
        if admin is None:
            raise SystemExit(f"{settings.state_dir}: there is no user {ADMIN}")
        stored = StoredToken(
            id=f"bench-{token[:8]}",
            token_hash=hashlib.sha256(token.encode()).digest(),
            user_id=admin.id,
            enterprise_id=admin.enterprise_id,
            kind="api",
            created_at=at,
            expires_at=at + timedelta(days=1),
        )
        await insert_token(db, stored)
    await engine.dispose()
    return token


def enterprise_of(settings: Settings) -> str:
    """Whose devices `prepare_state` made."""

    async def find() -> str:
        engine = open_engine(settings.database)
        async with unit_of_work(engine) as db:
            admin = await find_user_for_login(db, ADMIN)
        await engine.dispose()
        return admin.enterprise_id if admin is not None else ""

    return asyncio.run(find())


def client_of(server: Server, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"https://127.0.0.1:{server.rest_port}/api",
        headers={"Authorization": f"Bearer {token}"},
        verify=False,  # noqa: S501 - a controller of our own on this machine; its costs count
        timeout=WITHIN_S,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What requests took, one after the other."""

    times_ms: tuple[float, ...]
    cpu_us: float  # of the server, per request
    generator_busy: float

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.times_ms)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]

    @property
    def median(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def per_s(self) -> float:
        return 1000 * len(self.times_ms) / sum(self.times_ms)


def ask(
    server: Server, client: httpx.Client, requests: Sequence[tuple[str, dict[str, str]]]
) -> tuple[Asked, list[Any]]:
    """Send GET requests (path and parameters), each after the answer to the one before."""
    times, answers = [], []
    cpu, (busy, ticks) = server.cpu_s(), core_ticks(GENERATOR_CORE)
    for path, query in requests:
        begun = time.perf_counter()
        answer = client.get(path, params=query)
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        answers.append(answer.json())
    busy_now, ticks_now = core_ticks(GENERATOR_CORE)
    share = (busy_now - busy) / max(ticks_now - ticks, 1)
    spent = (server.cpu_s() - cpu) / len(requests) * 1e6
    return Asked(tuple(times), spent, share), answers
