"""Codes of an authenticator app: enrol, confirm, sign in, recover, take away."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain import lockout, totp
from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import (
    DetailedUser,
    LoginResponseCause,
    SecondFactorRequest,
)
from eaves.controller.domain.secrets import SecretName
from eaves.controller.northbound import (
    catalog,
    crud,
    known_clients,
    records,
    signing_in,
    standing,
)
from eaves.controller.northbound.context import FACTOR, Context, token_hash, token_of
from eaves.controller.northbound.credentials import CHANGE_USERS, check_own_password, find_owner
from eaves.controller.northbound.enterprises import within
from eaves.controller.northbound.own import note_user
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import people, sealed, sign_in
from eaves.controller.store.events import Event, insert_audit, insert_event
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.people import Credential
from eaves.controller.store.sign_in import SecondFactor
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

ISSUER = "Eaves"
FIELD = "totp"


def _name(user_id: str) -> SecretName:
    return SecretName(user_id, FIELD)


async def _secret(context: Context, db: Db, user_id: str) -> bytes | None:
    name = _name(user_id)
    found = (await sealed.find_secrets(db, (user_id,))).get(name)
    return None if found is None else context.keys.open(name.purpose, found)


async def begin(context: Context, db: Db, user: StoredObject) -> JsonObject | None:
    """A fresh secret, in force once a code of it was given; what an app needs to know.

    None where there is one in force already.
    """
    if not await sign_in.begin_second_factor(db, user.id, context.clock()):
        return None
    secret, name = context.random(totp.SECRET_BYTES), _name(user.id)
    await sealed.put_secret(db, name, context.keys.seal(name.purpose, secret))
    return {
        "URL": totp.enrolment_url(secret, user.name, ISSUER),
        "Secret": totp.secret_text(secret),
    }


async def demanded(context: Context, db: Db, user: StoredObject) -> JsonObject | None:
    """What a login is answered when it needs a code; None where it needs none."""
    factor = await sign_in.find_second_factor(db, user.id)
    if factor is not None and factor.confirmed:
        return {"totp": {"enrolled": True}}
    enterprise = await standing.enterprise_of(db, EnterpriseId(user.enterprise_id))
    if not standing.second_factor_enforced(enterprise):
        return None
    enrolment = await begin(context, db, user)
    if enrolment is None:
        return {"totp": {"enrolled": True}}
    return {"totp": {"enrolled": False, "enrolment": enrolment}}


async def _new_recovery_codes(context: Context, db: Db, user_id: str) -> list[str]:
    codes = [
        totp.recovery_code(context.random(totp.RECOVERY_BYTES)) for _ in range(totp.RECOVERY_CODES)
    ]
    await sign_in.put_recovery_codes(db, user_id, [totp.recovery_hash(code) for code in codes])
    return codes


async def _confirmed(context: Context, db: Db, factor: SecondFactor, code: str) -> bool:
    """Take a code, once; the first one confirms the factor."""
    secret = await _secret(context, db, factor.user_id)
    if secret is None:
        return False
    step = totp.accepted_step(secret, code, context.clock(), last_step=factor.last_step)
    return step is not None and await sign_in.take_step(db, factor.user_id, step)


# --- guessing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Try:
    """One code or recovery code of a user; it is counted as wrong before it is looked at."""

    user: StoredObject
    who: Guesser
    wrong_codes: int = 0  # in a row, with this one


@dataclass(frozen=True, slots=True)
class _NotLookedAt:
    until: datetime | None = None  # None: within the minute, see `signing_in.too_many`

    @property
    def details(self) -> str:
        if self.until is None:
            return "too many wrong codes; wait a minute and try again"
        return (
            f"too many wrong codes in a row; the next one is looked at from {rfc3339(self.until)} "
            "on, and a recovery code at once; who did not send them must change the password"
        )


async def _count_try(
    context: Context,
    request: Request,
    user: StoredObject,
    credential: Credential | None,
    sent: SecondFactorRequest,
) -> _Try | _NotLookedAt:
    who = known_clients.guesser(context, request, user.id, credential)
    try:
        context.passwords.reserve(who, context.clock())
    except TooManyGuesses:
        return _NotLookedAt()
    if await signing_in.attempts_left(context, request, who) <= 0:
        return _NotLookedAt()
    if sent.recovery_code:  # of 80 bits: nobody guesses one
        return _Try(user, who)
    now = context.clock()
    async with unit_of_work(context.engine) as db:
        await sign_in.one_at_a_time(db, user.id)
        factor = await sign_in.find_second_factor(db, user.id)
        if factor is None or factor.wrong_at is None:
            return _Try(user, who)
        until = lockout.codes_from(factor.wrong_codes, factor.wrong_at)
        if until > now:
            return _NotLookedAt(until)
        await sign_in.count_wrong_codes(db, user.id, factor.wrong_codes + 1, now)
    return _Try(user, who, factor.wrong_codes + 1)


async def _was_wrong(context: Context, request: Request, tried: _Try) -> int:
    """Write it down, and tell administrators of many; how many attempts are left."""
    now, user = context.clock(), tried.user
    told = context.passwords.to_be_told(tried.who, now)
    await signing_in.note_failure(context, request, user, tried.who, failures=told)
    if tried.wrong_codes >= lockout.CODES:
        async with unit_of_work(context.engine) as db:
            text = {"wrongCodes": tried.wrong_codes}
            entry = signing_in.login_entry(context, request, user, "codes held", text)
            await insert_audit(db, entry)
            await insert_event(db, _guessed_at(user, now, tried.wrong_codes))
    left = await signing_in.attempts_left(context, request, tried.who)
    return 0 if tried.wrong_codes >= lockout.CODES else left


def _guessed_at(user: StoredObject, now: datetime, wrong: int) -> Event:
    until = lockout.codes_from(wrong, now)
    return signing_in.warning(
        user,
        now,
        "USER_SECOND_FACTOR_GUESSED",
        f"user {user.name}: {wrong} wrong codes of the second factor in a row from somebody who "
        f"has the password; the next one is looked at from {rfc3339(until)} on. If it was not the "
        "user, set another password: PUT /api/v1/credentials with owner and newCred",
    )


# --- signing in ---------------------------------------------------------------------------------


async def finish_login(context: Context, request: Request) -> Response:
    """The second call of a login: the token of the first, and a code or a recovery code."""
    sent = await crud.read_body(request, SecondFactorRequest)
    token = sent.temp_token or token_of(request)
    async with snapshot(context.engine) as db:
        stored = await people.find_token(db, token_hash(token), context.clock())
        user = None if stored is None else await people.find_user_of_token(db, stored.user_id)
        credential = None if user is None else await people.find_credential(db, user.id)
    if stored is None or stored.kind != FACTOR or user is None:
        return _too_late(context)
    tried = await _count_try(context, request, user, credential, sent)
    if isinstance(tried, _NotLookedAt):
        return signing_in.too_many(context, tried.details if tried.until else "")
    async with unit_of_work(context.engine) as db:
        answer = await _try(context, db, request, tried, sent, token)
    if answer is not None:
        return answer
    left = await _was_wrong(context, request, tried)
    return signing_in.refused(
        context,
        LoginResponseCause.TOTP_INVALID_CODE,
        f"the code is wrong or was used already; {left} attempts are left",
        left,
    )


def _too_late(context: Context) -> Response:
    return signing_in.refused(
        context, LoginResponseCause.TOTP_ERR, "this login took too long; log in again"
    )


async def _try(
    context: Context,
    db: Db,
    request: Request,
    tried: _Try,
    sent: SecondFactorRequest,
    token: str,
) -> Response | None:
    """The session, or None for a wrong code."""
    user_id = tried.user.id
    await sign_in.one_at_a_time(db, user_id)
    # since the first call the password may have been replaced, and the user suspended
    user = await people.find_user_of_token(db, user_id)
    stored = await people.find_token(db, token_hash(token), context.clock())
    if user is None or stored is None:
        return _too_late(context)
    factor = await sign_in.find_second_factor(db, user_id)
    if factor is None:
        return None
    how: JsonObject = {"secondFactor": "code"}
    more: JsonObject = {}
    if sent.recovery_code and factor.confirmed:
        code_hash = totp.recovery_hash(sent.recovery_code)
        if not await sign_in.take_recovery_code(db, user_id, code_hash):
            return None
        await sign_in.count_wrong_codes(db, user_id, 0)
        left = await sign_in.count_recovery_codes(db, user_id)
        how, more = {"secondFactor": "recovery code", "left": left}, {"recoveryCodesLeft": left}
    elif not await _confirmed(context, db, factor, sent.code):
        return None
    elif not factor.confirmed:
        more = {"recoveryCodes": await _new_recovery_codes(context, db, user_id)}
        await _mark(context, request, db, user, enabled=True)
    await people.delete_token(db, token_hash(token))
    context.passwords.take_back(tried.who)
    barred = await standing.why_barred(db, user)
    if barred is not None:
        return await signing_in.bar(context, db, request, user, barred)
    failures = context.passwords.succeeded(tried.who)
    proven = signing_in.Proven(user, how=how, failures=failures, more=more)
    return await signing_in.complete(context, db, request, proven, signing_in.Verbose())


async def _mark(
    context: Context, request: Request, db: Db, user: StoredObject, *, enabled: bool
) -> None:
    """The user says itself whether it has a second factor."""
    work = context.work_as(db, request, EnterpriseId(user.enterprise_id), user.id, user.name)
    await mark(work, records.USER.read(user), enabled=enabled)


async def mark(work: Work, user: DetailedUser, *, enabled: bool) -> None:
    stored = await crud.find_stored(work, catalog.USERS, object_id=user.id)
    user = records.USER.read(stored)  # as it is in this transaction
    if user.totp_enabled is enabled:
        return
    wanted = user.model_copy(update={"totp_enabled": enabled})
    await crud.store_prepared(
        work,
        catalog.USERS,
        Prepared(
            wanted,
            (),
            references=await records.references_of(work.db, user.id),
            project_id=stored.project_id,
            state=stored.state,
        ),
        user,
        what="second factor added" if enabled else "second factor removed",
    )


# --- one's own ----------------------------------------------------------------------------------


async def enrol(context: Context, request: Request) -> Response:
    """Asks for the password: a session that somebody left open enrols nothing."""
    sent = await crud.read_body(request, SecondFactorRequest)
    await check_own_password(context, request, sent.current_cred)
    async with context.writing(request) as work:
        user = await _own(work)
        told = await begin(context, work.db, user)
        if told is None:
            raise Problem(
                409, "there is a second factor already; remove it first: DELETE /api/v1/eaves/totp"
            )
        await note_user(within(work, user.enterprise_id), "second factor begun")
    return JSONResponse(told)


async def _try_own(context: Context, request: Request, sent: SecondFactorRequest) -> _Try:
    """Raises Problem(429)."""
    async with context.reading(request) as work:
        user = await _own(work)
        credential = await people.find_credential(work.db, user.id)
    tried = await _count_try(context, request, user, credential, sent)
    if isinstance(tried, _NotLookedAt):
        raise Problem(429, tried.details)
    return tried


async def confirm(context: Context, request: Request) -> Response:
    """The first code; answered with recovery codes, which are shown this once."""
    sent = await crud.read_body(request, SecondFactorRequest)
    tried = await _try_own(context, request, sent.model_copy(update={"recovery_code": ""}))
    codes: list[str] = []
    async with context.writing(request) as work:
        user = await _own(work)
        factor = await sign_in.find_second_factor(work.db, user.id)
        if factor is None or factor.confirmed:
            context.passwords.take_back(tried.who)
            raise Problem(412, "no second factor waits for its first code; enrol one")
        if await _confirmed(context, work.db, factor, sent.code):
            codes = await _new_recovery_codes(context, work.db, user.id)
            await mark(within(work, user.enterprise_id), records.USER.read(user), enabled=True)
    if not codes:
        await _was_wrong(context, request, tried)
        raise Problem(403, "the code is wrong; is the clock right?", location="code")
    context.passwords.take_back(tried.who)
    return JSONResponse({"recoveryCodes": codes})


async def remove(context: Context, request: Request) -> Response:
    """Password and a code, or a recovery code, at once."""
    sent = await crud.read_body(request, SecondFactorRequest)
    await check_own_password(context, request, sent.current_cred)
    tried = await _try_own(context, request, sent)
    async with context.writing(request) as work:
        user = await _own(work)
        factor = await sign_in.find_second_factor(work.db, user.id)
        if factor is None:
            context.passwords.take_back(tried.who)
            raise Problem(404, "there is no second factor")
        proven = not factor.confirmed
        if not proven and sent.recovery_code:
            code_hash = totp.recovery_hash(sent.recovery_code)
            proven = await sign_in.take_recovery_code(work.db, user.id, code_hash)
        elif not proven:
            proven = await _confirmed(context, work.db, factor, sent.code)
        if proven:
            await take_away(work, user)
    if not proven:
        await _was_wrong(context, request, tried)
        raise Problem(403, "the code is wrong or was used already", location="code")
    context.passwords.take_back(tried.who)
    return _done(context, work, user.id, user.name)


async def _own(work: Work) -> StoredObject:
    await sign_in.one_at_a_time(work.db, work.principal.user_id)
    user = await people.find_user_of_token(work.db, work.principal.user_id)
    if user is None:
        raise Problem(401, "this user is no more; log in again")
    if standing.signs_in_elsewhere(user):
        raise Problem(409, "you sign in at a provider of identities; the second factor is its own")
    return user


async def take_away(work: Work, user: StoredObject) -> None:
    await sign_in.delete_second_factor(work.db, user.id)
    await sealed.delete_secret(work.db, _name(user.id))
    await mark(within(work, user.enterprise_id), records.USER.read(user), enabled=False)


# --- administrators -----------------------------------------------------------------------------


async def _somebody_else(work: Work, request: Request) -> StoredObject:
    """Raises Problem(409) for oneself: whoever found a session would need no code, or guess on."""
    user = await find_owner(work, request.path_params["id"])
    if user.id == work.principal.user_id:
        raise Problem(
            409,
            f"user {user.name!r} is you; ask another administrator, or remove your second factor "
            "with password and code: DELETE /api/v1/eaves/totp",
        )
    return user


async def remove_that_of(context: Context, request: Request) -> Response:
    """For somebody who lost the app and the recovery codes; what is open for it ends."""
    async with context.writing(request) as work:
        user = await _somebody_else(work, request)
        await sign_in.one_at_a_time(work.db, user.id)
        await take_away(work, user)
        await people.delete_tokens_of(work.db, user.id)
    return _done(context, work, user.id, user.name)


async def unlock(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        user = await _somebody_else(work, request)
        await sign_in.forget_guesses(work.db, user.id)
        await sign_in.count_wrong_codes(work.db, user.id, 0)
        await note_user(work, "unlocked", records.USER.read(user))
    return _done(context, work, user.id, user.name)


def _done(context: Context, work: Work, user_id: str, name: str) -> Response:
    target = Target(kind="users", object_type=ObjectType.USER, id=user_id, name=name)
    by = work.principal.user_name
    return context.envelopes.success(target, operation=ZcOpsType.UPDATE, user=by)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/eaves/login/totp", finish_login, Anybody.STRANGER, SecondFactorRequest),
    Route("POST", "/v1/eaves/totp", enrol, Anybody.USER, SecondFactorRequest),
    Route("POST", "/v1/eaves/totp/confirm", confirm, Anybody.USER, SecondFactorRequest),
    Route("DELETE", "/v1/eaves/totp", remove, Anybody.USER, SecondFactorRequest),
    Route("DELETE", "/v1/eaves/users/{id}/totp", remove_that_of, CHANGE_USERS),
    Route("PUT", "/v1/eaves/users/{id}/unlock", unlock, CHANGE_USERS),
)
