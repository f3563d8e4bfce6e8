"""Authorization profiles."""

import json
from typing import Final, cast
from urllib.parse import urlsplit

from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    conflict,
    invalid,
    unknown,
)
from eaves.controller.domain.authz import Rights
from eaves.controller.domain.contract.auth_profiles import (
    AuthorizationProfile,
    OAuthProfile,
    PasswordProfile,
)
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.contract.users import AuthType
from eaves.controller.domain.passwords import LONGEST_AGE, LONGEST_PASSWORD, SHORTEST_PASSWORD

MAX_REMEMBERED: Final = 24
OWN_PARAMETERS: Final = frozenset(
    {"client_id", "redirect_uri", "response_type", "scope", "state", "nonce"}
    | {"code_challenge", "code_challenge_method", "response_mode", "request", "request_uri"}
)


def admit_auth_profile(
    wanted: AuthorizationProfile,
    current: AuthorizationProfile | None,
    *,
    role: Role | None,
    own: Rights,
    everything: Rights,
    active: str,
) -> tuple[Refusal, ...]:
    """`role`: the default one; `everything`: what all roles of the enterprise permit together;
    `active`: the name of another profile that is active, if any.
    """
    refusals = list(admit_names("authorization profile", wanted, current))
    if role is None:
        refusals.append(unknown("role", wanted.default_role_id, "defaultRoleId"))
    if wanted.active and active:
        refusals.append(
            conflict(
                "active",
                f"authorization profile {active!r} is active, and an enterprise has one active; "
                "make that one inactive first",
            )
        )
    if wanted.type is AuthType.SAML:
        refusals.append(
            invalid("type", f"type is {AuthType.SAML}, which is not served; use {AuthType.OAUTH}")
        )
    if wanted.type is AuthType.OAUTH:
        refusals += _admit_provider(wanted.oauth_profile)
    refusals += admit_hand(wanted, current, own=own, everything=everything)
    if wanted.password_profile is not None:
        refusals += _admit_rules(wanted.password_profile)
    return tuple(refusals)


def admit_hand(
    *profiles: AuthorizationProfile | None, own: Rights, everything: Rights
) -> tuple[Refusal, ...]:
    """Who lays hand on a provider, whatever the profile is called before and after: a provider says
    who has which role, so whoever puts its own in place could be anybody.
    """
    if own.covers(everything) or not any(_has_provider(one) for one in profiles if one is not None):
        return ()
    return (
        Refusal(
            ZsrvErrorCode.FORBIDDEN,
            "type",
            "a provider of identities says who has which role, so only somebody who may do all "
            f"that any role permits makes, changes or deletes one; yours is {own.role_name!r}",
        ),
    )


def _has_provider(profile: AuthorizationProfile) -> bool:
    return profile.type is AuthType.OAUTH or profile.oauth_profile is not None


def _admit_provider(provider: OAuthProfile | None) -> list[Refusal]:
    if provider is None:
        return [invalid("oauthProfile", f"type is {AuthType.OAUTH}; set oauthProfile")]
    refusals: list[Refusal] = []
    try:
        parts = urlsplit(provider.oidc_end_point)
        usable = parts.scheme == "https" and bool(parts.hostname) and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        refusals.append(
            invalid(
                "oauthProfile.OIDCEndPoint",
                f"OIDCEndPoint is {provider.oidc_end_point!r}; give the https:// address of the "
                "issuer, or of its /.well-known/openid-configuration",
            )
        )
    if not provider.client_id:
        refusals.append(
            invalid("oauthProfile.clientID", "clientID is empty; the provider issues it")
        )
    extra = parameters_of(provider)
    if extra is None:
        refusals.append(
            invalid(
                "oauthProfile.additionalParameters",
                "additionalParameters is no JSON object of texts",
            )
        )
    elif taken := sorted(OWN_PARAMETERS & set(extra)):
        refusals.append(
            invalid(
                "oauthProfile.additionalParameters",
                f"additionalParameters sets {', '.join(taken)}, which the sign-in itself sets",
            )
        )
    return refusals


def parameters_of(provider: OAuthProfile) -> dict[str, str] | None:
    """What an authorization request carries beside the usual; None for what cannot be read."""
    sent = provider.additional_parameters
    if isinstance(sent, dict):
        return sent
    if not sent.strip():
        return {}
    try:
        read: object = json.loads(sent)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    members = cast("dict[str, object]", read)
    found = {name: value for name, value in members.items() if isinstance(value, str)}
    return found if len(found) == len(members) else None


def _admit_rules(rules: PasswordProfile) -> list[Refusal]:
    refusals: list[Refusal] = []

    def refuse(member: str, why: str) -> None:
        at = f"passwordProfile.{member}"
        refusals.append(invalid(at, f"{at} {why}"))

    for name, value in rules.to_json().items():
        if isinstance(value, int) and value < 0:
            refuse(name, f"is {value}; give 0 or more")
    for name, seconds in (
        ("maxPasswordAge", rules.max_password_age),
        ("minPasswordAge", rules.min_password_age),
        (
            "passwordExpiryNotificationPeriodInSeconds",
            rules.password_expiry_notification_period_in_seconds,
        ),
    ):
        if seconds > LONGEST_AGE.total_seconds():
            refuse(
                name,
                f"is {seconds} seconds; give up to {int(LONGEST_AGE.total_seconds())}, which are "
                "ten years, or 0 for none",
            )
    if 0 < rules.min_length < SHORTEST_PASSWORD:
        refuse("minLength", f"is {rules.min_length}; no password has under {SHORTEST_PASSWORD}")
    if rules.max_length and rules.max_length < max(rules.min_length, SHORTEST_PASSWORD):
        refuse("maxLength", f"is {rules.max_length}, less than a password has at least")
    if max(rules.min_length, rules.max_length) > LONGEST_PASSWORD:
        refuse("maxLength", f"goes beyond {LONGEST_PASSWORD}, which every password is bounded by")
    needed = (
        rules.min_lowercase_chars
        + rules.min_uppercase_chars
        + rules.min_numeric_chars
        + rules.min_symbol_chars
    )
    if needed > (rules.max_length or LONGEST_PASSWORD):
        refuse("maxLength", f"has no place for {needed} characters of the kinds that are asked for")
    if rules.num_prev_password_check > MAX_REMEMBERED:
        refuse(
            "numPrevPasswordCheck",
            f"is {rules.num_prev_password_check}; up to {MAX_REMEMBERED} are remembered",
        )
    if rules.max_password_age and rules.min_password_age >= rules.max_password_age:
        refuse(
            "minPasswordAge", "is not under maxPasswordAge: no password could be changed in time"
        )
    return refusals
