"""Login with a password, sessions, API tokens."""

from datetime import timedelta

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask

from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import (
    Enterprise,
    GenerateTokenResponse,
    GenerateTokenResponseCause,
    LoginForgotPasswordRequest,
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
)
from eaves.controller.domain.passwords import LONGEST_AGE
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import (
    known_clients,
    mails,
    records,
    second_factor,
    signing_in,
    standing,
)
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.context import API, Context, host_of, token_hash, token_of
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.own import note_user, own_user_of
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.signing_in import Proven, Verbose
from eaves.controller.northbound.work import Principal
from eaves.controller.store import people, sign_in
from eaves.controller.store.events import (
    Event,
    EventFilter,
    insert_audit,
    insert_event,
    list_events,
)
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.people import StoredToken
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

FORGOTTEN = "USER_PASSWORD_FORGOTTEN"
FORGOTTEN_ONCE_IN = timedelta(hours=1)
API_TOKEN_LASTS = timedelta(days=365)
LONGEST_NAME = 256  # of what anybody sends as a user name, and some of it is remembered


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
    if max(map(len, names)) > LONGEST_NAME:
        raise Problem(400, f"a user name has up to {LONGEST_NAME} characters", location="username")
    user, credential = await _find_login(context, names)
    # counted under the user that is meant, however the request spells it
    subject = names[0] if user is None else user.id
    who = known_clients.guesser(context, request, subject, credential)
    left = await signing_in.attempts_left(context, request, who)
    if left <= 0:
        return signing_in.too_many(context)
    stored_hash = credential.password_hash if credential is not None else ""
    try:
        right = await context.passwords.check(stored_hash, sent.password, who, now)
    except TooManyGuesses:
        return signing_in.too_many(context)
    if not right or user is None:
        return _mismatch(context, request, user, who, left - 1)
    return await _let_in(context, request, sent, user.id, stored_hash, who)


async def _let_in(
    context: Context,
    request: Request,
    sent: LoginWithPasswordRequest,
    user_id: str,
    stored_hash: str,
    who: Guesser,
) -> Response:
    """The password was that of `stored_hash`; looking took a while, and it may be another now."""
    async with unit_of_work(context.engine) as db:
        await sign_in.one_at_a_time(db, user_id)
        user = await people.find_user_of_token(db, user_id)
        credential = await people.find_credential(db, user_id)
        if user is None or credential is None or credential.password_hash != stored_hash:
            return signing_in.refused(
                context,
                LoginResponseCause.CREDENTIAL_MISMATCH,
                "this password was replaced while you logged in; log in with the new one",
            )
        barred = await standing.why_barred(db, user)
        if barred is not None:
            return await signing_in.bar(context, db, request, user, barred)
        if standing.signs_in_elsewhere(user):
            return signing_in.refused(
                context,
                LoginResponseCause.REDIRECT,
                f"user {user.name!r} signs in at a provider of identities: "
                "POST /api/v1/login/external",
            )
        demanded = await second_factor.demanded(context, db, user)
        if demanded is not None:
            return await signing_in.half_way(context, db, request, user, demanded)
        failures = context.passwords.succeeded(who)
        proven = Proven(user, how={"by": "password"}, failures=failures)
        verbose = Verbose(sent.verbose_detailed_user, sent.verbose_enterprise)
        return await signing_in.complete(context, db, request, proven, verbose)


def _mismatch(
    context: Context, request: Request, user: StoredObject | None, who: Guesser, left: int
) -> Response:
    """It is written down after the answer, or the time would tell which names there are."""
    now = context.clock()
    left = min(left, context.passwords.attempts_left(who, now))
    told = f"{left} attempts are left in this minute" if left else "wait a minute and try again"
    details = f"user name or password is wrong; {told}"
    answer = signing_in.refused(context, LoginResponseCause.CREDENTIAL_MISMATCH, details, left)
    if user is not None:
        failures = context.passwords.to_be_told(who, now)
        answer.background = BackgroundTask(
            done_again_in_conflict,
            lambda: signing_in.note_failure(context, request, user, who, failures=failures),
        )
    return answer


async def forgot(context: Context, request: Request) -> Response:
    """Ask the administrators for a new password; strangers do not learn whether there is such a
    user, and one that is asked for again within the hour is not told of twice.
    """
    sent = await read_body(request, LoginForgotPasswordRequest)
    if not sent.username:
        raise Problem(400, "whose password was forgotten? set username", location="username")
    if len(sent.username) > LONGEST_NAME:
        raise Problem(400, f"a user name has up to {LONGEST_NAME} characters", location="username")
    async with snapshot(context.engine) as db:
        user = await people.find_user_for_login(db, sent.username)
    target = Target(kind="login/forgot", object_type=ObjectType.USER, name=sent.username)
    answer = context.envelopes.success(target, operation=ZcOpsType.UPDATE, user="")
    if user is not None:  # after the answer, or the time would tell which names there are
        answer.background = BackgroundTask(
            done_again_in_conflict, lambda: _forgotten(context, request, user)
        )
    return answer


