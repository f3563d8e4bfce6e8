"""Objects of the contract from the JSON that this controller itself stored.

A stored body was checked when it was written, and reading thousands of them must not cost the
checks again.  So each class is compiled once, at first use, into a table of JSON name ->
(attribute, conversion).  Whatever the table does not expect (another type, a null, an unlisted
word) is left to the full reading of the class, which understands or refuses it: the result is
always that of `from_json_text`.

Objects of one reading have much in common: the ports of a model, the drives of a bundle.  With
`KnownParts` each text of a list or an object is turned into a value once; where it stands again,
the same value stands.
"""

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple
from pydantic.fields import FieldInfo

from eaves.controller.domain.contract.base import Contract, OpenEnum

P = ParamSpec("P")
T = TypeVar("T", bound=Contract)

Convert = Callable[[Any], Any]


class _UnexpectedError(Exception):
    """Not what a body holds that was stored as it is read; never leaves this module."""


class KnownParts:
    """Lists and objects by the JSON they were read from.  For one thread, and one reading."""

    def __init__(self) -> None:
        self._made: dict[tuple[Convert, bytes], Any] = {}

    def part(self, convert: Convert, text: bytes) -> Any:
        key = (convert, text)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(convert, text)
        return made

    def value(self, convert: Convert, text: bytes) -> Any:
        """Of any member: what is simple is not looked for."""
        if text[0] == _LIST or text[0] == _OBJECT:
            return self.part(convert, text)
        return convert(_decode(text))

    def _make(self, convert: Convert, text: bytes) -> Any:
        if isinstance(convert, _Part):
            return convert.table().build_known(text, self)
        if isinstance(convert, _Tuple) and isinstance(convert.each, _Part) and text[0] == _LIST:
            return tuple([self.part(convert.each, bytes(one)) for one in _decode_list(text)])
        return convert(_decode(text))


_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode = msgspec.json.Decoder().decode


def read_stored(
    contract: type[T],
    text: str,
    changes: Mapping[str, object] | None = None,
    known: KnownParts | None = None,
) -> T:
    """The object, with `changes` of attributes as by `model_copy`.

    Raises pydantic's ValidationError as `from_json_text` does.
    """
    if "null" not in text:
        table = _table(contract)
        try:
            item = table.build(_decode(text)) if known is None else table.build_known(text, known)
        except (_UnexpectedError, ValueError):
            pass
        else:
            if changes:
                item.__dict__.update(changes)
                item.__pydantic_fields_set__.update(changes)
            return cast("T", item)
    return contract.from_json_text(text).model_copy(update=changes)


def read_members(contract: type[T], members: Mapping[str, object]) -> T:
    """As `read_stored` of these JSON members."""
    try:
        return cast("T", _table(contract).build(dict(members)))
    except _UnexpectedError:
        return contract.from_json(members)


def made(kind: Callable[P, T], *_: P.args, **members: P.kwargs) -> T:
    """As `kind(**members)`, of members that have the types of the class: nothing is checked."""
    return cast("T", _table(cast("type[T]", kind)).make(members))


def short_form(kind: type[T], item: Contract) -> T:
    """The members that this class has too, of an object that has more; unset ones stay unset."""
    return cast("T", _table(kind).shorten(item))


