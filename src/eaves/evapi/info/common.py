"""Errors, as a device reports them.  info/common.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum


class Severity(OpenEnum):
    SEVERITY_UNSPECIFIED = 0
    SEVERITY_NOTICE = 1
    SEVERITY_WARNING = 2
    SEVERITY_ERROR = 3


class Entity(OpenEnum):
    ENTITY_UNSPECIFIED = 0
    ENTITY_BASE_OS = 1
    ENTITY_SYSTEM_ADAPTER = 2
    ENTITY_VAULT = 3
    ENTITY_ATTESTATION = 4
    ENTITY_APP_INSTANCE = 5
    ENTITY_PORT = 6
    ENTITY_NETWORK = 7
    ENTITY_NETWORK_INSTANCE = 8
    ENTITY_CONTENT_TREE = 9
    ENTITY_CONTENT_BLOB = 10
    ENTITY_VOLUME = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntity:
    entity: Entity = Entity.ENTITY_UNSPECIFIED
    entity_id: str = ""
    entity_name: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    description: str = ""
    timestamp: datetime | None = None
    severity: Severity = Severity.SEVERITY_UNSPECIFIED
    entities: tuple[DeviceEntity, ...] = ()
    retry_condition: str = ""
    rest: bytes = field(default=b"", repr=False)
