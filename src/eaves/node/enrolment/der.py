"""As much DER as a signed SCEP message needs.  Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from eaves.errors import Rejected

INTEGER, OCTETS, NULL, OID, PRINTABLE = 0x02, 0x04, 0x05, 0x06, 0x13
SEQUENCE, SET, CONTEXT_0 = 0x30, 0x31, 0xA0
MOST_LENGTH_BYTES = 4


class NotDer(Rejected):
    def __init__(self, what: str) -> None:
        super().__init__(f"the answer is no DER: {what}; check that the server speaks SCEP")


@dataclass(frozen=True, slots=True)
class Element:
    tag: int
    content: bytes
    whole: bytes  # with tag and length, as it came

    def parts(self) -> "tuple[Element, ...]":
        return tuple(_elements(self.content))

    def only(self, tag: int) -> "Element":
        """Itself, if it has this tag."""
        if self.tag != tag:
            raise NotDer(f"tag {self.tag:#04x} where {tag:#04x} belongs")
        return self


def read(data: bytes) -> Element:
    """The one element of `data`.  Raises NotDer."""
    found = tuple(_elements(data))
    if len(found) != 1:
        raise NotDer(f"{len(found)} elements where one belongs")
    return found[0]


def _elements(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        begin, (length, at) = at, _length(data, at + 1)
        end = at + length
        if end > len(data):
            raise NotDer("it ends too early")
        yield Element(data[begin], data[at:end], data[begin:end])
        at = end


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at `at`, and where the content begins."""
    if at >= len(data):
        raise NotDer("it ends too early")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if not 1 <= size <= MOST_LENGTH_BYTES:
        raise NotDer("a length without end or beyond measure")
    return int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def element(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + content


def sequence(*parts: bytes) -> bytes:
    return element(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    return element(SET, *sorted(parts))


def integer(number: int) -> bytes:
    """Not negative."""
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    first, second, *others = (int(n) for n in dotted.split("."))
    return element(OID, *(_base_128(n) for n in (40 * first + second, *others)))


def _base_128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | (number & 0x7F))
    return bytes(reversed(digits))
