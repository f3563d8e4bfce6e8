"""The operations of the contract: what exists there, whether or not this release serves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

BASE_PATH = "/api"


@dataclass(frozen=True, slots=True)
class Operation:
    service: str
    method: str
    path: str  # a template below the base path, as the contract spells it
    id: str  # as the contract has it: what it is about, then its name

    @property
    def name(self) -> str:
        return self.id.partition("_")[2]

    @property
    def shape(self) -> tuple[str, ...]:
        """The path with every parameter alike: two templates of one shape are one operation."""
        return tuple("{}" if part.startswith("{") else part for part in self.path.split("/"))


class Operations:
    """All operations, found by method and path."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._all = operations
        self._by_size: dict[tuple[str, int], list[Operation]] = {}
        for operation in operations:
            key = (operation.method, len(operation.shape))
            self._by_size.setdefault(key, []).append(operation)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a request path means; the most literal template wins."""
        parts = path.removeprefix(BASE_PATH).split("/")
        fitting = [
            operation
            for operation in self._by_size.get((method, len(parts)), ())
            if all(a in ("{}", b) for a, b in zip(operation.shape, parts, strict=True))
        ]
        return min(fitting, key=lambda operation: operation.shape.count("{}"), default=None)


def read_operations() -> Operations:
    text = (
        resources.files("eaves.controller.northbound")
        .joinpath("operations.txt")
        .read_text(encoding="utf-8")
    )
    found: list[Operation] = []
    service = ""
    for line in text.splitlines():
        if line.startswith("["):
            service = line.strip("[]")
        elif line:
            method, path, id_ = line.split(" ")
            found.append(Operation(service, method, path, id_))
    return Operations(tuple(found))
