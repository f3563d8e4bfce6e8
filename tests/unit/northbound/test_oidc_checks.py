"""Whether a sign-in at a provider would work, from what the provider told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from joserfc.jwk import ECKey, RSAKey

from eaves.controller.domain.contract.auth_profiles import AuthorizationProfile, OAuthProfile
from eaves.controller.domain.contract.users import AuthType
from eaves.controller.northbound.oidc import Providers
from eaves.controller.northbound.oidc_checks import (
    Checked,
    CheckOf,
    Outcome,
    check_client,
    check_keys,
    with_those_not_tried,
)
from eaves.controller.northbound.oidc_protocol import (
    Client,
    Metadata,
    ProviderUnusable,
    read_metadata,
)
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.provider_tests import provider_of

PROVIDER = Metadata(
    issuer="https://login.example.com",
    authorization_endpoint="https://login.example.com/authorize",
    token_endpoint="https://login.example.com/token",
    jwks_uri="https://login.example.com/keys",
    end_session_endpoint="",
    token_auth_methods=("client_secret_basic",),
    names_itself=False,
)
RSA = RSAKey.generate_key(2048).as_dict(private=False)
CURVE = ECKey.generate_key("P-256").as_dict(private=False)


@pytest.mark.parametrize(
    ("key", "algorithm", "outcome"),
    [
        (RSA, "", Outcome.PASSED),
        (RSA | {"use": "sig", "alg": "RS512"}, "RS512", Outcome.PASSED),
        (RSA | {"use": "sig", "alg": "RS512"}, "RS256", Outcome.FAILED),
        (RSA | {"use": "enc"}, "", Outcome.FAILED),
        (CURVE, "", Outcome.FAILED),
        ({"kty": "RSA", "n": 7}, "", Outcome.FAILED),
    ],
)
def test_keys_have_to_be_of_those_that_a_sign_in_accepts(
    key: dict[str, object], algorithm: str, outcome: Outcome
) -> None:
    told = check_keys(PROVIDER, {"keys": [key]}, algorithm)
    assert told.outcome is outcome
    assert PROVIDER.jwks_uri in told.text


@pytest.mark.parametrize("told", [{}, {"keys": "none"}, {"keys": []}])
def test_what_holds_no_keys_fails(told: dict[str, object]) -> None:
    assert check_keys(PROVIDER, told, "").outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (400, "invalid_grant", Outcome.PASSED),
        (401, "invalid_client", Outcome.FAILED),
        (400, "unauthorized_client", Outcome.FAILED),
        (401, "", Outcome.FAILED),
        (400, "invalid_request", Outcome.UNCLEAR),
        (200, "", Outcome.UNCLEAR),
    ],
)
def test_who_refuses_the_code_knows_the_client(status: int, error: str, outcome: Outcome) -> None:
    assert check_client(PROVIDER, status, {"error": error}).outcome is outcome


def test_what_comes_after_a_failure_was_not_tried() -> None:
    first = Checked(CheckOf.DISCOVERY, Outcome.FAILED, "away")
    told = with_those_not_tried((first,))
    assert [one.of for one in told] == list(CheckOf)
    assert [one.outcome for one in told[1:]] == [Outcome.NOT_TRIED] * 2


@pytest.mark.parametrize("kind", [AuthType.LOCAL, AuthType.UNSPECIFIED, AuthType.SAML])
def test_only_a_provider_whose_address_was_admitted_is_tried(kind: AuthType) -> None:
    inside = OAuthProfile(oidc_end_point="http://169.254.169.254/latest")
    with pytest.raises(Problem, match="no provider to try"):
        provider_of(AuthorizationProfile(name="inside", type=kind, oauth_profile=inside))
    with pytest.raises(Problem, match="no provider to try"):
        provider_of(AuthorizationProfile(name="none", type=AuthType.OAUTH))
    outside = OAuthProfile(oidc_end_point=PROVIDER.issuer)
    profile = AuthorizationProfile(name="company", type=AuthType.OAUTH, oauth_profile=outside)
    assert provider_of(profile) == outside


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_a_provider_that_tells_no_address_is_unusable(name: str) -> None:
    told = {
        "issuer": PROVIDER.issuer,
        "authorization_endpoint": PROVIDER.authorization_endpoint,
        "token_endpoint": PROVIDER.token_endpoint,
        "jwks_uri": PROVIDER.jwks_uri,
    }
    assert read_metadata(PROVIDER.issuer, told).issuer == PROVIDER.issuer
    with pytest.raises(ProviderUnusable, match=name):
        read_metadata(PROVIDER.issuer, told | {name: "https://[login.example.com/"})


async def test_an_address_that_nothing_can_be_asked_at_is_told() -> None:
    wrong = "https://login.example.com:port/"
    odd = replace(PROVIDER, jwks_uri=wrong, token_endpoint=wrong)
    with pytest.raises(ProviderUnusable, match="no address that can be asked"):
        await Providers().keys(odd, datetime(2026, 5, 1, tzinfo=UTC))
    client = Client("eaves", "", "https://controller/oauth/callback")
    with pytest.raises(ProviderUnusable, match="no address that can be asked"):
        await Providers().ask_for_token(odd, client, code="c", verifier="v")
