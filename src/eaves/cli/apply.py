"""`eaves apply`: YAML documents become objects, in the order in which they refer to each other.

A document has `kind`, `name` and the fields of the REST contract; a reference may be given by name
(`project: demo` for `projectId`).  Only what a document says is compared and changed.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from eaves.cli.client import Client, Json
from eaves.cli.kinds import ORDER, Kind, find_kind


@dataclass(frozen=True, slots=True)
class Document:
    kind: Kind
    name: str
    fields: Mapping[str, Any]
    where: str  # file and position, for errors


@dataclass(frozen=True, slots=True)
class Change:
    document: Document
    verb: str  # "created", "changed", "unchanged"
    diff: str = ""


def read_documents(files: Iterable[Path]) -> list[Document]:
    """Every document of the files, ordered so that what is referred to comes first."""
    found: list[Document] = []
    for path in files:
        try:
            parts = list(yaml.safe_load_all(path.read_text()))
        except yaml.YAMLError as error:
            raise click.ClickException(f"{path} is not YAML: {error}") from error
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror}") from error
        for n, part in enumerate(parts, start=1):
            if part is not None:
                found.append(_document(part, f"{path}, document {n}"))
    return sorted(found, key=lambda d: ORDER[d.kind.name])


def _document(part: Any, where: str) -> Document:
    if not isinstance(part, dict) or not part.get("kind") or not part.get("name"):
        raise click.ClickException(f"{where}: a document is a mapping with `kind` and `name`")
    fields = {str(k): v for k, v in part.items() if k not in ("kind", "name", "networkKind")}
    kind = find_kind(str(part["kind"]))
    # `kind` names the object here; a network's own field of that name is spelt `networkKind`.
    if "networkKind" in part:
        fields["kind"] = part["networkKind"]
    return Document(kind, str(part["name"]), fields, where)


def apply_document(client: Client, document: Document, *, dry_run: bool) -> Change:
    wanted = _resolve(client, document, dry_run=dry_run)
    current = client.find(document.kind, document.name)
    if current is None:
        body = {"title": document.name, **document.kind.defaults, **wanted, "name": document.name}
        if not dry_run:
            client.call("POST", document.kind.path, body)
            _after_create(client, document)
        return Change(document, "created", _diff({}, body, document))
    seen = _overlap(wanted, current)
    if seen == wanted:
        return Change(document, "unchanged")
    if not dry_run:
        client.call("PUT", f"{document.kind.path}/id/{current['id']}", _merged(current, wanted))
        if document.kind.name == "device" and "adminState" in wanted:
            _after_create(client, document)
    return Change(document, "changed", _diff(seen, wanted, document))


def _after_create(client: Client, document: Document) -> None:
    """Steps that the contract keeps apart from the create: an image becomes ready by its uplink."""
    if document.kind.name == "image":
        image = client.get(document.kind, document.name)
        client.call("PUT", f"{document.kind.path}/id/{image['id']}/uplink", image)


def _resolve(client: Client, document: Document, *, dry_run: bool) -> Json:
    """The document's fields with names replaced by ids."""
    wanted: Json = {}
    for key, value in document.fields.items():
        reference = document.kind.references.get(key)
        if reference is None:
            wanted[key] = value
            continue
        id_key, kind_name = reference
        kind = find_kind(kind_name)
        target = client.find(kind, str(value))
        if target is None and dry_run:
            wanted[id_key] = f"<{kind_name} {value}>"
        elif target is None:
            raise click.ClickException(f"{document.where}: {key}: no {kind_name} {value!r}")
        else:
            wanted[id_key] = target["id"]
    return wanted


def _overlap(wanted: Any, current: Any) -> Any:
    """The part of `current` that `wanted` speaks of; lists of equal length go by position."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return {k: _overlap(v, current.get(k)) for k, v in wanted.items()}
    if isinstance(wanted, list) and isinstance(current, list) and len(wanted) == len(current):
        return [_overlap(w, c) for w, c in zip(wanted, current, strict=True)]
    if _is_empty(wanted) and _is_empty(current):
        return wanted
    return (
        wanted if str(wanted) == str(current) and not isinstance(current, dict | list) else current
    )


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", 0, False) or value in ([], {})


def _merged(current: Any, wanted: Any) -> Any:
    """`current` with everything that `wanted` says."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return {**current, **{k: _merged(current.get(k), v) for k, v in wanted.items()}}
    return wanted


def _diff(before: Any, after: Any, document: Document) -> str:
    def lines(value: Any) -> list[str]:
        return yaml.safe_dump(value, sort_keys=True).splitlines() if value else []

    title = f"{document.kind.name}/{document.name}"
    return "\n".join(
        difflib.unified_diff(
            lines(before), lines(after), f"{title} (now)", f"{title} (then)", lineterm=""
        )
    )
