"""A provider of identities tried before anybody is sent there, below `/v1/ext`.

Whatever is stored is tried, active or not.  The profile is not changed by it, and nobody signs in.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.auth_profiles import (
    AuthorizationProfile,
    JwtAlgorithm,
    OAuthProfile,
)
from eaves.controller.domain.contract.users import AuthType
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.external import client_secret, redirect_uri_of
from eaves.controller.northbound.oidc import ProviderAway
from eaves.controller.northbound.oidc_checks import (
    MADE_UP_CODE,
    Checked,
    CheckOf,
    Outcome,
    check_client,
    check_keys,
    failed,
    passed_discovery,
    with_those_not_tried,
)
from eaves.controller.northbound.oidc_protocol import Client, ProviderUnusable
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trial:
    context: Context
    provider: OAuthProfile
    client: Client

    async def checks(self) -> AsyncIterator[Checked]:
        """Each after the one before it passed; the last one may have failed."""
        providers, now = self.context.providers, self.context.clock()
        of = CheckOf.DISCOVERY
        try:
            metadata = await providers.metadata(self.provider.oidc_end_point, now, fresh=True)
            yield passed_discovery(metadata)
            of = CheckOf.KEYS
            told = await providers.keys(metadata, now, fresh=True)
            yield check_keys(metadata, told, self._algorithm())
            of = CheckOf.CLIENT
            status, answer = await providers.ask_for_token(
                metadata, self.client, code=MADE_UP_CODE, verifier=self.context.random(32).hex()
            )
            yield check_client(metadata, status, answer)
        except (ProviderAway, ProviderUnusable) as error:
            yield failed(of, error)

    def _algorithm(self) -> str:
        profile = self.provider.jwt_auth_profile
        if profile is None or profile.alg is JwtAlgorithm.NONE:
            return ""
        return profile.alg.value


def provider_of(profile: AuthorizationProfile) -> OAuthProfile:
    """Raises Problem.  The address of a provider is admitted only with a profile of type OAUTH;
    another type may hold any, and the controller asks none of those.
    """
    if profile.type is not AuthType.OAUTH or profile.oauth_profile is None:
        raise Problem(
            400,
            f"authorization profile {profile.name!r} has no provider to try; one of type "
            "AUTH_TYPE_OAUTH has",
        )
    return profile.oauth_profile


async def try_provider(context: Context, request: Request) -> Response:
    """Whether a sign-in with this profile would work: reads what the provider tells of itself and
    its keys, and asks it for a token with a code that is none.  `redirectUri` is what the provider
    has to know; only a sign-in shows that it does.
    """
    async with context.reading(request) as work:
        profile = await crud.find(work, catalog.AUTH_PROFILES, object_id=request.path_params["id"])
        provider = provider_of(profile)
        redirect_uri = await redirect_uri_of(work.db, request, work.scope.enterprise)
        secret = await client_secret(context, work.db, profile.id)
    trial = Trial(context, provider, Client(provider.client_id, secret, redirect_uri))
    told = with_those_not_tried(tuple([one async for one in trial.checks()]))
    works = not any(one.outcome is Outcome.FAILED for one in told)
    log.info("identity_provider_tried", profile_id=profile.id, works=works)
    return JSONResponse(
        {
            "works": works,
            "redirectUri": redirect_uri,
            "checks": [
                {"check": one.of.value, "outcome": one.outcome.value, "text": one.text}
                for one in told
            ],
        }
    )


CHANGE_USERS: Final = Rule(Area.USER, Verb.UPDATE)
ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/ext/authorization/profiles/id/{id}/test", try_provider, CHANGE_USERS),
)
