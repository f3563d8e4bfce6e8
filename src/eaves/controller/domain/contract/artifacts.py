"""Artifacts: small files that the controller keeps."""

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum
from eaves.controller.domain.contract.envelope import Cursor, Summary


class StatusCode(OpenEnum):
    UNSPECIFIED = "STATUS_CODE_UNSPECIFIED"
    SUCCESS = "STATUS_CODE_SUCCESS"
    FAILURE = "STATUS_CODE_FAILURE"
    PARTIAL_SUCCESS = "STATUS_CODE_PARTIAL_SUCCESS"


class Status(Contract):
    code: StatusCode = StatusCode.UNSPECIFIED
    description: JsonObject | None = None


class Artifact(Contract):
    id: str = ""
    name: str = ""
    signed_url: str = ""
    status: Status | None = None
    ttl: int = 0  # seconds


class ArtifactList(Contract):
    list: tuple[Artifact, ...] = ()
    next: Cursor | None = None
    summary: Summary | None = None
