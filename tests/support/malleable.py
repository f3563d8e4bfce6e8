"""The same message in other bytes: what protobuf and ECDSA allow, and no meaning hangs on.

A receiver must read each of these as it reads the canonical form.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message
from wire.hostile import fields_of, varint

from eaves.evapi.pb.auth import auth_pb2

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
Field = tuple[int, int, bytes]  # number, wire type, value
# descriptors are Any: the library has two classes of them
Form = Callable[[type[Message], bytes], bytes]


def reordered(of: type[Message], data: bytes) -> bytes:
    """The fields by falling number, inside as well; those of one number keep their order."""
    return _reordered(of.DESCRIPTOR, data)


def _reordered(of: Any, data: bytes) -> bytes:
    inside = [_within(of, one, _reordered) for one in fields_of(data)]
    return _joined(sorted(inside, key=lambda one: -one[0]))


def doubled(of: type[Message], data: bytes) -> bytes:
    """Each single value after another one of its field, each single message in two halves."""
    return _doubled(of.DESCRIPTOR, data)


def _doubled(of: Any, data: bytes) -> bytes:
    return _joined([part for one in fields_of(data) for part in _twice(of, one)])


def _twice(of: Any, one: Field) -> Iterator[Field]:
    number, kind, value = _within(of, one, _doubled)
    known = of.fields_by_number.get(number)
    if known is None or known.is_repeated:
        yield number, kind, value
    elif known.message_type is not None:
        halves = fields_of(value)
        middle = len(halves) // 2
        yield number, kind, _joined(halves[:middle])
        yield number, kind, _joined(halves[middle:])
    else:
        yield number, kind, _another(kind, value)
        yield number, kind, value


def _another(kind: int, value: bytes) -> bytes:
    match kind:
        case 0:
            return b"\x02" if value == b"\x01" else b"\x01"
        case 2:
            return b"something else"
        case _:
            return bytes(8 if kind == _FIXED64 else 4)


def with_unknown(data: bytes) -> bytes:
    """A field that no release knows, before and behind."""
    strange = _joined([(9_999, _LENGTH, b"of a later release")])
    return strange + data + strange


def _within(of: Any, one: Field, change: Callable[[Any, bytes], bytes]) -> Field:
    number, kind, value = one
    known = of.fields_by_number.get(number)
    if known is None or known.message_type is None or kind != _LENGTH:
        return one
    return number, kind, change(known.message_type, value)


def _joined(fields: Sequence[Field]) -> bytes:
    return b"".join(
        varint(number << 3 | kind) + (varint(len(value)) if kind == _LENGTH else b"") + value
        for number, kind, value in fields
    )


FORMS: dict[str, Form] = {"reordered": reordered, "doubled": doubled}


def other_signature(envelope: bytes) -> bytes:
    """The envelope with the second of the two signatures that ECDSA has: (r, n - s)."""
    message = auth_pb2.AuthContainer.FromString(envelope)
    r, s = message.signatureHash[:32], int.from_bytes(message.signatureHash[32:], "big")
    message.signatureHash = r + (ORDER_OF_P256 - s).to_bytes(32, "big")
    return message.SerializeToString()


def envelopes(envelope: bytes) -> dict[str, bytes]:
    """The same envelope, as anybody on the way could have changed it."""
    forms = {name: form(auth_pb2.AuthContainer, envelope) for name, form in FORMS.items()}
    return {
        "as sent": envelope,
        "the other signature": other_signature(envelope),
        "an unknown field": with_unknown(envelope),
        **forms,
    }
