"""What `dataclasses` compiles, compiled once: found again, and never needed."""

import builtins
import dataclasses
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eaves.prepared import import_part, prepare, read

MODULE = """
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: str = "two"
"""


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a module that nobody imported yet."""
    (tmp_path / "pair_of_this_test.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield "pair_of_this_test"
    sys.modules.pop("pair_of_this_test", None)


def works(name: str, prepared: Path) -> None:
    pair = import_part(name, prepared).Pair
    assert pair(1) == pair(1, "two")
    assert repr(pair(1)).endswith("Pair(first=1, second='two')")
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair(1).first = 2


def test_what_was_prepared_is_not_compiled_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = tmp_path / "code"
    assert prepare((name,), prepared) == len(read(prepared)) > 0
    del sys.modules[name]

    executed: list[object] = []
    execute = builtins.exec

    def told(code: object, *rest: object) -> None:
        executed.append(code)
        execute(code, *rest)  # type: ignore[arg-type]  # what dataclasses gives

    monkeypatch.setattr(builtins, "exec", told)
    works(name, prepared)
    of_dataclasses = [one for one in executed if getattr(one, "co_filename", "") == "<string>"]
    assert len(of_dataclasses) >= len(read(prepared))
    assert not [one for one in executed if isinstance(one, str)]


@pytest.mark.parametrize("data", [b"", b"of another Python"])
def test_what_was_not_prepared_for_this_python_is_compiled(
    name: str, tmp_path: Path, data: bytes
) -> None:
    prepared = tmp_path / "code"
    if data:
        prepared.write_bytes(data)
    works(name, prepared)


def test_an_import_leaves_all_as_it_was(name: str, tmp_path: Path) -> None:
    before = dict(vars(dataclasses))
    import_part(name, tmp_path / "code")
    assert vars(dataclasses) == before
    assert gc.isenabled()
    (tmp_path / "fails.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_part("fails", tmp_path / "code")
    assert vars(dataclasses) == before
    assert gc.isenabled()
