"""packaging/supply_chain.py: what it finds in lock files, and what it says of who was not asked."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.generated import REPOSITORY

pytest.importorskip("cyclonedx", reason="requirements/dev.lock is not installed as it is now")
pytest.importorskip("spdx_tools", reason="requirements/dev.lock is not installed as it is now")

HASH = "0f" * 32


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, over lock files of the test; the policy is the real one."""
    where = REPOSITORY / "packaging/supply_chain.py"
    spec = importlib.util.spec_from_file_location("supply_chain", where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "supply_chain", module)
    monkeypatch.setattr(sys, "path", [str(where.parent), *sys.path])
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    shutil.copy(REPOSITORY / "requirements/policy.toml", tmp_path / "requirements")
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    for name in module.LOCKS:
        (tmp_path / f"requirements/{name}.lock").write_text(locked("click", "8.2.0"))
    return module


def locked(name: str, version: str, *hashes: str) -> str:
    lines = [f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in hashes or (HASH,))]
    return " \\\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("click==8.2.0\n", "has no hash"),
        (locked("aiohttp", "3.9.0"), "has published faults; lock 3.10.11 or later"),
        (locked("nobody-knows-this", "1.0"), "tells no licence"),
    ],
    ids=["hash", "version", "licence"],
)
def test_what_stands_against_a_package_is_told(chain: Any, text: str, told: str) -> None:
    (chain.REPOSITORY / "requirements/runtime.lock").write_text(text)
    (fault,) = chain.faults()
    assert fault.startswith("requirements/runtime.lock: ")
    assert told in fault


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-2.0-or-later OR Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("no such licence", False),
    ],
)
def test_of_an_or_one_is_enough_of_an_and_all_are_needed(
    chain: Any, expression: str, *, allowed: bool
) -> None:
    assert chain.is_allowed(expression, frozenset({"MIT", "Apache-2.0"})) is allowed


def test_who_could_not_be_asked_is_never_a_silent_pass(
    chain: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = chain.Advised((), 0, {"click": "no answer"})
    monkeypatch.setattr(chain, "ask_advisories", lambda: away)
    assert chain.check(strict=False) == 0
    assert "NOT AUDITED against advisories: 1 of 1 packages" in capsys.readouterr().out
    assert chain.check(strict=True) == 1


def test_an_advisory_fails_the_check(chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = chain.Advised(("click 8.2.0: X-1, mended in 9",), 1, {})
    monkeypatch.setattr(chain, "ask_advisories", lambda: told)
    assert chain.check(strict=False) == 1


def test_both_bills_of_materials_name_what_is_shipped(chain: Any) -> None:
    cdx, spdx = chain.write_sboms(chain.REPOSITORY / "dist")
    (component,) = json.loads(cdx.read_text())["components"]
    assert (component["purl"], component["hashes"][0]["content"]) == ("pkg:pypi/click@8.2.0", HASH)
    names = [one["name"] for one in json.loads(spdx.read_text())["packages"]]
    assert names == ["eaves", "click"]
    again = chain.write_sboms(chain.REPOSITORY / "again")
    assert [one.read_bytes() for one in again] == [cdx.read_bytes(), spdx.read_bytes()]


def with_console(
    chain: Any, licence: str, *, integrity: str = "sha512-" + "AAAA" * 21 + "AA=="
) -> None:
    entry = {"version": "1.2.3", "license": licence, "integrity": integrity}
    packages = {
        "": {"name": "eaves-console"},
        "node_modules/@maps/world": {**entry, "dependencies": {"coast": "^1"}},
        "node_modules/coast": entry,
        "node_modules/@types/coast": entry,
        "node_modules/test-runner": {**entry, "dev": True},
    }
    (chain.REPOSITORY / "console").mkdir()
    lock = chain.REPOSITORY / "console/package-lock.json"
    lock.write_text(json.dumps({"packages": packages}))


def test_the_console_is_in_both_bills_with_what_it_needs(chain: Any) -> None:
    with_console(chain, "ISC")
    assert list(chain.faults()) == []
    cdx, spdx = chain.write_sboms(chain.REPOSITORY / "dist")
    told = json.loads(cdx.read_text())
    hashes = {one["purl"]: one["hashes"][0] for one in told["components"]}
    assert hashes["pkg:npm/%40maps/world@1.2.3"] == {"alg": "SHA-512", "content": "0" * 128}
    assert set(hashes) == {
        *("pkg:npm/%40maps/world@1.2.3", "pkg:npm/coast@1.2.3", "pkg:pypi/click@8.2.0"),
    }
    ties = {one["ref"]: one.get("dependsOn", []) for one in told["dependencies"]}
    assert ties["pkg:npm/%40maps/world@1.2.3"] == ["pkg:npm/coast@1.2.3"]
    names = {one["name"] for one in json.loads(spdx.read_text())["packages"]}
    assert names == {"eaves", "click", "@maps/world", "coast"}


@pytest.mark.parametrize(
    ("licence", "integrity", "told"),
    [
        ("GPL-3.0-only", "sha512-AAAA", "has licence GPL-3.0-only, not allowed"),
        ("", "sha512-AAAA", "has licence none that it tells"),
        ("MIT", "sha1-AAAA", "has no hash"),
    ],
    ids=["licence", "untold", "hash"],
)
def test_what_stands_against_a_script_is_told(
    chain: Any, licence: str, integrity: str, told: str
) -> None:
    with_console(chain, licence, integrity=integrity)
    found = list(chain.faults())
    assert [fault.partition(":")[0] for fault in found] == ["console/package-lock.json"] * 2
    assert all(told in fault for fault in found)
