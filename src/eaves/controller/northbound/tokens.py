"""Sessions and API tokens that there are: whose, until when, and their end."""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import ObjectDetail, ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import (
    SessionDetailsResponse,
    SessionDetailsResponseCause,
)
from eaves.controller.northbound import records
from eaves.controller.northbound.context import Context, token_hash
from eaves.controller.northbound.credentials import CHANGE_USERS, find_owner
from eaves.controller.northbound.own import READ_USERS, note_user
from eaves.controller.northbound.paging import Facts, Row, page_of, read_list_query
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import Route
from eaves.controller.store import people, sign_in
from eaves.controller.store.people import StoredToken


async def session_of_token(context: Context, request: Request) -> Response:
    """Whose token it is: for oneself, and for who may read users of the enterprise."""
    asked = request.query_params.get("sessionToken.base64", "")
    token = request.path_params.get("token") or asked
    async with context.reading(request) as work:
        stored = await people.find_token(work.db, token_hash(token), work.now)
        who = work.principal
        visible = stored is not None and (
            stored.user_id == who.user_id
            or (stored.enterprise_id == work.scope.enterprise and who.rights.permits(READ_USERS))
        )
        user = None
        if stored is not None and visible:
            user = await people.find_user_of_token(work.db, stored.user_id)
    if user is None:
        raise Problem(404, "there is no such session that you may see; it may have ended")
    answer = SessionDetailsResponse(
        cause=SessionDetailsResponseCause.OK, user=records.USER.read(user)
    )
    return JSONResponse(answer.to_json())


async def own_tokens(context: Context, request: Request) -> Response:
    """Sessions and API tokens of the caller, the oldest first unless another order is asked for.

    The tokens themselves are not kept.
    """
    query = read_list_query(request.query_params)
    query = replace(query, order_by=query.order_by or ("createdAt",))
    async with context.reading(request) as work:
        found = await people.list_tokens(work.db, work.principal.user_id, work.now)
    by_id = {one.id: one for one in found}
    rows = (Row(ObjectDetail(id=one.id, name=one.client), _facts(one)) for one in found)
    page = page_of(rows, query)
    told: list[JsonObject] = [
        {
            "id": one.id,
            "kind": one.kind,
            "createdAt": rfc3339(one.created_at),
            "expiresAt": rfc3339(one.expires_at),
            "client": one.client,
            "readSecrets": one.read_secrets,
            "current": one.id == work.principal.token_id,
        }
        for one in (by_id[row.item.id] for row in page.rows)
    ]
    return JSONResponse({"list": told, "next": page.next.to_json(), "totalCount": page.total})


def _facts(one: StoredToken) -> Facts:
    return {
        "kind": one.kind,
        "client": one.client,
        "createdAt": rfc3339(one.created_at),
        "expiresAt": rfc3339(one.expires_at),
        "readSecrets": str(one.read_secrets).lower(),
    }


async def revoke_token(context: Context, request: Request) -> Response:
    """Of the caller, with all that it made; from the next request on, in every process."""
    wanted = request.path_params["id"]
    async with context.writing(request) as work:
        await sign_in.one_at_a_time(work.db, work.principal.user_id)
        if not await people.delete_token_of(work.db, work.principal.user_id, wanted):
            raise not_found("token", wanted)
        await note_user(work, "token revoked")
    target = Target(kind="tokens", object_type=ObjectType.USER, id=wanted)
    return context.envelopes.success(
        target, operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


async def end_sessions_of(context: Context, request: Request) -> Response:
    """All sessions and API tokens of a user, at once and in every process."""
    async with context.writing(request) as work:
        user = await find_owner(work, request.path_params["id"])
        await sign_in.one_at_a_time(work.db, user.id)
        await people.delete_tokens_of(work.db, user.id)
        await note_user(work, "tokens revoked", records.USER.read(user))
    target = Target(kind="users", object_type=ObjectType.USER, id=user.id, name=user.name)
    return context.envelopes.success(
        target, operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/sessions/token", session_of_token, Anybody.USER),
    Route("GET", "/v1/sessions/token/{token}", session_of_token, Anybody.USER),
    Route("GET", "/v1/eaves/tokens", own_tokens, Anybody.USER),
    Route("DELETE", "/v1/eaves/tokens/{id}", revoke_token, Anybody.USER),
    Route("DELETE", "/v1/eaves/users/{id}/tokens", end_sessions_of, CHANGE_USERS),
)
