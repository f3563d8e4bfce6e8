"""Authorization profiles: how the people of an enterprise sign in."""

from collections.abc import Mapping

from eaves.controller.domain.admission.auth_profiles import admit_auth_profile
from eaves.controller.domain.authz import EVERYTHING, Rights, rights_of
from eaves.controller.domain.builtin_roles import SYS_ADMIN
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile, OAuthProfile
from eaves.controller.domain.contract.users import AuthType
from eaves.controller.northbound import records
from eaves.controller.northbound.work import Prepared, Work

CLIENT_SECRET = "clientSecret"  # noqa: S105 - the name of a member
INACTIVE, ACTIVE, EXTERNAL = "inactive", "active", "external"  # what is stored beside it
IN_FORCE = frozenset({ACTIVE, EXTERNAL})


async def prepare_auth_profile(
    work: Work, wanted: AuthorizationProfile, current: AuthorizationProfile | None
) -> Prepared[AuthorizationProfile]:
    role = await records.find(work.db, work.scope, records.ROLE, wanted.default_role_id)
    refusals = admit_auth_profile(
        wanted,
        current,
        role=role,
        own=work.principal.rights,
        everything=await _everything(work),
        active=await _active_beside(work, wanted),
    )
    provider = wanted.oauth_profile
    secrets: dict[str, str] = {}
    changes: dict[str, object] = {"enterprise_id": str(work.scope.enterprise)}
    if wanted.type is AuthType.UNSPECIFIED:
        changes["type"] = AuthType.LOCAL
    if provider is not None:
        changes["oauth_profile"] = provider.model_copy(update={"client_secret": ""})
        if provider.client_secret:
            secrets[CLIENT_SECRET] = provider.client_secret
    return Prepared(
        wanted.model_copy(update=changes),
        refusals,
        references=frozenset({wanted.default_role_id}),
        state=_state_of(wanted),
        secrets=secrets,
        secret_fields=frozenset() if provider is None else frozenset({CLIENT_SECRET}),
    )


def _state_of(profile: AuthorizationProfile) -> str:
    if not profile.active:
        return INACTIVE
    return EXTERNAL if profile.type is AuthType.OAUTH else ACTIVE


async def _everything(work: Work) -> Rights:
    role = await records.find_named(work.db, work.scope, records.ROLE, SYS_ADMIN)
    return EVERYTHING if role is None else rights_of(role, None)


async def _active_beside(work: Work, wanted: AuthorizationProfile) -> str:
    if not wanted.active:
        return ""
    for profile in await records.list_all(work.db, work.scope, records.AUTH_PROFILE):
        if profile.active and profile.id != wanted.id:
            return profile.name
    return ""


def with_client_secret(
    profile: AuthorizationProfile, clear: Mapping[str, str]
) -> AuthorizationProfile:
    provider = profile.oauth_profile or OAuthProfile()
    secret = clear.get(CLIENT_SECRET, "")
    told = provider.model_copy(update={"client_secret": secret})
    return profile.model_copy(update={"oauth_profile": told})
