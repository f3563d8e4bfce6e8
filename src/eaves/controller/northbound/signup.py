"""Signing up without being asked: closed unless who runs the controller opens it (EAVES_SIGNUP).

What signs itself up waits: an enterprise until somebody of the platform makes it active, a user
until an administrator of its enterprise does.  How much waits is bounded, and how often an address
asks: each request costs the hash of a password.
"""

from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import invalid
from eaves.controller.domain.authz import EVERYTHING, Anybody
from eaves.controller.domain.builtin_roles import SYS_ADMIN, SYS_MONITOR
from eaves.controller.domain.contract.signup import (
    AAARequestAdminUserSignup,
    AAARequestEnterpriseSignup,
    AdminUserSignup,
)
from eaves.controller.domain.contract.users import (
    DetailedUser,
    Enterprise,
    EnterpriseState,
    EnterpriseType,
    UserState,
)
from eaves.controller.domain.passwords import PasswordRules, faults_of
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.context import Context, client_of, host_of, request_id_of
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.enterprises import make_enterprise, within
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import people, tree
from eaves.controller.store.objects import Filter, StoredObject, count_by_state, find_object_by_name
from eaves.controller.store.people import Credential
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

PLATFORM_USER = "admin"  # its enterprise is the one above all others
BY: Final = "sign-up"  # stands where a user would: a stranger may call itself as it likes
WAITING_USERS: Final = 50  # of one enterprise
WAITING_ENTERPRISES: Final = 100


def _refuse_closed(context: Context) -> None:
    """Raises Problem(403)."""
    if not context.settings.signup_open:
        raise Problem(
            403,
            "nobody signs itself up at this controller; ask an administrator for a user, or "
            "whoever runs it to set EAVES_SIGNUP=open",
        )


def _slow_down(context: Context, request: Request) -> None:
    """Raises Problem(429) for an address that asks again and again."""
    try:
        context.passwords.reserve(Guesser.of(BY, host_of(request)), context.clock())
    except TooManyGuesses:
        raise Problem(429, "this address signs up too often; wait a minute") from None


def _refuse_crowd(waiting: int, most: int, what: str) -> None:
    """Raises Problem(429)."""
    if waiting >= most:
        raise Problem(
            429,
            f"{waiting} {what} signed up and wait to be let in; ask whoever decides about them, "
            "and try again then",
        )


def _work(context: Context, request: Request, db: Db, enterprise_id: str) -> Work:
    """What the controller does for a stranger."""
    return Work(
        db=db,
        principal=Principal(
            user_id="",
            user_name=BY,
            scope=Scope(EnterpriseId(enterprise_id)),
            token_id="",
            token_kind="",
            client=client_of(request),
            must_change_password=False,
            rights=EVERYTHING,
            home=enterprise_id,
        ),
        now=context.clock(),
        request_id=request_id_of(request),
        random=context.random,
        keys=context.keys,
    )


async def _hash(context: Context, password: str, name: str) -> str:
    """Raises Problem(400) with every fault of a password."""
    faults = faults_of(password, name, PasswordRules())
    if faults:
        raise Problem.of_refusals(
            [invalid("password", f"the new password {fault}") for fault in faults]
        )
    return await context.passwords.hash(password)


async def _add_user(
    work: Work, sent: AdminUserSignup, role: str, hashed: str, state: UserState
) -> None:
    stored = await find_object_by_name(work.db, work.scope, Kind.ROLE, role)
    user = DetailedUser(
        username=sent.name or sent.email,
        email=sent.email,
        first_name=sent.first_name,
        full_name=sent.full_name,
        role_id="" if stored is None else stored.id,
    )
    target = await crud.create(work, catalog.USERS, user)
    await people.put_credential(
        work.db,
        Credential(
            user_id=target.id,
            password_hash=hashed,
            must_change=False,
            failed_attempts=0,
            changed_at=work.now,
        ),
    )
    if state is not UserState.ACTIVE:
        made = await crud.find(work, catalog.USERS, object_id=target.id)
        waiting = made.model_copy(update={"state": state})
        prepared = await catalog.USERS.prepare(work, waiting, made)
        await crud.store_prepared(
            work,
            catalog.USERS,
            replace(prepared, wanted=waiting, state=state.value),
            made,
            what="waits to be let in",
        )


