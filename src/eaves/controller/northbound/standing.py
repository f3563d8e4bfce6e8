"""Whether somebody may sign in, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile
from eaves.controller.domain.contract.users import (
    AuthType,
    Enterprise,
    EnterpriseState,
    LoginResponseCause,
    UserState,
)
from eaves.controller.domain.passwords import PasswordRules, rules_of
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import records
from eaves.controller.northbound.resources.auth_profiles import IN_FORCE
from eaves.controller.store import tree
from eaves.controller.store.objects import Filter, StoredObject
from eaves.controller.store.unit import Db
from eaves.ids import EnterpriseId

Cause = LoginResponseCause
MAX_PARENTS: Final = 16

USER_CAUSES: Final[Mapping[UserState, Cause]] = {
    UserState.CREATED: Cause.USER_CREATEDSTATE,
    UserState.INACTIVE: Cause.USER_INACTIVE,
    UserState.SIGNEDUP: Cause.USER_SIGNEDUPSTATE,
    UserState.SUSPENDED: Cause.SUSPENDED,
}
ENTERPRISE_CAUSES: Final[Mapping[EnterpriseState, Cause]] = {
    EnterpriseState.CREATED: Cause.ENTERPRISE_CREATEDSTATE,
    EnterpriseState.DELETED: Cause.ENTERPRISE_INACTIVE,
    EnterpriseState.INACTIVE: Cause.ENTERPRISE_INACTIVE,
    EnterpriseState.SIGNEDUP: Cause.ENTERPRISE_SIGNEDUPSTATE,
}


@dataclass(frozen=True, slots=True)
class Barred:
    cause: Cause
    details: str


async def why_barred(db: Db, user: StoredObject) -> Barred | None:
    """None for somebody who may sign in, and use what it signed in for."""
    state = records.USER.read(user).state
    if state not in (UserState.ACTIVE, UserState.UNSPECIFIED):
        cause = USER_CAUSES.get(state, Cause.USER_UNKNOWNSTATE)
        return Barred(cause, f"user {user.name!r} is {state}; ask an administrator")
    return await why_closed(db, EnterpriseId(user.enterprise_id))


async def why_closed(db: Db, enterprise_id: EnterpriseId) -> Barred | None:
    """None for an enterprise whose users may sign in."""
    enterprise = await enterprise_of(db, enterprise_id)
    if enterprise is None:
        return Barred(Cause.ENTERPRISE_UNKNOWN, "this enterprise is no more")
    if enterprise.state not in (EnterpriseState.ACTIVE, EnterpriseState.UNSPECIFIED):
        cause = ENTERPRISE_CAUSES.get(enterprise.state, Cause.ENTERPRISE_UNKNOWNSTATE)
        text = f"enterprise {enterprise.name!r} is {enterprise.state}; ask its administrator"
        return Barred(cause, text)
    return None


async def enterprise_of(db: Db, enterprise: EnterpriseId) -> Enterprise | None:
    """As it stands now: whether one above enforces a second factor is not for it to say."""
    found = await records.find(db, Scope(enterprise), records.ENTERPRISE, enterprise)
    if found is None or not found.parent_entp_id:
        return found
    enforced = await _enforced_above(db, enterprise)
    settings = {**(found.totp_settings or {}), "enforcedByParent": enforced}
    return found.model_copy(update={"totp_settings": settings})


async def _enforced_above(db: Db, enterprise: EnterpriseId) -> bool:
    for above in await tree.above(db, enterprise):
        found = await records.find(db, Scope(EnterpriseId(above)), records.ENTERPRISE, above)
        settings = (found.totp_settings if found is not None else None) or {}
        if settings.get("enforceInChildren") is True:
            return True
    return False


@dataclass(frozen=True, slots=True)
class ProfileInForce:
    """`owner`: the enterprise that has the profile, which may be a parent of the one that asks."""

    profile: AuthorizationProfile
    owner: EnterpriseId


async def profile_in_force(db: Db, enterprise: EnterpriseId) -> ProfileInForce | None:
    """The active profile, of a parent where the enterprise inherits it."""
    here = enterprise
    for _ in range(MAX_PARENTS):
        found = await enterprise_of(db, here)
        if found is None or not (found.inherit_auth_from_parent and found.parent_entp_id):
            break
        here = EnterpriseId(found.parent_entp_id)
    profiles = await records.list_all(
        db, Scope(here), records.AUTH_PROFILE, Filter(states=IN_FORCE)
    )
    return ProfileInForce(profiles[0], here) if profiles else None


async def has_provider(db: Db, user: StoredObject) -> bool:
    """Whether the provider of identities of its enterprise is active."""
    found = await profile_in_force(db, EnterpriseId(user.enterprise_id))
    return found is not None and found.profile.type is AuthType.OAUTH


async def password_rules(db: Db, enterprise: EnterpriseId) -> PasswordRules:
    found = await profile_in_force(db, enterprise)
    return rules_of(found.profile.password_profile if found is not None else None)


def signs_in_elsewhere(user: StoredObject) -> bool:
    """A user of type OAUTH has no password here; one of type LOCAL keeps its own, whatever
    profile is active, so that an administrator gets in when the provider is away.
    """
    return records.USER.read(user).type is AuthType.OAUTH


def second_factor_enforced(enterprise: Enterprise | None) -> bool:
    settings: object = enterprise.totp_settings if enterprise is not None else None
    if not isinstance(settings, dict):
        return False
    told = cast("dict[str, object]", settings)
    return told.get("enforce") is True or told.get("enforcedByParent") is True
