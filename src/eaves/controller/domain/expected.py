"""What a built image will measure, told before it boots: a file that is made and signed with it.

The file is JSON, in the words of PCR templates, and names the image that it speaks of:

    {"format": "eaves-measurements/1", "imageSha256": "9f86...", "eveVersion": "14.6.0-kvm-amd64",
     "PCRValues": [{"index": 8, "type": "PCR_TYPE_HASH", "value": "..."},
                   {"index": 8, "type": "PCR_TYPE_EVENT_LOG", "value": "<digest> <text>"}]}

Its signature is a detached one over the bytes of the file, by a key that the project of a device or
its enterprise trusts.  An image says nothing of the firmware below it: what it leaves out must be
as a template of the model says, whose version of the system is another one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from eaves.controller.domain.measured import Template, template_of
from eaves.errors import Rejected

FORMAT: Final = "eaves-measurements/1"
MOST_BYTES: Final = 1 << 20
FIRMWARE: Final = 0
"""The PCR of the firmware's own code: an image that states it would speak for every machine."""


class BadMeasurements(Rejected):
    """A file of measurements that cannot be used."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a file says; `stored` is its template in the JSON of the contract."""

    image_sha256: str  # 64 hex digits, lower case
    eve_version: str
    stored: Mapping[str, Any]


def read_measurements(document: bytes) -> Measurements:
    """Raises BadMeasurements.  The values themselves are admitted as those of any template."""
    if len(document) > MOST_BYTES:
        raise BadMeasurements(f"the measurements have more than {MOST_BYTES:,} bytes")
    try:
        said: object = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise BadMeasurements(f"the measurements are no JSON ({error})") from error
    # JSON objects have only strings as keys; isinstance cannot say so
    told: Mapping[str, Any] = cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}
    if told.get("format") != FORMAT:
        raise BadMeasurements(f"the measurements are not of format {FORMAT!r}; build them anew")
    digest, version = str(told.get("imageSha256") or "").lower(), str(told.get("eveVersion") or "")
    if len(digest) != 64 or not version or version == "*":
        raise BadMeasurements("the measurements name no imageSha256 or no eveVersion; give both")
    values = told.get("PCRValues")
    if not isinstance(values, list):
        raise BadMeasurements("the measurements have no list of PCRValues")
    return Measurements(
        digest, version, {"name": version, "eveVersion": version, "PCRValues": values}
    )


def expected(
    measurements: Measurements, image: str, known: Iterable[Template]
) -> tuple[Template, ...]:
    """Templates for a device that is to run the image, from those of its model."""
    own = template_of(measurements.stored)
    said = own.hashes.keys() | own.events.keys()
    return tuple(
        replace(
            one,
            name=f"measurements of image {image} on {one.name}",
            eve_version=own.eve_version,
            hashes={**_without(one.hashes, said), **own.hashes},
            events={**_without(one.events, said), **own.events},
        )
        for one in known
        if FIRMWARE in one.hashes.keys() | one.events.keys()
    )


def _without(values: Mapping[int, Any], said: Sequence[int] | set[int]) -> dict[int, Any]:
    return {pcr: value for pcr, value in values.items() if pcr not in said}
