"""Lines of apps come back whole, wherever the writer's and the reader's cuts fall."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.ids import AppInstanceId
from eaves.node.host.applogs import LogFormat, LogSource, read_lines

STAMP = "2026-01-01T00:00:00.000000001+00:00"


def _source(tmp: Path, text: str = "") -> LogSource:
    path = tmp / "app.log"
    path.write_text(text)
    return LogSource(AppInstanceId("a"), path, LogFormat.K8S_FILE)


def _record(part: str, *, full: bool, stream: str = "stdout") -> str:
    return f"{STAMP} {stream} {'F' if full else 'P'} {part}\n"


def test_parts_of_one_line_are_joined(tmp_path: Path) -> None:
    source = _source(tmp_path, _record("li", full=False) + _record("ne 923", full=True))
    assert [line.text for line in read_lines(source, "").lines] == ["line 923"]


def test_a_part_waits_for_its_rest(tmp_path: Path) -> None:
    source = _source(tmp_path, _record("one", full=True) + _record("tw", full=False))
    first = read_lines(source, "")
    assert [line.text for line in first.lines] == ["one"]
    with source.path.open("a") as file:
        file.write(_record("o", full=True))
    assert [line.text for line in read_lines(source, first.position).lines] == ["two"]


def test_parts_of_two_streams_do_not_mix(tmp_path: Path) -> None:
    text = (
        _record("out ", full=False)
        + _record("err ", full=False, stream="stderr")
        + _record("a", full=True)
        + _record("b", full=True, stream="stderr")
    )
    assert [(n.stream, n.text) for n in read_lines(_source(tmp_path, text), "").lines] == [
        ("stdout", "out a"),
        ("stderr", "err b"),
    ]


def test_a_line_that_never_ends_does_not_hold_up_the_others(tmp_path: Path) -> None:
    text = _record("prompt> ", full=False, stream="stderr") + _record("x" * 60, full=True) * 1000
    batch = read_lines(_source(tmp_path, text), "")
    assert "prompt> " in [line.text for line in batch.lines]


@given(st.lists(st.tuples(st.text("abc", max_size=6), st.booleans()), max_size=30), st.data())
def test_cutting_the_file_anywhere_loses_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, bool]], data: st.DataObject
) -> None:
    records = [_record(text, full=full) for text, full in parts] + [_record("end", full=True)]
    whole = "".join(records)
    folder = tmp_path_factory.mktemp("logs")
    source = _source(folder)
    seen: list[str] = []
    position = ""
    for cut in [*sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4))), len(whole)]:
        with source.path.open("a") as file:
            file.write(whole[file.tell() : cut])
        batch = read_lines(source, position)
        seen += [line.text for line in batch.lines]
        position = batch.position
    joined = "".join(text + ("\n" if full else "") for text, full in parts) + "end\n"
    assert seen == joined.splitlines()
