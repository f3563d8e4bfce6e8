"""What is checked of the console's lock and build before anybody gets it."""

import gzip
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def console() -> ModuleType:
    path = ROOT / "packaging/console.py"
    spec = importlib.util.spec_from_file_location("packaging_console", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def lock(**entry: str) -> str:
    return json.dumps({"packages": {"": {"name": "eaves-console"}, "node_modules/x": entry}})


def test_a_lock_has_hashes_and_no_addresses(console: ModuleType) -> None:
    assert console.faults_of_lock(lock(integrity="sha512-abc")) == []
    told = console.faults_of_lock(lock(integrity="sha512-abc", resolved="https://x.example/x"))
    assert ["an address" in told[0], "fetched" in told[1]] == [True, True]
    (told,) = console.faults_of_lock(lock(integrity="sha512-abc", funding="https://x.example/x"))
    assert "an address" in told
    (told,) = console.faults_of_lock(lock(version="1.0.0"))
    assert "no hash" in told


def test_the_lock_of_the_console_is_such_a_lock(console: ModuleType) -> None:
    assert console.faults_of_lock((ROOT / "console/package-lock.json").read_text()) == []


def test_versions_in_the_console_are_exact() -> None:
    package = json.loads((ROOT / "console/package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert all(version[0].isdigit() for version in versions.values()), versions


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<script src="/assets/a.js"></script>', ""),
        ("<script>alert(1)</script>", "<script"),
        ("<style>a{}</style>", "<style"),
        ('<p style="color:red">', "style="),
        ('<body onload="x()">', "onload="),
        ('<link href="https://fonts.example/x.css">', "another server"),
    ],
)
def test_a_page_that_its_policy_would_refuse_is_not_shipped(
    console: ModuleType, tmp_path: Path, page: str, fault: str
) -> None:
    (tmp_path / "index.html").write_text(f"<!doctype html>{page}")
    found = console.faults_of_build(tmp_path)
    assert bool(found) == bool(fault)
    assert fault in "".join(found)


def test_styles_load_from_here_alone(console: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "a.css").write_text('@font-face{src:url("./a.woff2")}')
    assert console.faults_of_build(tmp_path) == []
    (tmp_path / "b.css").write_text("a{background:url(https://x.example/y.png)}")
    assert console.faults_of_build(tmp_path) == ["b.css loads from another server"]


def test_what_gains_by_it_is_packed_once_for_all_visits(
    console: ModuleType, tmp_path: Path
) -> None:
    text = b"the same again and again\n" * 100
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/a.js").write_bytes(text)
    (tmp_path / "assets/b.js").write_bytes(b"0")
    (tmp_path / "assets/c.woff2").write_bytes(text)
    console.pack(tmp_path)
    packed = (tmp_path / "assets/a.js.gz").read_bytes()
    assert gzip.decompress(packed) == text
    assert [path.name for path in tmp_path.rglob("*.gz")] == ["a.js.gz"]
    console.pack(tmp_path)
    assert (tmp_path / "assets/a.js.gz").read_bytes() == packed


def test_another_source_makes_another_digest(console: ModuleType, tmp_path: Path) -> None:
    for path in ("console/src/a.ts", f"{console.API}/app.py", f"{console.API}/contract.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    before = console.digest_of(console.source_files(tmp_path), tmp_path)
    (tmp_path / "console/node_modules/x").mkdir(parents=True)
    (tmp_path / "console/node_modules/x/i.js").write_text("not a source")
    assert console.digest_of(console.source_files(tmp_path), tmp_path) == before
    (tmp_path / "console/src/a.ts").write_text("changed")
    assert console.digest_of(console.source_files(tmp_path), tmp_path) != before


def test_a_build_that_is_stopped_leaves_nothing_running(tmp_path: Path) -> None:
    """As `make demo` does it when it ends before the build."""
    shell, script = Path("/bin/sh"), tmp_path / "npm"
    script.write_text(f"sleep 1000 & echo $! > {tmp_path}/child; wait")
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'packaging')!r}); import console, pathlib; "
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
        f"console.Node(pathlib.Path({str(shell)!r}), pathlib.Path({str(script)!r}))"
        f".run(cwd={str(tmp_path)!r})"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as building:
        child = _number_in(tmp_path / "child")
        building.terminate()
        assert building.wait(30) == 1
    _until_gone(child)


def _number_in(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.02)
    return int(path.read_text())


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while _state_of(pid) not in ("", "Z"):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def _state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
