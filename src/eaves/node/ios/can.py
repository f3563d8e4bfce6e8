"""What a model says of a CAN interface, in the words of `ip link`.  Pure.

Source: node reference 11.4.  Attributes are spelt with or without hyphens, in any case.
"""

import re
from collections.abc import Mapping
from typing import Final

from eaves.evapi.evecommon import PhyIoType
from eaves.node.host.inventory import Parts

PHYSICAL: Final = PhyIoType.PhyIoCAN
VIRTUAL: Final = PhyIoType.PhyIoVCAN
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_NUMBER = re.compile(r"\d{1,10}(\.\d{1,6})?")
_NUMBERS: Final = (
    *("bitrate", "sample-point", "tq", "prop-seg", "phase-seg1", "phase-seg2", "sjw"),
    *("dbitrate", "dsample-point", "dtq", "dprop-seg", "dphase-seg1", "dphase-seg2", "dsjw"),
    *("restart-ms", "termination"),
)
_SWITCHES: Final = (
    *("loopback", "listen-only", "triple-sampling", "one-shot", "berr-reporting"),
    *("fd", "fd-non-iso", "presume-ack"),
)
_WORDS: Final = {word.replace("-", ""): word for word in (*_NUMBERS, *_SWITCHES)}
_ON_OFF: Final = {
    **dict.fromkeys(("on", "true", "1", "yes"), "on"),
    **dict.fromkeys(("off", "false", "0", "no"), "off"),
}


def words_of(attributes: Mapping[str, str]) -> tuple[str, ...] | str:
    """In an order that the model does not change; or what is wrong with them."""
    found: dict[str, str] = {}
    for key, told in attributes.items():
        value = told.strip()
        word = _WORDS.get(re.sub(r"[-_ ]", "", key).lower())
        if word is None:
            return f"attribute {key[:40]!r} is none of a CAN interface; correct the model"
        said = _ON_OFF.get(value.lower()) if word in _SWITCHES else value
        if said is None or (word in _NUMBERS and not _NUMBER.fullmatch(value)):
            return f"attribute {key[:40]} is {value[:40]!r}; correct the model"
        found[word] = said
    return tuple(part for word in sorted(found) for part in (word, found[word]))


def trouble_of(kind: PhyIoType, ifname: str, parts: Parts) -> str:
    """Why the interface cannot be had; empty: it can."""
    if not _NAME.fullmatch(ifname):
        return f"ifname {ifname[:40]!r} names no CAN interface; write one into the model"
    if ifname in parts.others:
        return f"{ifname} is a network interface, and none of CAN; write another into the model"
    if kind is PHYSICAL and all(can.ifname != ifname for can in parts.cans):
        return f"there is no CAN interface {ifname}; check the card, its driver and the model"
    return ""
