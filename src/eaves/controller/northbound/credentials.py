"""Passwords: the own one, and those that an administrator sets for others."""

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.authz import Anybody, Area, Rule, Verb
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import Credential, CredentialType
from eaves.controller.northbound import records, roles
from eaves.controller.northbound.context import Context, host_of, scope_for, token_hash, token_of
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.own import note_user
from eaves.controller.northbound.passwords import Guesser, TooManyGuesses, refuse_weak
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import people
from eaves.controller.store.objects import StoredObject, find_object, find_object_by_name
from eaves.controller.store.tables import Kind

CHANGE_USERS = Rule(Area.USER, Verb.UPDATE)
PASSWORDS = (CredentialType.UNSPECIFIED, CredentialType.PASSWORD)


async def set_password(context: Context, request: Request) -> Response:
    sent = await read_body(request, Credential)
    if sent.type not in PASSWORDS:
        raise Problem(
            400, f"type is {sent.type}; only {CredentialType.PASSWORD} is kept", location="type"
        )
    async with context.reading(request, restricted=True) as work:
        who = work.principal
    if sent.owner in ("", who.user_id, who.user_name):
        return await _change_own(context, request, sent)
    return await _set_that_of(context, request, sent)


async def _change_own(context: Context, request: Request, sent: Credential) -> Response:
    """Every other session and token of the user ends with its password."""
    async with context.reading(request, restricted=True) as work:
        principal = work.principal
        credential = await people.find_credential(work.db, principal.user_id)
    stored_hash = credential.password_hash if credential is not None else ""
    who = Guesser.of(principal.user_id, host_of(request))
    try:
        right = await context.passwords.check(stored_hash, sent.current_cred, who, context.clock())
    except TooManyGuesses:
        raise Problem(429, "too many wrong passwords; wait a minute and try again") from None
    if not right:
        raise Problem(403, "currentCred is not the present password", location="currentCred")
    refuse_weak(sent.new_cred, principal.user_name)
    if sent.new_cred == sent.current_cred:
        raise Problem(400, "the new password is the old one; choose another", location="newCred")
    new_hash = await context.passwords.hash(sent.new_cred)
    async with context.writing(request, restricted=True) as work:
        kept = await people.find_token(work.db, token_hash(token_of(request)), work.now)
        await _put(work, principal.user_id, new_hash, must_change=False)
        if kept is not None:
            await people.insert_token(work.db, kept)
        await note_user(work, "password changed")
    return _done(context, principal.user_id, principal.user_name, principal.user_name)


async def _set_that_of(context: Context, request: Request, sent: Credential) -> Response:
    """The user must choose another at the next login; what is open for it ends."""
    async with context.reading(request) as work:
        owner = await _find_owner(work, sent.owner)
    refuse_weak(sent.new_cred, owner.name)
    new_hash = await context.passwords.hash(sent.new_cred)
    async with context.writing(request) as work:
        owner = await _find_owner(work, sent.owner)
        await _put(work, owner.id, new_hash, must_change=True)
        await note_user(work, "password set", records.USER.read(owner))
    return _done(context, owner.id, owner.name, work.principal.user_name)


async def _find_owner(work: Work, owner: str) -> StoredObject:
    """Raises Problem(403), Problem(404).  Nobody opens a user that may do more than itself."""
    scope = scope_for(work.principal, CHANGE_USERS)
    found = await find_object(work.db, scope, Kind.USER, owner)
    found = found or await find_object_by_name(work.db, scope, Kind.USER, owner)
    if found is None:
        raise not_found("user", owner)
    if not work.principal.rights.covers(await roles.rights_of_user(work.db, found)):
        raise Problem(
            403,
            f"user {found.name!r} may do more than you; only who may as much sets its password",
            location="owner",
        )
    return found


async def _put(work: Work, user_id: str, new_hash: str, *, must_change: bool) -> None:
    credential = people.Credential(
        user_id=user_id,
        password_hash=new_hash,
        must_change=must_change,
        failed_attempts=0,
        changed_at=work.now,
    )
    await people.put_credential(work.db, credential)
    await people.delete_tokens_of(work.db, user_id)


def _done(context: Context, user_id: str, user_name: str, by: str) -> Response:
    target = Target(
        kind="credentials", object_type=ObjectType.CREDENTIAL, id=user_id, name=user_name
    )
    return context.envelopes.success(target, operation=ZcOpsType.UPDATE, user=by)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/credentials", set_password, Anybody.USER),
    Route("PUT", "/v1/credentials", set_password, Anybody.USER),
    Route("PUT", "/v1/credentials/self", set_password, Anybody.USER),
)
