"""Passwords: the own one, and those that an administrator sets for others."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.admission.refusal import invalid
from eaves.controller.domain.authz import Anybody, Area, Rights, Rule, Verb
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.envelope import ObjectType, ZcOpsType
from eaves.controller.domain.contract.users import Credential, CredentialType
from eaves.controller.domain.passwords import PasswordRules, faults_of
from eaves.controller.northbound import known_clients, records, roles, signing_in, standing
from eaves.controller.northbound.context import Context, scope_for
from eaves.controller.northbound.crud import read_body
from eaves.controller.northbound.enterprises import within
from eaves.controller.northbound.own import note_user
from eaves.controller.northbound.passwords import TooManyGuesses
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import people, sign_in
from eaves.controller.store.objects import StoredObject, find_object, find_object_by_name
from eaves.controller.store.tables import Kind
from eaves.ids import EnterpriseId

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


async def check_own_password(
    context: Context, request: Request, password: str
) -> people.Credential:
    """Raises Problem(403) for a wrong one, Problem(429) after too many, here and at logins."""
    async with context.reading(request, restricted=True) as work:
        user = await _own(work)
        credential = await people.find_credential(work.db, user.id)
    stored_hash = credential.password_hash if credential is not None else ""
    who = known_clients.guesser(context, request, user.id, credential)
    too_many = Problem(429, "too many wrong passwords; wait a minute and try again")
    if await signing_in.attempts_left(context, request, who) <= 0:
        raise too_many
    try:
        right = await context.passwords.check(stored_hash, password, who, context.clock())
    except TooManyGuesses:
        raise too_many from None
    if not right or credential is None:
        failures = context.passwords.to_be_told(who, context.clock())
        await signing_in.note_failure(context, request, user, who, failures=failures)
        raise Problem(403, "currentCred is not the present password", location="currentCred")
    return credential


async def _own(work: Work) -> StoredObject:
    user = await people.find_user_of_token(work.db, work.principal.user_id)
    if user is None:
        raise Problem(401, "this user is no more; log in again")
    return user


def refuse_faults(faults: Sequence[str]) -> None:
    """Raises Problem(400) with every reason against a new password."""
    if faults:
        raise Problem.of_refusals(
            [invalid("newCred", f"the new password {fault}") for fault in faults]
        )


async def _change_own(context: Context, request: Request, sent: Credential) -> Response:
    """Every other session and token of the user ends with its password."""
    credential = await check_own_password(context, request, sent.current_cred)
    async with context.reading(request, restricted=True) as work:
        principal = work.principal
        # of its home: this may be a session in an enterprise below
        home = EnterpriseId((await _own(work)).enterprise_id)
        rules = await standing.password_rules(work.db, home)
        earlier = await sign_in.earlier_passwords_of(
            work.db, principal.user_id, rules.remembered - 1 if rules.remembered else 0
        )
    since = rules.changeable_at(credential.changed_at)
    if since > context.clock() and not credential.must_change:
        raise Problem(403, f"this password may be changed from {rfc3339(since)} on")
    faults = list(faults_of(sent.new_cred, principal.user_name, rules))
    if sent.new_cred == sent.current_cred:
        faults.append("is the old one; choose another")
    elif await context.passwords.is_one_of(earlier, sent.new_cred):
        faults.append(f"is one of the last {rules.remembered}; choose another")
    refuse_faults(faults)
    new_hash = await context.passwords.hash(sent.new_cred)
    async with context.writing(request, restricted=True) as work:
        kept = await signing_in.token_in_use(work, request)
        before = await _replaced(work, principal.user_id, rules)
        if before is None or before.password_hash != credential.password_hash:
            raise Problem(409, "this password was replaced meanwhile; log in with the new one")
        await _put(work, principal.user_id, new_hash, must_change=False)
        # what it was made with is gone; it keeps its end
        await people.insert_token(work.db, replace(kept, parent_id=""))
        await note_user(within(work, home), "password changed")
    answer = _done(context, principal.user_id, principal.user_name, principal.user_name)
    known_clients.remember(context, request, answer, credential, work.now)
    return answer


async def _replaced(work: Work, user_id: str, rules: PasswordRules) -> people.Credential | None:
    """The password that is about to go; it is remembered if the rules say so."""
    before = await people.find_credential(work.db, user_id)
    if before is not None and rules.remembered:
        await sign_in.keep_earlier_password(
            work.db, user_id, before.password_hash, before.changed_at, remembered=rules.remembered
        )
    return before


async def _set_that_of(context: Context, request: Request, sent: Credential) -> Response:
    """The user must choose another at the next login; what is open for it ends."""
    async with context.reading(request) as work:
        owner = await find_owner(work, sent.owner)
        rules = await standing.password_rules(work.db, EnterpriseId(owner.enterprise_id))
    if standing.signs_in_elsewhere(owner):
        raise Problem(
            409,
            f"user {owner.name!r} signs in at a provider of identities and has no password here; "
            "change its type to AUTH_TYPE_LOCAL first",
            location="owner",
        )
    refuse_faults(faults_of(sent.new_cred, owner.name, rules))
    new_hash = await context.passwords.hash(sent.new_cred)
    async with context.writing(request) as work:
        owner = await find_owner(work, sent.owner)
        await sign_in.one_at_a_time(work.db, owner.id)
        await _replaced(work, owner.id, rules)
        await _put(work, owner.id, new_hash, must_change=True)
        await note_user(work, "password set", records.USER.read(owner))
    return _done(context, owner.id, owner.name, work.principal.user_name)


async def find_owner(work: Work, owner: str) -> StoredObject:
    """Raises Problem(403), Problem(404).  Nobody opens a user that may do more than itself."""
    scope = scope_for(work.principal, CHANGE_USERS)
    found = await find_object(work.db, scope, Kind.USER, owner)
    found = found or await find_object_by_name(work.db, scope, Kind.USER, owner)
    if found is None:
        raise not_found("user", owner)
    opened: tuple[Rights, ...] = ()  # nobody is too strong for itself
    if found.id != work.principal.user_id:
        opened = await roles.all_rights_of(work.db, records.USER.read(found))
    if not all(work.principal.rights.covers(rights) for rights in opened):
        raise Problem(
            403,
            f"user {found.name!r} may do more than you, here or in an enterprise below; only who "
            "may as much sets its password, its second factor and its tokens",
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
    await sign_in.forget_guesses(work.db, user_id)


def _done(context: Context, user_id: str, user_name: str, by: str) -> Response:
    target = Target(
        kind="credentials", object_type=ObjectType.CREDENTIAL, id=user_id, name=user_name
    )
    return context.envelopes.success(target, operation=ZcOpsType.UPDATE, user=by)


async def delete_credential(context: Context, request: Request) -> Response:
    """A user without a password: it cannot sign in by one, and all its sessions end.

    A credential has the id of its user.
    """
    user_id = request.path_params["id"]
    async with context.writing(request) as work:
        if user_id == work.principal.user_id:
            raise Problem(
                409, "this is your own password; somebody else must delete it, or change it"
            )
        found = await find_object(work.db, work.scope, Kind.USER, user_id)
        if found is None or await people.find_credential(work.db, user_id) is None:
            raise not_found("credential", user_id)
        user = await find_owner(work, user_id)
        await sign_in.one_at_a_time(work.db, user.id)
        rules = await standing.password_rules(work.db, EnterpriseId(user.enterprise_id))
        await _replaced(work, user.id, rules)
        await people.delete_credential(work.db, user.id)
        await people.delete_tokens_of(work.db, user.id)
        await note_user(work, "password deleted", records.USER.read(user))
    target = Target("credentials", ObjectType.CREDENTIAL, user.id, user.name)
    return context.envelopes.success(
        target, operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


ROUTES: tuple[Route, ...] = (
    Route("DELETE", "/v1/credentials/id/{id}", delete_credential, Rule(Area.USER, Verb.DELETE)),
    Route("POST", "/v1/credentials", set_password, Anybody.USER),
    Route("PUT", "/v1/credentials", set_password, Anybody.USER),
    Route("PUT", "/v1/credentials/self", set_password, Anybody.USER),
)
