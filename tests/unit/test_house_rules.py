"""Rules of the house that no tool checks by itself."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    p
    for folder in ("src", "tests", "bench")
    for p in (ROOT / folder).rglob("*.py")
    if "/pb/" not in str(p)
)
REASON = re.compile(r" - |; | # | as above")


def _ignores(text: str) -> list[str]:
    """Each run of ignore comments at the end of a line, as one text."""
    return re.findall(r"#\s*(?:noqa|type: ignore|pyright: ignore)\b.*$", text, re.MULTILINE)


def test_no_ignore_stands_without_a_reason() -> None:
    bare = {
        str(path.relative_to(ROOT)): found
        for path in SOURCES
        if path != Path(__file__)
        and (found := [i for i in _ignores(path.read_text()) if not REASON.search(i)])
    }
    assert not bare


def test_lock_files_name_no_index() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"^(--|https?:)", text, re.MULTILINE), lock.name


def test_nothing_is_installed_for_the_command_line_that_only_tests_need() -> None:
    runtime = (ROOT / "requirements/runtime.lock").read_text()
    assert not re.search(r"^(pytest|hypothesis|mypy|basedpyright)==", runtime, re.MULTILINE)
