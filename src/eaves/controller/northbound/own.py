"""What somebody sees and changes of itself: user, role, enterprise, sessions."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Anybody, Area, Rule, Verb
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.users import DetailedUser
from eaves.controller.northbound import catalog, crud, enterprises, journal, records, roles
from eaves.controller.northbound.context import SESSION, Context
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.resources.people import present_user
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import people
from eaves.controller.store.people import StoredToken
from eaves.controller.store.tables import Kind

OWN = (  # of its user; all else is for those who administer users
    *("first_name", "full_name", "phone", "locale", "time_zone", "notify_pref", "email"),
    "custom_user_input",
)
READ_USERS = Rule(Area.USER, Verb.READ)


async def note_user(work: Work, what: str, user: DetailedUser | None = None) -> None:
    """Write down what was done with the own user, or with that of somebody else."""
    who = work.principal
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.USER,
            noun="user",
            object_id=who.user_id if user is None else user.id,
            object_name=who.user_name if user is None else user.username,
            what=what,
        ),
    )


async def own_user_of(work: Work) -> DetailedUser:
    stored = await people.find_user_of_token(work.db, work.principal.user_id)
    if stored is None:
        raise Problem(401, "this user is no more; log in again")
    return records.USER.read(stored)


async def own_user(context: Context, request: Request) -> Response:
    async with context.reading(request, restricted=True) as work:
        shown = await present_user(work, await own_user_of(work))
        return JSONResponse(shown.to_json())


async def change_own_user(context: Context, request: Request) -> Response:
    """Name, address and the like; what says what a user may do stays as it is."""
    sent = await crud.read_body(request, DetailedUser)
    async with context.writing(request) as work:
        current = await own_user_of(work)
        wanted = current.model_copy(update={name: getattr(sent, name) for name in OWN})
        wanted = wanted.model_copy(update={"email": sent.email or current.email})
        expected = crud.expected_revision(sent)
        target = await crud.store_version(work, catalog.USERS, wanted, current, expected=expected)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def own_role(context: Context, request: Request) -> Response:
    """What the caller may do, so that nobody is offered what would be refused."""
    async with context.reading(request) as work:
        user = await own_user_of(work)
        role_id = roles.role_in(user, work.scope.enterprise) or user.role_id
        role = await records.find(work.db, work.scope, records.ROLE, role_id)
    if role is None:
        raise not_found("role", role_id)
    return JSONResponse(role.to_json())


async def own_enterprise(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        found = await records.find(work.db, work.scope, records.ENTERPRISE, work.scope.enterprise)
        if found is None:
            raise not_found("enterprise", work.scope.enterprise)
        shown = await enterprises.present(work, found)
    return JSONResponse(shown.to_json())


async def sessions(context: Context, request: Request) -> Response:
    """Who is logged in: the whole enterprise for who may read users, oneself for all others."""
    async with context.reading(request) as work:
        everybody = work.principal.rights.permits(READ_USERS)
        user_id = "" if everybody else work.principal.user_id
        found = await people.list_sessions(work.db, work.scope, SESSION, work.now, user_id=user_id)
        names = await records.names_of(work.db, work.scope, Kind.USER)
    told = [_session(one, names.get(one.user_id, "")) for one in found]
    return JSONResponse({"cause": "OK", "sessionDetails": told})


def _session(token: StoredToken, user_name: str) -> JsonObject:
    address, _, agent = token.client.partition(" ")
    return {
        "sessionId": token.id,  # names the session; it is not the token
        "userName": user_name,
        "clientIp": address,
        "userAgent": agent,
        "expiresAt": rfc3339(token.expires_at),
    }


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/users/self", own_user, Anybody.USER),
    Route("PUT", "/v1/users/self", change_own_user, Anybody.USER),
    Route("GET", "/v1/roles/self", own_role, Anybody.USER),
    Route("GET", "/v1/enterprises/self", own_enterprise, Anybody.USER),
    Route("GET", "/v1/sessions", sessions, Anybody.USER),
)
