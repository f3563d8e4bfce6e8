"""What is made quickly is what its class says."""

import copy
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest

from eaves.frozen import quick


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    number: int = 3
    parts: list[int] = field(default_factory=list[int])


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    number: int = 3
    parts: list[int] = field(default_factory=list[int])


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    name: str
    number: int | None = None


def test_it_takes_and_holds_what_a_plain_one_does() -> None:
    cases: Any = (
        (("a",), {}),
        (("a", 4), {}),
        (("a",), {"parts": [1]}),
        ((), {"name": "a", "number": 5}),
    )
    for arguments, members in cases:
        made, plain = Quick(*arguments, **members), Plain(*arguments, **members)
        assert type(made) is Quick
        assert (made.name, made.number, made.parts) == (plain.name, plain.number, plain.parts)
        assert repr(made) == repr(plain).replace("Plain", "Quick")
    assert Quick("a").parts is not Quick("a").parts
    assert Named(name="a") == Named(name="a", number=None) != Named(name="a", number=0)
    assert hash(Named(name="a")) == hash(Named(name="a"))


def test_a_class_of_which_some_fields_are_given_by_name_only_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Mixed:
        name: str
        number: int = field(default=1, kw_only=True)

    with pytest.raises(TypeError, match="by name only"):
        quick(Mixed)


def test_it_refuses_what_a_plain_one_does() -> None:
    kind: Any = Quick
    named: Any = Named
    made = kind("a")
    with pytest.raises(FrozenInstanceError):
        made.number = 4
    with pytest.raises(FrozenInstanceError):
        del made.number
    with pytest.raises(TypeError, match="name"):
        kind()
    with pytest.raises(TypeError, match="strange"):
        kind("a", strange=1)
    with pytest.raises(TypeError, match="positional"):
        named("a")


def test_it_is_copied_as_a_plain_one() -> None:
    made = Quick("a", 4, [1])
    for other in (replace(made), copy.copy(made), copy.deepcopy(made)):
        assert (type(other), other) == (Quick, made)
    assert replace(made, number=5) == Quick("a", 5, [1])


def test_what_it_cannot_make_is_refused_at_once() -> None:
    @dataclass(frozen=True)
    class Loose:
        name: str

    @dataclass(frozen=True, slots=True)
    class Checked:
        name: str

        def __post_init__(self) -> None:
            raise ValueError(self.name)

    for of in (Loose, Checked):
        with pytest.raises(TypeError, match=of.__name__):
            quick(of)
