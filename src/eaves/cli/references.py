"""References by name inside of a document: where they stand, and the same with ids.

A pattern such as `scopes.projects` leads through maps; a list on the way counts as its elements.
`project: NAME` becomes `projectId: ID`, a list of names a list of ids.  Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eaves.cli.json_values import Json, is_list, is_object

References = Mapping[str, tuple[str, str]]  # pattern -> (key that holds ids, kind)
IdOf = Callable[[str, str], str]  # of (kind, name)
_ID = re.compile(r"[0-9A-Fa-f-]{36}|[0-9A-Za-z_=-]{28}")


def references_in(
    fields: Mapping[str, Any], references: References
) -> Iterator[tuple[str, str, str]]:
    """Each name that stands for an id: (pattern, kind, name)."""
    for pattern, (_, kind) in references.items():
        way, _, key = pattern.rpartition(".")
        for owner in _owners(dict(fields), way.split(".") if way else []):
            for name in _names(owner.get(key)):
                yield pattern, kind, name


def names_for_ids(
    fields: Mapping[str, Any], references: References
) -> Iterator[tuple[str, str, str]]:
    """Each text that stands where an id has to and is none: (key, key of the name, text)."""
    for pattern, (id_key, _) in references.items():
        way, _, key = pattern.rpartition(".")
        for owner in _owners(dict(fields), way.split(".") if way else []):
            for told in _names(owner.get(id_key)):
                if id_key != key and told and not _ID.fullmatch(told):
                    yield id_key, key, told


def with_ids(fields: Mapping[str, Any], references: References, id_of: IdOf) -> Json:
    """The fields with ids in the place of names."""
    done: Json = _copied(dict(fields))
    for pattern, (id_key, kind) in references.items():
        way, _, key = pattern.rpartition(".")
        for owner in _owners(done, way.split(".") if way else []):
            told = owner.get(key)
            if told is None:
                continue
            del owner[key]
            names = _names(told)
            ids = [id_of(kind, name) for name in names]
            owner[id_key] = ids if is_list(told) else "".join(ids)
    return done


def _names(told: Any) -> list[str]:
    if is_list(told):
        return [str(one) for one in told]
    return [] if told is None else [str(told)]


def _owners(value: Any, way: list[str]) -> Iterator[Json]:
    """The maps at the end of the way."""
    if is_list(value):
        for one in value:
            yield from _owners(one, way)
    elif is_object(value):
        if not way:
            yield value
        else:
            yield from _owners(value.get(way[0]), way[1:])


def _copied(value: Any) -> Any:
    if is_object(value):
        return {key: _copied(one) for key, one in value.items()}
    if is_list(value):
        return [_copied(one) for one in value]
    return value
