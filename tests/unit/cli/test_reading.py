"""What a person types and reads: kinds, names, ages, tables, fingerprints, log lines."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from eaves.cli.client import nearest
from eaves.cli.kinds import KINDS, ORDER, at, find_kind
from eaves.cli.logs import LOOK_BACK, Printed, line_text
from eaves.cli.objects import first_error
from eaves.cli.output import age, cell_text, cut, short_state, size_text, table_lines
from eaves.cli.trust import bare_fingerprint, base_url, shown_fingerprint
from eaves.cli.why import event_line, why_lines

BACKWARDS = {  # documents themselves are put behind what they refer to
    ("enterprise", "enterprise"),
    ("project", "app"),
}
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("word", ["device", "devices", "NODE", "edgenode"])
def test_a_kind_goes_by_several_names(word: str) -> None:
    assert find_kind(word).name == "device"


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("devcie", "there is no kind 'devcie'; did you mean device?"),
        ("instnace", "there is no kind 'instnace'; did you mean instance?"),
        ("xyzzy", f"there is no kind 'xyzzy'; kinds: {', '.join(ORDER)}"),
    ],
)
def test_a_wrong_kind_is_answered_with_the_nearest(word: str, answer: str) -> None:
    with pytest.raises(click.ClickException) as raised:
        find_kind(word)
    assert raised.value.message == answer


def test_no_two_kinds_share_a_name() -> None:
    names = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert len(names) == len(set(names))


def test_each_kind_refers_only_to_kinds_before_it() -> None:
    for kind in KINDS:
        for _, target in kind.references.values():
            assert ORDER[target] < ORDER[kind.name] or (kind.name, target) in BACKWARDS


@pytest.mark.parametrize(
    ("word", "names", "answer"),
    [
        ("frist", ["first", "second"], "did you mean first?"),
        ("FIRST", ["first"], "did you mean first?"),
        ("berlin", ["edge-berlin-1", "edge-paris-1"], "did you mean edge-berlin-1?"),
        ("zzz", ["b", "a"], "there are: a, b"),
        (
            "zzz",
            [f"n{n}" for n in range(10)],
            "there are: n0, n1, n2, n3, n4, n5, n6, n7 and 2 more",
        ),
        ("x", [], "there is no app yet"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    word: str, names: list[str], answer: str
) -> None:
    assert nearest(word, names, "app") == answer


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        (None, "never"),
        ("", "never"),
        ("0001-01-01T00:00:00Z", "never"),
        ("nonsense", "never"),
        ("2026-06-01T11:59:58.500Z", "1s ago"),
        ("2026-06-01T11:59:01Z", "59s ago"),
        ("2026-06-01T11:59:00Z", "1m ago"),
        ("2026-06-01T09:30:00Z", "2h ago"),
        ("2026-05-30T12:00:00Z", "2d ago"),
        ("2026-06-01T14:00:00+02:00", "0s ago"),
        ("2026-06-01T12:00:09Z", "0s ago"),
        ("2026-06-01T11:00:00", "1h ago"),
    ],
)
def test_ages(stamp: object, text: str) -> None:
    assert age(stamp, NOW) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ("RUN_STATE_ONLINE", "ONLINE"),
        ("SW_STATE_UNSPECIFIED", "-"),
        ("two\nlines\x1b[2J", "two lines [2J"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_a_table_is_aligned_and_its_last_column_cut_to_the_terminal() -> None:
    rows = [["a", "ONLINE", "-"], ["日本", "INIT", "a very long sentence about a fault"]]
    lines = [click.unstyle(line) for line in table_lines(("NAME", "STATE", "ERROR"), rows, 36)]
    assert lines == [
        "NAME  STATE   ERROR",
        "a     ONLINE  -",
        "日本  INIT    a very long sentence…",
    ]
    whole = [click.unstyle(line) for line in table_lines(("NAME", "STATE", "ERROR"), rows)]
    assert whole[2].endswith("about a fault")


def test_cutting_counts_the_columns_of_a_terminal() -> None:
    assert cut("日本語", 6) == "日本語"
    assert cut("日本語", 5) == "日本…"
    assert cut("abc", 3) == "abc"


def test_short_states() -> None:
    assert short_state("ADMIN_STATE_ACTIVE") == "ACTIVE"
    assert short_state("ANYTHING") == "ANYTHING"
    assert short_state(None) == ""


def test_sizes() -> None:
    texts = [size_text(v) for v in ("0", "512", "1048576", "1610612736", "", None)]
    assert texts == ["0 B", "512 B", "1 MiB", "1.5 GiB", "", ""]


def test_the_first_error_stands_for_all() -> None:
    errors = [{"description": "no\n space"}, {"description": "other"}, {"description": ""}]
    assert first_error(errors) == "no space (and 1 more)"
    assert first_error(None) == first_error([]) == ""


def test_at_a_dotted_path() -> None:
    assert at({"a": {"b": 1}}, "a.b") == 1
    assert at({"a": "text"}, "a.b") is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.example:9443", "https://a.example:9443"),
        ("https://a.example:9443/api/", "https://a.example:9443"),
        ("https://a.example", "https://a.example:443"),
        ("a.example", "https://a.example:9443"),
        ("10.0.0.1:1234", "https://10.0.0.1:1234"),
        ("https://[::1]:9443", "https://[::1]:9443"),
    ],
)
def test_addresses_of_a_controller(text: str, url: str) -> None:
    assert base_url(text) == url


@pytest.mark.parametrize("text", ["http://a.example", "https://", "https://a:99999", "ftp://x"])
def test_what_is_no_address_of_a_controller(text: str) -> None:
    with pytest.raises(click.UsageError, match="no address of a controller"):
        base_url(text)


def test_fingerprints_are_read_as_people_and_tools_write_them() -> None:
    shown = shown_fingerprint(b"certificate")
    bare = bare_fingerprint(shown)
    assert len(bare) == 64
    for form in (f"sha256 Fingerprint={shown}", f"sha256:{bare}", bare.upper(), f" {shown}\n"):
        assert bare_fingerprint(form) == bare


def test_the_chain_of_causes_ends_where_to_look() -> None:
    told = {"chain": [{"text": "it waits"}, {"text": "no device"}]}
    assert why_lines("instance/a", told) == [
        "instance/a is not as asked for:",
        "  because it waits",
        "    because no device",
    ]
    assert why_lines("instance/a", {"chain": [], "evidence": [{"text": "it runs"}]}) == [
        "instance/a is as asked for",
        "  it runs",
    ]


def test_an_event_is_one_line() -> None:
    event = {
        "timestamp": "2026-06-01T12:00:00.123Z",
        "severity": "SEVERITY_INFO",
        "user": "ada",
        "resourceName": "d",
        "description": "device d: changed by ada",
    }
    assert event_line(event) == "2026-06-01T12:00:00  INFO     device d: changed by ada"


def _line(seconds: float, content: str, msgid: str = "") -> dict[str, Any]:
    stamp = (NOW + timedelta(seconds=seconds)).isoformat()
    return {"timestamp": stamp, "content": content, "msgid": msgid}


def test_following_prints_each_line_once_however_often_it_is_seen() -> None:
    printed, since = Printed(), NOW
    first = [_line(0, "a"), _line(1, "b"), _line(1, "b")]
    assert [line["content"] for line in printed.new(first, since)] == ["a", "b", "b"]
    late = [_line(0, "a"), _line(0.5, "late"), *first[1:], _line(1, "b"), _line(2, "c")]
    assert [line["content"] for line in printed.new(late, since)] == ["late", "b", "c"]
    assert list(printed.new(late, since)) == []


def test_following_forgets_what_it_does_not_ask_for_any_more() -> None:
    printed = Printed()
    list(printed.new([_line(0, "old"), _line(60, "new")], NOW))
    list(printed.new([_line(60, "new")], NOW + timedelta(seconds=30)))
    assert len(printed.keys) == 1


def test_a_device_with_a_clock_ahead_hides_no_later_line() -> None:
    printed = Printed()
    lines = [_line(-1, "now"), _line(1e9, "from the future")]
    assert len(list(printed.new(lines, NOW - LOOK_BACK))) == 2
    assert printed.look_back(NOW) == NOW - LOOK_BACK
    assert list(printed.new(lines, printed.look_back(NOW))) == []


def test_a_log_line_moves_nobodys_cursor() -> None:
    assert line_text({"timestamp": "T", "content": "a\x1b[2Jb\rc\td\n"}) == "T a [2Jb c\td"
