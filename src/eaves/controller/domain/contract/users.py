"""People, sessions, credentials."""

from pydantic import Field

from eaves.controller.domain.contract.base import (
    Contract,
    Int64Text,
    JsonObject,
    OpenEnum,
    Timestamp,
    wire,
)
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary
from eaves.controller.domain.contract.roles import Role


class LoginWithPasswordRequest(Contract):
    enterprise_name: str = ""
    password: str = ""
    realm: str = ""
    username: str = ""
    username_at_realm: str = ""
    verbose_detailed_user: bool = False
    verbose_enterprise: bool = False
    verbose_policy: bool = False
    verbose_realm: bool = False
    verbose_simple_user: bool = False


class Token(Contract):
    base64: str = ""
    expires: Int64Text = 0


class LoginResponseCause(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    UNKNOWN = "UNKNOWN"
    CREDENTIALS = "CREDENTIALS"
    SUSPENDED = "SUSPENDED"
    EXCEPTION = "EXCEPTION"
    INACTIVE = "INACTIVE"
    SIGNEDUPSTATE = "SIGNEDUPSTATE"
    UNKNOWNSTATE = "UNKNOWNSTATE"
    CREATEDSTATE = "CREATEDSTATE"
    USER_UNKNOWN = "USER_UNKNOWN"
    ENTERPRISE_UNKNOWN = "ENTERPRISE_UNKNOWN"
    ROLE_UNKNOWN = "ROLE_UNKNOWN"
    USER_UNKNOWNSTATE = "USER_UNKNOWNSTATE"
    USER_INACTIVE = "USER_INACTIVE"
    USER_SIGNEDUPSTATE = "USER_SIGNEDUPSTATE"
    USER_CREATEDSTATE = "USER_CREATEDSTATE"
    ENTERPRISE_UNKNOWNSTATE = "ENTERPRISE_UNKNOWNSTATE"
    ENTERPRISE_INACTIVE = "ENTERPRISE_INACTIVE"
    ENTERPRISE_SIGNEDUPSTATE = "ENTERPRISE_SIGNEDUPSTATE"
    ENTERPRISE_CREATEDSTATE = "ENTERPRISE_CREATEDSTATE"
    CREDENTIAL_NOTFOUND = "CREDENTIAL_NOTFOUND"
    CREDENTIAL_MISMATCH = "CREDENTIAL_MISMATCH"
    SCHEME_UNKNOWN = "SCHEME_UNKNOWN"
    UPDATE_LOGINTIME_FAILED = "UPDATE_LOGINTIME_FAILED"
    CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT = "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"  # noqa: S105 - a word of the contract
    REDIRECT = "REDIRECT"
    DECRYPTION_FAILED = "DECRYPTION_FAILED"
    PASSWORD_EXPIRED = "PASSWORD_EXPIRED"  # noqa: S105 - a word of the contract
    TOTP_OK = "TOTP_OK"
    TOTP_INVALID_CODE = "TOTP_INVALID_CODE"
    TOTP_ERR = "TOTP_ERR"


class IdState(OpenEnum):
    UNSPECIFIED = "ID_STATE_UNSPECIFIED"
    NOT_VERIFIED = "ID_STATE_NOT_VERIFIED"
    VERIFIED = "ID_STATE_VERIFIED"


class UserState(OpenEnum):
    UNSPECIFIED = "USER_STATE_UNSPECIFIED"
    CREATED = "USER_STATE_CREATED"
    ACTIVE = "USER_STATE_ACTIVE"
    INACTIVE = "USER_STATE_INACTIVE"
    SIGNEDUP = "USER_STATE_SIGNEDUP"
    SUSPENDED = "USER_STATE_SUSPENDED"


class AuthType(OpenEnum):
    UNSPECIFIED = "AUTH_TYPE_UNSPECIFIED"
    LOCAL = "AUTH_TYPE_LOCAL"
    OAUTH = "AUTH_TYPE_OAUTH"
    SAML = "AUTH_TYPE_SAML"


class DetailedUser(Contract):
    hubspot_id: str = wire("HubspotId", "")
    last_login_time: Timestamp = wire("LastLoginTime", "")
    last_logout_time: Timestamp = wire("LastLogoutTime", "")
    sfdc_id: str = wire("SfdcId", "")
    allowed_enterprises: tuple[JsonObject, ...] = ()
    allowed_entp_project_list: dict[str, JsonObject] = Field(default_factory=dict)
    custom_user_input: dict[str, str] = Field(default_factory=dict)
    email: str = ""
    email_state: IdState = IdState.UNSPECIFIED
    enterprise_id: str = ""
    first_name: str = ""
    full_name: str = ""
    id: str = ""
    locale: str = ""
    notify_pref: str = ""
    phone: str = ""
    phone_state: IdState = IdState.UNSPECIFIED
    revision: ObjectRevision | None = None
    role_id: str = ""
    state: UserState = UserState.UNSPECIFIED
    time_zone: str = ""
    token_zks_sync_status: dict[str, JsonObject] = Field(default_factory=dict)
    totp_enabled: bool = False
    type: AuthType = AuthType.UNSPECIFIED
    username: str = ""
    zks_sync_status: JsonObject | None = None


class DetailedUsers(Contract):
    list: tuple[DetailedUser, ...] = ()
    next: Cursor | None = None
    summary_by_role_distribution: Summary | None = None
    summary_by_state: Summary | None = None
    summary_by_user_activity: Summary | None = None


class EnterpriseState(OpenEnum):
    UNSPECIFIED = "ENTERPRISE_STATE_UNSPECIFIED"
    CREATED = "ENTERPRISE_STATE_CREATED"
    DELETED = "ENTERPRISE_STATE_DELETED"
    ACTIVE = "ENTERPRISE_STATE_ACTIVE"
    INACTIVE = "ENTERPRISE_STATE_INACTIVE"
    SIGNEDUP = "ENTERPRISE_STATE_SIGNEDUP"


class EnterpriseType(OpenEnum):
    UNSPECIFIED = "ENTERPRISE_TYPE_UNSPECIFIED"
    SELFSIGNUP = "ENTERPRISE_TYPE_SELFSIGNUP"


class Enterprise(Contract):
    hubspot_id: str = wire("HubspotId", "")
    sfdc_id: str = wire("SfdcId", "")
    api_token_expiry_in_seconds: int = 0
    attributes: dict[str, str] = Field(default_factory=dict)
    azure_sub_id: str = ""
    child_enterprises: tuple[JsonObject, ...] = ()
    controller_host_url: str = wire("controllerHostURL", "")
    description: str = ""
    id: str = ""
    inherit_auth_from_parent: bool = False
    name: str = ""
    parent_entp_id: str = ""
    policy_list: JsonObject | None = None
    realms: tuple[str, ...] = ()
    revision: ObjectRevision | None = None
    state: EnterpriseState = EnterpriseState.UNSPECIFIED
    stream_events: JsonObject | None = None
    title: str = ""
    totp_settings: JsonObject | None = None
    type: EnterpriseType = EnterpriseType.UNSPECIFIED


class Realm(Contract):
    description: str = ""
    enterprise_id: str = ""
    id: str = ""
    name: str = ""
    revision: ObjectRevision | None = None
    title: str = ""


class Enterprises(Contract):
    list: tuple[Enterprise, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None


class Realms(Contract):
    list: tuple[Realm, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None


class SimpleUser(Contract):
    first_name: str = ""
    id: str = ""
    realm_id: str = ""
    state: UserState = UserState.UNSPECIFIED
    username: str = ""


class LoginResponse(Contract):
    api_token: Token | None = None
    cause: LoginResponseCause = LoginResponseCause.UNSPECIFIED
    detailed_user: DetailedUser | None = None
    enterprise: Enterprise | None = None
    login_token: Token | None = None
    no_of_login_attempts_left: int = 0
    password_expiry_notification_period_in_seconds: int = 0
    password_expiry_time: Timestamp = ""
    policies: tuple[JsonObject, ...] = ()
    realm: Realm | None = None
    redirect_url: str = ""
    role: Role | None = None
    simple_user: SimpleUser | None = None
    temp_token: Token | None = None
    token: Token | None = None
    user_id: str = ""


class LogoutResponseCause(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    FAILED = "FAILED"


class OpaqueToken64(Contract):
    base64: str = ""


class LogoutResponse(Contract):
    cause: LogoutResponseCause = LogoutResponseCause.UNSPECIFIED
    token: OpaqueToken64 | None = None


class RefreshResponseCause(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    UNKNOWN = "UNKNOWN"
    CREDENTIALS = "CREDENTIALS"
    EXPIRED = "EXPIRED"


class RefreshResponse(Contract):
    cause: RefreshResponseCause = RefreshResponseCause.UNSPECIFIED
    token: Token | None = None
    user_id: str = ""


class SessionDetailsResponseCause(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    FAILED = "FAILED"


class SessionDetailsResponse(Contract):
    cause: SessionDetailsResponseCause = SessionDetailsResponseCause.UNSPECIFIED
    policies: tuple[JsonObject, ...] = ()
    user: DetailedUser | None = None


class SecondFactorRequest(Contract):
    """An addition of ours: a code of an authenticator app, or one of those kept for its loss."""

    code: str = ""
    current_cred: str = ""
    recovery_code: str = ""
    temp_token: str = ""


class LoginModeRequest(Contract):
    username: str = ""


class LoginModeResponseMode(OpenEnum):
    LOCAL = "LOCAL"
    EXTERNAL = "EXTERNAL"


class LoginModeResponse(Contract):
    mode: LoginModeResponseMode = LoginModeResponseMode.LOCAL
    username: str = ""


class LoginWithOauthRequest(Contract):
    """Additions of ours: `loopback_port`, where a command waits for the browser to come back;
    `challenge`, the SHA-256 in base64url of a secret that whoever begins keeps to end it;
    `console`: the browser comes back to the console of this controller, which ends it.
    """

    challenge: str = ""
    console: bool = False
    enterprise_name: str = ""
    loopback_port: int = 0
    username_at_realm: str = ""


class OAuthCallbackRequest(Contract):
    """`verifier`, an addition of ours: the secret whose `challenge` the sign-in began with."""

    code: str = ""
    state: str = ""
    verifier: str = ""


class LoginForgotPasswordRequest(Contract):
    username: str = ""


class TokenRequest(Contract):
    read_secrets: bool = wire("readSecrets", default=False)  # an addition of ours


class GenerateTokenResponseCause(OpenEnum):
    UNSPECIFIED = "UNSPECIFIED"
    OK = "OK"
    USER_UNKNOWN = "USER_UNKNOWN"
    EXCEPTION = "EXCEPTION"


class GenerateTokenResponse(Contract):
    cause: GenerateTokenResponseCause = GenerateTokenResponseCause.UNSPECIFIED
    client_ip: str = ""
    error: str = ""
    expires_at: Timestamp = ""
    token: str = ""
    user_agent: str = ""
    user_name: str = ""


class CredentialType(OpenEnum):
    UNSPECIFIED = "CREDENTIAL_TYPE_UNSPECIFIED"
    PASSWORD = "CREDENTIAL_TYPE_PASSWORD"  # noqa: S105 - a word of the contract
    CHAP = "CREDENTIAL_TYPE_CHAP"
    PUBLIC_KEY = "CREDENTIAL_TYPE_PUBLIC_KEY"
    NONE = "CREDENTIAL_TYPE_NONE"


class Credential(Contract):
    current_cred: str = ""
    forgot: bool = False
    id: str = ""
    new_cred: str = ""
    owner: str = ""
    salt: int = 0
    type: CredentialType = CredentialType.UNSPECIFIED
