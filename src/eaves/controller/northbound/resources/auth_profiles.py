"""Authorization profiles: how the people of an enterprise sign in."""

import json
from collections.abc import Mapping

from eaves.controller.domain.admission.auth_profiles import admit_auth_profile, admit_hand
from eaves.controller.domain.authz import EVERYTHING, Rights, rights_of
from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile, OAuthProfile
from eaves.controller.domain.contract.users import AuthType
from eaves.controller.northbound import records
from eaves.controller.northbound.oidc_protocol import issuer_of
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import sign_in

CLIENT_SECRET = "clientSecret"  # noqa: S105 - the name of a member
CRYPTO_KEY = "cryptoKey"
ENCRYPTED_SECRETS = "encryptedSecrets"  # a map, sealed as its JSON
SECRETS = frozenset({CLIENT_SECRET, CRYPTO_KEY, ENCRYPTED_SECRETS})
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
    secrets = _secrets_of(provider)
    changes: dict[str, object] = {"enterprise_id": str(work.scope.enterprise)}
    if wanted.type is AuthType.UNSPECIFIED:
        changes["type"] = AuthType.LOCAL
    if provider is not None:
        blank: dict[str, object] = {"client_secret": "", "crypto_key": "", "encrypted_secrets": {}}
        changes["oauth_profile"] = provider.model_copy(update=blank)
    return Prepared(
        wanted.model_copy(update=changes),
        refusals,
        references=frozenset({wanted.default_role_id}),
        state=_state_of(wanted),
        secrets=secrets,
        secret_fields=SECRETS if _same_provider(wanted, current) else frozenset(secrets),
    )


def _secrets_of(provider: OAuthProfile | None) -> dict[str, str]:
    if provider is None:
        return {}
    sent = {CLIENT_SECRET: provider.client_secret, CRYPTO_KEY: provider.crypto_key}
    if provider.encrypted_secrets:
        sent[ENCRYPTED_SECRETS] = json.dumps(provider.encrypted_secrets, sort_keys=True)
    return {name: text for name, text in sent.items() if text}


def _same_provider(wanted: AuthorizationProfile, current: AuthorizationProfile | None) -> bool:
    """A secret was given by one provider; another one in its place never gets to see it."""
    after = wanted.oauth_profile
    before = current.oauth_profile if current is not None else None
    if after is None or before is None:
        return False
    return issuer_of(after.oidc_end_point) == issuer_of(before.oidc_end_point)


async def let_go_of_provider(
    work: Work, wanted: AuthorizationProfile, current: AuthorizationProfile | None
) -> None:
    """Only who could make a profile with a provider deletes it; who came through it is out.

    Raises Problem(403).
    """
    own, everything = work.principal.rights, await _everything(work)
    refusals = admit_hand(current, own=own, everything=everything)
    if refusals:
        raise Problem.of_refusals(refusals)
    await sign_in.end_sessions_of_provider(work.db, wanted.id)


def _state_of(profile: AuthorizationProfile) -> str:
    if not profile.active:
        return INACTIVE
    return EXTERNAL if profile.type is AuthType.OAUTH else ACTIVE


async def _everything(work: Work) -> Rights:
    """What all roles here permit together: a provider may name any of them.

    Roles by tag count as if they held in all projects, since projects may be tagged later.
    """
    roles = await records.list_all(work.db, work.scope, records.ROLE)
    if not roles:
        return EVERYTHING
    return Rights(tuple(grant for role in roles for grant in rights_of(role, None).grants))


async def _active_beside(work: Work, wanted: AuthorizationProfile) -> str:
    if not wanted.active:
        return ""
    for profile in await records.list_all(work.db, work.scope, records.AUTH_PROFILE):
        if profile.active and profile.id != wanted.id:
            return profile.name
    return ""


def _whom_it_trusts(profile: AuthorizationProfile) -> tuple[str, str] | None:
    provider = profile.oauth_profile
    if not profile.active or profile.type is not AuthType.OAUTH or provider is None:
        return None
    return issuer_of(provider.oidc_end_point), provider.client_id


async def end_sessions(
    work: Work, wanted: AuthorizationProfile, current: AuthorizationProfile | None
) -> None:
    """Whoever came through a provider that is trusted no more is out."""
    trusted = None if current is None else _whom_it_trusts(current)
    if trusted is not None and trusted != _whom_it_trusts(wanted):
        await sign_in.end_sessions_of_provider(work.db, wanted.id)


def with_provider_secrets(
    profile: AuthorizationProfile, clear: Mapping[str, str]
) -> AuthorizationProfile:
    provider = profile.oauth_profile or OAuthProfile()
    told: dict[str, object] = {}
    if CLIENT_SECRET in clear:
        told["client_secret"] = clear[CLIENT_SECRET]
    if CRYPTO_KEY in clear:
        told["crypto_key"] = clear[CRYPTO_KEY]
    if ENCRYPTED_SECRETS in clear:
        told["encrypted_secrets"] = json.loads(clear[ENCRYPTED_SECRETS])
    return profile.model_copy(update={"oauth_profile": provider.model_copy(update=told)})
