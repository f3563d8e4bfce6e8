"""YAML documents of `eaves apply`, and how they compare with what a controller holds.

A document has `kind`, `name` and the fields of the REST contract; a reference may be given by name
(`project: demo` for `projectId`).  Only what a document says is compared and changed.  Nothing here
talks to a controller.
"""

import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import yaml

from eaves.cli.json_values import Json, is_list, is_object
from eaves.cli.kinds import ORDER, Kind, find_kind
from eaves.cli.output import hidden, is_secret, yaml_text
from eaves.cli.references import names_for_ids, references_in

Shape = Mapping[str, str]  # field -> name of its type, PREFIX_ of its words, or empty
At = tuple[str | int, ...]  # where in a document: ("interfaces", 0, "name")

OWN_KEYS = ("kind", "name", "networkKind")


@dataclass(frozen=True, slots=True)
class Document:
    kind: Kind
    name: str
    fields: Mapping[str, Any]
    where: str  # file:line, for errors
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.kind.name}/{self.name}"

    def references(self) -> Iterator[tuple[str, Kind, str]]:
        """Each reference by name: where it stands, the kind, the name."""
        for where, kind_name, name in references_in(self.fields, self.kind.references):
            yield where, find_kind(kind_name), name


@dataclass(frozen=True, slots=True)
class Change:
    document: Document
    verb: str  # "created", "changed", "unchanged"
    diff: str = ""


# --- reading ------------------------------------------------------------------------------------


def documents_in(paths: Iterable[Path]) -> list[Document]:
    """Every document of files and folders, ordered so that what is referred to comes first."""
    found = [d for path in _yaml_files(paths) for d in parse_documents(_text_of(path), str(path))]
    if not found:
        raise click.ClickException("there is no document in what -f names; nothing to do")
    seen: dict[str, Document] = {}
    for document in found:
        other = seen.setdefault(document.title, document)
        if other is not document:
            raise click.ClickException(
                f"{document.where}: {document.title} stands in {other.where} too; keep one of them"
            )
    return in_order(found)


def in_order(documents: Iterable[Document]) -> list[Document]:
    """As kinds stand, and each behind what it refers to.  Raises ClickException for a circle."""
    wanted = sorted(documents, key=lambda d: ORDER[d.kind.name])
    by_title = {document.title: document for document in wanted}
    done: dict[str, Document] = {}

    def put(document: Document, way: tuple[str, ...]) -> None:
        if document.title in way:
            circle = " -> ".join((*way[way.index(document.title) :], document.title))
            raise click.ClickException(
                f"{document.where}: these refer to each other: {circle}; apply one of them without"
                " the reference first"
            )
        for _, kind, name in document.references():
            needed = by_title.get(f"{kind.name}/{name}")
            if needed is not None and needed.title not in done:
                put(needed, (*way, document.title))
        done.setdefault(document.title, document)

    for document in wanted:
        put(document, ())
    return list(done.values())


def _yaml_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml"))
        if not inside:
            raise click.ClickException(f"{path} is a folder without a .yaml file")
        yield from inside


def _text_of(path: Path) -> str:
    try:
        if str(path) == "-":
            return sys.stdin.read()
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"{path} is not UTF-8 text (byte {error.start}); is it a YAML file?"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error


