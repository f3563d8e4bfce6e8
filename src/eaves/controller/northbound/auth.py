"""Login, sessions, API tokens, the own user and password."""

import base64
import json
from datetime import timedelta

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.users import (
    GenerateTokenResponse,
    GenerateTokenResponseCause,
    LoginResponse,
    LoginResponseCause,
    LoginWithPasswordRequest,
    LogoutResponse,
    LogoutResponseCause,
    RefreshResponse,
    RefreshResponseCause,
    SessionDetailsResponse,
    SessionDetailsResponseCause,
    Token,
    TokenRequest,
    UserState,
)
from eaves.controller.northbound import records
from eaves.controller.northbound.context import (
    API,
    SESSION,
    Context,
    client_of,
    host_of,
    request_id_of,
    token_hash,
    token_of,
)
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.own import note_user, own_user_of
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Principal
from eaves.controller.store import people
from eaves.controller.store.events import insert_audit
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.people import StoredToken
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work

SESSION_LASTS = timedelta(hours=12)
API_TOKEN_LASTS = timedelta(days=365)
TOKEN_BYTES = 32
MUST_CHANGE = (
    "this password was printed once and must be changed now: "
    "PUT /api/v1/credentials with currentCred and newCred; this token can do nothing else"
)


def _new_token(context: Context) -> str:
    return base64.urlsafe_b64encode(context.random(TOKEN_BYTES)).decode().rstrip("=")


def _username(sent: LoginWithPasswordRequest) -> str:
    """`username`, or what stands before the realm in `usernameAtRealm`."""
    if sent.username:
        return sent.username
    name, at, _realm = sent.username_at_realm.rpartition("@")
    return name if at else sent.username_at_realm


def _candidates(sent: LoginWithPasswordRequest) -> tuple[str, ...]:
    """User names may be mail addresses, so the whole text is tried before its first part."""
    whole = sent.username_at_realm
    return tuple(dict.fromkeys(name for name in (sent.username, whole, _username(sent)) if name))


async def _find_login(
    context: Context, names: tuple[str, ...]
) -> tuple[StoredObject | None, people.Credential | None]:
    async with snapshot(context.engine) as db:
        for name in names:
            user = await people.find_user_for_login(db, name)
            if user is not None:
                return user, await people.find_credential(db, user.id)
    return None, None


async def login(context: Context, request: Request) -> Response:
    sent = await read_body(request, LoginWithPasswordRequest)
    names, now = _candidates(sent), context.clock()
    if not names or not sent.password:
        raise Problem(400, "a login needs username (or usernameAtRealm) and password")
    user, credential = await _find_login(context, names)
    # counted under the user that is meant, however the request spells it
    who = Guesser.of(names[0] if user is None else user.id, host_of(request))
    stored_hash = credential.password_hash if credential is not None else ""
    try:
        right = await context.passwords.check(stored_hash, sent.password, who, now)
    except TooManyGuesses:
        return _login_refused(
            context, LoginResponseCause.CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT, 0
        )
    if not right or user is None:
        failures = context.passwords.to_be_told(who, now)
        if user is not None and failures:
            await _audit_failures(context, request, user, failures)
        return _login_refused(
            context,
            LoginResponseCause.CREDENTIAL_MISMATCH,
            context.passwords.attempts_left(who, now),
        )
    detailed = records.USER.read(user)
    if detailed.state not in (UserState.ACTIVE, UserState.UNSPECIFIED):
        return _login_refused(context, LoginResponseCause.USER_INACTIVE, 0)
    failures = context.passwords.succeeded(who)
    token, must_change = _new_token(context), credential is not None and credential.must_change
    expires = now + SESSION_LASTS
    async with unit_of_work(context.engine) as db:
        await people.insert_token(
            db,
            StoredToken(
                id=base64.urlsafe_b64encode(context.random(12)).decode(),
                token_hash=token_hash(token),
                user_id=user.id,
                enterprise_id=user.enterprise_id,
                kind=SESSION,
                created_at=now,
                expires_at=expires,
                client=client_of(request),
            ),
        )
        await people.note_login(db, user.id, succeeded=True)
        await people.delete_expired_tokens(db, now)
        await insert_audit(db, _login_entry(context, request, user, "logged in", failures))
    given = Token(base64=token, expires=int(expires.timestamp()))
    answer = LoginResponse(
        cause=LoginResponseCause.OK,
        token=None if must_change else given,
        temp_token=given if must_change else None,
        user_id=user.id,
        detailed_user=detailed if sent.verbose_detailed_user else None,
    ).to_json()
    if must_change:
        answer |= {"mustChangePassword": True, "message": MUST_CHANGE}
    return JSONResponse(answer)


