"""The end of every sign-in, whatever proved who somebody is: the token, the answer, the record."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain import lockout
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.users import (
    LoginResponse,
    LoginResponseCause,
    Token,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import known_clients, records, standing
from eaves.controller.northbound.context import (
    API,
    FACTOR,
    SESSION,
    Context,
    client_of,
    host_of,
    request_id_of,
    token_hash,
    token_of,
)
from eaves.controller.northbound.passwords import Guesser
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Work
from eaves.controller.store import people, sign_in
from eaves.controller.store.events import Event, insert_audit, insert_event
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.people import StoredToken
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

SESSION_LASTS: Final = timedelta(hours=12)
# however often it is extended: then a password is asked for again, or the provider, who may have
# shown somebody the door meanwhile
SESSION_ENDS: Final = timedelta(days=7)
PROVIDER_SESSION_ENDS: Final = timedelta(hours=24)
FACTOR_WITHIN: Final = timedelta(minutes=5)
TOKEN_BYTES: Final = 32
MUST_CHANGE: Final = (
    "this password must be changed now: "
    "PUT /api/v1/credentials with currentCred and newCred; this token can do nothing else"
)


@dataclass(frozen=True, slots=True)
class Verbose:
    """What of itself a caller wants to see in the answer."""

    user: bool = False
    enterprise: bool = False


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody whose sign-in is complete; `how`: by what, for the audit."""

    user: StoredObject
    how: JsonObject = field(default_factory=dict[str, object])
    failures: int = 0  # wrong tries before it
    local: bool = True  # by a password of ours, which may have to be changed
    more: Mapping[str, object] = field(default_factory=dict[str, object])  # of the answer


def new_token(context: Context) -> str:
    return base64.urlsafe_b64encode(context.random(TOKEN_BYTES)).decode().rstrip("=")


def token_id(context: Context) -> str:
    return base64.urlsafe_b64encode(context.random(12)).decode()


async def give_token(
    context: Context, db: Db, request: Request, user: StoredObject, kind: str, ends: datetime
) -> Token:
    """A session is extended up to `ends`, and expires earlier unless it is."""
    token, now = new_token(context), context.clock()
    expires = min(ends, now + SESSION_LASTS)
    await people.insert_token(
        db,
        StoredToken(
            id=token_id(context),
            token_hash=token_hash(token),
            user_id=user.id,
            enterprise_id=user.enterprise_id,
            kind=kind,
            created_at=now,
            expires_at=expires,
            client=client_of(request),
            ends_at=ends,
        ),
    )
    return Token(base64=token, expires=int(expires.timestamp()))


async def token_in_use(work: Work, request: Request) -> StoredToken:
    """The one of this request, once nobody else gives or ends tokens of its user.

    Raises Problem(401).
    """
    await sign_in.one_at_a_time(work.db, work.principal.user_id)
    stored = await people.find_token(work.db, token_hash(token_of(request)), work.now)
    if stored is None:
        raise Problem(401, "this token was revoked meanwhile; log in again")
    return stored


async def token_made_with(
    context: Context, work: Work, parent: StoredToken, enterprise: str
) -> Token:
    """Of the same kind, for another enterprise; it can do no more, and ends with it."""
    token = new_token(context)
    made = replace(
        parent,
        id=token_id(context),
        token_hash=token_hash(token),
        enterprise_id=enterprise,
        created_at=work.now,
        last_used_at=None,
        client=work.principal.client,
        parent_id=parent.id,
    )
    await people.insert_token(work.db, made)
    return Token(base64=token, expires=int(made.expires_at.timestamp()))


async def end_of_extended(work: Work, stored: StoredToken, user: StoredObject) -> datetime:
    """When a token expires that is extended now; never earlier than it does already."""
    ends = [stored.ends_at or stored.expires_at, work.now + SESSION_LASTS]
    if stored.kind == API:
        return stored.expires_at
    if stored.parent_id:
        ends.append(await people.end_of_token(work.db, stored.parent_id) or stored.expires_at)
    if standing.signs_in_elsewhere(user) and not await standing.has_provider(work.db, user):
        return stored.expires_at
    return max(stored.expires_at, min(ends))


async def half_way(
    context: Context, db: Db, request: Request, user: StoredObject, more: Mapping[str, object]
) -> Response:
    """The password was right, and a code of the second factor is asked for."""
    ends = context.clock() + FACTOR_WITHIN
    token = await give_token(context, db, request, user, FACTOR, ends)
    await insert_audit(db, login_entry(context, request, user, "password right", {}))
    reply = LoginResponse(cause=LoginResponseCause.TOTP_OK, temp_token=token, user_id=user.id)
    message = (
        "a code of the second factor is asked for: "
        "POST /api/v1/eaves/login/totp with tempToken and code"
    )
    return JSONResponse({**reply.to_json(), "message": message, **more})


