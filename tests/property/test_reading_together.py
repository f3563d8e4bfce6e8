"""Objects that are read together are what each is when it is read alone."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from unit.controller.worlds import WORLD

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.stored import KnownParts, read_stored

REAL: tuple[Contract, ...] = (
    WORLD.device,
    *WORLD.instances,
    *WORLD.netinsts,
    *WORLD.volumes,
    *WORLD.networks.values(),
)
TEXT = st.text(max_size=4)
NUMBERS = st.integers(-5, 2**40) | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def bodies(draw: st.DrawFn, of: Contract) -> str:
    """The members of an object, some of them lost, exchanged, strange or twice."""
    members: dict[str, Any] = of.to_json()
    for name in draw(st.sets(st.sampled_from(sorted(members)), max_size=3)):
        del members[name]
    fields = type(of).model_fields
    names = sorted(
        field.serialization_alias or field.alias or name for name, field in fields.items()
    )
    known = st.dictionaries(st.sampled_from(names), ANYTHING, max_size=2)
    strange = st.dictionaries(TEXT | st.sampled_from(sorted(fields)), ANYTHING, max_size=1)
    text = json.dumps(members | draw(known) | draw(strange))
    again = draw(st.sampled_from(("", '"name": "twice"', '"name": 5', '"tags": {"a": "b"}')))
    return f"{text[:-1]}, {again}}}" if again and len(text) > 2 else text


@settings(max_examples=200)
@given(data=st.data())
def test_objects_read_together_are_what_each_is_alone(data: st.DataObject) -> None:
    known = KnownParts()
    for one in data.draw(st.lists(st.sampled_from(REAL), min_size=1, max_size=3)):
        of, text = type(one), data.draw(bodies(one))
        alone = told(of, text, None)
        for _ in range(2):
            assert told(of, text, known) == alone


def told(
    of: type[Contract], text: str, known: KnownParts | None
) -> tuple[Contract, set[str], str] | str:
    """The object, what was said of it, and its JSON; or why it is none."""
    try:
        item = read_stored(of, text, {"id": "1"}, known)
    except ValidationError as error:
        return str(error)
    return item, set(item.model_fields_set), item.to_json_text()
