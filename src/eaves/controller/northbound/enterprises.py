"""The tree of enterprises.

Who stands above sees that one is there, what state it is in and how much it holds, and makes,
changes and deletes it; nobody sees what lies in another one.

Only a role that holds in all projects looks below.  To work in an enterprise below, a user that is
allowed into it (`allowedEnterprises`) takes a session there.
"""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.enterprises import admit_enterprise
from eaves.controller.domain.authz import Anybody, Area, Rule, Verb
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType, ZsrvErrorCode
from eaves.controller.domain.contract.roles import UserRole
from eaves.controller.domain.contract.users import (
    Enterprise,
    LoginResponse,
    LoginResponseCause,
    Realm,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import (
    catalog,
    crud,
    journal,
    lists,
    records,
    roles,
    signing_in,
    standing,
)
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.paging import Row, page_of
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import READ_ENTERPRISE, Route
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects, people, sign_in, tree
from eaves.controller.store.roles import builtin_roles, people_id
from eaves.controller.store.tables import Kind
from eaves.ids import EnterpriseId

CHANGE = Rule(Area.ENTERPRISE, Verb.UPDATE)
CREATE = Rule(Area.ENTERPRISE, Verb.CREATE)
DELETE = Rule(Area.ENTERPRISE, Verb.DELETE)


def within(work: Work, enterprise_id: str) -> Work:
    """The same request, about an enterprise that was found to stand below."""
    scope = Scope(EnterpriseId(enterprise_id))
    return replace(work, principal=replace(work.principal, scope=scope))


def refuse_some_projects(work: Work) -> None:
    """Raises Problem(403): what is about all of an enterprise needs a role that holds in it all."""
    if work.scope.projects is not None:
        raise Problem(
            403,
            f"role {work.principal.rights.role_name!r} holds in some projects only, and this is "
            "about all of an enterprise; ask for a role without project filter",
        )


async def looking_at(work: Work, enterprise_id: str) -> Work:
    """The request within its own enterprise or one below.  Raises Problem(404)."""
    if enterprise_id in ("", str(work.scope.enterprise)):
        return work
    if work.scope.projects is None and await tree.is_below(
        work.db, work.scope.enterprise, enterprise_id
    ):
        return within(work, enterprise_id)
    raise not_found("enterprise", enterprise_id)


async def prepare_enterprise(
    work: Work, wanted: Enterprise, current: Enterprise | None
) -> Prepared[Enterprise]:
    """`work` lies within the enterprise; its parent is known and visible."""
    children = await tree.children_of(work.db, wanted.id)
    parent = wanted.parent_entp_id if current is None else current.parent_entp_id
    above = 0
    if current is None:
        above = 1 + await tree.depth_of(work.db, parent)
    refusals = admit_enterprise(
        wanted,
        current,
        children=[child.name for child in children],
        above=above,
        own=not await tree.is_below(work.db, work.principal.home, wanted.id),
    )
    complete = wanted.model_copy(
        update={"parent_entp_id": parent, "child_enterprises": (), "realms": ()}
    )
    return Prepared(complete, refusals, state=complete.state.value)


async def _make_realms(work: Work, _wanted: Enterprise, _current: Enterprise | None) -> None:
    """Those that are named and not there yet; realms are deleted by themselves."""
    for name in work.realms:
        if await records.find_named(work.db, work.scope, records.REALM, name) is None:
            await crud.create(work, catalog.REALMS, Realm(name=name, title=name))


async def present(work: Work, item: Enterprise) -> Enterprise:
    children = await tree.children_of(work.db, item.id)
    realms = await objects.list_names(work.db, work.scope, Kind.REALM)
    return item.model_copy(
        update={
            "child_enterprises": tuple({"id": one.id, "name": one.name} for one in children),
            "realms": tuple(sorted(realm.name for realm in realms)),
            "policy_list": item.policy_list or {"list": []},
            "totp_settings": item.totp_settings or {},
        }
    )


ENTERPRISES: Resource[Enterprise] = Resource(
    "/v1/enterprises",
    records.ENTERPRISE,
    ObjectType.ENTERPRISE,
    prepare_enterprise,
    lists.enterprises,
    present=present,
    after_write=_make_realms,
)


async def listing(context: Context, request: Request) -> Response:
    """The own one and those below."""
    query = crud.list_query(request)
    async with context.reading(request) as work:
        own = await records.find(work.db, work.scope, records.ENTERPRISE, work.scope.enterprise)
        found = [] if own is None else [await present(work, own)]
        if work.scope.projects is None:
            for stored in await tree.list_below(work.db, work.scope.enterprise):
                item = records.ENTERPRISE.read(stored)
                found.append(await present(within(work, stored.id), item))
    rows = tuple(Row(item, {"project": "", "roleName": ""}) for item in found)
    page = page_of(rows, query)
    made = lists.enterprises(page, rows)
    if query.summary:
        made["list"] = []
    return JSONResponse({**made, "totalCount": page.total})


async def read(context: Context, request: Request) -> Response:
    enterprise_id, name = request.path_params.get("id", ""), request.path_params.get("name", "")
    async with context.reading(request) as work:
        if name:
            enterprise_id = await _id_of(work, name)
        inside = await looking_at(work, enterprise_id)
        item = await crud.find(inside, ENTERPRISES, object_id=str(inside.scope.enterprise))
        shown = await present(inside, item)
    return JSONResponse(shown.to_json())


async def _id_of(work: Work, name: str) -> str:
    stored = await objects.find_object_by_name(work.db, work.scope, Kind.ENTERPRISE, name)
    if stored is None and work.scope.projects is None:
        stored = await tree.find_below_by_name(work.db, work.scope.enterprise, name)
    if stored is None:
        raise not_found("enterprise", name)
    return stored.id


async def create(context: Context, request: Request) -> Response:
    """With its built-in roles; without users: whoever is allowed into it makes them."""
    sent = await crud.read_body(request, Enterprise)
    async with context.writing(request) as work:
        refuse_some_projects(work)
        parent = sent.parent_entp_id or str(work.scope.enterprise)
        await looking_at(work, parent)
        target = await make_enterprise(work, sent.model_copy(update={"parent_entp_id": parent}))
    return context.envelopes.success(
        target, operation=ZcOpsType.CREATE, user=work.principal.user_name
    )


async def make_enterprise(work: Work, sent: Enterprise) -> Target:
    """Below `sent.parent_entp_id`, which whoever asks may look at."""
    enterprise_id = people_id(work.random)
    inside = replace(within(work, enterprise_id), realms=sent.realms)
    wanted = sent.model_copy(update={"id": enterprise_id, "revision": None})
    prepared = await prepare_enterprise(inside, wanted, None)
    if prepared.refusals:
        raise Problem.of_refusals(prepared.refusals, ENTERPRISES.target(sent))
    draft = crud.draft_of(ENTERPRISES, inside, prepared)
    stored = await objects.insert_object(work.db, inside.scope, draft, work.stamp)
    await tree.put_below(work.db, sent.parent_entp_id, enterprise_id)
    for role in builtin_roles(enterprise_id, work.random):
        await objects.insert_object(work.db, inside.scope, role, work.stamp)
    await _make_realms(inside, prepared.wanted, None)
    for each in (inside, work):  # it stands in both logs
        await _note(each, prepared.wanted, "created", None, prepared.wanted)
    return ENTERPRISES.target(prepared.wanted, str(stored.revision.curr))


async def _note(
    work: Work,
    about: Enterprise,
    what: str,
    before: Enterprise | None,
    after: Enterprise | None,
) -> None:
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.ENTERPRISE,
            noun="enterprise",
            object_id=about.id,
            object_name=about.name,
            what=what,
            before=before,
            after=after,
        ),
    )


