"""Identifiers: mixing two of them is a type error, not an incident."""

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
