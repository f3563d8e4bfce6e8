"""Frozen dataclasses that thousands of objects are made of at a time.

The constructor of a frozen dataclass sets each field through `object.__setattr__`, because its own
class refuses assignment; that takes ten times as long as to assign.
"""

from dataclasses import MISSING, Field, fields
from typing import Any, Final, TypeVar

T = TypeVar("T")

_class_of: Final = object.__dict__["__class__"]


def quick(of: type[T]) -> type[T]:
    """Of a frozen dataclass with slots, without a `__post_init__`: the same, made more quickly.

    While it is made, an object is one of a subclass that assigns.
    """
    plain: Any = of
    if "__slots__" not in of.__dict__ or hasattr(of, "__post_init__"):
        raise TypeError(f"{of.__name__} has no slots, or a __post_init__; it is made as it is")
    members: tuple[Field[Any], ...] = fields(plain)
    open_class = type(
        of.__name__, (of,), {"__slots__": (), "__setattr__": object.__setattr__, "__doc__": None}
    )
    scope: dict[str, Any] = {
        "_become": _class_of.__set__,
        "_open": open_class,
        "_made": of,
        "_missing": MISSING,
    }
    given = [_parameter(member, scope) for member in members]
    named = {bool(member.kw_only) for member in members}
    if len(named) > 1:
        raise TypeError(f"some fields of {of.__name__} are given by name only, and some are not")
    first = ["*"] if True in named else []
    lines = [
        f"def __init__({', '.join(['self', *first, *given])}):",
        "    _become(self, _open)",
        *(_assignment(member) for member in members),
        "    self.__class__ = _made",
    ]
    exec("\n".join(lines), scope)  # noqa: S102 - names of fields alone, as dataclasses do it themselves
    made = scope["__init__"]
    made.__qualname__ = f"{of.__qualname__}.__init__"
    plain.__init__ = made
    return of


def _parameter(member: "Field[Any]", scope: dict[str, Any]) -> str:
    if not member.init or member.name.startswith("_"):
        raise TypeError(f"field {member.name} is not a plain one")
    if member.default_factory is not MISSING:
        scope[f"_make_{member.name}"] = member.default_factory
        return f"{member.name}=_missing"
    if member.default is not MISSING:
        scope[f"_default_{member.name}"] = member.default
        return f"{member.name}=_default_{member.name}"
    return member.name


def _assignment(member: "Field[Any]") -> str:
    name = member.name
    if member.default_factory is not MISSING:
        return f"    self.{name} = _make_{name}() if {name} is _missing else {name}"
    return f"    self.{name} = {name}"
