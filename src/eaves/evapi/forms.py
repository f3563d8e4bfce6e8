"""Messages that are encoded again and again, with other values in the same places.

For the hot path of one who tells much of the same shape: a message is made once, by its codec, and
from then on only what moves is set in it.
"""

from collections.abc import Callable, Hashable, Sequence
from operator import setitem
from typing import Any, Generic, TypeVar

from eaves.evapi.codec import Codec, Unencodable

T = TypeVar("T")
S = TypeVar("S", bound=Hashable)
_MOST_KEPT = 1000


class Form(Generic[T]):
    """`places`: paths such as `dm.network.0.tx_bytes`, in the spelling of the dataclasses.

    A time is two places, `seconds` and `nanos` below it; a number at the end is the place in a list
    of scalars, which has one already.  For one thread.
    """

    def __init__(self, codec: Codec[T], value: T, places: Sequence[str]) -> None:
        """Raises KeyError or IndexError for a place that is not in the message."""
        self._message = codec.message(value)
        self._places = tuple(_place(self._message, place) for place in places)

    def encode(self, values: Sequence[object]) -> bytes:
        """With these values in the places, in their order.  Raises Unencodable."""
        place: str | int = ""
        try:
            for (put, part, place), value in zip(self._places, values, strict=True):
                put(part, place, value)
        except (TypeError, ValueError) as error:
            raise Unencodable(f"{place or 'a form'}: {error}") from error
        return self._message.SerializeToString()


_Place = tuple[Callable[[Any, Any, Any], None], Any, str | int]
"""What sets it, the part that holds it, and where it is in that."""


def _place(message: Any, path: str) -> _Place:
    *way, last = path.split(".")
    part = message
    for step in way:
        part = part[int(step)] if step.isdigit() else getattr(part, _wire_name(part, step))
    if last.isdigit():
        return setitem, part, int(last)
    return setattr, part, _wire_name(part, last)


def _wire_name(part: Any, attribute: str) -> str:
    """As dataclasses and messages correspond: without regard to case and underscores."""
    plain = attribute.replace("_", "").lower()
    names = {wire.name.replace("_", "").lower(): wire.name for wire in part.DESCRIPTOR.fields}
    return str(names[plain])


class Forms(Generic[S, T]):
    """One form for each shape of a message, made when it is first asked for."""

    def __init__(self) -> None:
        self._kept: dict[S, Form[T]] = {}

    def of(self, shape: S, make: Callable[[S], Form[T]]) -> Form[T]:
        form = self._kept.get(shape)
        if form is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            form = self._kept[shape] = make(shape)
        return form
