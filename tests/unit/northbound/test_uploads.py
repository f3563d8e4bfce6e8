"""Pieces of files, and files inside forms."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.uploads import Piece, Step, next_step, read_piece
from eaves.controller.northbound.forms import FileOfForm, boundary_of
from eaves.controller.northbound.problems import Problem


@pytest.mark.parametrize(
    ("header", "piece"),
    [
        ("bytes 0-9/10", Piece(0, 10, 10)),
        ("bytes 5-9/10", Piece(5, 5, 10)),
        ("BYTES=5-5/10", Piece(5, 1, 10)),
        ("bytes */10", Piece(0, 0, 10)),
    ],
)
def test_a_range_is_read(header: str, piece: Piece) -> None:
    assert read_piece(header) == piece


@pytest.mark.parametrize(
    "header", ["", "bytes", "bytes 1-0/5", "bytes 0-5/5", "bytes -1-2/5", "bytes 0-1/*", "x 0-1/5"]
)
def test_a_range_that_means_nothing_is_told(header: str) -> None:
    told = read_piece(header)
    assert isinstance(told, str)
    assert repr(header) in told


@pytest.mark.parametrize(
    ("piece", "received", "total", "step"),
    [
        (Piece(0, 4, 10), 0, 0, Step.BEGIN),
        (Piece(0, 4, 10), 4, 10, Step.COMPARE),
        (Piece(0, 6, 10), 4, 10, Step.BEGIN),
        (Piece(0, 4, 8), 4, 10, Step.BEGIN),
        (Piece(4, 2, 10), 4, 10, Step.APPEND),
        (Piece(2, 2, 10), 4, 10, Step.COMPARE),
        (Piece(2, 4, 10), 4, 10, Step.REFUSE),
        (Piece(6, 2, 10), 4, 10, Step.REFUSE),
        (Piece(4, 2, 9), 4, 10, Step.REFUSE),
        (Piece(4, 2, 10), 0, 0, Step.REFUSE),
        (Piece(0, 0, 10), 4, 10, Step.TELL),
    ],
)
def test_what_follows_is_taken(piece: Piece, received: int, total: int, step: Step) -> None:
    assert next_step(piece, received=received, total=total) is step


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b""
    for head, data in parts:
        body += b"--mark\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n"
        body += data + b"\r\n"
    return body + b"--mark--\r\n"


@given(
    data=st.binary(max_size=200).map(lambda data: data.replace(b"X", b"\r\n--mar")),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_a_file_comes_out_whole_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    body = b"preamble\r\n" + form(
        ('name="note"', b"n"), ('name="imageFile"; filename="a b"', data), ('name="z"', b"z")
    )
    places = [0, *sorted(cuts), len(body)]
    reader = FileOfForm(boundary_of('multipart/form-data; boundary="mark"'))
    found = b"".join(some for a, b in itertools.pairwise(places) for some in reader.feed(body[a:b]))
    assert found == data
    assert reader.found
    assert reader.whole


def test_a_head_without_end_is_refused() -> None:
    reader = FileOfForm(b"mark")
    with pytest.raises(Problem):
        list(reader.feed(b"--mark\r\n" + b"x" * 20_000))


def test_what_is_no_form_is_refused() -> None:
    for kind in ("", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"):
        with pytest.raises(Problem):
            boundary_of(kind)
