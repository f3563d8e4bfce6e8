"""How the types of the REST contract read and write JSON.

Rules that every type here keeps:

- An attribute has the snake_case form of its JSON name (`imageRelUrl` -> `image_rel_url`).  Where
  turning that back into camelCase would not give the JSON name, `wire` states it (`ds_fqdn` is
  `dsFQDN`).
- `null` and an absent member mean the same: the attribute holds its zero value.
- A reply carries every list as `[]`, every map as `{}` and every enum at its default; a scalar or
  object which nobody set stays away: a zero in its place can look like a change to a client.
- Members that we do not know survive: they are kept and given back as they came.
- `Int64Text` is a decimal string in JSON and an `int` here; both forms are read.
- Enums are open: an unknown word passes through; a number, or a word without the common prefix, is
  understood.

Values are frozen; `model_copy(update={...})` makes a changed one.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

T = TypeVar("T")
_set = object.__setattr__

JsonObject = dict[
    str, Any
]  # a part of the contract that is stored and given back but never looked into
Timestamp = str  # RFC 3339; empty where nothing is known


def _whole_number(value: object) -> object:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0
        return int(text) if text.lstrip("-").isdecimal() else value
    return value


Int64Text = Annotated[
    int,
    BeforeValidator(_whole_number),
    Field(ge=-(2**63), lt=2**63),
    PlainSerializer(str, return_type=str, when_used="json"),
]
FlagOrText = bool | str  # one service of the contract calls it a boolean, the others a string


def _camel_case(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def wire(json_name: str, default: T) -> T:
    """A field whose JSON name does not follow from the attribute's name."""
    return Field(default=default, validation_alias=json_name, serialization_alias=json_name)


def wire_map(json_name: str) -> dict[str, Any]:
    """As `wire`, for a map."""
    return Field(default_factory=dict, validation_alias=json_name, serialization_alias=json_name)


class OpenEnum(StrEnum):
    """Words of the contract; one that is not listed is kept as it came."""

    @classmethod
    def _missing_(cls, value: object) -> "OpenEnum | None":
        members = list(cls)
        if isinstance(value, int) and not isinstance(value, bool):
            numbers = {255: members[-1]} if members[-1].value == "IO_TYPE_OTHER" else {}
            numbers |= {n: m for n, m in enumerate(members) if m not in numbers.values()}
            return numbers.get(value)
        if not isinstance(value, str):
            return None
        if not value:
            return members[0]
        with_prefix = cls.prefix() + value
        for member in members:
            if member.value == with_prefix:
                return member
        stranger = str.__new__(cls, value)
        stranger._name_ = value
        stranger._value_ = value
        return stranger

    @classmethod
    def prefix(cls) -> str:
        """What all words of the enum begin with, for example `ADMIN_STATE_`."""
        words = sorted(member.value for member in cls)
        first, last = words[0], words[-1]
        same = 0
        while same < len(first) and first[same] == last[same]:
            same += 1
        return first[: first.rfind("_", 0, same) + 1]

    @property
    def known(self) -> bool:
        return self.value in type(self)._value2member_map_


class Contract(BaseModel):
    model_config = ConfigDict(
        alias_generator=_camel_case,
        defer_build=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,  # errors go to the log, and what was sent may be a secret
        protected_namespaces=(),
        validate_by_alias=True,
        validate_by_name=True,
    )

    _always_sent: ClassVar[frozenset[str] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        given = cast("Mapping[str, object]", data)
        return {name: without_nulls(value) for name, value in given.items() if value is not None}

    def model_post_init(self, context: object, /) -> None:
        self.__pydantic_fields_set__.update(self._reply_members())

    @classmethod
    def _reply_members(cls) -> frozenset[str]:
        """The lists, maps and enums: they stand in every reply."""
        if "_always_sent" not in cls.__dict__ or cls._always_sent is None:
            cls._always_sent = frozenset(
                name
                for name, field in cls.model_fields.items()
                if isinstance(field.default, tuple | OpenEnum) or field.default_factory is dict
            )
        return cls._always_sent

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's own, in a fraction of the time: a large change makes very many copies."""
        if deep:
            return super().model_copy(update=update, deep=True)
        values, given = self.__dict__.copy(), self.__pydantic_fields_set__.copy()
        extra = self.__pydantic_extra__
        extra = None if extra is None else extra.copy()
        if update:
            given.update(update)
            fields = self.__pydantic_fields__
            if update.keys() <= fields.keys():
                values.update(update)
            else:
                values.update({n: v for n, v in update.items() if n in fields})
                extra = {**(extra or {}), **{n: v for n, v in update.items() if n not in fields}}
        made = object.__new__(type(self))
        _set(made, "__dict__", values)
        _set(made, "__pydantic_fields_set__", given)
        _set(made, "__pydantic_extra__", extra)
        _set(made, "__pydantic_private__", None)  # no type of the contract has any
        return made

    def to_json(self, *, without: Collection[str] = ()) -> JsonObject:
        """The object as a reply carries it and as it is stored; `without` these attributes."""
        return self.model_dump(
            mode="json",
            by_alias=True,
            exclude_unset=True,
            exclude_none=True,
            exclude=set(without) or None,
        )

    def to_json_text(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        """Raises pydantic's ValidationError with every fault at once."""
        return cls.model_validate(value)

    @classmethod
    def from_json_text(cls, text: str | bytes) -> Self:
        return cls.model_validate_json(text)

    def strangers(self, path: str = "") -> Iterator[str]:
        """Each enum that holds an unlisted word, as `member.path: WORD`."""
        fields = type(self).model_fields
        for name, field in fields.items():
            value = getattr(self, name)
            at = f"{path}{field.serialization_alias or name}"
            yield from _strangers_in(value, at)


def _strangers_in(value: object, at: str) -> Iterator[str]:
    if isinstance(value, OpenEnum) and not value.known:
        yield f"{at}: {value.value!r} is none of {', '.join(type(value))}"
    elif isinstance(value, Contract):
        yield from value.strangers(at + ".")
    elif isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from _strangers_in(item, f"{at}[{index}]")


# most values: to ask whether one is a Mapping takes longer
_WHOLE: tuple[type[object], ...] = (str, int, float, tuple)


def without_nulls(value: object) -> object:
    """Drop null members at any depth; null elements of lists go too."""
    if isinstance(value, _WHOLE):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {name: without_nulls(item) for name, item in members.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in cast("list[object]", value) if item is not None]
    return value


def rfc3339(moment: datetime) -> Timestamp:
    """Milliseconds and `Z`, as the contract's clients write them back."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