class _Loader(yaml.SafeLoader):
    """YAML without its traps: `52:54:00:12:34:56`, `0755` and `2026-01-31` stay texts."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _looks_other(tag: str, text: str) -> bool:
    """YAML 1.1 would take the text for a number that nobody means."""
    number = tag.endswith((":int", ":float"))
    digits = text.lstrip("+-").replace("_", "")
    octal = digits.isdecimal() and len(digits) > 1 and digits.startswith("0")
    return number and (":" in text or octal)


def parse_documents(text: str, source: str) -> list[Document]:
    """Raises ClickException that names file, line and what is wrong."""
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise click.ClickException(_yaml_fault(error, source)) from error
    found: list[Document] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue
            _mend(node)
            lines = dict(_walk(node, (), source))
            value: object = loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType] - untyped in the stubs
            found.append(_document(value, source, node.start_mark.line + 1, lines))
    except yaml.YAMLError as error:
        raise click.ClickException(_yaml_fault(error, source)) from error
    finally:
        loader.dispose()
    return found


def _yaml_fault(error: yaml.YAMLError, source: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    return f"{where}: this is not YAML: {problem}" + (f" ({context})" if context else "")


def _mend(node: yaml.Node) -> None:
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and _looks_other(node.tag, node.value):
            node.tag = "tag:yaml.org,2002:str"
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _mend(key)
            _mend(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _mend(item)


def _walk(node: yaml.Node, at: At, source: str) -> Iterator[tuple[At, int]]:
    """The line of each key; a key that stands twice is refused, for one of them would be lost."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen and name != "<<":
                raise click.ClickException(f"{source}:{line}: {name} stands twice; keep one")
            seen.add(name)
            yield (*at, name), line
            yield from _walk(value, (*at, name), source)
    elif isinstance(node, yaml.SequenceNode):
        for n, item in enumerate(node.value):
            yield from _walk(item, (*at, n), source)


def _document(part: object, source: str, line: int, lines: Mapping[At, int]) -> Document:
    where = f"{source}:{line}"
    if not is_object(part) or not part.get("kind") or not part.get("name"):
        raise click.ClickException(f"{where}: a document is a mapping with `kind` and `name`")
    try:
        kind = find_kind(str(part["kind"]))
    except click.ClickException as error:
        raise click.ClickException(f"{where}: {error.message}") from error
    if not kind.made:
        raise click.ClickException(f"{where}: {kind.a} is not made from a file")
    fields = {str(k): v for k, v in part.items() if k not in OWN_KEYS}
    # `kind` names the object here; a network's own field of that name is spelt `networkKind`.
    if "networkKind" in part:
        fields["kind"] = part["networkKind"]
    shape = shape_of(kind)
    warnings = tuple(
        f"{source}:{lines.get(stranger.at, line)}: {stranger.text(kind)}"
        for stranger in strangers(fields, shape, also=tuple(kind.references))
    ) + tuple(
        f"{where}: {id_key} holds an id and {told!r} is none; to name it, write {key}"
        for id_key, key, told in names_for_ids(fields, kind.references)
    )
    return Document(kind, str(part["name"]), canonical(fields, shape), where, warnings)


# --- the fields that the contract knows ---------------------------------------------------------


@cache
def _contract() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(
        files("eaves.cli").joinpath("fields.json").read_text("utf-8")
    )
    return table


def shape_of(kind: Kind) -> Shape:
    return shape_named(str(_contract()["kinds"].get(kind.name, "")))


def shape_named(type_name: str) -> Shape:
    shape: Shape = _contract()["types"].get(type_name, {})
    return shape


@dataclass(frozen=True, slots=True)
class Stranger:
    """A field that the contract does not know: kept, but perhaps a slip of the pen."""

    at: At
    near: str

    def text(self, kind: Kind) -> str:
        dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.at).lstrip(".")
        meant = f"; did you mean {self.near}?" if self.near else ""
        return f"{dotted} is no known field of {kind.name}, sent as it is{meant}"


def strangers(
    value: object, shape: Shape, *, also: Sequence[str] = (), at: At = ()
) -> Iterator[Stranger]:
    """`also`: what is known beside the contract, as dotted paths."""
    if is_list(value):
        for n, item in enumerate(value):
            yield from strangers(item, shape, also=also, at=(*at, n))
    if not is_object(value) or not shape:
        return
    way = "".join(f"{part}." for part in at if isinstance(part, str))
    here = [one.removeprefix(way) for one in also if one.startswith(way)]
    known = [*shape, *(one for one in here if "." not in one)]
    for key, inner in value.items():
        if key in shape:
            yield from strangers(inner, shape_named(shape[key]), also=also, at=(*at, str(key)))
        elif key not in known:
            lowered = {name.lower(): name for name in known}
            near = difflib.get_close_matches(str(key).lower(), lowered, n=1, cutoff=0.6)
            yield Stranger((*at, str(key)), lowered[near[0]] if near else "")


