"""How the people of an enterprise sign in: their passwords' rules, or a provider of identities."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary
from eaves.controller.domain.contract.users import AuthType


class AuthProfileType(OpenEnum):
    UNSPECIFIED = "AUTH_PROFILE_TYPE_UNSPECIFIED"
    OAUTH_AZURE_AD = "AUTH_PROFILE_TYPE_OAUTH_AZURE_AD"
    OAUTH_GOOGLE = "AUTH_PROFILE_TYPE_OAUTH_GOOGLE"
    OAUTH_CUSTOM = "AUTH_PROFILE_TYPE_OAUTH_CUSTOM"
    LOCAL = "AUTH_PROFILE_TYPE_LOCAL"


class JwtAlgorithm(OpenEnum):
    NONE = "None"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"


class OAuthJwtProfile(Contract):
    alg: JwtAlgorithm = JwtAlgorithm.NONE


class OAuthProfile(Contract):
    """`role_scope`: the claim that names the role; `additional_parameters`: a map, or its JSON."""

    oidc_end_point: str = wire("OIDCEndPoint", "")
    additional_parameters: str | dict[str, str] = ""
    client_id: str = wire("clientID", "")
    client_secret: str = ""
    crypto_key: str = ""
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    idp_id: str = ""
    jwt_auth_profile: OAuthJwtProfile | None = None
    role_scope: str = ""


class PasswordProfile(Contract):
    """Lengths and numbers in characters, ages in seconds; 0: no such rule."""

    max_length: int = 0
    max_password_age: int = 0
    min_length: int = 0
    min_lowercase_chars: int = 0
    min_numeric_chars: int = 0
    min_password_age: int = 0
    min_symbol_chars: int = 0
    min_uppercase_chars: int = 0
    num_prev_password_check: int = 0
    password_expiry_notification_period_in_seconds: int = 0


class AuthorizationProfile(Contract):
    active: bool = False
    default_role_id: str = ""
    description: str = ""
    disable_auto_user_create: bool = False
    enterprise_id: str = ""
    id: str = ""
    name: str = ""
    oauth_profile: OAuthProfile | None = None
    password_profile: PasswordProfile | None = None
    profile_type: AuthProfileType = AuthProfileType.UNSPECIFIED
    revision: ObjectRevision | None = None
    test_only: bool = False
    title: str = ""
    type: AuthType = AuthType.UNSPECIFIED


class AuthorizationProfiles(Contract):
    list: tuple[AuthorizationProfile, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
