"""What the command line knows of a kind of object: where the contract keeps it, how it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eaves.cli.json_values import Json, is_object


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `path` is a dotted path into the object or, `of_status`, its status."""

    heading: str
    path: str
    of_status: bool = False
    form: str = ""  # "age", "size", "errors", "count" or "map"; else as it is
    sparse: bool = False  # left out when no row has a value
    wide: bool = False  # only with -o wide


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    `references` maps a key that holds names to (key that holds ids, kind): `project` beside
    `projectId`.  A key may lie inside of others, `selectionCriteria.project`; lists on the way
    count as their elements.
    """

    name: str
    path: str  # below /api; {projectId} in it: of the object
    aliases: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    columns: tuple[Column, ...] = ()
    has_status: bool = False  # also a list of the statuses of all, and a chain of causes
    one_status: bool = False  # a status of each, though no list of them
    state: str = "runState"  # where its state is, in the status or in itself
    key: str = "name"  # the member that people name an object by
    titled: str = "title"  # the member that gets the name when a document leaves it out
    by_name: str = "/name/{name}"  # below `path`; empty: looked for in the list
    by_id: str = "/id/{id}"
    members: str = "list"  # where the list of a reply is
    made: bool = True  # `apply` makes it
    changes: bool = True  # `apply` changes it
    goes: str = "/id/{id}"  # below `path`, for `delete`; empty: it cannot be deleted
    events: str = "/id/{id}/events"  # below `path`; empty: looked for among all events
    asked: str = ""  # the member of a reply that holds what was asked for; empty: the reply itself
    tags: str = ""  # the member that -l looks at; empty: it has no tags
    newest: bool = False  # a list by time that never ends: only its first page is shown
    long: bool = False  # one alone tells of thousands of objects: whoever polls looks at the list
    ended: tuple[str, ...] = ()  # states that are left no more

    def path_of(self, row: Json) -> str:
        """Where objects of this kind are kept, for one that lies below another."""
        return self.path.replace("{projectId}", str(row.get("projectId") or ""))

    def id_path(self, row: Json) -> str:
        return self.path_of(row) + self.by_id.replace("{id}", str(row.get("id") or ""))

    @property
    def a(self) -> str:
        """With its article."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"

    @property
    def heading(self) -> str:
        """Over the names of a table."""
        return {"id": "ID", "sessionId": "ID", "resourceName": "OBJECT"}.get(self.key, "NAME")

    def delete_path(self, row: Json) -> str:
        return self.path_of(row) + self.goes.replace("{id}", str(row.get("id") or ""))

    def title_of(self, row: Json) -> str:
        return f"{self.name}/{row.get(self.key) or row.get('id')}"


def at(value: object, dotted: str) -> object:
    """The part of a JSON value under `a.b.c`; None where a step is missing."""
    for step in dotted.split("."):
        if not is_object(value):
            return None
        value = value.get(step)
    return value
