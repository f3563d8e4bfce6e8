"""Reads the YAML files of the package."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from eaves.controller.domain.contract.envelope import ObjectRevision

Entry = Mapping[str, Any]  # a parsed document


class MalformedEntryError(ValueError):
    """A file of the package says something that this release does not understand."""


def entries(folder: str) -> Iterator[tuple[str, Entry]]:
    """(file name, document) of each file, in the order of names.  Raises MalformedEntryError."""
    import yaml  # noqa: PLC0415 - nobody else in the controller reads YAML

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    inside = resources.files("eaves.controller.catalogue").joinpath(folder)
    for file in sorted(inside.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".yaml"):
            continue
        document = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506 - safe loaders
        if not isinstance(document, dict):
            raise MalformedEntryError(f"{folder}/{file.name} is no mapping")
        yield f"{folder}/{file.name}", document


def only(entry: Entry, known: frozenset[str], where: str) -> None:
    """Raises MalformedEntryError for a key that nobody would read."""
    strange = sorted(set(entry) - known)
    if strange:
        raise MalformedEntryError(f"{where}: unknown key {', '.join(strange)}")


def stable_id(kind: str, name: str) -> str:
    """A UUID that follows from the name, in the form of a random one (version 4)."""
    digest = hashlib.sha256(f"eaves catalogue {kind} {name}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def revision(version: int) -> ObjectRevision:
    return ObjectRevision(curr=str(version))
