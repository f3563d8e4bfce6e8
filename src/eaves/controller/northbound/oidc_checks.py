"""Whether a sign-in at a provider of identities would work, decided from what the provider told.

A provider tells of a client only when one asks for a token.  So it is asked with a code that nobody
gave: who knows the client refuses the code (`invalid_grant`), who does not refuses the client.

Sources: RFC 6749, section 5.2; RFC 7517.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from eaves.controller.northbound.oidc_protocol import SIGNATURES, Metadata, ProviderUnusable

MADE_UP_CODE: Final = "eaves-tests-its-client-with-a-code-that-nobody-gave"
BAD_CODE: Final = frozenset({"invalid_grant", "invalid_code"})
BAD_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client"})
UNAUTHORIZED: Final = 401
SHOWN: Final = 100  # characters of what somebody else says


class CheckOf(StrEnum):
    DISCOVERY = "DISCOVERY"
    KEYS = "KEYS"
    CLIENT = "CLIENT"


class Outcome(StrEnum):
    PASSED = "PASSED"
    FAILED = "FAILED"
    UNCLEAR = "UNCLEAR"  # the provider does not tell; a sign-in does
    NOT_TRIED = "NOT_TRIED"  # one before it failed


@dataclass(frozen=True, slots=True)
class Checked:
    """`text`: what was seen, and the next step where there is one."""

    of: CheckOf
    outcome: Outcome
    text: str


def passed_discovery(metadata: Metadata) -> Checked:
    return Checked(
        CheckOf.DISCOVERY, Outcome.PASSED, f"{metadata.issuer} tells its addresses, all https"
    )


def check_keys(metadata: Metadata, told: Mapping[str, object], algorithm: str) -> Checked:
    """`algorithm`: the one that the profile asks for; empty for any that is accepted."""
    wanted = (algorithm,) if algorithm else SIGNATURES
    try:
        usable = _signing_keys(told, wanted)
    except ProviderUnusable as error:
        return Checked(CheckOf.KEYS, Outcome.FAILED, f"{metadata.jwks_uri}: {error}")
    if not usable:
        return Checked(
            CheckOf.KEYS,
            Outcome.FAILED,
            f"{metadata.jwks_uri} has no key that signs with {' or '.join(wanted)}; set "
            "jwtAuthProfile to what the provider signs ID tokens with, or let it sign with RSA",
        )
    return Checked(
        CheckOf.KEYS, Outcome.PASSED, f"{metadata.jwks_uri} has {usable} keys for {wanted[0]}"
    )


def _signing_keys(told: Mapping[str, object], wanted: tuple[str, ...]) -> int:
    """How many keys could have signed; all of them have to be readable, as at a sign-in."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - loaded at the first sign-in or test
    from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

    try:
        keys = KeySet.import_key_set(cast("Any", told)).keys
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderUnusable(
            f"what it has are no keys ({type(error).__name__}: {str(error)[:SHOWN]}); look at it "
            "in a browser"
        ) from error
    return sum(
        one.key_type == "RSA"
        and one.get("use") in (None, "sig")
        and one.get("alg") in (None, *wanted)
        for one in keys
    )


def check_client(metadata: Metadata, status: int, told: Mapping[str, object]) -> Checked:
    """From the answer to a request for a token with `MADE_UP_CODE`."""
    error = str(told.get("error") or f"HTTP {status}")[:SHOWN]
    where = metadata.token_endpoint
    if error in BAD_CODE:
        return Checked(CheckOf.CLIENT, Outcome.PASSED, f"{where} accepts clientID and clientSecret")
    if error in BAD_CLIENT or status == UNAUTHORIZED:
        return Checked(
            CheckOf.CLIENT,
            Outcome.FAILED,
            f"{where} does not accept clientID and clientSecret ({error}); compare them with the "
            "client at the provider, and send clientSecret anew",
        )
    return Checked(
        CheckOf.CLIENT,
        Outcome.UNCLEAR,
        f"{where} does not say whether it accepts clientID and clientSecret ({error}); sign in "
        "once, with testOnly nobody else is sent there",
    )


def failed(of: CheckOf, error: Exception) -> Checked:
    return Checked(of, Outcome.FAILED, str(error))


def with_those_not_tried(done: tuple[Checked, ...]) -> tuple[Checked, ...]:
    """All checks in their order; those after the last one were not tried."""
    tried = {one.of for one in done}
    left = (
        Checked(of, Outcome.NOT_TRIED, "not tried: what comes before it failed")
        for of in CheckOf
        if of not in tried
    )
    return (*done, *left)
