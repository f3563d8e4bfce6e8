"""Staged roll-outs, an addition of ours."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.jobs import (
    AppInstanceRefreshAndPurge,
    BaseosUpdate,
    BulkService,
    SelectionCriteria,
)


class RolloutWave(Contract):
    """Those whose device carries all of these tags, else this share (percent) of all."""

    selector: dict[str, str] = Field(default_factory=dict)
    share: float = Field(default=0.0, ge=0, le=100)


class RolloutBudget(Contract):
    """`group_by`: a tag of devices, or `project`; empty: all together are one group."""

    group_by: str = ""
    max_under_way: int = Field(default=0, ge=0)


class RolloutWindow(Contract):
    """`opens` and `closes` as HH:MM; the zone is a tag of the device, else `time_zone`."""

    closes: str = ""
    days: tuple[str, ...] = ()
    opens: str = ""
    time_zone: str = "UTC"
    time_zone_tag: str = "timezone"


class RolloutSpec(Contract):
    baseos_update: BaseosUpdate | None = None
    budget: RolloutBudget | None = None
    deadline_seconds: int = Field(default=3600, ge=1, le=30 * 24 * 3600)
    instance_refresh_and_purge: AppInstanceRefreshAndPurge | None = None
    name: str = Field(default="", max_length=256)
    operation_type: BulkService = BulkService.UNSPECIFIED
    selection_criteria: SelectionCriteria | None = None
    selector: dict[str, str] = Field(default_factory=dict)  # tags that a device must carry
    success_threshold: float = Field(default=100.0, ge=0, le=100)
    waves: tuple[RolloutWave, ...] = ()
    window: RolloutWindow | None = None
