"""A real REST side: the ASGI application over a SQLite file, and a client that is logged in."""

import base64
import json
import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from support.upgraded import put_tables

from eaves.controller.domain.builtin_roles import SYS_ADMIN
from eaves.controller.domain.contract.users import DetailedUser, Enterprise, UserState
from eaves.controller.domain.scope import Scope
from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.live import Live
from eaves.controller.northbound.app import build_app
from eaves.controller.notify_settings import NotifySettings
from eaves.controller.settings import Settings
from eaves.controller.store.objects import Draft, Stamp, find_object_by_name, insert_object
from eaves.controller.store.people import Credential, put_credential
from eaves.controller.store.roles import builtin_roles
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.ids import EnterpriseId

PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

INSTALLER_IMAGES = "installer-images"
NOBODY = NotifySettings()  # has no mail server

Json = dict[str, Any]


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        self.now += span


class MovableClock(Protocol):
    def __call__(self) -> datetime: ...
    def pass_by(self, span: timedelta) -> None: ...


@dataclass
class Rest:
    """The application and what stands behind it."""

    app: FastAPI
    engine: AsyncEngine
    keys: KeyStore
    live: Live
    clock: MovableClock

    def client(self, token: str = "", host: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(
                app=self.app, raise_app_exceptions=False, client=(host, 123)
            ),
            base_url="https://controller/api",
            headers=headers,
        )

    async def add_user(
        self,
        username: str,
        *,
        enterprise: str = "",
        must_change: bool = False,
        role: str = SYS_ADMIN,
        platform: bool = False,
    ) -> str:
        """Make a user, and an enterprise for it unless one is given; returns the enterprise."""
        scope = Scope(EnterpriseId(enterprise or str(uuid.uuid4())))
        stamp = Stamp(self.clock(), "test")
        user_id = base64.urlsafe_b64encode(os.urandom(21)).decode()
        async with unit_of_work(self.engine) as db:
            if not enterprise:
                entity = Enterprise(name=username + "-enterprise", title="Enterprise")
                await insert_object(
                    db,
                    scope,
                    Draft(
                        kind=Kind.ENTERPRISE,
                        id=scope.enterprise,
                        enterprise_id=scope.enterprise,
                        name=entity.name,
                        body=entity.to_json_text(),
                    ),
                    stamp,
                )
                for draft in builtin_roles(scope.enterprise, os.urandom, platform=platform):
                    await insert_object(db, scope, draft, stamp)
            stored_role = await find_object_by_name(db, scope, Kind.ROLE, role)
            assert stored_role is not None, role
            user = DetailedUser(
                username=username,
                full_name="A User",
                enterprise_id=scope.enterprise,
                role_id=stored_role.id,
                state=UserState.ACTIVE,
            )
            await insert_object(
                db,
                scope,
                Draft(
                    kind=Kind.USER,
                    id=user_id,
                    enterprise_id=scope.enterprise,
                    name=username,
                    body=user.to_json_text(),
                    references=frozenset({stored_role.id}),
                ),
                stamp,
            )
            await put_credential(
                db,
                Credential(
                    user_id=user_id,
                    password_hash=CHEAP.hash(PASSWORD),
                    must_change=must_change,
                    failed_attempts=0,
                    changed_at=self.clock(),
                ),
            )
        return scope.enterprise

    async def login(self, username: str) -> str:
        async with self.client() as client:
            answer = await client.post(
                "/v1/login", json={"usernameAtRealm": username, "password": PASSWORD}
            )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"]["base64"])


@asynccontextmanager
async def running_rest(
    folder: Path,
    database_url: str = "",
    notify: NotifySettings = NOBODY,
    installer_images: Path | None = None,
) -> AsyncGenerator[Rest]:
    """Over SQLite in the folder, unless another database is named."""
    clock = Clock()
    settings = Settings(
        state_dir=folder,
        device_server="controller.example:8443",
        database_url=database_url,
        notify=notify,
        installer_images=installer_images,
    )
    keys = open_keys(settings, clock=clock, random=os.urandom)
    live = Live(waiters=10)
    engine = open_engine(settings.database)
    await put_tables(engine)
    app = build_app(
        settings=settings,
        database_url=settings.database,
        keys=keys,
        live=live,
        clock=clock,
        random=os.urandom,
    )
    app.state.context.passwords.hasher = CHEAP  # real ones would be most of what a test takes
    async with running_app(app, engine, keys, live, clock) as rest:
        yield rest


@asynccontextmanager
async def running_app(
    app: FastAPI, engine: AsyncEngine, keys: KeyStore, live: Live, clock: MovableClock
) -> AsyncGenerator[Rest]:
    """Start and stop an application; the engine, disposed of at the end, is of its database."""
    async with app.router.lifespan_context(app):
        try:
            yield Rest(app, engine, keys, live, clock)
        finally:
            await engine.dispose()


@dataclass
class Caller:
    """A logged-in client; every write must succeed as the contract says unless told otherwise."""

    http: httpx.AsyncClient

    async def create(self, path: str, body: Json) -> str:
        answer = await self.http.post(path, json=body)
        return self._object_id(answer)

    async def put(self, path: str, body: Json | None = None) -> str:
        answer = await self.http.put(path, json=body) if body else await self.http.put(path)
        return self._object_id(answer)

    async def get(self, path: str, **params: str) -> Json:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def delete(self, path: str) -> str:
        return self._object_id(await self.http.delete(path))

    @staticmethod
    def _object_id(answer: httpx.Response) -> str:
        assert answer.status_code == 200, answer.text
        envelope = json.loads(answer.text)
        assert envelope["error"] == [], envelope
        assert envelope["httpStatusCode"] == 200
        assert envelope["objectId"]
        return str(envelope["objectId"])


def contains(reply: object, sent: object) -> bool:
    """Whether all that was sent stands in the reply; null and absent mean the same."""
    if isinstance(sent, dict):
        if not isinstance(reply, dict):
            return False
        told, members = cast("Json", reply), cast("Json", sent)
        return all(
            contains(told.get(name), value) for name, value in members.items() if value is not None
        )
    if isinstance(sent, list):
        if not isinstance(reply, list):
            return False
        here, there = cast("list[object]", reply), cast("list[object]", sent)
        return len(here) == len(there) and all(
            contains(one, other) for one, other in zip(here, there, strict=True)
        )
    return reply == sent
