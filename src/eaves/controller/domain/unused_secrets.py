"""Secrets in parts of the contract that are stored and given back but never looked into.

Nothing here uses them (Azure accounts, LISP keys), no type says where they are,
and so they could not be sealed.  They are not kept at all.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args

from eaves.controller.domain.contract.base import Contract

T = TypeVar("T", bound=Contract)

MEMBERS: Final = frozenset({"AppPrivateKey", "Credential", "appPassword", "credential", "password"})
"""What the contract calls them, in parts that have no type here."""


def without_unused_secrets(item: T) -> T:
    """The same object where there is none."""
    return cast("T", _of_contract(item))


def _of_contract(item: Contract) -> Contract:
    opaque = _opaque(type(item))
    changes: dict[str, object] = {}
    for name, value in item:
        if name not in item.model_fields_set or not isinstance(value, Contract | tuple | dict):
            continue
        kept = _of_value(cast("object", value), looked_into=name not in opaque)
        if kept is not value:
            changes[name] = kept
    return item.model_copy(update=changes) if changes else item


def _of_value(value: object, *, looked_into: bool) -> object:
    if isinstance(value, Contract):
        return _of_contract(value)
    if isinstance(value, tuple | list):
        items = cast("tuple[object, ...] | list[object]", value)
        kept = [_of_value(one, looked_into=looked_into) for one in items]
        if all(new is old for new, old in zip(kept, items, strict=True)):
            return items
        return tuple(kept) if isinstance(items, tuple) else kept
    if looked_into or not isinstance(value, Mapping):
        return value
    members = cast("Mapping[str, object]", value)
    told = {
        name: _of_value(one, looked_into=False)
        for name, one in members.items()
        if name not in MEMBERS
    }
    same = len(told) == len(members) and all(told[name] is members[name] for name in told)
    return members if same else told


@cache
def _opaque(kind: type[Contract]) -> frozenset[str]:
    """Members of any JSON; maps of texts belong to whoever wrote them."""
    return frozenset(
        name for name, field in kind.model_fields.items() if _holds_any(field.annotation)
    )


def _holds_any(annotation: object) -> bool:
    return annotation is Any or any(_holds_any(one) for one in get_args(annotation))
