"""Who a provider of identities says that somebody is, and which role it names.  Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

USERNAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.@+-]{2,255}")
MAX_ROLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Identity:
    """`issuer` and `subject` never change; `names`: user names that fit, the best first; `realm`:
    the domain of a mail address that the provider says it has verified; `roles`: None where the
    provider was not asked for any.
    """

    issuer: str
    subject: str
    names: tuple[str, ...]
    email: str
    realm: str
    full_name: str
    roles: tuple[str, ...] | None


def identity_of(claims: Mapping[str, object], role_claim: str) -> Identity:
    """From the claims of a token whose signature was checked.

    At some providers a person types in any mail address.  So it names a user only where the
    provider says that it is verified; where the provider says nothing of that, mail goes there and
    no more, and where it says anything else it is nobody's.  `role_claim` may be a path with dots,
    such as `realm_access.roles`; a claim whose own name has dots is found first.
    """
    verified = claims.get("email_verified")
    email = _text(claims, "email") if verified is None or verified is True else ""
    names = (
        _text(claims, "preferred_username"),
        email if verified is True else "",
        _text(claims, "sub"),
    )
    return Identity(
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        names=tuple(dict.fromkeys(name for name in names if USERNAME.fullmatch(name))),
        email=email,
        realm=email.rpartition("@")[2].lower() if verified is True else "",
        full_name=_text(claims, "name")[:256],
        roles=_roles(claims, role_claim) if role_claim else None,
    )


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def _roles(claims: Mapping[str, object], path: str) -> tuple[str, ...]:
    value: object = claims.get(path)
    if value is None:
        value = claims
        for step in path.split("."):
            value = cast("Mapping[str, object]", value).get(step) if isinstance(value, dict) else ""
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[\s,]+", value) if part)
    if isinstance(value, list):
        some = cast("list[object]", value)[:MAX_ROLES]
        return tuple(one for one in some if isinstance(one, str))
    return ()
