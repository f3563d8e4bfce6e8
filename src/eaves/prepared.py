"""Imports of a whole program, as quick as they can be.

`dataclasses` compiles six functions for each of the 760 classes of a node, which is as much work as
all else of its import: a third of a boot, on a processor that is emulated.  Who builds an image
does it once (`python3 -m eaves.prepared`), and the node finds what it comes to by its text.
"""

import builtins
import dataclasses
import gc
import importlib
import importlib.util
import inspect
import marshal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

PREPARED: Final = Path(__file__).with_name("dataclasses.code")
OF_A_NODE: Final = ("eaves.node.main", "eaves.node.console.app")

Execute = Callable[[str, dict[str, Any] | None, Mapping[str, object] | None], None]


def import_part(name: str, prepared: Path = PREPARED) -> ModuleType:
    """Nothing that an import makes is garbage: nobody looks for some, then or later."""
    gc.disable()
    try:
        with _executing(_by_text(read(prepared))):
            return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def prepare(names: tuple[str, ...], target: Path) -> int:
    """Import `names`, and keep what was compiled; answers how much."""
    codes: dict[str, CodeType] = {}

    def compiled(
        text: str, scope: dict[str, Any] | None, names: Mapping[str, object] | None
    ) -> None:
        if text not in codes:
            codes[text] = compile(text, "<string>", "exec", dont_inherit=True)
        builtins.exec(codes[text], scope, names)  # noqa: S102 - in the place of the built-in one

    with _executing(compiled):
        for name in names:
            importlib.import_module(name)
    target.write_bytes(importlib.util.MAGIC_NUMBER + marshal.dumps(codes))
    return len(codes)


def read(prepared: Path) -> Mapping[str, CodeType]:
    """Nothing, where nobody prepared it, or for another Python."""
    try:
        data = prepared.read_bytes()
    except FileNotFoundError:
        return {}
    magic, rest = data[: len(importlib.util.MAGIC_NUMBER)], data[len(importlib.util.MAGIC_NUMBER) :]
    if magic != importlib.util.MAGIC_NUMBER:
        return {}
    found: dict[str, CodeType] = marshal.loads(rest)  # noqa: S302 - as much ours as any module
    return found


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


def read_for(names: tuple[str, ...]) -> list[Path]:
    """What of the disk their import reads."""
    for name in names:
        importlib.import_module(name)
    found = {PREPARED, Path(sys.executable).resolve()}
    for module in list(sys.modules.values()):
        path = getattr(module, "__cached__", None) or getattr(module, "__file__", None)
        if path:
            found.add(Path(path))
    return sorted(path for path in found if path.exists())


if __name__ == "__main__":
    prepare(OF_A_NODE, PREPARED)
    print("\n".join(map(str, read_for(OF_A_NODE[:1]))))  # noqa: T201 - who builds an image keeps it