async def change(context: Context, request: Request) -> Response:
    """The own one, by `self` too, or one below."""
    sent = await crud.read_body(request, Enterprise)
    async with context.writing(request) as work:
        refuse_some_projects(work)
        inside = await looking_at(work, request.path_params.get("id", ""))
        enterprise_id = str(inside.scope.enterprise)
        before = await crud.find(inside, ENTERPRISES, object_id=enterprise_id)
        inside = replace(inside, realms=sent.realms)
        target = await crud.replace(inside, ENTERPRISES, enterprise_id, sent)
        if inside.scope.enterprise != work.scope.enterprise:
            after = await crud.find(inside, ENTERPRISES, object_id=enterprise_id)
            await _note(work, after, "changed", before, after)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def remove(context: Context, request: Request) -> Response:
    """One below that holds nothing any more; its audit log stays in the database."""
    enterprise_id = request.path_params["id"]
    async with context.writing(request) as work:
        refuse_some_projects(work)
        inside = await looking_at(work, enterprise_id)
        item = await crud.find(inside, ENTERPRISES, object_id=enterprise_id)
        if inside.scope.enterprise == work.scope.enterprise:
            raise Problem(
                409, f"enterprise {item.name!r} is your own; somebody of the one above deletes it"
            )
        await _refuse_while_it_holds(inside, item)
        for of in (records.REALM, records.ROLE):
            for one in await objects.list_names(work.db, inside.scope, of.kind):
                await objects.delete_object(work.db, inside.scope, of.kind, one.id)
        stored = await objects.delete_object(work.db, inside.scope, Kind.ENTERPRISE, enterprise_id)
        await tree.forget_enterprise(work.db, enterprise_id)
        for each in (inside, work):
            await _note(each, item, "deleted", item, None)
    target = ENTERPRISES.target(item, str(stored.revision.curr))
    return context.envelopes.success(
        target, operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


async def _refuse_while_it_holds(work: Work, item: Enterprise) -> None:
    """Raises Problem(409) that names all of it."""
    held = [
        f"{count} {kind.noun}{'s' if count > 1 else ''}"
        for kind, count in (await tree.held_by(work.db, item.id)).items()
    ]
    builtin = {role.name for role in builtin_roles(item.id, work.random)}
    names = {one.name for one in await objects.list_names(work.db, work.scope, Kind.ROLE)}
    held += [f"role {name!r}" for name in sorted(names - builtin)]
    children = await tree.children_of(work.db, item.id)
    held += [f"enterprise {child.name!r}" for child in children]
    if held:
        raise Problem(
            409,
            f"enterprise {item.name!r} still holds {', '.join(held)}; delete those first",
            code=ZsrvErrorCode.DEPENDENCY_CONFLICT,
            target=ENTERPRISES.target(item),
        )


async def roles_below(context: Context, request: Request) -> Response:
    """The built-in roles, which a user of the enterprise above can be given there."""
    async with context.reading(request) as work:
        inside = await looking_at(work, request.path_params["id"])
        found = await records.list_all(work.db, inside.scope, records.ROLE)
    told = [
        {"id": role.id, "name": role.name} for role in found if role.type is UserRole.SYSTEM_DEFINED
    ]
    return JSONResponse({"list": told, "totalCount": len(told)})


async def switch(context: Context, request: Request) -> Response:
    """A token in an enterprise below, for a user that is allowed into it.

    It is of the kind of the one in use, and ends with it.
    """
    enterprise_id = request.path_params["id"]
    async with context.writing(request) as work:
        in_use = await signing_in.token_in_use(work, request)
        user = await people.find_user_of_token(work.db, work.principal.user_id)
        rights = None if user is None else await roles.rights_below(work.db, user, enterprise_id)
        if user is None or rights is None:
            raise not_found("enterprise", enterprise_id)
        inside = within(work, enterprise_id)
        await _refuse_without_second_factor(work, user, enterprise_id)
        token = await signing_in.token_made_with(context, work, in_use, enterprise_id)
        item = await crud.find(inside, ENTERPRISES, object_id=enterprise_id)
        for each in (inside, work):
            await _note(each, item, "entered", None, None)
    answer: JsonObject = LoginResponse(
        cause=LoginResponseCause.OK,
        token=token,
        user_id=user.id,
    ).to_json()
    return JSONResponse(answer)


async def _refuse_without_second_factor(
    work: Work, user: objects.StoredObject, enterprise_id: str
) -> None:
    """Raises Problem(403) where all are asked for one; a provider of identities asks by itself."""
    enterprise = await standing.enterprise_of(work.db, EnterpriseId(enterprise_id))
    if not standing.second_factor_enforced(enterprise) or standing.signs_in_elsewhere(user):
        return
    factor = await sign_in.find_second_factor(work.db, user.id)
    if factor is None or not factor.confirmed:
        raise Problem(
            403,
            "this enterprise asks everybody for a second factor, and you have none; add one, "
            "POST /api/v1/eaves/totp, and come again",
        )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/enterprises", listing, READ_ENTERPRISE),
    Route("POST", "/v1/enterprises", create, CREATE),
    Route("PUT", "/v1/enterprises/self", change, CHANGE),
    Route("GET", "/v1/enterprises/id/{id}", read, READ_ENTERPRISE),
    Route("GET", "/v1/enterprises/name/{name}", read, READ_ENTERPRISE),
    Route("PUT", "/v1/enterprises/id/{id}", change, CHANGE),
    Route("DELETE", "/v1/enterprises/id/{id}", remove, DELETE),
    Route("GET", "/v1/eaves/enterprises/id/{id}/roles", roles_below, READ_ENTERPRISE),
    Route("POST", "/v1/eaves/enterprises/id/{id}/session", switch, Anybody.USER),
)
