"""What an import takes, done once: found again, and never needed."""

import builtins
import dataclasses
import gc
import importlib
import py_compile
import shutil
import subprocess
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
    """Of a module that nobody imported yet; logs there are, as in any process of ours."""
    importlib.import_module("structlog")
    (tmp_path / "pair_of_this_test.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield "pair_of_this_test"
    for module in [one for one in sys.modules if one.startswith("pair_of_this_test")]:
        del sys.modules[module]


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
    assert prepare((name,), prepared).codes.keys() == read(prepared).codes.keys()
    assert read(prepared).codes
    del sys.modules[name]

    executed: list[object] = []
    execute = builtins.exec

    def told(code: object, *rest: object) -> None:
        executed.append(code)
        execute(code, *rest)  # type: ignore[arg-type]  # what dataclasses gives

    monkeypatch.setattr(builtins, "exec", told)
    works(name, prepared)
    of_dataclasses = [one for one in executed if getattr(one, "co_filename", "") == "<string>"]
    assert len(of_dataclasses) >= len(read(prepared).codes)
    assert not [one for one in executed if isinstance(one, str)]


def test_a_module_that_was_prepared_is_not_looked_for(name: str, tmp_path: Path) -> None:
    source = tmp_path / f"{name}.py"
    package = tmp_path / f"{name}_package"
    package.mkdir()
    (package / "__init__.py").write_text(f"from {name}_package.inner import VALUE as VALUE")
    (package / "inner.py").write_text("VALUE = 7")
    source.write_text(f"{MODULE}\nfrom {package.name} import VALUE as VALUE\n")
    for one in (source, *package.iterdir()):
        py_compile.compile(str(one))
    prepared = tmp_path / "code"
    places = prepare((name,), prepared).places
    assert {name, package.name, f"{package.name}.inner"} <= set(places)
    gone = {name: sys.modules.pop(name) for name in places}

    sys.path_importer_cache.clear()
    shutil.rmtree(package)
    source.rename(tmp_path / "away.py")
    found = import_part(name, prepared)
    assert found.VALUE == 7
    assert found.__file__ == str(source)
    assert found.__cached__ == gone[name].__cached__
    assert sys.modules[package.name].__path__ == [str(package)]
    works(name, prepared)
    with pytest.raises(ModuleNotFoundError):
        importlib.reload(found)  # which looks for it, as for any other


@pytest.mark.parametrize("data", [b"", b"of another Python"])
def test_what_was_not_prepared_for_this_python_is_compiled(
    name: str, tmp_path: Path, data: bytes
) -> None:
    prepared = tmp_path / "code"
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


PLAIN = """
import sys
from eaves.prepared import import_part

import_part("eaves.node.main")
print(*(name for name in ("rich", "pygments") if name in sys.modules))
import structlog

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
secret = "value-of-a-frame"
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
import rich
"""


def test_logs_are_plain_and_tell_no_values() -> None:
    done = subprocess.run([sys.executable, "-c", PLAIN], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
    assert "ZeroDivisionError" in done.stderr
    assert "value-of-a-frame" not in done.stderr
