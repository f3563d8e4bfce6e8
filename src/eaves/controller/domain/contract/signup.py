"""Enterprises and users that sign themselves up."""

from eaves.controller.domain.contract.auth_profiles import AuthProfileType
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.users import CredentialType, Enterprise


class AdminUserSignup(Contract):
    email: str = ""
    first_name: str = ""
    full_name: str = ""
    name: str = ""
    password: str = ""
    type: CredentialType = CredentialType.UNSPECIFIED


class AAARequestEnterpriseSignup(Contract):
    admin_user: AdminUserSignup | None = None
    employer_name: str = ""
    enterprise: Enterprise | None = None
    profile_type: AuthProfileType = AuthProfileType.UNSPECIFIED
    realm_list: tuple[str, ...] = ()
    title: str = ""
    token: str = ""


class AAARequestAdminUserSignup(Contract):
    email: str = ""
    enterprise_name: str = ""
    first_name: str = ""
    full_name: str = ""
    name: str = ""
    password: str = ""
    type: CredentialType = CredentialType.UNSPECIFIED
