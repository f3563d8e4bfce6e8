"""OpenID Connect without the network: the address to send somebody to, the request for tokens, the
check of an ID token.  Authlib and joserfc know the protocol; they are loaded at the first sign-in.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; Discovery 1.0; RFC 7636 (PKCE);
RFC 9207 (which provider answers).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from eaves.errors import Rejected

SCOPE: Final = "openid profile email"
WELL_KNOWN: Final = "/.well-known/openid-configuration"
SIGNATURES: Final = ("RS256", "RS384", "RS512")
LEEWAY_S: Final = 60


class ProviderUnusable(Rejected):
    """The provider of identities says something that no sign-in can be made with."""


@dataclass(frozen=True, slots=True)
class Metadata:
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    token_auth_methods: tuple[str, ...]
    names_itself: bool  # in the answer that it sends by the browser; RFC 9207


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    secret: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Client({self.client_id!r}, redirect_uri={self.redirect_uri!r})"


def discovery_url(end_point: str) -> str:
    """Of an issuer, or of its discovery document itself."""
    bare = end_point.rstrip("/")
    return bare if bare.endswith(WELL_KNOWN) else bare + WELL_KNOWN


def issuer_of(end_point: str) -> str:
    """Without a slash at its end; issuers may have one, so it is compared without."""
    return end_point.rstrip("/").removesuffix(WELL_KNOWN).rstrip("/")


def read_metadata(end_point: str, told: Mapping[str, object]) -> Metadata:
    """Raises ProviderUnusable.  What is told must be of the issuer that was asked."""
    issuer = str(told.get("issuer") or "")
    if issuer.rstrip("/") != issuer_of(end_point):
        raise ProviderUnusable(
            f"{end_point} tells that its issuer is {issuer[:200]!r}; set OIDCEndPoint to the issuer"
        )
    ends = {
        name: str(told.get(name) or "")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
    }
    for name, url in ends.items():
        if (url or name != "end_session_endpoint") and not _is_https(url):
            raise ProviderUnusable(
                f"{issuer}: its {name} is {url[:200]!r}, not an https:// address"
            )
    methods = told.get("token_endpoint_auth_methods_supported")
    listed = cast("list[object]", methods) if isinstance(methods, list) else ["client_secret_basic"]
    return Metadata(
        issuer=issuer,
        token_auth_methods=tuple(one for one in listed if isinstance(one, str)),
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        **ends,
    )


def _is_https(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https"
    except ValueError:  # brackets that hold no IPv6 address
        return False


def authorization_url(
    metadata: Metadata,
    client: Client,
    *,
    state: str,
    nonce: str,
    verifier: str,
    extra: Mapping[str, str],
) -> str:
    from authlib.oauth2 import rfc7636  # noqa: PLC0415 - see the module text
    from authlib.oauth2.rfc6749 import parameters  # noqa: PLC0415 - as above

    return str(
        cast("Any", parameters).prepare_grant_uri(
            metadata.authorization_endpoint,
            client.client_id,
            "code",
            redirect_uri=client.redirect_uri,
            scope=SCOPE,
            state=state,
            nonce=nonce,
            code_challenge=cast("Any", rfc7636).create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            **extra,
        )
    )


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A form to post; `basic`: user and password of the request, if it carries any."""

    body: str
    basic: tuple[str, str] | None

    def __repr__(self) -> str:
        return "TokenRequest(...)"  # it holds the code and the client's secret


def token_request(metadata: Metadata, client: Client, *, code: str, verifier: str) -> TokenRequest:
    from authlib.oauth2.rfc6749 import parameters  # noqa: PLC0415 - see the module text

    more: dict[str, str] = {"code": code, "code_verifier": verifier}
    basic = None
    if client.secret and "client_secret_basic" in metadata.token_auth_methods:
        basic = (client.client_id, client.secret)
    else:
        more["client_id"] = client.client_id
        if client.secret:
            more["client_secret"] = client.secret
    prepare = cast("Any", parameters).prepare_token_request
    body = str(prepare("authorization_code", redirect_uri=client.redirect_uri, **more))
    return TokenRequest(body, basic)


def check_id_token(
    id_token: str,
    keys: Mapping[str, object],
    *,
    metadata: Metadata,
    client: Client,
    nonce: str,
    access_token: str,
    algorithm: str,
    now_s: int,
) -> Mapping[str, object]:
    """The claims of a token that is of this provider, for us, of this sign-in and of now.

    `algorithm`: the one that the profile asks for; empty for any of `SIGNATURES`.  Raises
    ProviderUnusable.
    """
    from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - see the module text
    from joserfc import jwt  # noqa: PLC0415 - as above
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above
    from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

    allowed = [algorithm] if algorithm else list(SIGNATURES)
    one = {"essential": True}
    options = {
        "iss": {**one, "value": metadata.issuer},
        "aud": {**one, "value": client.client_id},
    }
    params = {"nonce": nonce, "client_id": client.client_id, "access_token": access_token}
    try:
        token = jwt.decode(id_token, KeySet.import_key_set(cast("Any", keys)), algorithms=allowed)
        claims: Any = cast("Any", CodeIDToken)(token.claims, token.header, options, params)
        claims.validate(now=now_s, leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderUnusable(
            f"{metadata.issuer}: its ID token is not accepted ({type(error).__name__}: "
            f"{str(error)[:200]}); check clientID, jwtAuthProfile and the clocks"
        ) from error
    return {str(name): value for name, value in cast("dict[object, object]", dict(claims)).items()}
