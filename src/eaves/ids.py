"""Identifiers: mixing two of them is a type error, not an incident."""

from collections.abc import Callable
from datetime import datetime
from typing import NewType

DeviceId = NewType("DeviceId", str)  # lower-case UUID text
AppInstanceId = NewType("AppInstanceId", str)
NetworkInstanceId = NewType("NetworkInstanceId", str)
VolumeId = NewType("VolumeId", str)
ContentTreeId = NewType("ContentTreeId", str)
DatastoreId = NewType("DatastoreId", str)
NetworkId = NewType("NetworkId", str)
EnterpriseId = NewType("EnterpriseId", str)
ProjectId = NewType("ProjectId", str)
UserId = NewType("UserId", str)
ConfigHash = NewType("ConfigHash", str)


def name_based_uuid(digest: bytes) -> str:
    """The first 16 bytes of a digest as the text of a UUID of version 5.

    Without the class of the standard library: thousands are made at a time.
    """
    data = bytearray(digest[:16])
    data[6] = data[6] & 0x0F | 0x50
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class OrderedUuids:
    """Texts of UUIDs of version 7, each behind the one before, for what is written together.

    A database keeps rows in the order of their ids in each of its indexes: those of one write then
    stand in a few pages, where the ids of chance touch as many pages as there are rows.
    """

    def __init__(self, at: datetime, random: Callable[[int], bytes]) -> None:
        milliseconds = int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
        self._front = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
        self._random = random
        # from somewhere: what one tenant gets tells nothing of how many others got before it
        self._made = int.from_bytes(random(2), "big") & 0x7FFF

    def __call__(self) -> str:
        number = self._made & 0xFFFF  # beyond that they only come in another order
        self._made += 1
        chance = int.from_bytes(self._random(8), "big") >> 6
        text = f"{0b10 << 62 | (number & 0xF) << 58 | chance:016x}"
        return f"{self._front}-7{number >> 4:03x}-{text[:4]}-{text[4:]}"
