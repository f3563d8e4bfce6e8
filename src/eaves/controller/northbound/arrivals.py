"""Which user somebody is who comes back from a provider of identities: known, handed over, new."""

from dataclasses import dataclass

from eaves.controller.domain.claims import Identity
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.contract.users import (
    AuthType,
    DetailedUser,
    LoginResponseCause,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import catalog, crud, records, standing
from eaves.controller.northbound.roles import IN_FORCE
from eaves.controller.northbound.work import Work
from eaves.controller.store import people, sign_in
from eaves.controller.store.objects import StoredObject
from eaves.ids import EnterpriseId


@dataclass(frozen=True, slots=True)
class NotLetIn:
    cause: LoginResponseCause
    details: str


async def user_of(
    work: Work, profile: AuthorizationProfile, identity: Identity
) -> StoredObject | NotLetIn:
    """Found by issuer and subject once it was here; made, or handed over, at the first time."""
    known = await sign_in.find_identity(work.db, profile.id, identity.issuer, identity.subject)
    found = await people.find_user_of_token(work.db, known) if known else None
    role = await _role(work, profile, identity)
    if role is None:
        return NotLetIn(
            LoginResponseCause.ROLE_UNKNOWN,
            f"the default role of authorization profile {profile.name!r} is not in force here; "
            "ask an administrator",
        )
    user = found or await _first_time(work, profile, identity, role)
    if isinstance(user, NotLetIn):
        return user
    if found is None:
        await sign_in.put_identity(work.db, profile.id, identity.issuer, identity.subject, user.id)
    if user.enterprise_id != work.scope.enterprise:
        return NotLetIn(
            LoginResponseCause.USER_UNKNOWN, f"user {user.name!r} is not of this enterprise"
        )
    if records.USER.read(user).type is not AuthType.OAUTH:
        return NotLetIn(
            LoginResponseCause.USER_UNKNOWN,
            f"user {user.name!r} has a password here now and does not sign in at a provider",
        )
    return user if identity.roles is None else await _with_role(work, user, role)


async def _role(work: Work, profile: AuthorizationProfile, identity: Identity) -> Role | None:
    """The first role that the claim names and that is in force here, else the default one."""
    for name in identity.roles or ():
        role = await records.find_named(work.db, work.scope, records.ROLE, name)
        if role is not None and role.name == name and role.state in IN_FORCE:
            return role
    role = await records.find(work.db, work.scope, records.ROLE, profile.default_role_id)
    if role is None and profile.enterprise_id != work.scope.enterprise:
        # the profile is that of a parent: its role is called so here too
        there = Scope(EnterpriseId(profile.enterprise_id))
        named = await records.find(work.db, there, records.ROLE, profile.default_role_id)
        name = "" if named is None else named.name
        role = await records.find_named(work.db, work.scope, records.ROLE, name)
    return role if role is not None and role.state in IN_FORCE else None


async def _first_time(
    work: Work, profile: AuthorizationProfile, identity: Identity, role: Role
) -> StoredObject | NotLetIn:
    closed = await standing.why_closed(work.db, work.scope.enterprise)
    if closed is not None:
        return NotLetIn(closed.cause, closed.details)
    for name in identity.names:
        there = await people.find_user_for_login(work.db, name)
        if there is not None:
            return await _handed_over(work, there, identity)
    if profile.enterprise_id != work.scope.enterprise and not await _is_at_home(work, identity):
        return NotLetIn(
            LoginResponseCause.USER_UNKNOWN,
            "this user is not known here, and the provider is that of the enterprise above: it "
            "does not say who belongs here; ask an administrator to create the user with type "
            "AUTH_TYPE_OAUTH, or to name a realm as the domain of your verified mail address",
        )
    if profile.disable_auto_user_create:
        return NotLetIn(
            LoginResponseCause.USER_UNKNOWN,
            "this user is not known here, and nobody is made at a sign-in; ask an administrator to "
            "create it with type AUTH_TYPE_OAUTH",
        )
    if not identity.names or not identity.email:
        return NotLetIn(
            LoginResponseCause.USER_UNKNOWN,
            "the provider tells no verified mail address, or no name that fits; let it send the "
            "claims email and preferred_username",
        )
    wanted = DetailedUser(
        username=identity.names[0],
        email=identity.email,
        full_name=identity.full_name,
        role_id=role.id,
        type=AuthType.OAUTH,
    )
    made = await crud.create(work, catalog.USERS, wanted)
    return await crud.find_stored(work, catalog.USERS, object_id=made.id)


async def _is_at_home(work: Work, identity: Identity) -> bool:
    """Whether the enterprise has a realm that is called as the domain of the mail address."""
    if not identity.realm:
        return False
    realms = await records.list_all(work.db, work.scope, records.REALM)
    return any(realm.name.lower() == identity.realm for realm in realms)


async def _handed_over(
    work: Work, there: StoredObject, identity: Identity
) -> StoredObject | NotLetIn:
    """A user that an administrator made for the provider; no password is replaced by a name.

    Names change hands, issuer and subject never: a user that somebody came for already is that
    person's, whoever is called so now.
    """
    if there.enterprise_id != work.scope.enterprise:
        return _taken(f"user name {there.name!r} is taken; ask an administrator")
    user = await people.lock_user(work.db, there.id)  # of two at the same time one finds the other
    if user is None or records.USER.read(user).type is not AuthType.OAUTH:
        return _taken(f"user name {there.name!r} is that of a user with a password")
    if await sign_in.is_somebody_else(work.db, user.id, identity.issuer, identity.subject):
        return _taken(
            f"user name {there.name!r} belongs to another person of the provider; ask an "
            "administrator to delete that user, or to change its type to AUTH_TYPE_LOCAL and back"
        )
    return user


def _taken(details: str) -> NotLetIn:
    return NotLetIn(LoginResponseCause.USER_UNKNOWN, details)


async def _with_role(work: Work, user: StoredObject, role: Role) -> StoredObject:
    current = records.USER.read(user)
    if current.role_id == role.id:
        return user
    wanted = current.model_copy(update={"role_id": role.id})
    await crud.store_version(work, catalog.USERS, wanted, current, what="role changed at sign-in")
    return await crud.find_stored(work, catalog.USERS, object_id=user.id)
