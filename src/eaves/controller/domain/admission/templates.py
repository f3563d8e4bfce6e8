"""PCR templates: which values of measured boot may be compared with."""

import re
from collections.abc import Iterable
from typing import Final

from eaves.controller.domain.admission.refusal import Refusal, conflict, invalid
from eaves.controller.domain.contract.catalogue import PCRTemplate, PCRType, PCRValue

LAST_PCR: Final = 23
DIGEST: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}")
MAX_NAME: Final = 256
MAX_EVENT_LOG: Final = 64 * 1024  # characters


def admit_template(
    wanted: PCRTemplate, others: Iterable[PCRTemplate], *, at: str = ""
) -> list[Refusal]:
    """`others` are the other templates of the model; `at` leads to this one in the body.

    Version `*` (of the OS or the firmware) fits any.
    """
    found: list[Refusal] = []
    named = f"PCR template {wanted.name!r}" if wanted.name else "the PCR template"
    if not wanted.eve_version.strip():
        found.append(
            invalid(f"{at}eveVersion", f"{named} names no OS version; give it, or * for any")
        )
    if len(wanted.name) > MAX_NAME:
        found.append(invalid(f"{at}name", f"{named}: a name has up to {MAX_NAME} characters"))
    if not wanted.pcr_values:
        found.append(invalid(f"{at}PCRValues", f"{named} holds no values; give at least one"))
    for index, value in enumerate(wanted.pcr_values):
        found += _admit_value(f"{at}PCRValues[{index}]", named, value)
    hashes = [v.index for v in wanted.pcr_values if v.type is not PCRType.EVENT_LOG]
    found += [
        invalid(f"{at}PCRValues", f"{named}: PCR {number} has two hashes; give one")
        for number in sorted(set(hashes))
        if hashes.count(number) > 1
    ]
    for other in others:
        if wanted.name and other.name == wanted.name:
            found.append(
                conflict(
                    f"{at}name", f"{named}: the model has a template of this name; choose another"
                )
            )
    return found


def _admit_value(at: str, named: str, value: PCRValue) -> list[Refusal]:
    found: list[Refusal] = []
    if not 0 <= value.index <= LAST_PCR:
        found.append(invalid(f"{at}.index", f"{named}: PCR {value.index} is not 0 to {LAST_PCR}"))
    if value.type is PCRType.EVENT_LOG:
        if not value.value or len(value.value) > MAX_EVENT_LOG:
            found.append(
                invalid(
                    f"{at}.value",
                    f"{named}: PCR {value.index}: an event has 1 to {MAX_EVENT_LOG:,} characters",
                )
            )
    elif not DIGEST.fullmatch(value.value):
        found.append(
            invalid(
                f"{at}.value",
                f"{named}: PCR {value.index}: {value.value[:40]!r} is no digest; give 40, 64, 96 "
                "or 128 hex digits",
            )
        )
    return found
