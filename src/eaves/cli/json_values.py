"""What JSON and YAML hold, told to the type checker: objects and lists of anything."""

from typing import Any, TypeGuard

Json = dict[str, Any]


def is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def object_of(value: object) -> Json:
    """The value, or an empty object where it is none."""
    return value if is_object(value) else {}


def list_of(value: object) -> list[Any]:
    """The value, or an empty list where it is none."""
    return value if is_list(value) else []


def objects_of(value: object) -> list[Json]:
    """The objects of a list."""
    return [item for item in list_of(value) if is_object(item)]
