"""Requests of a person or tool: a token of its own, one kept connection, times of each answer."""

import hashlib
import http.client
import json
import os
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection
from support.server import Server

from eaves.controller.store.people import StoredToken, insert_token

TOKEN: Final = os.urandom(24).hex()


async def put_token(db: AsyncConnection, user_id: str, enterprise_id: str) -> None:
    """The token of these requests, as if `user_id` had made it."""
    now = datetime.now(UTC)
    await insert_token(
        db,
        StoredToken(
            id=os.urandom(8).hex(),
            token_hash=hashlib.sha256(TOKEN.encode()).digest(),
            user_id=user_id,
            enterprise_id=enterprise_id,
            kind="api",
            created_at=now,
            expires_at=now + timedelta(days=1),
            last_used_at=None,
            client="bench",
        ),
    )


@dataclass
class Rest:
    """One connection to the REST side."""

    server: Server

    def __post_init__(self) -> None:
        tls = ssl.create_default_context(cafile=str(self.server.root_certificate))
        self._http = http.client.HTTPSConnection("localhost", self.server.rest_port, context=tls)

    def ask(self, path: str, body: object = None, method: str = "") -> tuple[Any, float]:
        """The JSON of the answer, and how many milliseconds it took.  Every answer must be 200."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        begun = time.perf_counter()
        self._http.request(method or ("GET" if body is None else "PUT"), path, sent, headers)
        answer = self._http.getresponse()
        text = answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {text[:500]!r}")
        return json.loads(text), took

    def close(self) -> None:
        self._http.close()


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
