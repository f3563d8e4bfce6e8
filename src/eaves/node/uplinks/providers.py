"""Providers of mobile networks that a modem hears, as ModemManager tells them.  Pure.

To listen for others interrupts what a modem carries, for minutes with some: it is done where
`wwan.query.visible.providers` says so, once an hour.  Source: node reference, section 15.
"""

import json
import re
from typing import Final

from eaves.evapi.info import ZCellularProvider

SCAN_EVERY_S: Final = 3600.0
MOST: Final = 64
_PART: Final = re.compile(r"(operator-code|operator-name|access-technologies|availability): ")


def visible_providers(told: str) -> tuple[ZCellularProvider, ...]:
    """From `mmcli -J --3gpp-scan`; one on several radio technologies is one.  What cannot be
    read is none.
    """
    try:
        lines = [str(line) for line in json.loads(told)["modem"]["3gpp"]["scan-networks"]]
    except (ValueError, KeyError, TypeError):
        return ()
    found: dict[str, ZCellularProvider] = {}
    for line in lines[:MOST]:
        parts = _parts(line)
        plmn, how = parts.get("operator-code", ""), parts.get("availability", "")
        if not plmn or (plmn in found and found[plmn].current_serving):
            continue
        found[plmn] = ZCellularProvider(
            plmn=plmn,
            description=parts.get("operator-name", ""),
            current_serving=how == "current",
            forbidden=how == "forbidden",
        )
    return tuple(found.values())


def _parts(line: str) -> dict[str, str]:
    """A name may hold commas: each part ends where the next word begins."""
    words = _PART.split(line)
    return {
        key: value.strip().rstrip(",").strip().replace("--", "")
        for key, value in zip(words[1::2], words[2::2], strict=True)
    }
