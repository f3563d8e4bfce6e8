"""Log lines in chunks: some hundred lines of one device or app, compressed, with a filter.

A line in a chunk takes a few bytes where a row with its indexes would take hundreds.  To search is
to ask the filter of each chunk (which sequences of four bytes stand in its text, whatever their
case) and to read only the chunks that may hold the word.  Of sequences of two and three bytes those
within words count, for the sake of short words, unless they may be part of a hexadecimal number: of
these there are so many that all of them stand everywhere.  Pure: lines in, bytes out.

A chunk has three parts: `grams` (the filter), `texts` (what was logged) and `heads` (time, number,
who), so that a search reads the heads of chunks with a hit only.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import cramjam
import msgspec
import numpy as np
from numpy.typing import NDArray

from eaves.evapi.log_lines import LogLine

MOST_LINES: Final = 512
MOST_CHARACTERS: Final = 64 * 1024
GAP_NS: Final = 3600 * 1_000_000_000  # a chunk spans no longer silence: its times stay telling
MOST_GAPS: Final = 7  # in one file; a device whose clock jumps does not make a chunk of each line

_TEXT_LEVEL: Final = 3
_SEPARATOR: Final = "\0"
_GRAM: Final = 4  # bytes
_FULL_BITS: Final = 17
_LEAST_BITS: Final = 9
_MOST_FILLED: Final = 0.3
_MULTIPLIER: Final = 2_654_435_761
_HEX: Final = b"0123456789abcdef"
_IN_WORDS: Final = np.array([n > 127 or chr(n).isalnum() for n in range(256)])
_TELLING: Final = np.array([bool(_IN_WORDS[n]) and n not in _HEX for n in range(256)])

LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
UNKNOWN_LEVEL: Final = len(LEVELS)  # a severity in no word we know
_OTHER_WORDS: Final = {
    "emergency": 0, "panic": 0, "fatal": 2, "critical": 2, "error": 3, "warn": 4,
    "information": 6, "informational": 6, "trace": 7,
}  # fmt: skip
_LEVEL_OF: Final = {word: level for level, word in enumerate(LEVELS)} | _OTHER_WORDS

LineName = tuple[int, str, int]  # time_ns, iid, msgid


@dataclass(frozen=True, slots=True)
class Chunk:
    first_ns: int
    last_ns: int
    lines: int
    levels: int  # bit n: a line of level n is in it
    grams: bytes = field(repr=False)
    heads: bytes = field(repr=False)
    texts: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.grams) + len(self.heads) + len(self.texts)


class _Heads(msgspec.Struct, array_like=True):
    words: list[str]  # every severity, source and iid once
    first_ns: int
    times: bytes  # int64, differences
    msgids: bytes  # int64, differences
    iids: bytes  # uint16 into words, as the next two
    severities: bytes
    sources: bytes


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Heads)


def level_of(severity: str) -> int:
    """0 (emergency) to 7 (debug); UNKNOWN_LEVEL for a word that is none of them."""
    return _LEVEL_OF.get(severity.lower(), UNKNOWN_LEVEL)


# --- making chunks


def make_chunks(lines: Iterable[LogLine]) -> list[Chunk]:
    """Sort the lines and cut them into chunks."""
    return [_make_chunk(part) for part in _cut(sorted(lines))]


def _cut(lines: list[LogLine]) -> Iterator[list[LogLine]]:
    gaps = sorted(
        (
            (later.time_ns - line.time_ns, number + 1)
            for number, (line, later) in enumerate(itertools.pairwise(lines))
            if later.time_ns - line.time_ns > GAP_NS
        ),
        reverse=True,
    )
    starts = {number for _, number in gaps[:MOST_GAPS]}
    part: list[LogLine] = []
    characters = 0
    for number, line in enumerate(lines):
        full = len(part) >= MOST_LINES or characters + len(line.content) > MOST_CHARACTERS
        if part and (full or number in starts):
            yield part
            part, characters = [], 0
        part.append(line)
        characters += len(line.content)
    if part:
        yield part


def _make_chunk(lines: list[LogLine]) -> Chunk:
    text = _SEPARATOR.join([line.content for line in lines])
    levels = 0
    for severity in {line.severity for line in lines}:
        levels |= 1 << level_of(severity)
    return Chunk(
        first_ns=lines[0].time_ns,
        last_ns=lines[-1].time_ns,
        lines=len(lines),
        levels=levels,
        grams=_grams(text),
        heads=_write_heads(lines),
        texts=bytes(cramjam.zstd.compress(text.encode(), _TEXT_LEVEL)),
    )


def _write_heads(lines: list[LogLine]) -> bytes:
    words: dict[str, int] = {}

    def column(texts: Iterable[str]) -> bytes:
        numbers = [words.setdefault(text, len(words)) for text in texts]
        return np.array(numbers, np.uint16).tobytes()

    heads = _Heads(
        words=[],
        first_ns=lines[0].time_ns,
        times=_differences([line.time_ns for line in lines]),
        msgids=_differences([line.msgid for line in lines]),
        iids=column(line.iid for line in lines),
        severities=column(line.severity for line in lines),
        sources=column(line.source for line in lines),
    )
    heads.words = list(words)
    return bytes(cramjam.zstd.compress(_ENCODER.encode(heads), _TEXT_LEVEL))


def _differences(numbers: list[int]) -> bytes:
    """Modulo 2^64, so that no difference is too large; by byte: most of them are zero."""
    values = np.array(numbers, np.int64).view(np.uint64)
    steps = np.diff(values, prepend=values[:1] * np.uint64(0))
    return steps.view(np.uint8).reshape(-1, 8).T.tobytes()


def _sums(data: bytes) -> NDArray[np.int64]:
    steps = np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view(np.uint64).reshape(-1)
    return np.cumsum(steps, dtype=np.uint64).view(np.int64)


def _grams(text: str) -> bytes:
    """A bit for each sequence of four bytes, as few bits as keep most of them empty."""
    data = np.frombuffer(text.lower().encode(), np.uint8)
    bits = np.zeros(1 << _FULL_BITS, np.bool_)
    if len(data) > 1:
        wide = data.astype(np.uint32)
        word, telling = _IN_WORDS[data], _TELLING[data]
        counted, told = word[:-1] & word[1:], telling[:-1] | telling[1:]
        twos = wide[:-1] | wide[1:] << 8
        threes = twos[:-1] | wide[2:] << 16
        fours = threes[:-1] | wide[3:] << 24
        in_word, of_word = counted[:-1] & word[2:], told[:-1] | telling[2:]
        for found in (fours, threes[in_word & of_word], twos[counted & told]):
            bits[(found * np.uint32(_MULTIPLIER)) >> np.uint32(32 - _FULL_BITS)] = True
    while len(bits) > 1 << _LEAST_BITS:
        half = len(bits) // 2
        folded = bits[:half] | bits[half:]
        if np.count_nonzero(folded) > half * _MOST_FILLED:
            break
        bits = folded
    return np.packbits(bits, bitorder="little").tobytes()


# --- reading chunks


def read_chunk(heads: bytes, texts: bytes) -> list[LogLine]:
    """The lines of a chunk, in their order."""
    return _lines(_read_heads(heads), _read_text(texts).split(_SEPARATOR))


def chunk_times(heads: bytes) -> NDArray[np.int64]:
    """The time of each line, in nanoseconds."""
    return _sums(_read_heads(heads).times)


def chunk_names(heads: bytes) -> set[LineName]:
    """The names of the lines that have one."""
    read = _read_heads(heads)
    return {
        (time_ns, iid, msgid)
        for time_ns, iid, msgid in zip(
            _sums(read.times).tolist(),
            _column(read, read.iids),
            _sums(read.msgids).tolist(),
            strict=True,
        )
        if iid
    }


def _read_heads(heads: bytes) -> _Heads:
    return _DECODER.decode(bytes(cramjam.zstd.decompress(heads)))


def _read_text(texts: bytes) -> str:
    return bytes(cramjam.zstd.decompress(texts)).decode()


def _column(heads: _Heads, numbers: bytes) -> list[str]:
    words = heads.words
    return [words[number] for number in np.frombuffer(numbers, np.uint16).tolist()]


def _lines(heads: _Heads, contents: Sequence[str]) -> list[LogLine]:
    return [
        LogLine(*values)
        for values in zip(
            _sums(heads.times).tolist(),
            _sums(heads.msgids).tolist(),
            _column(heads, heads.iids),
            contents,
            _column(heads, heads.severities),
            _column(heads, heads.sources),
            strict=True,
        )
    ]


# --- searching chunks


def _grams_of(word: bytes) -> Iterator[bytes]:
    """Those of a word that a filter counts."""
    for length in range(2, _GRAM):
        for at in range(len(word) - length + 1):
            gram = word[at : at + length]
            if all(_IN_WORDS[n] for n in gram) and any(_TELLING[n] for n in gram):
                yield gram
    for at in range(len(word) - _GRAM + 1):
        yield word[at : at + _GRAM]


class Words:
    """What lines are searched for: all of these words, each anywhere, whatever the case."""

    def __init__(self, text: str = "") -> None:
        self.words = tuple(dict.fromkeys(text.lower().split()))
        positions = {
            (int.from_bytes(gram, "little") * _MULTIPLIER & 0xFFFF_FFFF) >> (32 - _FULL_BITS)
            for word in self.words
            for gram in _grams_of(word.encode())
        }
        self._positions = tuple(sorted(positions))
        # the longest is most likely the rarest; it is looked for first
        self._rare = max(self.words, key=len, default="")

    def may_be_in(self, grams: bytes) -> bool:
        """False: no line of the chunk with this filter has all the words."""
        most = len(grams) * 8 - 1
        for position in self._positions:
            bit = position & most
            if not grams[bit >> 3] >> (bit & 7) & 1:
                return False
        return True

    def lines_in(self, texts: bytes) -> list[int] | None:
        """Which lines of a chunk have all the words; None: all, nothing is searched for."""
        if not self.words:
            return None
        text = _read_text(texts).lower()
        found: list[int] = []
        number = counted = 0
        at = text.find(self._rare)
        while at >= 0:
            end = text.find(_SEPARATOR, at)
            end = len(text) if end < 0 else end
            start = text.rfind(_SEPARATOR, 0, at) + 1
            number += text.count(_SEPARATOR, counted, start)
            counted = start
            line = text[start:end]
            if all(word in line for word in self.words):
                found.append(number)
            at = text.find(self._rare, end)
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of a chunk are asked for."""

    words: Words = field(default_factory=Words)
    level: int | None = None  # this or a more severe one
    from_ns: int | None = None
    until_ns: int | None = None  # included
    source: str = ""

    @property
    def levels(self) -> int:
        """As `Chunk.levels`: a chunk that shares no bit has no such line."""
        return -1 if self.level is None else (2 << self.level) - 1

    def may_be_in(self, levels: int, grams: bytes) -> bool:
        return bool(levels & self.levels) and self.words.may_be_in(grams)


def search_chunk(wanted: Wanted, heads: bytes, texts: bytes) -> list[LogLine]:
    """The lines asked for, in their order."""
    numbers = wanted.words.lines_in(texts)
    if numbers is not None and not numbers:
        return []
    lines = read_chunk(heads, texts)
    picked = lines if numbers is None else [lines[number] for number in numbers]
    return [line for line in picked if _is_wanted(wanted, line)]


def _is_wanted(wanted: Wanted, line: LogLine) -> bool:
    return (
        (wanted.from_ns is None or line.time_ns >= wanted.from_ns)
        and (wanted.until_ns is None or line.time_ns <= wanted.until_ns)
        and (wanted.level is None or level_of(line.severity) <= wanted.level)
        and (not wanted.source or line.source == wanted.source)
    )