def _login_refused(context: Context, cause: LoginResponseCause, left: int) -> Response:
    if cause is LoginResponseCause.USER_INACTIVE:
        details = "this user is not active; ask an administrator"
    elif left > 0:
        details = f"user name or password is wrong; {left} attempts are left in this minute"
    else:
        details = "too many wrong passwords; wait a minute and try again"
    envelope = context.envelopes.body(Problem(401, details))
    reply = LoginResponse(cause=cause, no_of_login_attempts_left=left)
    return JSONResponse({**reply.to_json(), **envelope}, status_code=401)


def _login_entry(
    context: Context, request: Request, user: StoredObject, result: str, failures: int
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
        changes=json.dumps({"failures": failures}) if failures else "",
    )


async def _audit_failures(
    context: Context, request: Request, user: StoredObject, failures: int
) -> None:
    """One row tells of all failures since the one before, so that guessing fills no table."""
    async with unit_of_work(context.engine) as db:
        await people.note_login(db, user.id, succeeded=False, times=failures)
        await insert_audit(db, _login_entry(context, request, user, "login failed", failures))


async def logout(context: Context, request: Request) -> Response:
    async with context.writing(request, restricted=True) as work:
        await people.delete_token(work.db, token_hash(token_of(request)))
        await note_user(work, "logged out")
    return JSONResponse(LogoutResponse(cause=LogoutResponseCause.OK).to_json())


async def refresh(context: Context, request: Request) -> Response:
    """Extend the session; the token stays the same, an API token keeps its own end."""
    async with context.writing(request, restricted=True) as work:
        token = token_of(request)
        stored = await people.find_token(work.db, token_hash(token), work.now)
        expires = work.now + SESSION_LASTS
        if stored is not None and stored.kind == API:
            expires = stored.expires_at
        await people.note_token_use(work.db, work.principal.token_id, work.now, expires)
        user_id = work.principal.user_id
    return JSONResponse(
        RefreshResponse(
            cause=RefreshResponseCause.OK,
            token=Token(base64=token, expires=int(expires.timestamp())),
            user_id=user_id,
        ).to_json()
    )


def _refuse_secrets(who: Principal) -> None:
    """Raises Problem(403)."""
    if not who.rights.read_secrets:
        raise Problem(
            403,
            f"role {who.rights.role_name!r} of user {who.user_name!r} does not read secrets; make "
            "a role with readSecrets in a scope, and the token as a user with that role",
            location="readSecrets",
        )
    if who.token_kind == API and not who.reads_secrets:
        raise Problem(
            403,
            "this token does not read secrets, so it makes none that does; log in to make one",
            location="readSecrets",
        )


async def api_token(context: Context, request: Request) -> Response:
    """A long-lived token with the rights of the caller; shown this once.

    The contract has no body here; ours may ask for a token that reads secrets.
    """
    empty = not (await request.body()).strip()
    sent = TokenRequest() if empty else await read_body(request, TokenRequest)
    token = _new_token(context)
    async with context.writing(request) as work:
        if sent.read_secrets:
            _refuse_secrets(work.principal)
        enterprise = await records.find(
            work.db, work.scope, records.ENTERPRISE, work.scope.enterprise
        )
        lasts = API_TOKEN_LASTS
        if enterprise is not None and enterprise.api_token_expiry_in_seconds > 0:
            lasts = timedelta(seconds=enterprise.api_token_expiry_in_seconds)
        expires = work.now + lasts
        await people.insert_token(
            work.db,
            StoredToken(
                id=base64.urlsafe_b64encode(work.random(12)).decode(),
                token_hash=token_hash(token),
                user_id=work.principal.user_id,
                enterprise_id=work.scope.enterprise,
                kind=API,
                created_at=work.now,
                expires_at=expires,
                client=work.principal.client,
                read_secrets=sent.read_secrets,
            ),
        )
        await note_user(
            work, "api token that reads secrets made" if sent.read_secrets else "api token made"
        )
        name = work.principal.user_name
    return JSONResponse(
        GenerateTokenResponse(
            cause=GenerateTokenResponseCause.OK,
            token=token,
            expires_at=rfc3339(expires),
            user_name=name,
            client_ip=host_of(request),
            user_agent=request.headers.get("user-agent", "")[:200],
        ).to_json()
    )


async def session(context: Context, request: Request) -> Response:
    async with context.reading(request, restricted=True) as work:
        user = await own_user_of(work)
    answer = SessionDetailsResponse(cause=SessionDetailsResponseCause.OK, user=user).to_json()
    if work.principal.must_change_password:
        answer |= {"mustChangePassword": True, "message": MUST_CHANGE}
    return JSONResponse(answer)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/login", login, Anybody.STRANGER),
    Route("POST", "/v1/logout", logout, Anybody.USER),
    Route("PUT", "/v1/sessions/refresh", refresh, Anybody.USER),
    Route("GET", "/v1/sessions/self", session, Anybody.USER),
    Route("POST", "/v1/sessions/token/self", api_token, Anybody.USER),
)