def canonical(value: Any, shape: Shape) -> Any:
    """Words of an enum with the prefix that the contract gives them: ACTIVE, ADMIN_STATE_ACTIVE."""
    if is_list(value):
        return [canonical(item, shape) for item in value]
    if not is_object(value):
        return value
    return {key: _canonical_field(item, shape.get(key, "")) for key, item in value.items()}


def _canonical_field(value: Any, about: str) -> Any:
    if not about.endswith("_"):
        return canonical(value, shape_named(about)) if about else value
    if is_list(value):
        return [_canonical_field(item, about) for item in value]
    if isinstance(value, str) and value and not value.startswith(about):
        return about + value
    return value


# --- comparing ----------------------------------------------------------------------------------


def overlap(wanted: Any, current: Any) -> Any:
    """The part of `current` that `wanted` speaks of; lists of equal length go by position."""
    if is_object(wanted) and is_object(current):
        return {k: overlap(v, current.get(k)) for k, v in wanted.items()}
    if is_list(wanted) and is_list(current) and len(wanted) == len(current):
        return [overlap(w, c) for w, c in zip(wanted, current, strict=True)]
    return wanted if _same(wanted, current) else current


def _same(wanted: Any, current: Any) -> bool:
    """Absent, null and zero are one; numbers may come as texts, as the contract's int64 do."""
    if _is_nothing(wanted) and _is_nothing(current):
        return True
    if isinstance(wanted, dict | list) or isinstance(current, dict | list):
        return bool(wanted == current)
    if isinstance(wanted, bool) or isinstance(current, bool):
        return str(wanted).lower() == str(current).lower()
    return str(wanted) == str(current)


def _is_nothing(value: Any) -> bool:
    if is_object(value):
        return all(_is_nothing(v) for v in value.values())
    return value is None or value in ("", 0, "0", False) or value == []


def merged(current: Any, wanted: Any) -> Any:
    """`current` with everything that `wanted` says; what only `current` has stays.

    Elements of lists of equal length keep what the document does not speak of, but not the ids
    which the controller put beside names: another name has another id.
    """
    if is_object(wanted) and is_object(current):
        return {**current, **{k: merged(current.get(k), v) for k, v in wanted.items()}}
    if is_list(wanted) and is_list(current) and len(wanted) == len(current):
        return [_merged_element(c, w) for c, w in zip(current, wanted, strict=True)]
    return wanted


def _merged_element(current: Any, wanted: Any) -> Any:
    if overlap(wanted, current) == wanted:
        return current
    if is_object(current):
        current = {k: v for k, v in current.items() if not k.lower().endswith("id")}
    return merged(current, wanted)


def without_unreadable(wanted: Any, current: Any) -> Any:
    """`wanted` without the secrets that a controller keeps to itself: nothing to compare with."""
    if is_list(wanted) and is_list(current) and len(wanted) == len(current):
        return [without_unreadable(w, c) for w, c in zip(wanted, current, strict=True)]
    if not is_object(wanted) or not (is_object(current) or current is None):
        return wanted
    there: Json = current or {}
    kept = {
        key: without_unreadable(value, there.get(key))
        for key, value in wanted.items()
        if not (value and not there.get(key) and is_secret(wanted, key))
    }
    return kept if kept or not wanted or current is not None else None


def diff(before: Any, after: Any, title: str) -> str:
    """What changes, as YAML lines with - and +; secrets hidden."""

    def lines(value: Any) -> list[str]:
        return yaml_text(hidden(value)).splitlines() if value else []

    shown = difflib.unified_diff(
        lines(before), lines(after), f"{title} (now)", f"{title} (wanted)", lineterm=""
    )
    return "\n".join(shown)
