"""What every endpoint is given, and how a request becomes a transaction of somebody."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.authz import Needs, Rule
from eaves.controller.domain.scope import Scope
from eaves.controller.keys import KeyStore
from eaves.controller.live import Live
from eaves.controller.northbound import roles, standing
from eaves.controller.northbound.oidc import Providers
from eaves.controller.northbound.passwords import Passwords
from eaves.controller.northbound.problems import Envelopes, Problem
from eaves.controller.northbound.rates import CallerRates
from eaves.controller.northbound.stream.places import Places
from eaves.controller.northbound.stream.tail import Tail
from eaves.controller.northbound.work import Clock, Principal, Random, Work
from eaves.controller.observe.health import Health
from eaves.controller.settings import Settings
from eaves.controller.store import people
from eaves.controller.store.events import Event, insert_events
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.controller.telemetry.series_reading import SeriesReader
from eaves.ids import EnterpriseId

SESSION, API, FACTOR = people.SESSION, people.API, people.FACTOR


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def token_of(request: Request) -> str:
    """The token that a request carries; empty when none."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "basic") and credential.strip():
        return credential.strip()
    return request.headers.get("x-api-key", "").strip()


def host_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def client_of(request: Request) -> str:
    agent = request.headers.get("user-agent", "")[:200]
    return f"{host_of(request)} {agent}".strip()


def request_id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


@dataclass(frozen=True)
class Context:
    settings: Settings
    engine: AsyncEngine
    keys: KeyStore
    live: Live
    clock: Clock
    random: Random
    envelopes: Envelopes
    passwords: Passwords
    health: Callable[[], Health]  # of this process; blocks
    providers: Providers
    rates: CallerRates
    places: Places  # of the streams of this process
    tail: Tail  # what they tell
    series: SeriesReader  # asked outside of a transaction: it may be a store far away

    @asynccontextmanager
    async def writing(self, request: Request, *, restricted: bool = False) -> AsyncGenerator[Work]:
        """A write transaction; when it is committed, devices that changed are told.

        `restricted` endpoints are those that somebody who must change a password may still use.
        """
        alarms: list[Event] = []
        try:
            async with unit_of_work(self.engine) as db:
                # again: the body took a while
                principal = await self.authenticate(db, request, self.clock())
                work = self._work(db, request, principal, restricted=restricted, alarms=alarms)
                yield work
        finally:
            await self._tell(alarms)
        if work.told:
            self.live.devices_changed(work.told)

    async def _tell(self, alarms: list[Event]) -> None:
        """What somebody must know although the request that showed it was undone."""
        if alarms:
            async with unit_of_work(self.engine) as db:
                await insert_events(db, alarms)

    @asynccontextmanager
    async def reading(self, request: Request, *, restricted: bool = False) -> AsyncGenerator[Work]:
        async with snapshot(self.engine) as db:
            yield self._work(db, request, request.state.principal, restricted=restricted)

    async def admit(self, request: Request, needs: Needs) -> None:
        """Raises Problem(401), Problem(403) and Problem(429) by the headers alone."""
        now_s, address = asyncio.get_running_loop().time(), host_of(request)
        self.rates.refuse_noisy(address, now_s)
        try:
            async with snapshot(self.engine) as db:
                principal = await self.authenticate(db, request, self.clock())
        except Problem as problem:
            if problem.status == 401:
                self.rates.note_stranger(address, now_s)
            raise
        self.rates.charge(principal.user_id, principal.user_name, now_s)
        scope_for(principal, needs)
        request.state.needs = needs
        request.state.principal = principal

    def _work(
        self,
        db: Db,
        request: Request,
        principal: Principal,
        *,
        restricted: bool,
        alarms: list[Event] | None = None,
    ) -> Work:
        request.state.user = principal.user_name
        scope = scope_for(principal, request.state.needs)
        if principal.must_change_password and not restricted:
            raise Problem(
                403,
                "this password must be changed before anything else: "
                "PUT /api/v1/credentials with currentCred and newCred",
            )
        return Work(
            db=db,
            principal=replace(principal, scope=scope),
            now=self.clock(),
            request_id=request_id_of(request),
            random=self.random,
            keys=self.keys,
            alarms=[] if alarms is None else alarms,
        )

    def work_as(
        self, db: Db, request: Request, enterprise: EnterpriseId, user_id: str, user_name: str
    ) -> Work:
        """What the controller itself does for somebody who has no token yet."""
        return Work(
            db=db,
            principal=Principal(
                user_id=user_id,
                user_name=user_name,
                scope=Scope(enterprise),
                token_id="",
                token_kind="",
                client=client_of(request),
                must_change_password=False,
            ),
            now=self.clock(),
            request_id=request_id_of(request),
            random=self.random,
            keys=self.keys,
        )

    async def authenticate(self, db: Db, request: Request, now: datetime) -> Principal:
        """Who holds the token of this request.  Raises Problem(401)."""
        token = token_of(request)
        if not token:
            raise Problem(
                401, "no token; log in with POST /api/v1/login and send Authorization: Bearer TOKEN"
            )
        stored = await people.find_token(db, token_hash(token), now)
        user = await people.find_user_of_token(db, stored.user_id) if stored else None
        if stored is None or user is None:
            raise Problem(401, "this token is unknown, revoked or expired; log in again")
        if stored.kind == FACTOR:
            raise Problem(
                401,
                "this token only finishes a login: POST /api/v1/eaves/login/totp with it and a "
                "code of the second factor",
            )
        barred = await standing.why_barred(db, user)
        if barred is not None:
            raise Problem(401, barred.details)
        credential = await people.find_credential(db, user.id)
        enterprise, rights = await roles.rights_in(db, user, stored.enterprise_id)
        return Principal(
            user_id=user.id,
            user_name=user.name,
            scope=Scope(enterprise),
            home=enterprise,
            token_id=stored.id,
            token_kind=stored.kind,
            client=client_of(request),
            must_change_password=credential is not None
            and credential.must_change
            and stored.kind == SESSION
            and not standing.signs_in_elsewhere(user),
            rights=rights,
            reads_secrets=stored.read_secrets,
        )


def scope_for(principal: Principal, needs: Needs) -> Scope:
    """What of its enterprise a request may see.  Raises Problem(403) where the role lacks it.

    Whoever asks about itself sees what belongs to no project.
    """
    enterprise = principal.scope.enterprise
    if not isinstance(needs, Rule):
        return Scope(enterprise, frozenset())
    if principal.rights.permits(needs):
        return Scope(enterprise, principal.rights.projects(needs))
    raise Problem(
        403,
        f"user {principal.user_name!r} may not do this: its role "
        f"{principal.rights.role_name!r} does not grant {needs.verb} in {needs.area}; ask an "
        "administrator for a role that does",
    )
