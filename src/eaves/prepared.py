"""Imports of a whole program, as quick as they can be.

A node is a thousand modules: to look for each, and to read it, is a fifth of its start.  And
`dataclasses` compiles six functions for each of its 760 classes, which is as much work as all else:
a third of a boot, on a processor that is emulated.  Who builds an image does both once
(`python3 -m eaves.prepared`): the node finds its modules in one file, and what was compiled by its
text.
"""

import builtins
import dataclasses
import gc
import importlib
import importlib.util
import inspect
import marshal
import mmap
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

PREPARED: Final = Path(__file__).with_name("prepared.code")
OF_A_NODE: Final = ("eaves.node.main", "eaves.node.console.app")
HEAD: Final = 16  # bytes of a compiled module before its code
SIZE: Final = 8  # bytes that tell how long a part is

Execute = Callable[[str, dict[str, Any] | None, Mapping[str, object] | None], None]


class Place(NamedTuple):
    """Of a module: its source, what was compiled of it, and where its code is among all."""

    source: str
    cached: str
    folder: str  # of a package, where its modules are
    start: int
    end: int


class Prepared(NamedTuple):
    codes: Mapping[str, CodeType]  # of `dataclasses`, by their text
    places: Mapping[str, tuple[Any, ...]]  # of the modules of the first part
    modules: memoryview


NOTHING: Final = Prepared({}, {}, memoryview(b""))


def import_part(name: str, prepared: Path = PREPARED) -> ModuleType:
    """Nothing that an import makes is garbage: nobody looks for some, then or later."""
    gc.disable()
    try:
        found = read(prepared)
        with _executing(_by_text(found.codes)), _finding(found):
            _plain_logs()
            return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def prepare(names: tuple[str, ...], target: Path) -> Prepared:
    """Import `names`, and keep what that took: all modules of the first of them."""
    codes: dict[str, CodeType] = {}

    def compiled(
        text: str, scope: dict[str, Any] | None, names: Mapping[str, object] | None
    ) -> None:
        if text not in codes:
            codes[text] = compile(text, "<string>", "exec", dont_inherit=True)
        builtins.exec(codes[text], scope, names)  # noqa: S102 - in the place of the built-in one

    before = set(sys.modules)
    with _executing(compiled):
        _plain_logs()
        importlib.import_module(names[0])
        kept = _modules(name for name in sys.modules if name not in before)
        for name in names[1:]:
            importlib.import_module(name)
    listed = marshal.dumps((codes, dict(kept.places)))
    size = len(listed).to_bytes(SIZE, "big")
    target.write_bytes(importlib.util.MAGIC_NUMBER + size + listed + kept.modules)
    return kept._replace(codes=codes)


def _modules(names: Iterable[str]) -> Prepared:
    """Those that were compiled before: an extension is none, nor what only is a folder."""
    places: dict[str, tuple[Any, ...]] = {}
    modules = bytearray()
    for name in names:
        spec = sys.modules[name].__spec__
        if spec is None or spec.cached is None or not Path(spec.cached).exists():
            continue
        start = len(modules)
        modules += Path(spec.cached).read_bytes()[HEAD:]
        folder = (spec.submodule_search_locations or ("",))[0]
        places[name] = (spec.origin, spec.cached, folder, start, len(modules))
    return Prepared({}, places, memoryview(modules))


def read(prepared: Path) -> Prepared:
    """Nothing, where nobody prepared it, or for another Python."""
    try:
        with prepared.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (FileNotFoundError, ValueError):  # as is an empty one
        return NOTHING
    magic, rest = data[: len(importlib.util.MAGIC_NUMBER)], data[len(importlib.util.MAGIC_NUMBER) :]
    if bytes(magic) != importlib.util.MAGIC_NUMBER:
        return NOTHING
    end = SIZE + int.from_bytes(rest[:SIZE], "big")
    codes, places = marshal.loads(rest[SIZE:end])  # noqa: S302 - as much ours as any module
    return Prepared(codes, places, rest[end:])


class _Loader(SourceFileLoader):
    """As of any module of a file, but for its code."""

    def __init__(self, name: str, place: Place, modules: memoryview) -> None:
        super().__init__(name, place.source)
        self._data: memoryview | None = modules[place.start : place.end]

    def get_code(self, fullname: str) -> CodeType | None:
        data, self._data = self._data, None  # of the first import alone
        if data is None:
            return super().get_code(fullname)
        code: CodeType = marshal.loads(data)  # noqa: S302 - as above
        return code


class _Finder(MetaPathFinder):
    def __init__(self, prepared: Prepared) -> None:
        self._places = prepared.places
        self._modules = prepared.modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = self._places.get(fullname)
        if found is None:
            return None
        place = Place(*found)
        spec = importlib.util.spec_from_file_location(
            fullname,
            place.source,
            loader=_Loader(fullname, place, self._modules),
            submodule_search_locations=[place.folder] if place.folder else None,
        )
        if spec is not None:
            spec.cached = place.cached
        return spec


@contextmanager
def _finding(prepared: Prepared) -> Generator[None]:
    if not prepared.places:
        yield
        return
    finder = _Finder(prepared)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _plain_logs() -> None:
    """Where there is rich, structlog draws tracebacks with it: eighty modules, and the values of
    each frame in a log that others read.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    hidden: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # documented
    hidden["rich"] = None
    try:
        importlib.import_module("structlog")
    finally:
        del hidden["rich"]


def _by_text(codes: Mapping[str, CodeType]) -> Execute:
    def execute(
        text: str, scope: dict[str, Any] | None, names: Mapping[str, object] | None
    ) -> None:
        builtins.exec(codes.get(text, text), scope, names)  # noqa: S102 - as above

    return execute


def _no_signature(of: type) -> str:
    """As text of a class without one, `dataclasses` puts together what nobody reads here."""
    return f" of {of.__module__}"


@contextmanager
def _executing(execute: Execute) -> Generator[None]:
    """`dataclasses` finds this one before the built-in one."""
    quick = ModuleType("inspect")
    vars(quick).update(vars(inspect), signature=_no_signature)
    instead = {"exec": execute, "inspect": quick}
    before = {name: vars(dataclasses).get(name) for name in instead}
    for name, value in instead.items():
        setattr(dataclasses, name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                delattr(dataclasses, name)
            else:
                setattr(dataclasses, name, old)


def read_for(prepared: Prepared) -> list[Path]:
    """What of the disk the import of all of it reads."""
    found = {PREPARED, Path(sys.executable).resolve()}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__cached__", None) or getattr(module, "__file__", None)
        if path and name not in prepared.places:
            found.add(Path(path))
    return sorted(path for path in found if path.exists())


if __name__ == "__main__":
    importlib.import_module("eaves.main")  # is there before what is prepared is looked at
    print("\n".join(map(str, read_for(prepare(OF_A_NODE, PREPARED)))))  # noqa: T201 - the builder keeps it