async def _platform(db: Db) -> StoredObject:
    """The first user of the enterprise above all others.  Raises Problem(429) for a crowd."""
    above = await people.find_user_for_login(db, PLATFORM_USER)
    if above is None:
        raise Problem(503, "this controller has no enterprise of the platform yet; try later")
    waiting = await tree.count_below(db, above.enterprise_id, EnterpriseState.SIGNEDUP.value)
    _refuse_crowd(waiting, WAITING_ENTERPRISES, "enterprises")
    return above


async def enterprise(context: Context, request: Request) -> Response:
    """Below the enterprise of the platform, with its first administrator."""
    _refuse_closed(context)
    _slow_down(context, request)
    sent = await read_body(request, AAARequestEnterpriseSignup)
    wanted, admin = sent.enterprise or Enterprise(), sent.admin_user or AdminUserSignup()
    async with snapshot(context.engine) as db:  # before a password costs anything
        await _platform(db)
    hashed = await _hash(context, admin.password, admin.name or admin.email)
    async with unit_of_work(context.engine) as db:
        above = await _platform(db)
        work = _work(context, request, db, above.enterprise_id)
        target = await make_enterprise(
            work,
            wanted.model_copy(
                update={
                    "title": wanted.title or sent.title or wanted.name,
                    "type": EnterpriseType.SELFSIGNUP,
                    "state": EnterpriseState.SIGNEDUP,
                    "parent_entp_id": above.enterprise_id,
                    "realms": tuple(sent.realm_list),
                }
            ),
        )
        await _add_user(within(work, target.id), admin, SYS_ADMIN, hashed, UserState.ACTIVE)
    return JSONResponse({"type": "AAAResponseTypeEnterpriseSignup"})


async def _open_enterprise(db: Db, name: str) -> str:
    """The id of an enterprise that takes one more.  Raises Problem."""
    above = await people.find_user_for_login(db, PLATFORM_USER)
    found = None
    if above is not None and name:
        found = await tree.find_below_by_name(db, above.enterprise_id, name)
    if found is None or records.ENTERPRISE.read(found).state is not EnterpriseState.ACTIVE:
        raise Problem(
            403,
            f"nobody signs itself up for enterprise {name!r}; check its name, or ask its "
            "administrator for a user",
            location="enterpriseName",
        )
    waiting = Filter(states=frozenset({UserState.SIGNEDUP.value}))
    counts = await count_by_state(db, Scope(EnterpriseId(found.id)), Kind.USER, waiting)
    _refuse_crowd(sum(counts.values()), WAITING_USERS, f"users of enterprise {name!r}")
    return found.id


async def user(context: Context, request: Request) -> Response:
    """In an enterprise that is there; it may look only, and only once it is let in."""
    _refuse_closed(context)
    _slow_down(context, request)
    sent = await read_body(request, AAARequestAdminUserSignup)
    async with snapshot(context.engine) as db:  # before a password costs anything
        await _open_enterprise(db, sent.enterprise_name)
    hashed = await _hash(context, sent.password, sent.name or sent.email)
    async with unit_of_work(context.engine) as db:
        enterprise_id = await _open_enterprise(db, sent.enterprise_name)
        work = _work(context, request, db, enterprise_id)
        admin = AdminUserSignup(
            email=sent.email,
            first_name=sent.first_name,
            full_name=sent.full_name,
            name=sent.name,
        )
        await _add_user(work, admin, SYS_MONITOR, hashed, UserState.SIGNEDUP)
    return JSONResponse({"type": "AAAResponseTypeAdminUserSignup"})


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/login/signup/enterprise", enterprise, Anybody.STRANGER),
    Route("POST", "/v1/login/signup/user", user, Anybody.STRANGER),
)