async def complete(
    context: Context, db: Db, request: Request, proven: Proven, verbose: Verbose
) -> Response:
    """Give a session.  Whoever comes here is not barred; see `standing.why_barred`."""
    user, now = proven.user, context.clock()
    enterprise_id = EnterpriseId(user.enterprise_id)
    credential = await people.find_credential(db, user.id) if proven.local else None
    rules = await standing.password_rules(db, enterprise_id)
    expires = rules.expires_at(credential.changed_at) if credential is not None else None
    expired = expires is not None and expires <= now
    if expired and credential is not None and not credential.must_change:
        await people.demand_change(db, user.id)
    must_change = expired or (credential is not None and credential.must_change)
    ends = now + (SESSION_ENDS if proven.local else PROVIDER_SESSION_ENDS)
    if expires is not None and not expired:
        ends = min(ends, expires)  # a password that is too old is to be changed, not outlived
    given = await give_token(context, db, request, user, SESSION, ends)
    await people.note_login(db, user.id, succeeded=True)
    await sign_in.note_signed_in(db, user.id, now)
    await people.delete_expired_tokens(db, now)
    who = known_clients.guesser(context, request, user.id, credential)
    await sign_in.forget_guesses(db, user.id, who.address)
    how = {**proven.how, **({"failures": proven.failures} if proven.failures else {})}
    await insert_audit(db, login_entry(context, request, user, "logged in", how))
    detailed = records.USER.read(user)
    scope = Scope(enterprise_id)
    answer = LoginResponse(
        cause=LoginResponseCause.PASSWORD_EXPIRED if expired else LoginResponseCause.OK,
        token=None if must_change else given,
        temp_token=given if must_change else None,
        user_id=user.id,
        detailed_user=detailed if verbose.user else None,
        enterprise=await standing.enterprise_of(db, enterprise_id) if verbose.enterprise else None,
        role=await records.find(db, scope, records.ROLE, detailed.role_id),
        password_expiry_time=rfc3339(expires) if expires is not None else "",
        password_expiry_notification_period_in_seconds=int(rules.notice.total_seconds()),
    )
    changing = {"mustChangePassword": True, "message": MUST_CHANGE} if must_change else {}
    reply = JSONResponse({**answer.to_json(), **proven.more, **changing})
    if credential is not None:
        known_clients.remember(context, request, reply, credential, credential.changed_at)
    return reply


# --- refusals -----------------------------------------------------------------------------------


def refused(context: Context, cause: LoginResponseCause, details: str, left: int = 0) -> Response:
    """The contract's answer to a login that fails, in the contract's envelope."""
    envelope = context.envelopes.body(Problem(401, details))
    reply = LoginResponse(cause=cause, no_of_login_attempts_left=left)
    return JSONResponse({**reply.to_json(), **envelope}, status_code=401)


async def bar(
    context: Context, db: Db, request: Request, user: StoredObject, barred: standing.Barred
) -> Response:
    """Refuse somebody who proved who it is, but may not come in."""
    told: JsonObject = {"cause": barred.cause.value}
    await insert_audit(db, login_entry(context, request, user, "login refused", told))
    return refused(context, barred.cause, barred.details)


def too_many(context: Context, why: str = "") -> Response:
    return refused(
        context,
        LoginResponseCause.CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT,
        why
        or "too many wrong passwords or codes; wait a minute and try again, a quarter of an hour "
        "if many others tried too, or ask an administrator to unlock the user",
    )


async def attempts_left(context: Context, request: Request, who: Guesser) -> int:
    """By what all processes counted; it takes as long for a user that there is not."""
    now, host = context.clock(), host_of(request)
    async with snapshot(context.engine) as db:
        there = await sign_in.find_guesses(db, who.subject)
        here = await sign_in.is_signed_in_from(db, who.subject, host, SESSION, now)
    return lockout.attempts_left(there, who.address, now, signed_in_here=here or who.known)


async def note_failure(
    context: Context, request: Request, user: StoredObject, who: Guesser, *, failures: int
) -> None:
    """Count one more; `failures`: how many a row of the audit tells of now, 0 for no row.

    One row tells of all failures since the one before, so that guessing fills no table.
    """
    now, address = context.clock(), who.address
    async with unit_of_work(context.engine) as db:
        there = {one.address: one for one in await sign_in.find_guesses(db, user.id)}
        before = lockout.weight(there.values(), now)
        there[address] = lockout.one_more(there.get(address), address, now)
        await sign_in.put_guesses(db, user.id, there[address])
        if failures:
            await people.note_login(db, user.id, succeeded=False, times=failures)
            entry = login_entry(context, request, user, "login failed", {"failures": failures})
            await insert_audit(db, entry)
        if lockout.locked_just_now(there.values(), before, now):
            await insert_audit(db, login_entry(context, request, user, "locked", {}))
            await insert_event(db, _locked(user, now, len(there)))


def _locked(user: StoredObject, now: datetime, places: int) -> Event:
    minutes = int(lockout.LOCKED_FOR.total_seconds()) // 60
    return warning(
        user,
        now,
        "USER_LOCKED",
        f"user {user.name}: wrong passwords from {places} addresses; new logins are "
        f"refused for {minutes} minutes",
    )


def warning(user: StoredObject, now: datetime, event_type: str, description: str) -> Event:
    """What the administrators of a user are to know of its sign-ins."""
    return Event(
        at=now,
        enterprise_id=user.enterprise_id,
        event_type=event_type,
        description=description,
        severity="SEVERITY_WARNING",
        user_name=user.name,
        object_kind=Kind.USER.value,
        object_id=user.id,
        object_name=user.name,
    )


def login_entry(
    context: Context, request: Request, user: StoredObject, result: str, told: JsonObject
) -> AuditEntry:
    return AuditEntry(
        at=context.clock(),
        enterprise_id=user.enterprise_id,
        verb="login",
        result=result,
        user_id=user.id,
        user_name=user.name,
        client=client_of(request),
        request_id=request_id_of(request),
        object_kind=Kind.USER.value,
        object_id=user.id,
        object_name=user.name,
        changes=json.dumps(told) if told else "",
    )