class _Table:
    """How one class is built."""

    def __init__(self, of: type[Contract]) -> None:
        self._of = of
        self._names = frozenset(of.model_fields)
        self._sent = of._reply_members()  # noqa: SLF001 - a part of the same package's reading rules
        self._defaults: dict[str, Any] = {}
        self._maps: list[str] = []
        self._by_name: dict[str, tuple[str, type[Any] | None, Convert]] = {}
        self._form: _Form | None = None  # made at first use: most classes are read one by one

    def fill(self) -> None:
        """Separate from construction, since an object may contain its like."""
        for attribute, field in self._of.model_fields.items():
            if field.default_factory is not None:
                self._maps.append(attribute)
                self._defaults[attribute] = None
            else:
                self._defaults[attribute] = field.default
            name = field.serialization_alias or field.alias or attribute
            known: Any = field.annotation
            kind: type[Any] | None = known if known in _SIMPLE and not field.metadata else None
            self._by_name[name] = (attribute, kind, _conversion(field))

    def build(self, data: object) -> Any:
        if type(data) is not dict:
            raise _UnexpectedError
        members = cast("dict[str, object]", data)
        values, given = self._blank()
        extra: dict[str, object] = {}
        find, note = self._by_name.get, given.add
        for name, value in members.items():
            known = find(name)
            if known is None:
                if name in self._names:
                    raise _UnexpectedError  # by the name of the attribute: the class knows that too
                extra[name] = value
                continue
            attribute, kind, convert = known
            values[attribute] = value if type(value) is kind else convert(value)
            note(attribute)
        return self._made(values, given, extra)

    def build_known(self, text: str | bytes, parts: KnownParts) -> Any:
        """As `build`, of the JSON itself."""
        if self._form is None:
            self._form = _Form(self._by_name)
        values, given = self._blank()
        extra: dict[str, object] = {}
        try:
            self._form.read(text, parts, values, given)
        except msgspec.ValidationError:
            # a member that is not of the class, or not as it expects: understood one by one
            values, given = self._blank()
            for name, raw in _decode_members(text).items():
                known = self._by_name.get(name)
                if known is None:
                    if name in self._names:
                        raise _UnexpectedError from None
                    extra[name] = _decode(raw)
                    continue
                attribute, _, convert = known
                values[attribute] = parts.value(convert, bytes(raw))
                given.add(attribute)
        return self._made(values, given, extra)

    def make(self, members: Mapping[str, object]) -> Any:
        values, given = self._blank()
        absent = [name for name, value in members.items() if value is None]
        if absent:
            members = {name: members[name] for name in members.keys() - absent}
        values.update(members)
        given.update(members)
        return self._made(values, given, {})

    def shorten(self, item: Contract) -> Any:
        values, given = self._blank()
        known = self._names & item.model_fields_set
        for name in known:
            values[name] = getattr(item, name)
        return self._made(values, given | known, {})

    def _blank(self) -> tuple[dict[str, Any], set[str]]:
        """Nothing but defaults, and what stands in every reply."""
        values = self._defaults.copy()
        for attribute in self._maps:
            values[attribute] = {}
        return values, set(self._sent)

    def _made(self, values: dict[str, Any], given: set[str], extra: dict[str, object]) -> Any:
        item = _new(self._of)
        # a frozen model refuses assignment, as its own constructor knows
        _set(item, "__dict__", values)
        _set(item, "__pydantic_fields_set__", given)
        _set(item, "__pydantic_extra__", extra)
        _set(item, "__pydantic_private__", None)
        return item


class _Form:
    """The members of one class as a struct: texts and flags are read at once, the rest stays JSON.

    Raises msgspec's ValidationError for anything else than these members.
    """

    def __init__(self, by_name: Mapping[str, tuple[str, type[Any] | None, Convert]]) -> None:
        plain = [name for name, (_, kind, _) in by_name.items() if kind in _AT_ONCE]
        words = [name for name, (_, _, convert) in by_name.items() if isinstance(convert, _Word)]
        others = [name for name in by_name if name not in plain and name not in words]
        self._plain = [by_name[name][0] for name in plain]
        self._words = [(by_name[name][0], by_name[name][2]) for name in words]
        self._others = [(by_name[name][0], by_name[name][2]) for name in others]
        names = {f"m{number}": name for number, name in enumerate([*plain, *words, *others])}
        fields: list[tuple[str, Any, Any]] = []
        for member, name in names.items():
            kind = str if name in words else by_name[name][1]
            if kind in _AT_ONCE:
                fields.append((member, kind | UnsetType, UNSET))
            else:
                fields.append((member, Raw, _ABSENT))
        form = msgspec.defstruct(
            "Form", fields, rename=names, forbid_unknown_fields=True, gc=False, frozen=True
        )
        self._decode = msgspec.json.Decoder(form).decode

    def read(
        self, text: str | bytes, parts: KnownParts, values: dict[str, Any], given: set[str]
    ) -> None:
        members = astuple(self._decode(text))
        for attribute, value in zip(self._plain, members, strict=False):
            if value is not UNSET:
                values[attribute] = value
                given.add(attribute)
        at = len(self._plain)
        for (attribute, convert), value in zip(self._words, members[at:], strict=False):
            if value is not UNSET:
                values[attribute] = convert(value)
                given.add(attribute)
        rest = members[at + len(self._words) :]
        for (attribute, convert), raw in zip(self._others, rest, strict=True):
            if raw is not _ABSENT:
                values[attribute] = parts.value(convert, bytes(raw))
                given.add(attribute)


