"""Roles: what a user may do, and in which projects."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from eaves.controller.domain.contract.base import Contract, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary


class UserRole(OpenEnum):
    UNSPECIFIED = "USER_ROLE_UNSPECIFIED"
    SYSTEM_DEFINED = "USER_ROLE_SYSTEM_DEFINED"
    USER_DEFINED = "USER_ROLE_USER_DEFINED"
    CLUSTER = "USER_ROLE_CLUSTER"


class RoleState(OpenEnum):
    UNSPECIFIED = "ROLE_STATE_UNSPECIFIED"
    CREATED = "ROLE_STATE_CREATED"
    ACTIVE = "ROLE_STATE_ACTIVE"
    INACTIVE = "ROLE_STATE_INACTIVE"
    ARCHIVED = "ROLE_STATE_ARCHIVED"


class RoleScope(Contract):
    """Each `access_` is a word such as `PermissionAccessReadUpdate`."""

    access_app: str = ""
    access_app_instance: str = ""
    access_device: str = ""
    access_edge_app: str = ""
    access_enterprise: str = ""
    access_enterprise_integration_items: str = ""
    access_storage: str = ""
    access_user: str = ""
    enterprise_filter: tuple[str, ...] = ()
    project_filter: tuple[str, ...] = ()
    read_secrets: bool = wire("readSecrets", default=False)  # an addition of ours
    uuid: str = ""


def _tags(value: object) -> object:
    """The contract's page calls it a string; its clients send and expect a map."""
    return {} if value == "" else value


class Role(Contract):
    description: str = ""
    id: str = ""
    name: str = ""
    project_tags: Annotated[dict[str, str], BeforeValidator(_tags)] = Field(default_factory=dict)
    revision: ObjectRevision | None = None
    scopes: tuple[RoleScope, ...] = ()
    state: RoleState = RoleState.UNSPECIFIED
    title: str = ""
    type: UserRole = UserRole.UNSPECIFIED


class Roles(Contract):
    list: tuple[Role, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
