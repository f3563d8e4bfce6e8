"""Selectors of PromQL that reach one device of one enterprise, whatever their texts hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eaves.controller.telemetry.sinks.remote_write import METRIC


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose numbers are asked for; part of every selector."""

    enterprise_id: str
    device_id: str


def selector(
    owner: Owner,
    kinds: Sequence[str],
    fields: Sequence[str],
    *,
    object_id: str = "",
    below: bool = False,
) -> str:
    """These fields of objects of these kinds.

    `object_id` is that of one object (empty: the device itself), or with `below` what the ids
    begin with.  A label that is missing equals an empty one, so an enterprise or device without a
    name reaches nothing that has one.
    """
    of_object = f"=~{_quoted(re.escape(object_id) + '.*')}" if below else f"={_quoted(object_id)}"
    return (
        f"{METRIC}{{enterprise={_quoted(owner.enterprise_id)},device={_quoted(owner.device_id)},"
        f"kind{_one_of(kinds)},field{_one_of(fields)},object{of_object}}}"
    )


def _one_of(words: Sequence[str]) -> str:
    if len(words) == 1:
        return f"={_quoted(words[0])}"
    return f"=~{_quoted('|'.join(map(re.escape, words)))}"


_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def _quoted(text: str) -> str:
    """A PromQL string in double quotes."""
    return f'"{text.translate(_ESCAPES)}"'