_AT_ONCE = frozenset({str, bool})
_ABSENT = Raw()
_LIST, _OBJECT = b"[{"
_set, _new = object.__setattr__, object.__new__
_tables: dict[type[Contract], _Table] = {}


def _table(of: type[Contract]) -> _Table:
    table = _tables.get(of)
    if table is None:
        table = _Table(of)
        table.fill()
        _tables[of] = table
    return table


def _conversion(field: FieldInfo) -> Convert:
    annotation: Any = field.annotation
    if field.metadata:  # Int64Text is the one annotated type of the contract
        return _int64 if annotation is int else _never
    return _convert(annotation)


def _convert(annotation: Any) -> Convert:
    simple = _SIMPLE.get(annotation)
    if simple is not None:
        return simple
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        others = [argument for argument in arguments if argument is not NoneType]
        return _convert(others[0]) if len(others) == 1 else _one_of(others)
    if origin is tuple and arguments[1:] == (...,):
        return _Tuple(_convert(arguments[0]))
    if origin is dict:
        return _map_of(arguments[1])
    if isinstance(annotation, type) and issubclass(annotation, OpenEnum):
        return _Word(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return _Part(annotation)
    return _never


def _never(_value: Any) -> Any:
    raise _UnexpectedError


def _exactly(kind: type[Any]) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise _UnexpectedError
        return value

    return convert


def _one_of(kinds: list[Any]) -> Convert:
    allowed = frozenset(kinds) & {str, bool}

    def convert(value: Any) -> Any:
        if type(value) not in allowed:
            raise _UnexpectedError
        return value

    return convert


_SIMPLE: dict[Any, Convert] = {kind: _exactly(kind) for kind in (str, int, bool, float)}


def _int64(value: Any) -> int:
    if type(value) is not str or not value.isdecimal():
        raise _UnexpectedError
    return int(value)


class _Tuple:
    def __init__(self, each: Convert) -> None:
        self.each = each

    def __call__(self, value: Any) -> Any:
        if type(value) is not list:
            raise _UnexpectedError
        each = self.each
        return tuple([each(one) for one in cast("list[object]", value)])


def _map_of(kind: Any) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not dict:
            raise _UnexpectedError
        if kind is not Any:
            for one in cast("dict[str, object]", value).values():
                if type(one) is not kind:
                    raise _UnexpectedError
        return cast("dict[str, object]", value)

    return convert


class _Word:
    def __init__(self, of: type[OpenEnum]) -> None:
        self._members = {member.value: member for member in of}

    def __call__(self, value: Any) -> Any:
        member = self._members.get(value) if type(value) is str else None
        if member is None:
            raise _UnexpectedError
        return member


class _Part:
    def __init__(self, of: type[Contract]) -> None:
        self._of = of
        self._table: _Table | None = None  # found at first use: the class may contain itself

    def table(self) -> _Table:
        if self._table is None:
            self._table = _table(self._of)
        return self._table

    def __call__(self, value: Any) -> Any:
        return self.table().build(value)
