"""Requests of a person to a bench controller, and what they took."""

import asyncio
import hashlib
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from support.devices import now
from support.row import MOST_BUSY, RUNS, finish, verify_per_s
from support.server import Busy, Server, on_core, running

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
    times: list[float] = []
    answers: list[Any] = []
    cpu, busy = server.cpu_s(), Busy()
    for path, query in requests:
        begun = time.perf_counter()
        answer = client.get(path, params=query)
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        answers.append(answer.json())
    share, spent = busy.share(), (server.cpu_s() - cpu) / len(requests) * 1e6
    return Asked(tuple(times), spent, share), answers


def finish_row(
    name: str,
    limit_ms: float,
    state_dir: Path,
    look: Callable[[Server, int], Asked],
    more: Callable[[], Mapping[str, Any]],
) -> int:
    """Ask a controller on `state_dir` in runs, each a `look`; print the row: medians of the runs.

    `more` is called after the runs: what the row tells besides.  Returns the exit status.
    """
    taken: list[Asked] = []
    verifies: list[float] = []
    with running(Server(state_dir)) as server, on_core():
        for run in range(RUNS):
            verifies.append(verify_per_s())
            taken.append(look(server, run))
        rss = server.rss_mb()
    p99 = statistics.median(run.percentile(99) for run in taken)
    busy = max(run.generator_busy for run in taken)
    return finish(
        {
            "name": name,
            "requests_per_s": round(statistics.median(run.per_s for run in taken), 1),
            "server_cpu_us_per_request": round(statistics.median(run.cpu_us for run in taken)),
            "p50_ms": round(statistics.median(run.median for run in taken), 1),
            "p99_ms": round(p99, 1),
            "rss_mb": round(rss, 1),
            "verify_per_s": round(statistics.median(verifies)),
            "limit_ms": limit_ms,
            "met": p99 <= limit_ms,
            "generator_busy": round(busy, 3),
            "generator_ok": busy <= MOST_BUSY,
            "first_ms": round(taken[0].times_ms[0], 1),
            **more(),
        }
    )
