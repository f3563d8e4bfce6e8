"""The roles that a new enterprise begins with."""

import base64
from collections.abc import Callable
from typing import Final

from eaves.controller.domain.builtin_roles import BUILTIN_ROLES, PLATFORM_ROLES
from eaves.controller.store.objects import Draft
from eaves.controller.store.tables import Kind

ID_BYTES: Final = 21  # 28 characters, as the contract wants ids of people and enterprises


def people_id(random: Callable[[int], bytes]) -> str:
    """An id for a user, a role, a realm, an enterprise or an authorization profile."""
    return base64.urlsafe_b64encode(random(ID_BYTES)).decode()


def builtin_roles(
    enterprise_id: str, random: Callable[[int], bytes], *, platform: bool = False
) -> tuple[Draft, ...]:
    """`platform`: of the enterprise below which all others are made."""
    return tuple(
        Draft(
            kind=Kind.ROLE,
            id=people_id(random),
            enterprise_id=enterprise_id,
            name=role.name,
            title=role.title,
            state=role.state.value,
            body=role.to_json_text(),
        )
        for role in (*BUILTIN_ROLES, *(PLATFORM_ROLES if platform else ()))
    )