async def _forgotten(context: Context, request: Request, user: StoredObject) -> None:
    async with unit_of_work(context.engine) as db:
        await _tell_administrators(context, request, db, user)


async def _tell_administrators(
    context: Context, request: Request, db: Db, user: StoredObject
) -> None:
    now = context.clock()
    lately = EventFilter(object_id=user.id, event_type=FORGOTTEN, start=now - FORGOTTEN_ONCE_IN)
    scope = Scope(EnterpriseId(user.enterprise_id))
    if await list_events(db, scope, lately, limit=1):
        return
    await insert_audit(db, signing_in.login_entry(context, request, user, "password forgotten", {}))
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=user.enterprise_id,
            event_type=FORGOTTEN,
            description=f"user {user.name} asks for a new password; set one, if it is really "
            "the user who asks: PUT /api/v1/credentials with owner and newCred",
            severity="SEVERITY_WARNING",
            user_name=user.name,
            object_kind=Kind.USER.value,
            object_id=user.id,
            object_name=user.name,
        ),
    )
    await mails.password_forgotten(context, db, user, host_of(request))


async def logout(context: Context, request: Request) -> Response:
    async with context.writing(request, restricted=True) as work:
        await sign_in.one_at_a_time(work.db, work.principal.user_id)
        await people.delete_token(work.db, token_hash(token_of(request)))
        await sign_in.note_signed_out(work.db, work.principal.user_id, work.now)
        await note_user(work, "logged out")
    return JSONResponse(LogoutResponse(cause=LogoutResponseCause.OK).to_json())


async def refresh(context: Context, request: Request) -> Response:
    """Extend the session up to its end; an API token keeps its own.  The token stays the same."""
    async with context.writing(request, restricted=True) as work:
        stored = await signing_in.token_in_use(work, request)
        user = await people.find_user_of_token(work.db, stored.user_id)
        if user is None:
            raise Problem(401, "this user is no more; log in again")
        expires = await signing_in.end_of_extended(work, stored, user)
        await people.note_token_use(work.db, stored.id, work.now, expires)
    return JSONResponse(
        RefreshResponse(
            cause=RefreshResponseCause.OK,
            token=Token(base64=token_of(request), expires=int(expires.timestamp())),
            user_id=user.id,
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


def _lasts(enterprise: Enterprise | None) -> timedelta:
    """How long an API token holds there, unless it is revoked."""
    if enterprise is None or enterprise.api_token_expiry_in_seconds <= 0:
        return API_TOKEN_LASTS
    asked = min(enterprise.api_token_expiry_in_seconds, int(LONGEST_AGE.total_seconds()))
    return timedelta(seconds=asked)


async def api_token(context: Context, request: Request) -> Response:
    """A long-lived token with the rights of the caller; shown this once.

    One that is made with another API token ends with that one, by time or when it is revoked.  The
    contract has no body here; ours may ask for a token that reads secrets.
    """
    empty = not (await request.body()).strip()
    sent = TokenRequest() if empty else await read_body(request, TokenRequest)
    token = signing_in.new_token(context)
    async with context.writing(request) as work:
        if sent.read_secrets:
            _refuse_secrets(work.principal)
        enterprise = await records.find(
            work.db, work.scope, records.ENTERPRISE, work.scope.enterprise
        )
        made_with = await signing_in.token_in_use(work, request)
        parent_id, expires = "", work.now + _lasts(enterprise)
        if made_with.kind == API:
            parent_id, expires = made_with.id, min(expires, made_with.expires_at)
        await people.insert_token(
            work.db,
            StoredToken(
                id=signing_in.token_id(context),
                token_hash=token_hash(token),
                user_id=work.principal.user_id,
                enterprise_id=work.scope.enterprise,
                kind=API,
                created_at=work.now,
                expires_at=expires,
                client=work.principal.client,
                read_secrets=sent.read_secrets,
                parent_id=parent_id,
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
        answer |= {"mustChangePassword": True, "message": signing_in.MUST_CHANGE}
    return JSONResponse(answer)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/login", login, Anybody.STRANGER),
    Route("POST", "/v1/login/forgot", forgot, Anybody.STRANGER),
    Route("POST", "/v1/logout", logout, Anybody.USER),
    Route("PUT", "/v1/sessions/refresh", refresh, Anybody.USER),
    Route("GET", "/v1/sessions/self", session, Anybody.USER),
    Route("POST", "/v1/sessions/token/self", api_token, Anybody.USER, TokenRequest),
)
