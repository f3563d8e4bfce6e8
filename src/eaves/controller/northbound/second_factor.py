"""Codes of an authenticator app: enrol, confirm, sign in, recover, take away."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain import totp
from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import (
    DetailedUser,
    LoginResponseCause,
    SecondFactorRequest,
)
from eaves.controller.domain.secrets import SecretName
from eaves.controller.northbound import catalog, crud, records, signing_in, standing
from eaves.controller.northbound.context import FACTOR, Context, host_of, token_hash, token_of
from eaves.controller.northbound.credentials import CHANGE_USERS, check_own_password, find_owner
from eaves.controller.northbound.own import note_user, own_user_of
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import people, sealed, sign_in
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.sign_in import SecondFactor
from eaves.controller.store.unit import Db, unit_of_work
from eaves.ids import EnterpriseId

ISSUER = "Eaves"
FIELD = "totp"


def _name(user_id: str) -> SecretName:
    return SecretName(user_id, FIELD)


async def _secret(context: Context, db: Db, user_id: str) -> bytes | None:
    name = _name(user_id)
    found = (await sealed.find_secrets(db, (user_id,))).get(name)
    return None if found is None else context.keys.open(name.purpose, found)


async def begin(context: Context, db: Db, user: StoredObject) -> JsonObject:
    """A fresh secret, in force once a code of it was given; what an app needs to know."""
    secret, name = context.random(totp.SECRET_BYTES), _name(user.id)
    await sealed.put_secret(db, name, context.keys.seal(name.purpose, secret))
    await sign_in.put_second_factor(
        db, SecondFactor(user.id, confirmed=False, last_step=0, made_at=context.clock())
    )
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
    return {"totp": {"enrolled": False, "enrolment": await begin(context, db, user)}}


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


# --- signing in ---------------------------------------------------------------------------------


async def finish_login(context: Context, request: Request) -> Response:
    """The second call of a login: the token of the first, and a code or a recovery code."""
    sent = await crud.read_body(request, SecondFactorRequest)
    token = sent.temp_token or token_of(request)
    async with unit_of_work(context.engine) as db:
        stored = await people.find_token(db, token_hash(token), context.clock())
        user = None if stored is None else await people.find_user_of_token(db, stored.user_id)
    if stored is None or stored.kind != FACTOR or user is None:
        return signing_in.refused(
            context, LoginResponseCause.TOTP_ERR, "this login took too long; log in again"
        )
    who = Guesser.of(user.id, host_of(request))
    try:
        context.passwords.reserve(who, context.clock())
    except TooManyGuesses:
        return signing_in.too_many(context)
    if await signing_in.attempts_left(context, request, user) <= 0:
        return signing_in.too_many(context)
    async with unit_of_work(context.engine) as db:
        answer = await _try(context, db, request, user, sent, token)
    if answer is not None:
        return answer
    told = context.passwords.to_be_told(who, context.clock())
    await signing_in.note_failure(context, request, user, failures=told)
    left = await signing_in.attempts_left(context, request, user)
    return signing_in.refused(
        context,
        LoginResponseCause.TOTP_INVALID_CODE,
        f"the code is wrong or was used already; {left} attempts are left",
        left,
    )


async def _try(
    context: Context,
    db: Db,
    request: Request,
    user: StoredObject,
    sent: SecondFactorRequest,
    token: str,
) -> Response | None:
    """The session, or None for a wrong code."""
    factor = await sign_in.find_second_factor(db, user.id)
    if factor is None:
        return None
    how: JsonObject = {"secondFactor": "code"}
    more: JsonObject = {}
    if sent.recovery_code and factor.confirmed:
        code_hash = totp.recovery_hash(sent.recovery_code)
        if not await sign_in.take_recovery_code(db, user.id, code_hash):
            return None
        left = await sign_in.count_recovery_codes(db, user.id)
        how, more = {"secondFactor": "recovery code", "left": left}, {"recoveryCodesLeft": left}
    elif not await _confirmed(context, db, factor, sent.code):
        return None
    elif not factor.confirmed:
        more = {"recoveryCodes": await _new_recovery_codes(context, db, user.id)}
        await _mark(context, request, db, user, enabled=True)
    await people.delete_token(db, token_hash(token))
    barred = await standing.why_barred(db, user)
    if barred is not None:
        return await signing_in.bar(context, db, request, user, barred)
    failures = context.passwords.succeeded(Guesser.of(user.id, host_of(request))) - 1
    proven = signing_in.Proven(user, how=how, failures=max(failures, 0), more=more)
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
        factor = await sign_in.find_second_factor(work.db, user.id)
        if factor is not None and factor.confirmed:
            raise Problem(
                409, "there is a second factor already; remove it first: DELETE /api/v1/eaves/totp"
            )
        told = await begin(context, work.db, user)
        await note_user(work, "second factor begun")
    return JSONResponse(told)


async def confirm(context: Context, request: Request) -> Response:
    """The first code; answered with recovery codes, which are shown this once."""
    sent = await crud.read_body(request, SecondFactorRequest)
    async with context.writing(request) as work:
        user = await _own(work)
        factor = await sign_in.find_second_factor(work.db, user.id)
        if factor is None or factor.confirmed:
            raise Problem(412, "no second factor waits for its first code; enrol one")
        if not await _confirmed(context, work.db, factor, sent.code):
            raise Problem(403, "the code is wrong; is the clock right?", location="code")
        codes = await _new_recovery_codes(context, work.db, user.id)
        await mark(work, records.USER.read(user), enabled=True)
    return JSONResponse({"recoveryCodes": codes})


async def remove(context: Context, request: Request) -> Response:
    """Password and a code, or a recovery code, at once."""
    sent = await crud.read_body(request, SecondFactorRequest)
    await check_own_password(context, request, sent.current_cred)
    async with context.writing(request) as work:
        user = await _own(work)
        factor = await sign_in.find_second_factor(work.db, user.id)
        if factor is None:
            raise Problem(404, "there is no second factor")
        recovered = bool(sent.recovery_code) and await sign_in.take_recovery_code(
            work.db, user.id, totp.recovery_hash(sent.recovery_code)
        )
        proven = recovered or not factor.confirmed
        if not proven and not await _confirmed(context, work.db, factor, sent.code):
            raise Problem(403, "the code is wrong or was used already", location="code")
        await take_away(work, user)
    return _done(context, work, user.id, user.name)


async def _own(work: Work) -> StoredObject:
    user = await people.find_user_of_token(work.db, (await own_user_of(work)).id)
    if user is None:
        raise Problem(401, "this user is no more; log in again")
    if standing.signs_in_elsewhere(user):
        raise Problem(409, "you sign in at a provider of identities; the second factor is its own")
    return user


async def take_away(work: Work, user: StoredObject) -> None:
    await sign_in.delete_second_factor(work.db, user.id)
    await sealed.delete_secret(work.db, _name(user.id))
    await mark(work, records.USER.read(user), enabled=False)


# --- administrators -----------------------------------------------------------------------------


async def remove_that_of(context: Context, request: Request) -> Response:
    """For somebody who lost the app and the recovery codes; what is open for it ends."""
    async with context.writing(request) as work:
        user = await find_owner(work, request.path_params["id"])
        await take_away(work, user)
        await people.delete_tokens_of(work.db, user.id)
    return _done(context, work, user.id, user.name)


async def unlock(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        user = await find_owner(work, request.path_params["id"])
        await sign_in.forget_guesses(work.db, user.id)
        await note_user(work, "unlocked", records.USER.read(user))
    return _done(context, work, user.id, user.name)


def _done(context: Context, work: Work, user_id: str, name: str) -> Response:
    target = Target(kind="users", object_type=ObjectType.USER, id=user_id, name=name)
    by = work.principal.user_name
    return context.envelopes.success(target, operation=ZcOpsType.UPDATE, user=by)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/eaves/login/totp", finish_login, Anybody.STRANGER),
    Route("POST", "/v1/eaves/totp", enrol, Anybody.USER),
    Route("POST", "/v1/eaves/totp/confirm", confirm, Anybody.USER),
    Route("DELETE", "/v1/eaves/totp", remove, Anybody.USER),
    Route("DELETE", "/v1/eaves/users/{id}/totp", remove_that_of, CHANGE_USERS),
    Route("PUT", "/v1/eaves/users/{id}/unlock", unlock, CHANGE_USERS),
)
