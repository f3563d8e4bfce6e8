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
